//! What the programs log, on standard error. Owns nothing but the way there.

use aya::Ebpf;
use aya_log::EbpfLogger;

use super::CollectError;

/// The reader of the programs' log.
pub struct Log(EbpfLogger<Stderr>);

impl Log {
    pub(super) fn open(ebpf: &mut Ebpf) -> Result<Self, CollectError> {
        EbpfLogger::init_with_logger(ebpf, Stderr)
            .map(Self)
            .map_err(|_| CollectError::Missing("AYA_LOGS"))
    }

    pub(super) fn print(&mut self) {
        self.0.flush();
    }
}

struct Stderr;

impl log::Log for Stderr {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        anstream::eprintln!("ebpf: {}", record.args());
    }

    fn flush(&self) {}
}
