//! Good events of all four types.

use std::fmt::Write;

use super::draft::Draft;
use super::phrases::{Language, Phrases};
use super::random::Random;
use super::time;

mod transcript;

/// What makes an event itself.
pub(super) struct Identity {
    pub(super) event_id: u128,
    /// Index of the tenant.
    pub(super) tenant: usize,
    /// Microseconds since 1970.
    pub(super) time_us: i64,
}

pub(super) struct Tenant {
    id: String,
    vertical: String,
    language: Language,
}

/// As many tenants as asked for: the named ones first, then more of their kind.
pub(super) fn tenants(phrases: &Phrases, count: usize) -> Vec<Tenant> {
    let tenant = |(index, named): (usize, &super::phrases::NamedTenant)| Tenant {
        id: match index / phrases.tenants.len() {
            0 => named.id.clone(),
            round => format!("{}-{}", named.id, round + 1),
        },
        vertical: named.vertical.clone(),
        language: named.language,
    };
    phrases.tenants.iter().cycle().enumerate().take(count).map(tenant).collect()
}

/// Everything that an event's fields are drawn from.
struct Source<'a> {
    phrases: &'a Phrases,
    tenant: &'a Tenant,
    language: Language,
}

/// A good event with this identity.
pub(super) fn draft(phrases: &Phrases, tenant: &Tenant, identity: &Identity, random: &mut Random) -> Draft {
    let mut draft = Draft { fields: Vec::with_capacity(16), ascii: random.percent(15) };
    draft.put("event_id", uuid(identity.event_id, random.percent(5)));
    draft.put_text("tenant_id", &tenant.id);
    let mut timestamp = String::with_capacity(40);
    time::spell(identity.time_us, random, &mut timestamp);
    draft.put("timestamp", timestamp);

    let language = match (tenant.language, random.below(10)) {
        (Language::En, 0) => Language::Pt,
        (Language::Pt, 0) => Language::En,
        (usual, _) => usual,
    };
    let source = Source { phrases, tenant, language };
    match random.below(100) {
        0..30 => source.call(&mut draft, random),
        30..55 => source.agent_action(&mut draft, random),
        55..77 => source.tool_invocation(&mut draft, random),
        _ => source.qos_metric(&mut draft, random),
    }
    source.extras(&mut draft, random);
    draft
}

