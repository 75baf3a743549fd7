//! The faults: what each does to the rig. On return everything that was killed, cut or filled is back, and what
//! is left to see is whether the stream goes on.

use std::time::Duration;

use super::proxy::{Proxy, Release, Table, Trap};
use super::rig::Rig;

/// How long is waited for the insert that a fault wants to meet. Where none comes, the fault comes then.
const MEETING: Duration = Duration::from_secs(3);

/// How long a connector that was frozen may take to notice that it has been replaced, before it is killed.
const NOTICING: Duration = Duration::from_secs(3);

/// ClickHouse's code for a disk that is full.
const NOT_ENOUGH_SPACE: u32 = 243;

/// When a fault comes, behind the burst of its cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After so long.
    After(Duration),
    /// When ClickHouse has been sent the next insert into a table, and has not got it.
    BeforeInsert(Table),
    /// When ClickHouse has carried the next insert out, and the connector does not know.
    AfterInsert(Table),
}

/// A fault with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the fields say what they are")]
pub enum Fault {
    /// SIGKILL to the connector, which is started again; perhaps killed again so long after that.
    KillConnector { at: Moment, again: Option<Duration> },
    /// SIGKILL to ClickHouse, which is started again.
    KillClickHouse { at: Moment },
    /// SIGKILL to both.
    KillBoth { at: Moment },
    /// SIGSTOP to the connector, and SIGCONT when a replacement has stored what it had not.
    FreezeConnector { at: Moment },
    /// SIGSTOP to ClickHouse for a while.
    FreezeClickHouse { at: Moment, pause: Duration },
    /// An insert is still in the network when its sender is killed, and arrives when a replacement has
    /// stored the same records.
    LateInsert { table: Table },
    /// The connection is cut in the middle of an insert.
    CutRequest { table: Table, after: usize },
    /// An insert is carried out and its answer lost; perhaps the connector is killed before it tries again.
    LoseAnswer { table: Table, kills: bool },
    /// The answer to an insert comes late.
    HoldAnswer { table: Table, pause: Duration },
    /// All connections are cut for a while.
    CutAll { at: Moment, pause: Duration },
    /// No byte moves for a while.
    StallAll { at: Moment, pause: Duration },
    /// ClickHouse answers an insert with an error that the connector has to go on after.
    Answer { table: Table, code: u32, is_carried_out: bool },
    /// ClickHouse answers an insert with an error that has to end the connector, which is started again.
    FatalAnswer { table: Table, code: u32 },
    /// ClickHouse's disk is full for a while.
    FullDisk { at: Moment, pause: Duration },
    /// The checkpoints are put back to what they were so many cycles ago, or removed; and what is committed to Kafka
    /// and Fluvio is taken away.
    Rewind { cycles: Option<usize> },
    /// The connector is stopped or killed, and started with other batches.
    OtherBatches { max_rows: usize, max_age: Duration, kills: bool },
    /// Another file takes the place of the one that is followed, or another topic of Kafka, longer or shorter.
    Recreate { is_longer: bool },
    /// SIGKILL to Fluvio's SPU, which is started again.
    KillSpu { at: Moment },
    /// SIGKILL to Kafka, which is started again.
    KillKafka { at: Moment },
    /// All connections to the SPU are cut for a while.
    CutSpu { at: Moment, pause: Duration },
    /// No byte moves to or from the SPU for a while.
    StallSpu { at: Moment, pause: Duration },
    /// The SPU does what it is asked for a while, and none of its answers arrives.
    DeafenSpu { at: Moment, pause: Duration },
}

