//! The C interface of libchdb, loaded at run time: the one file with `unsafe`.
//!
//! Everything here is a thin, safe handle: a connection, a result, an insert stream. libchdb takes
//! pointers with lengths, so nothing has to be NUL-terminated, and returns handles that are freed by
//! `Drop`. Calls block; callers stay off the async threads.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::ptr::NonNull;

use libloading::Library;

/// Why the library could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The file is missing, is no shared object, or lacks a symbol that this server needs.
    #[error("cannot load libchdb from {path}: {source}")]
    Load {
        /// The path as it was given.
        path: String,
        /// What the dynamic loader said.
        source: libloading::Error,
    },
    /// The engine refused the folder; it gives no reason.
    #[error("the engine cannot open {0}: it may be damaged or in use by another program")]
    Connect(String),
    /// The path contains a NUL byte.
    #[error("the path {0} contains a NUL byte")]
    Path(String),
}

macro_rules! symbols {
    ($($name:ident: fn($($arg:ty),*) $(-> $ret:ty)?;)*) => {
        /// The functions of libchdb that are used, as plain pointers.
        struct Symbols { $($name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)* }

        impl Symbols {
            /// Looks every symbol up.
            ///
            /// # Safety
            /// The library must be libchdb 26.7 or compatible, and must stay loaded for ever.
            unsafe fn find(library: &Library) -> Result<Self, libloading::Error> {
                // SAFETY: the caller vouches for the library; the types follow its chdb.h.
                unsafe { Ok(Self { $($name: *library.get(concat!(stringify!($name), "\0").as_bytes())?,)* }) }
            }
        }
    };
}

symbols! {
    chdb_set_signal_handlers_enabled: fn(c_int);
    chdb_connect: fn(c_int, *const *const c_char) -> *mut *mut c_void;
    chdb_close_conn: fn(*mut *mut c_void);
    chdb_query_n: fn(*mut c_void, *const u8, usize, *const u8, usize) -> *mut c_void;
    chdb_destroy_query_result: fn(*mut c_void);
    chdb_result_buffer: fn(*mut c_void) -> *const u8;
    chdb_result_length: fn(*mut c_void) -> usize;
    chdb_result_rows_read: fn(*mut c_void) -> u64;
    chdb_result_bytes_read: fn(*mut c_void) -> u64;
    chdb_result_storage_rows_read: fn(*mut c_void) -> u64;
    chdb_result_storage_bytes_read: fn(*mut c_void) -> u64;
    chdb_result_rows_written: fn(*mut c_void) -> u64;
    chdb_result_bytes_written: fn(*mut c_void) -> u64;
    chdb_result_error: fn(*mut c_void) -> *const c_char;
    chdb_stream_insert_n: fn(*mut c_void, *const u8, usize, *const u8, usize) -> *mut c_void;
    chdb_stream_append: fn(*mut c_void, *const u8, usize) -> c_int;
    chdb_stream_done: fn(*mut c_void) -> *mut c_void;
    chdb_stream_cancel_insert: fn(*mut c_void);
    chdb_stream_insert_error: fn(*mut c_void) -> *const c_char;
    chdb_destroy_insert_stream: fn(*mut c_void);
}

/// The loaded library.
pub(crate) struct Chdb {
    symbols: Symbols,
}

impl Chdb {
    /// Loads the library for the rest of the process and keeps it from installing signal handlers.
    pub(crate) fn load(path: &OsStr) -> Result<&'static Self, LoadError> {
        let failed = |source| LoadError::Load { path: path.to_string_lossy().into_owned(), source };
        // SAFETY: loading runs the library's initialisers; the operator named this file as libchdb.
        let library = unsafe { Library::new(path) }.map_err(failed)?;
        // SAFETY: as above, and the library is leaked on the next line.
        let symbols = unsafe { Symbols::find(&library) }.map_err(failed)?;
        // The engine has threads of its own that outlive every connection.
        std::mem::forget(library);
        // SAFETY: takes a flag, may be called at any time.
        unsafe { (symbols.chdb_set_signal_handlers_enabled)(0) };
        Ok(Box::leak(Box::new(Self { symbols })))
    }

    /// Opens a connection. All connections of a process share one engine, and must name one path.
    pub(crate) fn connect(&'static self, path: &str) -> Result<Handle, LoadError> {
        let nul = |_| LoadError::Path(path.to_owned());
        let args = [CString::from(c"clickhouse"), CString::new(format!("--path={path}")).map_err(nul)?];
        let argv = args.each_ref().map(|arg| arg.as_ptr());
        // SAFETY: argv holds 2 NUL-terminated strings that outlive the call, which copies them.
        let connection = unsafe { (self.symbols.chdb_connect)(2, argv.as_ptr()) };
        // SAFETY: a non-null answer points to the handle, which is null if the engine refused.
        match NonNull::new(connection).filter(|outer| unsafe { !outer.read().is_null() }) {
            Some(connection) => Ok(Handle { chdb: self, connection }),
            None => Err(LoadError::Connect(path.to_owned())),
        }
    }
}

/// One connection: a session with its own settings and current database.
pub(crate) struct Handle {
    chdb: &'static Chdb,
    connection: NonNull<*mut c_void>,
}

// SAFETY: libchdb locks its connections; a handle has no thread affinity. It is not Sync here: one
// connection runs one statement at a time.
unsafe impl Send for Handle {}

impl Handle {
    /// Runs a statement to its end. `format` applies where the statement names none.
    pub(crate) fn query(&self, sql: &[u8], format: &str) -> QueryResult {
        // SAFETY: the connection is open; both buffers are valid for their length during the call.
        let raw = unsafe {
            (self.chdb.symbols.chdb_query_n)(
                self.connection.read(),
                sql.as_ptr(),
                sql.len(),
                format.as_ptr(),
                format.len(),
            )
        };
        QueryResult { chdb: self.chdb, raw }
    }

