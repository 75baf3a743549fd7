//! One request on its blocking thread: from its body to its answer.

use std::io::{self, BufRead, PipeReader, Read};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::answer::{Answer, Unread};
use crate::body::{BodyError, BodyReader};
use crate::compression::{FrameError, decoder};
use crate::engine::Connection;
use crate::exception::{self, Exception, code};
use crate::kill;
use crate::library::Counters;
use crate::registry::{Kind, Ticket};
use crate::request::Call;
use crate::shared::Shared;
use crate::statement::{self, Progress, Statement};

/// The longest text of a statement whose rows are not in it, as with ClickHouse's own limit in mind.
const MAX_TEXT: usize = 64 << 20;

/// Everything a request brings along.
pub(crate) struct Job {
    pub(crate) server: Arc<Shared>,
    pub(crate) call: Call,
    pub(crate) body: BodyReader,
    pub(crate) ticket: Ticket,
    pub(crate) runtime: Handle,
}

/// Runs the request. The ticket goes when the last of it has ended.
pub(crate) fn run(job: Job, mut answer: Answer) {
    let Job { server, call, body, ticket, runtime } = job;
    let (outer, inner) = call.body_coding;
    let mut body = decoder(decoder(body, outer), inner);
    let outcome = read_statement(&call, &mut body).and_then(|(text, statement)| {
        let kind = match statement {
            Statement::Insert { .. } => Kind::Insert,
            Statement::Command { .. } => Kind::Command,
            Statement::Select { .. } | Statement::KillQuery { .. } => Kind::Query,
        };
        ticket.running.describe(kind, &text);
        if call.is_get && !is_read(&statement) {
            let message = "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. \
                           You should use method POST for modifying queries";
            return Err(Exception::new(code::READONLY, "READONLY", message));
        }
        if let Statement::KillQuery { condition, mode, format } = statement {
            return kill::run(&server, &call, &ticket.running, (&condition, mode, format), &mut answer, &runtime);
        }
        let _lane = runtime.block_on(server.lanes.enter(kind == Kind::Insert, &ticket.running.cancelled))?;
        with_connection(&server, &call, |connection| match statement {
            Statement::Insert { head, format, data } => {
                insert(connection, &head, &format, &text[data..], &mut body, &ticket)
            }
            Statement::Select { before, after, format } => {
                let format = format.unwrap_or_else(|| call.default_format.clone());
                answer.set_format(format.clone());
                let counters = if call.is_bounded() {
                    whole(connection, before, &after, &format, &mut answer)?
                } else {
                    let gone = || ticket.running.abandon(&server.engine);
                    select(connection, before, &after, &format, &mut answer, &gone)?
                };
                // The engine may end a query that was stopped as if there had been no more of it.
                match ticket.running.cancelled.is_cancelled() {
                    true => Err(exception::cancelled()),
                    false => Ok(counters),
                }
            }
            Statement::Command { text, format, .. } => {
                let format = format.unwrap_or_else(|| call.default_format.clone());
                answer.set_format(format.clone());
                whole(connection, text, b"", &format, &mut answer)
            }
            Statement::KillQuery { .. } => Ok(Counters::default()),
        })
    });
    let cancelled = ticket.running.cancelled.is_cancelled();
    // The engine's work is over. Whoever waits for that need not wait for the answer to be read,
    // and the client may use the id again as soon as it has the answer.
    drop(ticket);
    match outcome {
        Ok(counters) => {
            let _ = answer.finish(&counters);
        }
        Err(exception) => {
            tracing::debug!(query_id = call.query_id, code = exception.code, %exception, "failed");
            answer.fail(&if cancelled { exception::cancelled() } else { exception });
        }
    }
}

fn is_read(statement: &Statement) -> bool {
    matches!(statement, Statement::Select { .. } | Statement::Command { reads: true, .. })
}

/// Reads as much of the body as belongs to the statement's text. Rows stay in the body, but for
/// those that came with the text.
fn read_statement(call: &Call, body: &mut dyn BufRead) -> Result<(Vec<u8>, Statement), Exception> {
    let mut text = call.query.clone().into_bytes();
    if !text.iter().all(u8::is_ascii_whitespace) {
        let parsed = statement::parse(&text);
        // ClickHouse puts a line end between the query of the URL and the body.
        text.push(b'\n');
        if let Ok(Statement::Insert { head, format, data }) = parsed {
            let data = if data + 1 == text.len() { text.len() } else { data };
            return Ok((text, Statement::Insert { head, format, data }));
        }
        read_to_end(&mut text, body)?;
        return statement::parse(&text).map(|statement| (text, statement));
    }
    text.clear();
    loop {
        let piece = body.fill_buf().map_err(|error| body_error(&error))?;
        if piece.is_empty() {
            break;
        }
        let length = piece.len();
        text.extend_from_slice(piece);
        body.consume(length);
        if statement::is_no_insert(&text) {
            read_to_end(&mut text, body)?;
            break;
        }
        if let Progress::Ready(statement) = statement::begin(&text) {
            return Ok((text, statement));
        }
        if text.len() > MAX_TEXT {
            return Err(too_large());
        }
    }
    statement::parse(&text).map(|statement| (text, statement))
}

