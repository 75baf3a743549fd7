//! What the other tests rely on: the services are real, and keep what they took.

#[cfg(feature = "cluster")]
mod fluvio;
mod kafka;
