//! What the programs say of themselves when built with the feature `log`; nothing of it is in
//! the default build.

use aya_log_ebpf::debug;
use tracer_common::Kind;

/// A record was asked for.
#[inline(always)]
pub fn record(kind: Kind, tgid: u32, submitted: bool) {
    if submitted {
        debug!((), "record of kind {} about task {}", kind.0, tgid);
    } else {
        debug!(
            (),
            "no room for a record of kind {} about task {}", kind.0, tgid
        );
    }
}
