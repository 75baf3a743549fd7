//! Compression of bodies: HTTP's content codings, and ClickHouse's own frames (`compress=1`,
//! `decompress=1`): a checksum, a header, one LZ4 block each. All of it runs on blocking threads.

use std::io::{self, BufRead, BufReader, Read, Write};

use cityhash_rs::cityhash_102_128;
use flate2::Compression;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

/// How a body is compressed on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Not at all.
    Identity,
    /// `Content-Encoding: gzip`.
    Gzip,
    /// `Content-Encoding: deflate`, which means zlib.
    Deflate,
    /// `Content-Encoding: lz4`, the LZ4 frame format.
    Lz4,
    /// ClickHouse's frames; no HTTP header tells of them.
    Frames,
}

impl Coding {
    /// The coding that HTTP calls `name`.
    pub(crate) fn from_http(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "lz4" => Some(Self::Lz4),
            _ => None,
        }
    }

    /// The best coding among those that an Accept-Encoding header lists.
    pub(crate) fn accepted(header: &str) -> Self {
        let offers =
            |name| header.split(',').any(|offer| offer.split(';').next().is_some_and(|n| n.trim() == name));
        [("lz4", Self::Lz4), ("gzip", Self::Gzip), ("deflate", Self::Deflate)]
            .into_iter()
            .find_map(|(name, coding)| offers(name).then_some(coding))
            .unwrap_or(Self::Identity)
    }

    /// HTTP's name, where the coding has one and needs one.
    pub(crate) fn http_name(self) -> Option<&'static str> {
        match self {
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
            Self::Lz4 => Some("lz4"),
            Self::Identity | Self::Frames => None,
        }
    }
}

/// Compressed bytes that are none: not this format, cut off, or altered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The checksum of a frame is wrong.
    #[error("checksum doesn't match: corrupted data")]
    Checksum,
    /// A frame uses a method that this server does not have.
    #[error("unknown compression method 0x{0:02x} (LZ4 and NONE are known)")]
    Method(u8),
    /// A frame says it is larger than any frame may be, or smaller than its own header.
    #[error("a frame of {0} bytes")]
    Size(usize),
    /// The LZ4 block of a frame does not decompress to the size that the frame names.
    #[error("{0}")]
    Block(String),
}

/// The bytes before compression, given those after.
pub(crate) fn decoder<R: BufRead + 'static>(inner: R, coding: Coding) -> Box<dyn BufRead> {
    const BUFFER: usize = 256 * 1024;
    match coding {
        Coding::Identity => Box::new(inner),
        Coding::Gzip => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(inner))),
        Coding::Deflate => Box::new(BufReader::with_capacity(BUFFER, ZlibDecoder::new(inner))),
        Coding::Lz4 => Box::new(BufReader::with_capacity(BUFFER, Lz4Frames(FrameDecoder::new(inner)))),
        Coding::Frames => Box::new(Frames { inner, packed: Vec::new(), plain: Vec::new(), at: 0 }),
    }
}

/// LZ4 frames one after the other: the decoder stops behind each.
struct Lz4Frames<R: Read>(FrameDecoder<R>);

impl<R: BufRead> Read for Lz4Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(out)? {
                0 if !out.is_empty() && !self.0.get_mut().fill_buf()?.is_empty() => {}
                length => return Ok(length),
            }
        }
    }
}

const CHECKSUM: usize = 16;
const HEADER: usize = 9;
const METHOD_LZ4: u8 = 0x82;
const METHOD_NONE: u8 = 0x02;
/// ClickHouse's own limit for a frame, compressed or not.
const MAX_FRAME: usize = 0x4000_0000;

/// Reads ClickHouse's frames.
struct Frames<R> {
    inner: R,
    packed: Vec<u8>,
    plain: Vec<u8>,
    at: usize,
}

