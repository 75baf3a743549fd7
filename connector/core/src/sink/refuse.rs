//! Rows that ClickHouse refuses, found among their neighbours.
//!
//! What is refused is split between its tenants first, so that the others' rows are stored after a few inserts,
//! and then into halves, down to single rows, which become dead letters. Where one row after the other of a tenant
//! is refused and none accepted, the rest of its rows is set aside untried, and from then on its rows go apart: a
//! tenant whose data is refused costs the others a few inserts a batch, however much it sends.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clickhouse::Client;
use clickhouse::error::Error as ClickHouseError;
use uuid::Uuid;

use super::insert::{Outcome, Piece};
use super::rows::Common;
use super::write::is_known;
use super::{Error, Sink};
use crate::batch::{DeadLetter, StoredEvent};

/// The code of a record whose row ClickHouse refused: the only one that the SmartModule does not give.
const REFUSED: &str = "refused";

/// How many rows of a tenant are refused one by one before the rest of its batch is set aside.
const ENOUGH: usize = 16;

/// Tenants of whose last rows none was accepted.
#[derive(Debug, Clone, Default)]
pub(super) struct Suspects(Arc<Mutex<HashSet<String>>>);

impl Suspects {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows apart that are to be tried apart: those of everybody else, then those of each suspect.
    fn apart(&self, events: &[StoredEvent]) -> Option<Vec<Vec<StoredEvent>>> {
        let suspects = self.lock();
        if !events.iter().any(|event| suspects.contains(&event.tenant_id)) {
            return None;
        }
        let mut apart: BTreeMap<&str, Vec<StoredEvent>> = BTreeMap::new();
        for event in events {
            // No tenant has an empty name.
            let key = if suspects.contains(&event.tenant_id) { &event.tenant_id } else { "" };
            apart.entry(key).or_default().push(event.clone());
        }
        // The last is tried first.
        Some(apart.into_values().rev().collect())
    }
}

/// What became of the rows of a batch.
struct Sorting {
    /// Rows that ClickHouse did not take.
    refused: Vec<DeadLetter>,
    /// By tenant: how many of its rows were refused, and none accepted. A tenant of whose rows one was accepted
    /// is in it no more, and does not come back.
    tallies: BTreeMap<String, usize>,
    accepted: BTreeSet<String>,
    is_certain: bool,
}

impl Sorting {
    /// Takes note of rows that were stored.
    fn accept(&mut self, events: &[StoredEvent]) {
        for tenant in tenants(events) {
            self.tallies.remove(tenant);
            self.accepted.insert(tenant.to_owned());
        }
    }

    /// Sets rows aside.
    fn refuse(&mut self, events: &[StoredEvent], message: &str) {
        self.refused.extend(events.iter().map(|event| DeadLetter {
            offset: event.offset,
            source: event.source.clone(),
            tenant_id: event.tenant_id.clone(),
            code: REFUSED.to_owned(),
            field: String::new(),
            message: message.to_owned(),
            original: event.payload.clone(),
        }));
    }

    /// How many rows of a tenant were refused, where none was accepted.
    fn tally(&mut self, tenant: &str) -> &mut usize {
        self.tallies.entry(tenant.to_owned()).or_default()
    }
}

