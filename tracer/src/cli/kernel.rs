//! What commands that observe may be told of the kernel: by which ways to attach, and where its
//! type information is. Owns names and help.

use std::path::PathBuf;

use clap::Args;

use crate::collect::{Options, wanted::Wants};

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Kernel")]
pub struct KernelArguments {
    /// By which way to attach hooks: tp_btf, raw_tp, fexit; for one hook as sys_exit=raw_tp, or
    /// task_newtask=none to leave it out. There is no other way then: a hook for which the kernel
    /// refuses it is missing, and what rests on it inconclusive (`tracer doctor` lists the hooks).
    /// reads=helper has the programs read as on kernels before 6.2
    #[arg(long, value_parser = wants, value_name = "LIST")]
    pub hooks: Option<Wants>,
    /// The running kernel's BTF, raw or as a section of an ELF file, in place of
    /// /sys/kernel/btf/vmlinux; without that there, no ids are known, so that hooks are attached by
    /// raw_tp alone and no container can be judged
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,
}

/// Named, so that clap knows the type of the error.
fn wants(text: &str) -> Result<Wants, String> {
    text.parse()
}

impl KernelArguments {
    /// Puts them into the usual.
    pub fn set(&self, mut options: Options) -> Options {
        options.hooks = self.hooks.unwrap_or_default();
        options.btf.clone_from(&self.btf);
        options
    }
}
