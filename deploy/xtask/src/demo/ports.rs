//! The three ports of the demo, probed before anything is started.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

use super::Options;

/// Ports on loopback.
pub(super) struct Ports {
    pub(super) api: u16,
    pub(super) clickhouse: u16,
    pub(super) monitoring: u16,
}

/// Probes the wanted ports: a taken one is an error that names it and its option.
pub(super) fn choose(options: &Options) -> Result<Ports> {
    // All listeners are held until the end, so that two that may be any differ.
    let api = probe(options.http_port, "--http-port")?;
    let clickhouse = probe(options.clickhouse_port, "--clickhouse-port")?;
    let monitoring = probe(options.monitoring_port, "--monitoring-port")?;
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    Ok(Ports { api: port(&api)?, clickhouse: port(&clickhouse)?, monitoring: port(&monitoring)? })
}

fn probe(port: u16, option: &str) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("port {port} on 127.0.0.1 is not free: choose another with {option}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_its_option() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = format!("{:#}", probe(port, "--http-port").unwrap_err());
        assert!(error.contains(&port.to_string()) && error.contains("--http-port"), "{error}");
    }
}
