//! Appends few bytes.

/// Appends these bytes. Where their number is not known to the compiler, copying them is a call out of the module
/// into the engine, which costs more than all else that is done with a word or a name.
#[inline]
pub fn append(bytes: &[u8], out: &mut Vec<u8>) {
    const FEW: usize = 16;
    let start = out.len();
    let end = start + bytes.len();
    let (2..=FEW) = bytes.len() else { return out.extend_from_slice(bytes) };
    out.extend_from_slice(&[0; FEW]);
    // The first and the last so many: together all of them.
    let place = |out: &mut Vec<u8>, at: usize, part: &[u8]| out[at..at + part.len()].copy_from_slice(part);
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        place(out, start, first);
        place(out, end - 8, last);
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        place(out, start, first);
        place(out, end - 4, last);
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<2>(), bytes.last_chunk::<2>()) {
        place(out, start, first);
        place(out, end - 2, last);
    }
    out.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_number_are_appended() {
        let bytes: Vec<u8> = (1..=40).collect();
        for length in 0..=bytes.len() {
            let mut out = b"before".to_vec();
            append(&bytes[..length], &mut out);
            assert_eq!(out, [b"before", &bytes[..length]].concat());
        }
    }
}
