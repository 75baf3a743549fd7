//! A page of letters: many small ones, or a few that are large, so that memory stays bounded.

use super::Error;
use super::job::Job;
use crate::sink::Sink;
use crate::sink::letters::{Filter, Size, Whole};

/// Most letters of a page, and most bytes of their originals; a single larger letter is a page of its own.
const LETTERS: u64 = 1_000;
const BYTES: u64 = 8 << 20;

/// The letters that a job means.
pub(super) fn meant(job: &Job) -> Filter<'_> {
    Filter { is_waiting: true, until: Some(job.requested_at), ..Filter::of(&job.selection) }
}

/// The next letters of a job, with their originals; none where it is done.
pub(super) async fn next(sink: &Sink, job: &Job) -> Result<Vec<Whole>, Error> {
    let filter = Filter { after: job.last.as_ref(), ..meant(job) };
    let sizes = sink.sizes(filter, LETTERS).await?;
    let Some(last) = fitting(&sizes, BYTES).last().map(Size::place) else { return Ok(Vec::new()) };
    Ok(sink.whole_letters(Filter { through: Some(&last), ..filter }).await?)
}

/// The next letters of a job, without their originals.
pub(super) async fn next_sizes(sink: &Sink, job: &Job) -> Result<Vec<Size>, Error> {
    Ok(sink.sizes(Filter { after: job.last.as_ref(), ..meant(job) }, LETTERS).await?)
}

/// The first letters that have at most so many bytes together, but one at least.
fn fitting(sizes: &[Size], bytes: u64) -> &[Size] {
    let mut sum = 0_u64;
    let first_too_many = sizes.iter().position(|size| {
        sum = sum.saturating_add(size.bytes);
        sum > bytes
    });
    let count = first_too_many.unwrap_or(sizes.len()).max(1).min(sizes.len());
    &sizes[..count]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_bounded_and_never_empty() {
        for (bytes, count) in
            [(&[][..], 0), (&[3, 3, 4], 3), (&[3, 3, 5, 1], 2), (&[11, 1], 1), (&[10, 1], 1), (&[0, 11], 1)]
        {
            let sizes: Vec<Size> = bytes.iter().map(|bytes| Size::new("events#1", 0, 0, *bytes)).collect();
            assert_eq!(fitting(&sizes, 10).len(), count, "{bytes:?}");
        }
    }
}
