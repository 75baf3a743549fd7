//! Events that never stop coming. All that was sent is kept in files, line for line, which is what the oracles
//! compare with.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::generate::{Generator, Options};
use crate::harness::input::now_ms;
use crate::harness::kafka::producer::Producer;
use crate::harness::kafka::record::Record;

/// A few lines come this often, whatever happens meanwhile.
const TICK: Duration = Duration::from_millis(20);
const LINES_A_TICK: usize = 12;

/// More than any stage is sent, and not so many more that all of them would be of one day.
const ENOUGH: u64 = 400_000;

/// Where the lines go.
pub enum Target {
    /// Into the file that the connector follows.
    File,
    /// Into a Kafka topic, one record to each partition in turn; the files keep them beside it.
    Kafka {
        /// Who sends.
        producer: Producer,
        /// To which topic.
        topic: String,
    },
}

/// A producer in a thread of its own.
pub struct Load {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    ends: AtomicBool,
}

struct State {
    generator: Generator,
    target: Target,
    /// One file for each partition.
    files: Vec<(PathBuf, File)>,
    /// Files that were taken away.
    former: Vec<PathBuf>,
    /// Lines in all files.
    sent: u64,
    /// Lines in the files of now.
    in_file: u64,
    is_paused: bool,
}

/// The lines of this seed: some bad in every way but size, some sent twice, of several tenants.
fn options(seed: u64) -> Options {
    Options {
        events: ENOUGH,
        tenants: 6,
        seed,
        until_ms: now_ms(),
        days: 20,
        bad_share: 0.06,
        resent_share: 0.06,
        too_large: 0,
    }
}

impl Load {
    /// Begins to send into new files.
    ///
    /// # Panics
    /// Where they cannot be written.
    pub fn start(seed: u64, files: &[PathBuf], target: Target) -> Self {
        let generator = Generator::new(options(seed)).expect("options that make sense");
        let files = files.iter().map(|path| (path.clone(), create(path))).collect();
        let state =
            State { generator, target, files, former: Vec::new(), sent: 0, in_file: 0, is_paused: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), ends: AtomicBool::new(false) });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !of_thread.ends.load(Ordering::Relaxed) {
                let mut state = of_thread.lock();
                if !state.is_paused {
                    state.send(LINES_A_TICK);
                }
                drop(state);
                // The steady rate is the point.
                std::thread::sleep(TICK);
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// Sends so many at once.
    ///
    /// # Panics
    /// Where they cannot be written.
    pub fn burst(&self, lines: usize) {
        self.shared.lock().send(lines);
    }

    /// How many lines were sent so far.
    pub fn sent(&self) -> u64 {
        self.shared.lock().sent
    }

    /// How many lines the files have that are there now.
    pub fn lines_in_files(&self) -> u64 {
        self.shared.lock().in_file
    }

    /// Stops for a while, and waits until all that was sent has arrived.
    ///
    /// # Panics
    /// Where Kafka does not take it.
    pub fn pause(&self) {
        let mut state = self.shared.lock();
        state.is_paused = true;
        if let Target::Kafka { producer, .. } = &state.target {
            producer.flush();
        }
    }

    /// Goes on.
    pub fn go_on(&self) {
        self.shared.lock().is_paused = false;
    }

    /// Puts other files in the place of those of now, with so many lines to begin with, as one step for whoever
    /// looks at one.
    ///
    /// # Panics
    /// Where that cannot be done.
    pub fn replace_files(&self, lines: usize) {
        let mut state = self.shared.lock();
        let state = &mut *state;
        for (path, file) in &mut state.files {
            let former = path.with_extension(format!("{}.ndjson", state.former.len() + 1));
            std::fs::hard_link(&*path, &former).expect("a file can be kept");
            state.former.push(former);
            *file = create(&path.with_extension("new"));
        }
        state.in_file = 0;
        state.send(lines);
        if let Target::Kafka { producer, .. } = &state.target {
            producer.flush();
        }
        for (path, _) in &state.files {
            std::fs::rename(path.with_extension("new"), path).expect("a file can be replaced");
        }
    }

    /// The files with all that was sent: those that were taken away, in their order, then those of now.
    pub fn files(&self) -> Vec<PathBuf> {
        let state = self.shared.lock();
        state.former.iter().chain(state.files.iter().map(|(path, _)| path)).cloned().collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it panicked with was printed.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the load goes on")
    }
}

impl State {
    fn send(&mut self, lines: usize) {
        let count = self.files.len();
        let mut texts = vec![Vec::new(); count];
        for _ in 0..lines {
            let mut line = Vec::new();
            self.generator.write_next(&mut line).expect("a stage ends before its events do");
            let partition = usize::try_from(self.sent).unwrap_or_default() % count;
            self.sent += 1;
            self.in_file += 1;
            texts[partition].extend_from_slice(&line);
            texts[partition].push(b'\n');
            if let Target::Kafka { producer, topic } = &self.target {
                producer.send(topic, partition, &Record::of(line));
            }
        }
        for ((path, file), text) in self.files.iter_mut().zip(texts) {
            file.write_all(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

fn create(path: &Path) -> File {
    File::create_new(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