fn read_to_end(text: &mut Vec<u8>, body: &mut dyn BufRead) -> Result<(), Exception> {
    let limit = MAX_TEXT as u64 + 1;
    body.take(limit).read_to_end(text).map_err(|error| body_error(&error))?;
    if text.len() > MAX_TEXT { Err(too_large()) } else { Ok(()) }
}

fn too_large() -> Exception {
    exception::syntax(format!("Max query size exceeded: the text of a statement may have {MAX_TEXT} bytes"))
}

/// What a body that cannot be read means for the client.
fn body_error(error: &io::Error) -> Exception {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<BodyError>()) {
        Some(BodyError::Cancelled) => return exception::cancelled(),
        Some(BodyError::Broken(reason)) => return exception::broken_body(reason),
        None => {}
    }
    match inner.and_then(|inner| inner.downcast_ref::<FrameError>()) {
        Some(error @ FrameError::Checksum) => {
            Exception::new(code::CHECKSUM_DOESNT_MATCH, "CHECKSUM_DOESNT_MATCH", error)
        }
        _ => Exception::new(
            code::CANNOT_DECOMPRESS,
            "CANNOT_DECOMPRESS",
            format!("Cannot decompress: {error}"),
        ),
    }
}

/// Runs `work` on a connection that has the request's settings and database.
fn with_connection(
    server: &Shared,
    call: &Call,
    work: impl FnOnce(&mut Connection) -> Result<Counters, Exception>,
) -> Result<Counters, Exception> {
    let mut connection = match &call.session {
        Some(session) => server.sessions.take(&server.engine, session)?,
        None => server.engine.connect()?,
    };
    // The engine knows the request by this setting, see `Engine::kill`.
    let mut settings = call.settings.clone();
    settings.retain(|(name, _)| name != "log_comment");
    settings.push(("log_comment".to_owned(), call.query_id.clone()));
    let outcome = connection
        .set(&settings)
        .and_then(|()| call.database.as_deref().map_or(Ok(()), |database| connection.use_database(database)))
        .and_then(|()| work(&mut connection));
    if let Some(session) = &call.session {
        // Settings of the URL hold for this request alone; parameters have no default to go back to.
        let names = settings.iter().map(|(name, _)| name.as_str()).filter(|name| !name.starts_with("param_"));
        if let Err(error) = connection.reset(names) {
            tracing::warn!(session = session.id, %error, "cannot put settings back");
        }
        server.sessions.put_back(session, connection);
    }
    outcome
}

/// Feeds the rows to the engine. Any error on the way, and the rows so far are dropped.
fn insert(
    connection: &mut Connection,
    head: &[u8],
    format: &str,
    first: &[u8],
    body: &mut dyn BufRead,
    ticket: &Ticket,
) -> Result<Counters, Exception> {
    let mut insert = connection.insert(head, format)?;
    let mut going = first.is_empty() || insert.append(first);
    while going {
        let piece = body.fill_buf().map_err(|error| body_error(&error))?;
        if piece.is_empty() {
            break;
        }
        let length = piece.len();
        going = insert.append(piece);
        body.consume(length);
    }
    // The last moment at which nothing is stored.
    if ticket.running.cancelled.is_cancelled() {
        return Err(exception::cancelled());
    }
    insert.finish()
}

/// Runs a statement whose output is small, and takes it in one piece: without the threads and the pipe of [`select`].
fn whole(
    connection: &Connection,
    mut sql: Vec<u8>,
    after: &[u8],
    format: &str,
    answer: &mut Answer,
) -> Result<Counters, Exception> {
    sql.extend_from_slice(after);
    let result = connection.run(&sql, format)?;
    // Nobody may be there to read it; the statement has run all the same.
    let _ = answer.write(result.data());
    Ok(result.counters())
}

/// Runs a query whose output the engine writes to a pipe, in any of its formats, as it is made.
///
/// The streaming interface of libchdb formats every block as a document of its own, which only suits
/// formats without a frame around the rows.
fn select(
    connection: &mut Connection,
    mut sql: Vec<u8>,
    after: &[u8],
    format: &str,
    answer: &mut Answer,
    gone: &(dyn Fn() + Sync),
) -> Result<Counters, Exception> {
    let (reader, writer) = io::pipe().map_err(exception::internal)?;
    let outfile = format!(" INTO OUTFILE '/dev/fd/{}' APPEND ", writer.as_raw_fd());
    sql.extend_from_slice(outfile.as_bytes());
    sql.extend_from_slice(after);
    std::thread::scope(|scope| {
        // The engine keeps state for each thread that it has run on: the query stays on this one, which is used again.
        let copying = scope.spawn(move || {
            if copy(reader, answer).is_err() {
                gone();
            }
        });
        let result = connection.run(&sql, format);
        // The engine has closed its end; this was the last one.
        drop(writer);
        copying.join().map_err(|_| exception::internal("the thread that answers panicked"))?;
        result.map(|result| result.counters()).map_err(|exception| exception.without(&outfile))
    })
}

/// Moves the output from the pipe to the answer, until either is closed.
fn copy(mut pipe: PipeReader, answer: &mut Answer) -> Result<(), Unread> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match pipe.read(&mut buffer).map_err(|_| Unread)? {
            0 => return Ok(()),
            length => answer.write(&buffer[..length])?,
        }
    }
}