impl Fault {
    /// Does it.
    ///
    /// # Panics
    /// Where something does not come back, or does not end that has to.
    pub fn happen(self, rig: &mut Rig) {
        match self {
            Self::KillConnector { at, again } => {
                meet(rig, at);
                rig.kill_connector();
                rig.start_connector(&[]);
                if let Some(wait) = again {
                    pass(wait);
                    rig.kill_connector();
                    rig.start_connector(&[]);
                }
            }
            Self::KillClickHouse { at } => {
                meet(rig, at);
                rig.services.clickhouse.kill();
                rig.proxy.release(Release::Drop);
                rig.services.clickhouse.start_again();
            }
            Self::KillBoth { at } => {
                meet(rig, at);
                rig.services.clickhouse.kill();
                rig.kill_connector();
                rig.services.clickhouse.start_again();
                rig.start_connector(&[]);
            }
            Self::FreezeConnector { at } => freeze_connector(rig, at),
            Self::FreezeClickHouse { at, pause } => {
                meet(rig, at);
                rig.services.clickhouse.process().freeze();
                pass(pause);
                rig.services.clickhouse.process().thaw();
            }
            Self::LateInsert { table } => {
                let is_held = caught(rig, table, Trap::HoldRequest);
                rig.kill_late();
                rig.start_connector(&[]);
                rig.until_stored(rig.load.sent());
                rig.proxy.release(Release::Deliver);
                if is_held {
                    rig.proxy.answered(MEETING);
                }
            }
            Self::CutRequest { table, after } => {
                caught(rig, table, Trap::Cut { after });
            }
            Self::LoseAnswer { table, kills } => {
                caught(rig, table, Trap::LoseAnswer);
                if kills {
                    rig.kill_connector();
                    rig.start_connector(&[]);
                }
            }
            Self::HoldAnswer { table, pause } => {
                caught(rig, table, Trap::HoldAnswer);
                pass(pause);
            }
            Self::CutAll { at, pause } => {
                meet(rig, at);
                rig.proxy.cut();
                pass(pause);
            }
            Self::StallAll { at, pause } => {
                meet(rig, at);
                rig.proxy.stall();
                pass(pause);
            }
            Self::Answer { table, code, is_carried_out } => {
                caught(rig, table, Trap::Answer { code, is_carried_out });
            }
            Self::FatalAnswer { table, code } => {
                if caught(rig, table, Trap::Answer { code, is_carried_out: false }) {
                    rig.connector_fails(&format!("Code: {code}."));
                    rig.start_connector(&[]);
                }
            }
            Self::FullDisk { at, pause } => full_disk(rig, at, pause),
            Self::Rewind { cycles } => {
                rig.kill_connector();
                rig.rewind(cycles);
                rig.start_connector(&[]);
            }
            Self::OtherBatches { max_rows, max_age, kills } => {
                if kills {
                    rig.kill_connector();
                } else {
                    rig.drain_connector();
                }
                rig.set_batches(max_rows, max_age);
                rig.start_connector(&[]);
            }
            Self::Recreate { is_longer } => rig.recreate(is_longer),
            Self::KillSpu { at } => {
                meet(rig, at);
                let cluster = rig.services.cluster();
                cluster.fluvio.kill_spu();
                cluster.fluvio.start_spu_again();
            }
            Self::KillKafka { at } => {
                meet(rig, at);
                let cluster = rig.services.cluster();
                cluster.kafka.kill();
                cluster.kafka.start_again();
            }
            Self::CutSpu { at, pause } => break_spu(rig, at, pause, Proxy::cut),
            Self::StallSpu { at, pause } => break_spu(rig, at, pause, Proxy::stall),
            Self::DeafenSpu { at, pause } => break_spu(rig, at, pause, Proxy::deafen),
        }
        rig.proxy.release(Release::Deliver);
        rig.proxy.mend();
    }
}

/// Waits for the moment. What is held then is for the caller to release.
fn meet(rig: &Rig, moment: Moment) {
    match moment {
        Moment::After(wait) => pass(wait),
        Moment::BeforeInsert(table) => {
            caught(rig, table, Trap::HoldRequest);
        }
        Moment::AfterInsert(table) => {
            caught(rig, table, Trap::HoldAnswer);
        }
    }
}

/// Lays a trap, and waits until an insert meets it; false where none comes.
fn caught(rig: &Rig, table: Table, trap: Trap) -> bool {
    rig.proxy.lay(table, trap);
    rig.proxy.caught(MEETING)
}

/// Lets time pass: it is what the fault is made of.
fn pass(time: Duration) {
    std::thread::sleep(time);
}

fn freeze_connector(rig: &mut Rig, at: Moment) {
    meet(rig, at);
    let Some(mut stale) = rig.connector.take() else { return };
    stale.process().freeze();
    rig.start_connector(&[]);
    rig.until_stored(rig.load.sent());
    // It wakes up, and whatever it had on its way arrives.
    stale.process().thaw();
    rig.proxy.release(Release::Deliver);
    let woken = std::time::Instant::now();
    while stale.process().is_running() && woken.elapsed() < NOTICING {
        pass(Duration::from_millis(10));
    }
    if stale.process().is_running() {
        rig.note("the one that was frozen did not end by itself");
        stale.process().kill();
    }
}

fn break_spu(rig: &mut Rig, at: Moment, pause: Duration, how: fn(&Proxy)) {
    meet(rig, at);
    let proxy = &rig.services.cluster().proxy;
    how(proxy);
    pass(pause);
    proxy.mend();
}

/// The disk is filled while nothing is written to it, so that every write is refused before it begins. What
/// libchdb 26.7 writes in the very moment in which a disk becomes full, it takes for stored, with empty files
/// (found here, and seen without a connector): that would be its loss and not ours.
fn full_disk(rig: &mut Rig, at: Moment, pause: Duration) {
    meet(rig, at);
    rig.proxy.release(Release::Drop);
    rig.proxy.cut();
    match &rig.services.disk {
        Some(disk) if rig.is_quiet() => {
            disk.fill();
            rig.proxy.mend();
            pass(pause);
            disk.empty();
        }
        _ => {
            rig.proxy.mend();
            let trap = Trap::Answer { code: NOT_ENOUGH_SPACE, is_carried_out: false };
            caught(rig, Table::Events, trap);
            rig.note("the error is faked");
        }
    }
    rig.stage.database.run("SYSTEM START MERGES");
}
