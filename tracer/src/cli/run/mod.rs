//! `tracer run`: arguments to Spec, the run, the report to its sinks, the exit code. Owns that
//! order; what each part does is elsewhere.

mod arguments;
mod request;

use std::path::Path;

pub use arguments::RunArguments;

use super::{Failure, exit};
use crate::{
    collect::Options,
    container::{Streams, spec::Spec},
    host,
    run::{self, RunOptions},
};

/// The command.
pub fn run(arguments: &RunArguments) -> Result<u8, Failure> {
    super::require_root()?;
    let host = host::read(Path::new("/")).map_err(|error| Failure::new(exit::ENVIRONMENT, error))?;
    let spec: Spec = request::spec(arguments, &host, "tracer-0123456789ab".to_owned())
        .map_err(|error| Failure::new(exit::USAGE, error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| Failure::new(exit::ERROR, error))?;
    let options = RunOptions {
        collect: Options {
            ring_bytes: arguments.report.ring_size,
            fallback: arguments.report.fallback_hooks,
            log: arguments.report.debug_ebpf,
            ..Options::for_this_process()
        },
        gate: arguments.security.gate.into(),
        streams: Streams::default(),
    };
    let outcome = runtime
        .block_on(run::execute(&spec, &host, options, |_| {}))
        .map_err(|error| Failure::new(exit::ERROR, error))?;
    for step in &outcome.session.steps {
        eprintln!("#{} {} {}[{}] {} {:?}", step.event.seq, step.event.time_ns, step.event.task.comm, step.event.task.tgid.0, step.event.body.name(), step.changes);
    }
    for item in &outcome.judgement.items {
        eprintln!("{:?} {} asked {} seen {} {:?} {:?}", item.verdict, item.id, item.asked, item.seen, item.reason, item.evidence);
    }
    eprintln!("{:?} {:?} {:?} {:?} {:?}", outcome.judgement.verdict, outcome.payload, outcome.session.attach, outcome.session.detach, outcome.total);
    eprintln!("{:?}", outcome.left_behind);
    Ok(0)
}
