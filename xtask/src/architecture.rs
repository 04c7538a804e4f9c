//! Processor architectures that guests have. Owns what differs between them; must not run anything.

/// One that kernels are listed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    /// By Debian's name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Amd64, Self::Arm64]
            .into_iter()
            .find(|one| one.name() == name)
    }

    /// Debian's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// What the compiler calls it.
    pub fn target(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// What the names of GNU's tools for it begin with.
    pub fn tools(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }

    /// QEMU's program for it, and the package that this is in.
    pub fn emulator(self) -> (&'static str, &'static str) {
        match self {
            Self::Amd64 => ("qemu-system-x86_64", "qemu-system-x86"),
            Self::Arm64 => ("qemu-system-aarch64", "qemu-system-arm"),
        }
    }

    /// The console that QEMU's first serial port is.
    pub fn console(self) -> &'static str {
        match self {
            Self::Amd64 => "ttyS0",
            Self::Arm64 => "ttyAMA0",
        }
    }

    /// What QEMU emulates, where it emulates the processor, too.
    pub fn machine(self) -> &'static [&'static str] {
        match self {
            // A kernel that is told of fast string instructions copies and clears memory by them, and the emulator
            // executes them a byte at a time.
            Self::Amd64 => &["-cpu", "max,-erms,-fsrm"],
            // Signing pointers by the architecture's own algorithm takes most of the time.
            Self::Arm64 => &["-machine", "virt", "-cpu", "max,pauth-impdef=on"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name_and_no_other_is() {
        for one in [Architecture::Amd64, Architecture::Arm64] {
            assert_eq!(Architecture::named(one.name()), Some(one));
        }
        assert_eq!(Architecture::named("armhf"), None);
    }
}
