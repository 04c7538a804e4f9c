//! The object with all programs: made ready for the running kernel and loaded, as far as maps go. Owns the
//! choice of how the programs read; loading them is `attach`'s.

use aya::{Ebpf, EbpfLoader, VerifierLogLevel, programs::Program};
use zerocopy::IntoBytes as _;

use super::{
    CollectError, Options,
    cast::{Reads, ReadsChoice},
    configuration,
    hooks::LEFT_OUT,
    offsets::Offsets,
};

/// The object that tracer/build.rs built, whose programs read by instructions.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracer"));
/// The same whose programs read by the helper.
static BY_HELPER: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracer-helper"));

/// A program that does nothing but read by an instruction.
const PROBE: &str = "probe_reads";

/// Whether the kernel compiles programs; 0 = it interprets them. Only the first network namespace has it.
pub const COMPILED: &str = "/proc/sys/net/core/bpf_jit_enable";

/// Whether loading anything endangers the machine. The compiler of arm64 deals with some helpers by itself, so that
/// their calls are left as they are, and an interpreter that meets one jumps to nowhere: 6.12 panics
/// (`bpf_jit_inlines_helper_call()` in kernel/bpf/verifier.c asks for no compiler).
fn panics(architecture: &str, compiled: Option<&str>) -> Panics {
    match compiled.map(str::trim) {
        _ if architecture != "aarch64" => Panics::Never,
        Some("0") => Panics::Surely,
        Some(_) => Panics::Never,
        None => Panics::IfRefused,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Panics {
    Never,
    Surely,
    /// Nothing tells but the kernel: an interpreter takes no program that calls a function of the kernel. Those that have
    /// no such function to ask with, before 6.2, are older than what makes them panic.
    IfRefused,
}

/// Whether it was left out of the build.
pub const fn is_stub() -> bool {
    OBJECT.is_empty()
}

/// Loads it with the better way of reading that works, or the one that is asked for. Whether the kernel takes
/// the better one is asked of the kernel: it may have the function and no compiler for the programs that call
/// it.
pub fn load(
    loader: EbpfLoader<'_>,
    options: &Options,
    offsets: &Offsets,
) -> Result<(Ebpf, ReadsChoice), CollectError> {
    let compiled = std::fs::read_to_string(COMPILED).ok();
    let panics = panics(std::env::consts::ARCH, compiled.as_deref());
    if panics == Panics::Surely {
        return Err(CollectError::Interpreted);
    }
    let left_out = options.hooks.reads == Some(Reads::Helper);
    let cast = match &offsets.cast {
        _ if left_out && panics == Panics::Never => Err(LEFT_OUT.to_owned()),
        cast => cast.clone(),
    };
    let config = configuration::of(options);
    // It keeps what it is told by reference, and must not outlive it.
    let mut loader = loader;
    loader
        // Asked for only once a program was refused: why, and nothing of the way there.
        .verifier_log_level(VerifierLogLevel::STATS)
        .override_global("LAYOUT", offsets.layout.as_bytes(), true)
        .override_global("CONFIG", config.as_bytes(), true)
        .map_max_entries("RECORDS", options.ring_bytes)
        .map_max_entries("SCOPE", options.scope_groups)
        .map_max_entries("ELSEWHERE", options.outside_cgroups);
    let refused = match cast {
        Ok(cast) => {
            let words = cast
                .put_into(OBJECT)
                .ok_or(CollectError::Missing("call of a function of the kernel"))?;
            let mut ebpf = loader.load(words.as_bytes())?;
            match probe(&mut ebpf)? {
                Ok(()) if left_out => LEFT_OUT.to_owned(),
                Ok(()) => return Ok((ebpf, ReadsChoice::INSTRUCTION)),
                Err(why) if panics == Panics::IfRefused => {
                    return Err(CollectError::PerhapsInterpreted(why));
                }
                Err(why) => why,
            }
        }
        Err(why) => why,
    };
    if options.hooks.reads == Some(Reads::Instruction) {
        return Err(CollectError::Reads(refused));
    }
    Ok((loader.load(BY_HELPER)?, ReadsChoice::helper(refused)))
}

/// Loads the program and takes it back; the inner error is why the kernel would not.
fn probe(ebpf: &mut Ebpf) -> Result<Result<(), String>, CollectError> {
    let Some(Program::RawTracePoint(program)) = ebpf.program_mut(PROBE) else {
        return Err(CollectError::Missing(PROBE));
    };
    let loaded = program.load().and_then(|()| program.unload());
    Ok(loaded.map_err(|error| super::reason::chain(&error)))
}

#[cfg(test)]
mod tests {
    use super::{Panics, panics};

    #[test]
    fn an_interpreter_of_arm64_gets_nothing_to_load() {
        assert_eq!(panics("aarch64", Some("0\n")), Panics::Surely);
        assert_eq!(panics("aarch64", Some("1\n")), Panics::Never);
        assert_eq!(panics("aarch64", Some("2\n")), Panics::Never);
        // In another network namespace than the first.
        assert_eq!(panics("aarch64", None), Panics::IfRefused);
        assert_eq!(panics("x86_64", Some("0\n")), Panics::Never);
        assert_eq!(panics("x86_64", None), Panics::Never);
    }
}
