//! What ran, what did not, and the one line at the end.

/// Passed and failed tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl Count {
    /// A check that either finds something or not.
    pub(super) fn of_check(passed: bool) -> Self {
        Self { passed: u64::from(passed), failed: u64::from(!passed) }
    }

    /// `test result: ok. 3 passed; 0 failed; …`, as each test binary ends.
    pub(super) fn of_result_line(line: &str) -> Option<Self> {
        let (_, counts) = line.trim_start().strip_prefix("test result: ")?.split_once(". ")?;
        let number = |word: &str| {
            counts.split(';').find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<u64>().ok())
        };
        Some(Self { passed: number(" passed")?, failed: number(" failed")? })
    }

    /// Adds the other's tests.
    pub(super) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Collects the tiers.
#[derive(Default)]
pub(super) struct Report {
    ran: Vec<(String, Count)>,
    absent: Vec<(String, String, String)>,
}

impl Report {
    /// These tiers ran together.
    pub(super) fn ran(&mut self, tiers: &str, count: Count) {
        self.ran.push((tiers.to_owned(), count));
    }

    /// This tier did not run, for that reason; the command enables it.
    pub(super) fn did_not_run(&mut self, tier: &str, reason: &str, enable: &str) {
        self.absent.push((tier.to_owned(), reason.to_owned(), enable.to_owned()));
    }

    /// How many tests and checks failed.
    pub(super) fn failed(&self) -> u64 {
        self.ran.iter().map(|(_, count)| count.failed).sum()
    }

    /// Whether there is anything that ran.
    pub(super) fn ran_anything(&self) -> bool {
        !self.ran.is_empty()
    }

    /// The list, and as the very last line `N passed, N failed`.
    pub(super) fn print(&self) {
        println!("\nran:{}", if self.ran.is_empty() { " nothing" } else { "" });
        for (tiers, count) in &self.ran {
            let mark = if count.failed == 0 { "ok" } else { "FAILED" };
            println!("  {tiers}: {mark} ({} passed, {} failed)", count.passed, count.failed);
        }
        println!("did not run:{}", if self.absent.is_empty() { " nothing" } else { "" });
        for (tier, reason, enable) in &self.absent {
            println!("  {tier}: {reason}\n    to enable it: {enable}");
        }
        let passed: u64 = self.ran.iter().map(|(_, count)| count.passed).sum();
        println!("\n{passed} passed, {} failed", self.failed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_a_test_binary_reports() {
        let check = |line: &str, expected| assert_eq!(Count::of_result_line(line), expected, "{line}");
        check(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            Some(Count { passed: 3, failed: 0 }),
        );
        check(
            "test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            Some(Count { passed: 12, failed: 2 }),
        );
        check("test it::counts ... ok", None);
        check("test result: none", None);
    }
}