impl Source<'_> {
    fn call(&self, draft: &mut Draft, random: &mut Random) {
        draft.put("event_type", "\"call\"");
        draft.put("call_id", call_id(random));
        draft.put("agent_id", agent_id(random));
        if random.percent(60) {
            draft.put("customer_id", format!("\"c-{:05}\"", random.below(40_000)));
        }
        draft.put(
            "channel",
            *random.pick(&["\"phone\"", "\"chat\"", "\"whatsapp\"", "\"video\"", "\"email\""]),
        );
        if random.percent(40) {
            draft.put("direction", *random.pick(&["\"inbound\"", "\"outbound\"", "null"]));
        }
        draft.put("language", if self.language == Language::En { "\"en\"" } else { "\"pt-BR\"" });
        if random.percent(80) {
            draft.put("duration_ms", (2000 + random.below(900_000)).to_string());
        }
        // An abandoned call has nothing to transcribe.
        match random.below(20) {
            0 => {}
            1 => draft.put("transcript", *random.pick(&["null", "\"\"", "[]"])),
            2..=7 => transcript::write_text(self, draft, random),
            _ => transcript::write_turns(self, draft, random),
        }
    }

    fn agent_action(&self, draft: &mut Draft, random: &mut Random) {
        draft.put("event_type", "\"agent_action\"");
        draft.put("agent_id", agent_id(random));
        draft.put_text("action", random.pick(&self.phrases.actions).as_str());
        if random.percent(60) {
            draft.put("call_id", call_id(random));
        }
        if random.percent(50) {
            draft.put("target", format!("\"order-{}\"", random.below(1_000_000)));
        }
        draft.put("success", *random.pick(&["true", "true", "true", "false", "null"]));
        if random.percent(50) {
            draft.put("duration_ms", format!("{}.{}", random.below(30_000), random.below(10)));
        }
    }

    fn tool_invocation(&self, draft: &mut Draft, random: &mut Random) {
        draft.put("event_type", "\"tool_invocation\"");
        draft.put_text("tool", random.pick(&self.phrases.tools).as_str());
        draft.put("agent_id", agent_id(random));
        if random.percent(50) {
            draft.put("call_id", call_id(random));
        }
        let number = random.below(1_000_000);
        match random.below(5) {
            0 => {
                let vertical = self.vertical();
                let query = draft.quoted(random.pick(&vertical.issues).as_str());
                draft.put("arguments", format!("{{\"query\":{query},\"top_k\":{}}}", 1 + number % 9));
            }
            1 => draft.put("arguments", format!("[\"{number}\",{{\"deep\":[true,null,{{}}]}}]")),
            2 => draft.put("arguments", format!("\"order={number}\"")),
            3 => draft.put("arguments", format!("{{\"order_id\":{number},\"dry_run\":false}}")),
            _ => {}
        }
        let failed = random.percent(12);
        draft.put("success", if failed { "false" } else { "true" });
        draft.put("latency_ms", format!("{}", 5 + random.below(3000)));
        if failed {
            draft.put_text("error", random.pick(&self.phrases.tool_errors).as_str());
        }
    }

    fn qos_metric(&self, draft: &mut Draft, random: &mut Random) {
        let metric = random.pick(&self.phrases.metrics);
        draft.put("event_type", "\"qos_metric\"");
        draft.put_text("metric", &metric.name);
        // Steps of a thousandth of the range; four decimals give the same text everywhere.
        #[allow(clippy::cast_precision_loss, reason = "below 1001")]
        let step = random.below(1001) as f64 / 1000.0;
        let value = metric.lowest + (metric.highest - metric.lowest) * step;
        draft.put("value", format!("{value:.4}"));
        if !metric.unit.is_empty() {
            draft.put_text("unit", &metric.unit);
        }
        if random.percent(70) {
            draft.put("call_id", call_id(random));
        }
    }

    /// What any event may carry besides: optional fields, and fields that the contract does not know.
    fn extras(&self, draft: &mut Draft, random: &mut Random) {
        if random.percent(20) {
            draft.put("schema_version", *random.pick(&["1", "1", "1.0", "null"]));
        }
        if random.percent(15) {
            let queue = random.pick(&self.phrases.queues);
            let depth = random.below(40);
            draft.put("metadata", format!("{{\"queue\":\"{queue}\",\"waiting\":{depth},\"ab_test\":null}}"));
        }
        if random.percent(8) {
            draft.put("tags", *random.pick(&["[]", "[\"retry\"]", "[\"vip\",\"fila-2\"]"]));
        }
        if random.percent(4) {
            draft.put("x_trace", format!("{{\"id\":\"{:016x}\",\"id\":\"twice\"}}", random.next()));
        }
    }

    fn vertical(&self) -> &super::phrases::Vertical {
        self.phrases.verticals[&self.tenant.vertical].of(self.language)
    }
}

/// The UUID as JSON.
pub(super) fn uuid(id: u128, upper_case: bool) -> String {
    let digits = if upper_case { format!("{id:032X}") } else { format!("{id:032x}") };
    let mut json = String::with_capacity(38);
    json.push('"');
    for (position, part) in [0..8, 8..12, 12..16, 16..20, 20..32].into_iter().enumerate() {
        if position > 0 {
            json.push('-');
        }
        json.push_str(&digits[part]);
    }
    json.push('"');
    json
}

fn call_id(random: &mut Random) -> String {
    let mut json = String::with_capacity(16);
    let _ = write!(json, "\"call-{}\"", 10_000 + random.below(90_000));
    json
}

fn agent_id(random: &mut Random) -> String {
    match random.below(4) {
        0 => "\"ai-triage\"".to_owned(),
        _ => format!("\"agent-{:03}\"", random.below(120)),
    }
}
