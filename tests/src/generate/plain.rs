//! The benchmark's input: good call events that all have the same length, so that events per second and
//! bytes per second say the same.

use std::fmt::Write;

use super::event;
use super::random::Random;
use super::time;

/// Length of a line in bytes, without its line feed.
pub const LENGTH: usize = 463;

const QUESTIONS: [&str; 4] = [
    "My internet is down since today.",
    "I was charged twice last month.",
    "I need to move my appointment.",
    "My order has not arrived yet.",
];

const ANSWERS: [&str; 3] =
    ["I see, one moment please.", "I have found and fixed it.", "I have booked it for you."];

/// Cut to whatever length is left.
const REACTIONS: [&str; 3] = [
    "Great, thank you for the quick help, that is all I needed for today, goodbye",
    "This is so frustrating, I am angry and not happy, I have called three times.",
    "All right, then I will wait for the message and call again on Thursday noon.",
];

/// Yields call events of exactly [`LENGTH`] bytes.
pub struct Plain {
    seed: u64,
    tenants: u64,
    until_ms: i64,
    next: u64,
}

impl Plain {
    /// Events over this many tenants (1 to 1,000,000; their ids have equal length) in the day before
    /// `until_ms`.
    pub fn new(seed: u64, tenants: usize, until_ms: i64) -> Self {
        Self { seed, tenants: (tenants as u64).clamp(1, 1_000_000), until_ms, next: 0 }
    }

    /// Appends the next line, without its line feed.
    pub fn write_next(&mut self, line: &mut Vec<u8>) {
        let mut random = Random::new(self.seed, self.next);
        self.next += 1;
        let mut json = String::with_capacity(LENGTH);
        let id = event::uuid(random.uuid(), false);
        let tenant = random.below(self.tenants);
        let age_ms = i64::try_from(random.below(86_400_000)).unwrap_or_default();
        let time_ms = self.until_ms - age_ms;
        // Writing to a string cannot fail.
        let _ = write!(json, "{{\"event_id\":{id},\"tenant_id\":\"tenant-{tenant:06}\",\"timestamp\":\"");
        time::seconds(time_ms * 1000, 'T', &mut json);
        let _ = write!(
            json,
            ".{:03}Z\",\"event_type\":\"call\",\"call_id\":\"call-{:06}\",\"duration_ms\":{},\"transcript\":[",
            time_ms.rem_euclid(1000),
            random.below(1_000_000),
            10_000 + random.below(90_000),
        );
        for (speaker, text, offset) in
            [("customer", random.pick(&QUESTIONS), 900), ("agent", random.pick(&ANSWERS), 4200)]
        {
            let _ = write!(json, "{{\"speaker\":\"{speaker}\",\"text\":\"{text}\",\"offset_ms\":{offset}}},");
        }
        json.push_str("{\"speaker\":\"customer\",\"text\":\"");
        let end = "\",\"offset_ms\":9600}]}";
        let room = LENGTH - json.len() - end.len();
        let reaction = random.pick(&REACTIONS);
        json.push_str(&reaction[..room.min(reaction.len())]);
        json.push_str(end);
        line.extend_from_slice(json.as_bytes());
    }
}
