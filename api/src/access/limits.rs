//! How much of it: requests a second of one tenant and one address, and requests at once.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::access::Limits as Config;
use crate::error::Error;
use crate::metrics::{Metrics, Refusal};

/// So many keys are remembered before those are forgotten that have not asked lately.
const KEYS: usize = 10_000;

/// All limits of the API.
pub struct Limits {
    tenants: Option<DefaultKeyedRateLimiter<String>>,
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    at_once: Arc<Semaphore>,
    metrics: Metrics,
}

impl Limits {
    /// Limits as configured; what they refuse is counted.
    pub fn new(config: &Config, metrics: Metrics) -> Self {
        Self {
            tenants: limiter(config.tenant_per_second),
            addresses: limiter(config.address_per_second),
            at_once: Arc::new(Semaphore::new(config.concurrent)),
            metrics,
        }
    }

    /// Counts a request of this address.
    ///
    /// # Errors
    /// A 429 that says when to come again.
    pub fn address(&self, address: IpAddr) -> Result<(), Error> {
        check(self.addresses.as_ref(), &network(address))
            .inspect_err(|_| self.metrics.refused(Refusal::Address))
    }

    /// Counts a request for this tenant.
    ///
    /// # Errors
    /// A 429 that says when to come again.
    pub fn tenant(&self, tenant: &str) -> Result<(), Error> {
        check(self.tenants.as_ref(), &tenant.to_owned())
            .inspect_err(|_| self.metrics.refused(Refusal::Tenant))
    }

    /// A place among the requests at once, as long as the permit lives.
    ///
    /// # Errors
    /// A 503: there are too many.
    pub fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        let place = Arc::clone(&self.at_once).try_acquire_owned();
        place.map_err(|_| {
            self.metrics.refused(Refusal::Busy);
            Error::Unavailable { message: "too many requests at once".into() }
        })
    }
}

/// A second's worth may come at once.
fn limiter<K: Hash + Eq + Clone>(per_second: u32) -> Option<DefaultKeyedRateLimiter<K>> {
    Some(RateLimiter::keyed(Quota::per_second(NonZeroU32::new(per_second)?)))
}

fn check<K: Hash + Eq + Clone>(limiter: Option<&DefaultKeyedRateLimiter<K>>, key: &K) -> Result<(), Error> {
    let Some(limiter) = limiter else { return Ok(()) };
    if limiter.len() > KEYS {
        limiter.retain_recent();
    }
    limiter.check_key(key).map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        Error::TooManyRequests { seconds: (wait + Duration::from_millis(999)).as_secs().max(1) }
    })
}

/// Of IPv6 the network: one customer has a /64 of addresses at least.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}