    /// Opens an insert. `sql` has no FORMAT clause: the library appends it.
    pub(crate) fn insert(&mut self, sql: &[u8], format: &str) -> InsertHandle<'_> {
        // SAFETY: as in `query`; the returned handle is never null and borrows this connection.
        let raw = unsafe {
            (self.chdb.symbols.chdb_stream_insert_n)(
                self.connection.read(),
                sql.as_ptr(),
                sql.len(),
                format.as_ptr(),
                format.len(),
            )
        };
        InsertHandle { connection: self, raw, open: true }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: opened by chdb_connect and closed once; streams borrow it and are gone by now.
        unsafe { (self.chdb.symbols.chdb_close_conn)(self.connection.as_ptr()) };
    }
}

/// What a statement left: its output or its error, and counters.
pub(crate) struct QueryResult {
    chdb: &'static Chdb,
    raw: *mut c_void,
}

// SAFETY: the result is plain memory that nothing else refers to.
unsafe impl Send for QueryResult {}
// SAFETY: the accessors only read.
unsafe impl Sync for QueryResult {}

/// What a statement read, returned and wrote, in rows and bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) result_rows: u64,
    pub(crate) result_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
}

impl QueryResult {
    /// The error, if the statement failed.
    pub(crate) fn error(&self) -> Option<String> {
        if self.raw.is_null() {
            return Some("the engine returned no result".to_owned());
        }
        // SAFETY: raw is a live result; a non-null error is a NUL-terminated string it owns.
        unsafe { text((self.chdb.symbols.chdb_result_error)(self.raw)) }
    }

    /// The output in the format of the statement.
    pub(crate) fn data(&self) -> &[u8] {
        if self.raw.is_null() {
            return &[];
        }
        // SAFETY: raw is a live result that owns length bytes at buffer until it is destroyed.
        unsafe {
            let length = (self.chdb.symbols.chdb_result_length)(self.raw);
            match NonNull::new((self.chdb.symbols.chdb_result_buffer)(self.raw).cast_mut()) {
                Some(buffer) if length > 0 => std::slice::from_raw_parts(buffer.as_ptr(), length),
                _ => &[],
            }
        }
    }

    /// Rows and bytes; zero for a result that failed.
    pub(crate) fn counters(&self) -> Counters {
        if self.raw.is_null() {
            return Counters::default();
        }
        let symbols = &self.chdb.symbols;
        // SAFETY: raw is a live result; these read numbers.
        unsafe {
            Counters {
                read_rows: (symbols.chdb_result_storage_rows_read)(self.raw),
                read_bytes: (symbols.chdb_result_storage_bytes_read)(self.raw),
                result_rows: (symbols.chdb_result_rows_read)(self.raw),
                result_bytes: (symbols.chdb_result_bytes_read)(self.raw),
                written_rows: (symbols.chdb_result_rows_written)(self.raw),
                written_bytes: (symbols.chdb_result_bytes_written)(self.raw),
            }
        }
    }
}

impl AsRef<[u8]> for QueryResult {
    fn as_ref(&self) -> &[u8] {
        self.data()
    }
}

impl Drop for QueryResult {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            // SAFETY: owned, and destroyed once.
            unsafe { (self.chdb.symbols.chdb_destroy_query_result)(self.raw) };
        }
    }
}

/// An insert that takes its rows in pieces. Dropped before `done`, it writes nothing of what the
/// engine has not committed yet: below one block (about a million rows, 256 MB) that is everything.
pub(crate) struct InsertHandle<'c> {
    connection: &'c mut Handle,
    raw: *mut c_void,
    open: bool,
}

impl InsertHandle<'_> {
    /// The error that the stream has met so far.
    pub(crate) fn error(&self) -> Option<String> {
        // SAFETY: raw is live until drop; a non-null error is a NUL-terminated string it owns.
        unsafe { text((self.connection.chdb.symbols.chdb_stream_insert_error)(self.raw)) }
    }

    /// Hands bytes over, blocking while the engine is behind. False: the stream has failed.
    pub(crate) fn append(&mut self, data: &[u8]) -> bool {
        // SAFETY: raw is live; the bytes are valid for their length and copied by the call.
        unsafe { (self.connection.chdb.symbols.chdb_stream_append)(self.raw, data.as_ptr(), data.len()) == 0 }
    }

    /// Ends the data and waits until the rows are stored or refused.
    pub(crate) fn done(mut self) -> QueryResult {
        self.open = false;
        // SAFETY: raw is live and was not ended before; the result is owned by the caller.
        let raw = unsafe { (self.connection.chdb.symbols.chdb_stream_done)(self.raw) };
        QueryResult { chdb: self.connection.chdb, raw }
    }
}

impl Drop for InsertHandle<'_> {
    fn drop(&mut self) {
        let symbols = &self.connection.chdb.symbols;
        // SAFETY: raw is live; cancelling joins the engine's worker; the handle is destroyed once.
        unsafe {
            if self.open {
                (symbols.chdb_stream_cancel_insert)(self.raw);
            }
            (symbols.chdb_destroy_insert_stream)(self.raw);
        }
    }
}

/// A C string as text; none where it is null or empty.
///
/// # Safety
/// A non-null pointer must lead to a NUL-terminated string.
unsafe fn text(raw: *const c_char) -> Option<String> {
    if raw.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for the string.
    let text = unsafe { CStr::from_ptr(raw) }.to_string_lossy().into_owned();
    (!text.is_empty()).then_some(text)
}
