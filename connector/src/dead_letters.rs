//! `voc-connector dead-letters`: list, count, show, replay, purge. Results go to standard output, everything
//! else to standard error.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::json;
use voc_connector_core::config::{self, Config};
use voc_connector_core::dead_letters::job::{Job, Kind};
use voc_connector_core::dead_letters::run::Runner;
use voc_connector_core::dead_letters::{Original, Place, Selection, State};
use voc_connector_core::metrics::Metrics;
use voc_connector_core::monitoring::Readiness;
use voc_connector_core::sink::Sink;
use voc_connector_core::sink::letters::{Filter, Letter};

/// Letters that are asked for at once while they are listed.
const PAGE: u64 = 1_000;

/// The exit code where letters failed again.
const FAILED_AGAIN: u8 = 1;
/// The exit code of an error; bad arguments have the same.
const ERROR: u8 = 2;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List them in the order of their origins
    List {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        which: Which,
        /// Only those of which this has become: open, replayed, purged or failed_again
        #[arg(long)]
        state: Option<State>,
        /// At most so many
        #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
        limit: u64,
    },
    /// Count them by code and state
    Count {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        which: Which,
    },
    /// Write the original bytes of one to standard output, and all else about it to standard error
    Show {
        #[command(flatten)]
        common: Common,
        /// Where it came from
        #[arg(long, value_name = "STREAM/PARTITION/OFFSET")]
        origin: Place,
    },
    /// Try those again that are open or failed again: the ones that pass are stored, once
    #[command(after_help = EXIT_CODES)]
    Replay {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        chosen: Chosen,
        /// Another SmartModule than the configuration's
        #[arg(long, value_name = "FILE.wasm")]
        smartmodule: Option<PathBuf>,
    },
    /// Forget the bytes of those that are open or failed again; that they were there stays known
    #[command(after_help = EXIT_CODES)]
    Purge {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        chosen: Chosen,
    },
}

const EXIT_CODES: &str = "Exit codes: 0 every letter passed or was purged, 1 some failed again, 2 an error.";

#[derive(Args)]
pub(crate) struct Common {
    /// The configuration, Connector.yaml
    #[arg(long)]
    config: PathBuf,
    /// File of secrets, NAME=value a line
    #[arg(long)]
    secrets: Option<PathBuf>,
    /// Write JSON: a document a line
    #[arg(long)]
    json: bool,
}

/// Which letters; all that is given must hold.
#[derive(Args)]
pub(crate) struct Which {
    /// Of this tenant; '' for letters whose tenant is not known
    #[arg(long)]
    tenant: Option<String>,
    /// With this code
    #[arg(long)]
    code: Option<String>,
    /// The one from there
    #[arg(long, value_name = "STREAM/PARTITION/OFFSET")]
    origin: Option<Place>,
}

/// The same, and nothing by accident.
#[derive(Args)]
#[command(group(ArgGroup::new("chosen").required(true).multiple(true).args(["all", "tenant", "code", "origin"])))]
#[group(skip)]
pub(crate) struct Chosen {
    /// Every letter
    #[arg(long, conflicts_with_all = ["tenant", "code", "origin"])]
    all: bool,
    #[command(flatten)]
    which: Which,
}

impl From<Which> for Selection {
    fn from(Which { tenant, code, origin }: Which) -> Self {
        Self { tenant_id: tenant, code, origin }
    }
}

/// Does what the command says; what went wrong is told on standard error.
pub(crate) async fn run(command: Command) -> ExitCode {
    match try_run(command).await {
        Ok(code) => code,
        // Nobody reads any more.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("voc-connector: {error}");
            ExitCode::from(ERROR)
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let of_json = error.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind).or(of_json);
    kind == Some(std::io::ErrorKind::BrokenPipe)
}