impl Sink {
    /// Writes events; returns those that ClickHouse refused, and whether the others are stored for certain.
    pub(super) async fn write_events(
        &self,
        client: &Client,
        whole: &Piece<'_>,
        common: &Common<'_>,
        events: &[StoredEvent],
    ) -> Result<(Vec<DeadLetter>, bool), Error> {
        let mut sorting = Sorting {
            refused: Vec::new(),
            tallies: BTreeMap::new(),
            accepted: BTreeSet::new(),
            is_certain: true,
        };
        let mut pieces = match self.suspects.apart(events) {
            Some(pieces) => pieces,
            None => match self.insert_events(client, whole, common, events).await? {
                Outcome::Refused(error) => {
                    self.split(client, whole, events.to_vec(), &error, &mut sorting).await?
                }
                outcome => return Ok((Vec::new(), is_known(outcome, "write events")?)),
            },
        };
        while let Some(events) = pieces.pop() {
            let offsets = events.iter().map(|event| event.offset);
            let (Some(first_offset), Some(last_offset)) = (offsets.clone().min(), offsets.max()) else {
                continue;
            };
            // Pieces of several tenants may begin and end alike: the token is of this piece alone.
            let repair = Some(Uuid::new_v4());
            let piece = Piece { first_offset, last_offset, cause: "half", repair, ..*whole };
            match self.insert_events(client, &piece, common, &events).await? {
                Outcome::Refused(error) => {
                    pieces.extend(self.split(client, &piece, events, &error, &mut sorting).await?);
                }
                outcome => {
                    sorting.is_certain &= is_known(outcome, "write events")?;
                    sorting.accept(&events);
                }
            }
        }
        self.judge(&sorting);
        Ok((sorting.refused, sorting.is_certain))
    }

    /// Splits what was refused, without what of it is stored nevertheless. A single row is set aside, and all rows
    /// of a tenant where enough were before.
    async fn split(
        &self,
        client: &Client,
        piece: &Piece<'_>,
        mut events: Vec<StoredEvent>,
        error: &ClickHouseError,
        sorting: &mut Sorting,
    ) -> Result<Vec<Vec<StoredEvent>>, Error> {
        let stored = self.stored(client, piece.origin, piece.first_offset).await?;
        events.retain(|event| !stored.contains(&event.offset));
        let Some(first) = events.first() else { return Ok(Vec::new()) };
        let (origin, tenant) = (piece.origin, first.tenant_id.clone());
        if tenants(&events).len() > 1 {
            return Ok(between_tenants(events).into());
        }
        let is_suspect = self.suspects.lock().contains(&tenant);
        let enough = if is_suspect { 1 } else { ENOUGH };
        let has_accepted = sorting.accepted.contains(&tenant);
        if let [event] = &events[..] {
            tracing::warn!(%origin, offset = event.offset, %error, "row refused, kept as a dead letter");
            sorting.refuse(&events, &error.to_string());
            *sorting.tally(&tenant) += 1;
            Ok(Vec::new())
        } else if !has_accepted && *sorting.tally(&tenant) >= enough {
            let tried = *sorting.tally(&tenant);
            tracing::warn!(%origin, tenant, rows = events.len(), %error, "rows set aside untried as dead letters");
            let message =
                format!("set aside untried, after {tried} rows of the tenant were refused: {error}");
            sorting.refuse(&events, &message);
            Ok(Vec::new())
        } else if is_suspect && !has_accepted {
            // One row says enough.
            let rest = events.split_off(1);
            Ok(vec![rest, events])
        } else {
            let second = events.split_off(events.len() / 2);
            Ok(vec![second, events])
        }
    }

    /// Remembers of which tenants nothing was accepted.
    fn judge(&self, sorting: &Sorting) {
        let mut suspects = self.suspects.lock();
        for tenant in &sorting.accepted {
            suspects.remove(tenant);
        }
        let refused = sorting.tallies.iter().filter(|(_, rows)| **rows >= ENOUGH);
        suspects.extend(refused.map(|(tenant, _)| tenant.clone()));
    }
}

fn tenants(events: &[StoredEvent]) -> BTreeSet<&str> {
    events.iter().map(|event| event.tenant_id.as_str()).collect()
}

/// Splits rows of several tenants between two of them, into parts as equal as may be.
fn between_tenants(mut events: Vec<StoredEvent>) -> [Vec<StoredEvent>; 2] {
    events.sort_by(|one, other| one.tenant_id.cmp(&other.tenant_id));
    let is_border = |place: &usize| events[place - 1].tenant_id != events[*place].tenant_id;
    let middle = events.len() / 2;
    let border = (1..events.len()).filter(is_border).min_by_key(|place| place.abs_diff(middle));
    let second = events.split_off(border.unwrap_or(middle));
    [second, events]
}
