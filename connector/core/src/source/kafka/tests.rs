//! Against librdkafka's mock cluster: the real protocol, in process, with faults on demand.

mod delivery;
mod faults;
mod incarnation;
mod rig;