async fn try_run(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::List { common, which, state, limit } => {
            let (_, sink) = open(&common, Need::Letters).await?;
            list(&sink, &which.into(), state, limit, common.json).await?;
        }
        Command::Count { common, which } => {
            let (_, sink) = open(&common, Need::Letters).await?;
            for count in sink.count_letters(Filter::of(&which.into())).await? {
                match common.json {
                    true => println!("{}", serde_json::to_string(&count)?),
                    false => println!("{:<28}{:<14}{:>10}", count.code, count.state, count.letters),
                }
            }
        }
        Command::Show { common, origin } => {
            let (_, sink) = open(&common, Need::Letters).await?;
            show(&sink, origin, common.json).await?;
        }
        Command::Replay { common, chosen, smartmodule } => {
            let (mut config, sink) = open(&common, Need::Tables).await?;
            if let Some(smartmodule) = smartmodule {
                config.smartmodule.wasm = smartmodule;
            }
            return carry_out(&config, &sink, Kind::Replay, chosen, common.json).await;
        }
        Command::Purge { common, chosen } => {
            let (config, sink) = open(&common, Need::Tables).await?;
            return carry_out(&config, &sink, Kind::Purge, chosen, common.json).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What must be there before a command begins.
enum Need {
    /// Letters to look at; nothing is made.
    Letters,
    /// All tables; what is missing is made.
    Tables,
}

async fn open(common: &Common, need: Need) -> Result<(Config, Sink), Box<dyn Error>> {
    let environment = std::env::vars().collect();
    let config = config::load(&common.config, common.secrets.as_deref(), &environment)?;
    let sink = Sink::new(&config.clickhouse, Metrics::new()?, Readiness::new().part("clickhouse"));
    let url = config.clickhouse.url();
    let has_letters = sink.has_letters().await.map_err(|error| format!("clickhouse {url}: {error}"))?;
    match need {
        Need::Tables => sink.prepare().await?,
        Need::Letters if has_letters => {}
        Need::Letters => {
            let database = &config.clickhouse.database;
            return Err(format!(
                "clickhouse {url}: no connector of this version has made its tables in {database}"
            )
            .into());
        }
    }
    Ok((config, sink))
}

async fn list(
    sink: &Sink,
    selection: &Selection,
    state: Option<State>,
    mut limit: u64,
    json: bool,
) -> Result<(), Box<dyn Error>> {
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    let mut after: Option<Place> = None;
    while limit > 0 {
        let filter = Filter { state, after: after.as_ref(), ..Filter::of(selection) };
        let letters = sink.letters(filter, limit.min(PAGE)).await?;
        let Some(last) = letters.last() else { break };
        limit -= (letters.len() as u64).min(limit);
        after = Some(place(last));
        for letter in &letters {
            match json {
                true => serde_json::to_writer(&mut output, letter)?,
                false => write!(output, "{}", line(letter))?,
            }
            writeln!(output)?;
        }
    }
    Ok(output.flush()?)
}

fn place(letter: &Letter) -> Place {
    let Letter { origin_stream, origin_partition, origin_offset, .. } = letter;
    Place { stream: origin_stream.clone(), partition: *origin_partition, offset: *origin_offset }
}

fn line(letter: &Letter) -> String {
    let Letter { tenant_id, code, field, message, state, bytes, .. } = letter;
    let tenant = if tenant_id.is_empty() { "(unknown)" } else { tenant_id };
    let about = if field.is_empty() { message.clone() } else { format!("{field}: {message}") };
    let line = format!("{}  {state}  {tenant}  {bytes} bytes  {code}  {about}", place(letter));
    // What others sent does not steer a terminal, nor end a line.
    line.replace(char::is_control, "\u{fffd}")
}

async fn show(sink: &Sink, origin: Place, json: bool) -> Result<(), Box<dyn Error>> {
    let selection = Selection { origin: Some(origin.clone()), ..Selection::default() };
    let filter = Filter::of(&selection);
    let letter = sink.letters(filter, 1).await?.pop();
    let (Some(letter), Some(original)) = (letter, sink.original_of(filter).await?) else {
        return Err(format!("there is no dead letter from {origin}").into());
    };
    let attempts = sink.attempts(&origin).await?;
    let mut output = std::io::stdout().lock();
    if json {
        let original = Original::from(&*original);
        let document = json!({ "letter": letter, "original": original, "attempts": attempts });
        writeln!(output, "{document}")?;
        return Ok(());
    }
    eprintln!("{}", line(&letter));
    eprintln!("read at {}", letter.processed_at);
    if !letter.source_topic.is_empty() {
        eprintln!(
            "from {}/{}/{} in Kafka",
            letter.source_topic, letter.source_partition, letter.source_offset
        );
    }
    for attempt in &attempts {
        eprintln!(
            "{}  {}  before: {} {} {}  now: {} {} {}  smartmodule {} with {}",
            attempt.attempted_at,
            attempt.outcome,
            attempt.previous_code,
            attempt.previous_field,
            attempt.previous_message,
            attempt.code,
            attempt.field,
            attempt.message,
            attempt.smartmodule,
            attempt.params
        );
    }
    output.write_all(&original)?;
    Ok(output.flush()?)
}

async fn carry_out(
    config: &Config,
    sink: &Sink,
    kind: Kind,
    chosen: Chosen,
    json: bool,
) -> Result<ExitCode, Box<dyn Error>> {
    let metrics = Metrics::new()?;
    let runner = Runner {
        sink,
        metrics: &metrics,
        smartmodule: &config.smartmodule.wasm,
        transform: &config.transform,
    };
    let progress = |job: &Job| eprintln!("{job}");
    let job = runner.carry_out(kind, &chosen.which.into(), progress).await?;
    match json {
        true => println!("{}", serde_json::to_string(&job)?),
        false => println!("{job}"),
    }
    Ok(if job.failed_again > 0 { ExitCode::from(FAILED_AGAIN) } else { ExitCode::SUCCESS })
}
