//! `sched_process_exec`: the birth certificate, at the one instant where nothing of the payload
//! has run and nothing of the runtime is left.

use tracer_common::{Kind, record::CertificateRecord};

use super::Arguments;
use crate::{
    certificate, device,
    emit::emit,
    hold, host,
    kernel::{self, config, known, offset},
    lineage, scope,
};

/// Records the certificate of a task in scope; where the whole host is observed, of one that is
/// elsewhere or marked, and whom it descends from.
#[inline(always)]
pub fn sched_process_exec(arguments: Arguments) {
    // Whoever executes is the current task (fs/exec.c, `exec_binprm`).
    let task = kernel::current();
    let tgid = scope::tgid(task);
    if config!(host) != 0 {
        let marked = host::executes(tgid);
        if marked.is_none() {
            if !host::is_elsewhere(task) {
                return;
            }
            let leader = kernel::pointer(task, offset!(task_group_leader));
            host::told(tgid, kernel::read(leader, offset!(task_start_boottime)));
        }
        let moved = marked.unwrap_or(false);
        // First, so that it is known when the exec is.
        if moved || lineage::is_first(task) {
            lineage::record(task);
        }
    } else if !scope::contains(tgid) {
        return;
    }
    let old_tid = arguments.get::<1>() as u32;
    let bprm = arguments.address::<2>();
    device::programs(task);
    let recorded = emit::<CertificateRecord>(Kind::EXEC, task, |record| {
        record.old_tid = old_tid;
        certificate::certify(&mut record.certificate, task);
        if known!(binprm_filename) {
            let name = kernel::pointer(bprm, offset!(binprm_filename));
            kernel::string(&mut record.certificate.filename, name);
        }
        record.hold = hold::hold(&record.certificate.namespaces, task, tgid);
    });
    if !recorded {
        hold::lost(task, tgid);
    }
}