impl<R: BufRead> Frames<R> {
    /// Replaces `plain` by the next frame's content; false at the end of the body.
    fn next_frame(&mut self) -> io::Result<bool> {
        if self.inner.fill_buf()?.is_empty() {
            return Ok(false);
        }
        let mut checksum = [0; CHECKSUM];
        self.inner.read_exact(&mut checksum)?;
        self.packed.resize(HEADER, 0);
        self.inner.read_exact(&mut self.packed)?;
        let size = |bytes: &[u8]| bytes.iter().rev().fold(0, |size, &byte| size << 8 | usize::from(byte));
        let (packed_size, plain_size) = (size(&self.packed[1..5]), size(&self.packed[5..9]));
        if packed_size < HEADER || packed_size.max(plain_size) > MAX_FRAME {
            return Err(io::Error::other(FrameError::Size(packed_size)));
        }
        self.packed.resize(packed_size, 0);
        self.inner.read_exact(&mut self.packed[HEADER..])?;
        if checksum != checksum_of(&self.packed) {
            return Err(io::Error::other(FrameError::Checksum));
        }
        self.plain.resize(plain_size, 0);
        let block = &self.packed[HEADER..];
        match self.packed[0] {
            METHOD_LZ4 => {
                let wrong =
                    |error: &dyn std::fmt::Display| io::Error::other(FrameError::Block(error.to_string()));
                let length =
                    lz4_flex::decompress_into(block, &mut self.plain).map_err(|error| wrong(&error))?;
                if length != plain_size {
                    return Err(wrong(&format!("{length} bytes instead of {plain_size}")));
                }
            }
            METHOD_NONE if block.len() == plain_size => self.plain.copy_from_slice(block),
            METHOD_NONE => return Err(io::Error::other(FrameError::Size(packed_size))),
            method => return Err(io::Error::other(FrameError::Method(method))),
        }
        self.at = 0;
        Ok(true)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(out)?;
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Frames<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.plain.len() {
            if !self.next_frame()? {
                return Ok(&[]);
            }
        }
        Ok(&self.plain[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

/// ClickHouse's checksum: CityHash 1.0.2, 128 bits, halves in the order of its own `uint128`.
fn checksum_of(frame: &[u8]) -> [u8; CHECKSUM] {
    cityhash_102_128(frame).rotate_right(64).to_le_bytes()
}

/// Compresses an answer in pieces.
pub(crate) enum Encoder {
    Identity(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
    Lz4(Box<FrameEncoder<Vec<u8>>>),
    /// What is not in a frame yet, and the frames.
    Frames(Vec<u8>, Vec<u8>),
}

impl Encoder {
    /// An encoder without input.
    pub(crate) fn new(coding: Coding) -> Self {
        match coding {
            Coding::Identity => Self::Identity(Vec::new()),
            // On loopback speed matters more than size.
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Coding::Deflate => Self::Deflate(ZlibEncoder::new(Vec::new(), Compression::fast())),
            Coding::Lz4 => {
                let info = FrameInfo::new().block_size(BlockSize::Max256KB);
                Self::Lz4(Box::new(FrameEncoder::with_frame_info(info, Vec::new())))
            }
            Coding::Frames => Self::Frames(Vec::new(), Vec::new()),
        }
    }

    /// Takes more input.
    pub(crate) fn write(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Identity(out) => out.write_all(data),
            Self::Gzip(encoder) => encoder.write_all(data),
            Self::Deflate(encoder) => encoder.write_all(data),
            Self::Lz4(encoder) => encoder.write_all(data),
            Self::Frames(plain, out) => {
                plain.extend_from_slice(data);
                if plain.len() >= 1 << 20 {
                    write_frame(plain, out)?;
                }
                Ok(())
            }
        }
    }

    /// Brings everything written so far into the output.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Identity(_) => Ok(()),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Deflate(encoder) => encoder.flush(),
            Self::Lz4(encoder) => encoder.flush(),
            Self::Frames(plain, out) => write_frame(plain, out),
        }
    }

    /// The output that has not been taken yet.
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Identity(out) | Self::Frames(_, out) => out,
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Deflate(encoder) => encoder.get_mut(),
            Self::Lz4(encoder) => encoder.get_mut(),
        }
    }

    /// Ends the input and gives the rest of the output.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity(out) => Ok(out),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Deflate(encoder) => encoder.finish(),
            Self::Lz4(encoder) => encoder.finish().map_err(io::Error::other),
            Self::Frames(mut plain, mut out) => write_frame(&mut plain, &mut out).map(|()| out),
        }
    }
}

/// Moves `plain` into one frame at the end of `out`.
fn write_frame(plain: &mut Vec<u8>, out: &mut Vec<u8>) -> io::Result<()> {
    if plain.is_empty() {
        return Ok(());
    }
    let block = lz4_flex::compress(plain);
    let size = |length: usize| u32::try_from(length).map(u32::to_le_bytes).map_err(io::Error::other);
    let mut frame = vec![METHOD_LZ4];
    frame.extend_from_slice(&size(block.len() + HEADER)?);
    frame.extend_from_slice(&size(plain.len())?);
    frame.extend_from_slice(&block);
    out.extend_from_slice(&checksum_of(&frame));
    out.extend_from_slice(&frame);
    plain.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Coding; 5] = [Coding::Identity, Coding::Gzip, Coding::Deflate, Coding::Lz4, Coding::Frames];

    fn encoded(coding: Coding, parts: &[&[u8]]) -> Vec<u8> {
        let mut encoder = Encoder::new(coding);
        let mut out = Vec::new();
        for part in parts {
            encoder.write(part).unwrap();
            encoder.flush().unwrap();
            out.append(encoder.output());
        }
        out.append(&mut encoder.finish().unwrap());
        out
    }

    fn decoded(coding: Coding, body: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        decoder(io::Cursor::new(body), coding).read_to_end(&mut plain).map(|_| plain)
    }

    #[test]
    fn every_coding_gives_back_what_it_took() {
        let large: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
        for coding in ALL {
            assert_eq!(
                decoded(coding, encoded(coding, &[b"one, ", b"two", &large])).unwrap()[..8],
                *b"one, two"
            );
            assert_eq!(decoded(coding, encoded(coding, &[&large])).unwrap(), large, "{coding:?}");
            assert_eq!(decoded(coding, encoded(coding, &[])).unwrap(), b"", "{coding:?}");
        }
    }

    #[test]
    fn bodies_made_of_several_streams_are_read_to_the_end() {
        for coding in [Coding::Gzip, Coding::Lz4, Coding::Frames] {
            let body = [encoded(coding, &[b"one, "]), encoded(coding, &[b"two"])].concat();
            assert_eq!(decoded(coding, body).unwrap(), b"one, two", "{coding:?}");
        }
    }

    #[test]
    fn a_cut_or_altered_frame_is_an_error() {
        let body = encoded(Coding::Frames, &[b"some text to compress"]);
        for length in 1..body.len() {
            assert!(decoded(Coding::Frames, body[..length].to_vec()).is_err(), "cut to {length} bytes");
            let mut altered = body.clone();
            altered[length] ^= 1;
            assert!(decoded(Coding::Frames, altered).is_err(), "altered at {length}");
        }
    }

    #[test]
    fn lz4_is_preferred_where_it_is_offered() {
        assert_eq!(Coding::accepted("lz4,zstd,gzip,deflate"), Coding::Lz4);
        assert_eq!(Coding::accepted("deflate, gzip;q=1.0, br"), Coding::Gzip);
        assert_eq!(Coding::accepted("br, zstd"), Coding::Identity);
    }
}
