//! The engine's floor, for the benchmark: a SmartModule by Fluvio's own macro that only echoes.

#[cfg(target_arch = "wasm32")]
mod guest {
    use fluvio_smartmodule::{RecordData, Result, SmartModuleRecord, smartmodule};

    #[smartmodule(map)]
    pub(crate) fn echo(record: &SmartModuleRecord) -> Result<(Option<RecordData>, RecordData)> {
        Ok((record.key.clone(), record.value.clone()))
    }
}
