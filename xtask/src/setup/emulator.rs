//! QEMU: installed, or unpacked into the project where the system's other packages leave no room
//! for it. Owns where that is and how a program is run from there.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::apt::Apt;
use super::unpacked;
use crate::architecture::Architecture;
use crate::exit::Unable;
use crate::{route, shell};

const WHY: &str = "it boots the kernels that the tests are run on";
/// Where Debian's packages have libraries and firmware.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
const FIRMWARE: [&str; 2] = ["usr/share/qemu", "usr/share/seabios"];

/// How QEMU is run.
#[derive(Clone, Debug)]
pub struct Emulator {
    program: &'static str,
    /// The folder that it was unpacked into; none = it is installed.
    folder: Option<PathBuf>,
}

impl Emulator {
    /// The one that is there.
    pub fn find(architecture: Architecture) -> Result<Self> {
        let (program, package) = architecture.emulator();
        let mut folder = None;
        if route::find_program(program).is_none() {
            let unpacked = unpacked_into(package);
            if !unpacked.join("usr/bin").join(program).is_file() {
                bail!(Unable(format!("{program} is missing: {WHY}")));
            }
            folder = Some(unpacked);
        }
        Ok(Self { program, folder })
    }

    /// The program's path or name.
    pub fn program(&self) -> PathBuf {
        let unpacked = self.folder.as_ref();
        unpacked.map_or_else(
            || PathBuf::from(self.program),
            |folder| folder.join("usr/bin").join(self.program),
        )
    }

    /// What its environment must have for its libraries to be found.
    pub fn environment(&self) -> Option<(&'static str, OsString)> {
        let folder = self.folder.as_ref()?;
        let paths = LIBRARIES.map(|path| folder.join(path));
        let list = std::env::join_paths(paths).ok()?;
        Some(("LD_LIBRARY_PATH", list))
    }

    /// Arguments that name its firmware.
    pub fn arguments(&self) -> Vec<OsString> {
        let named = |folder: &PathBuf| {
            FIRMWARE
                .into_iter()
                .flat_map(|path| ["-L".into(), folder.join(path).into_os_string()])
                .collect()
        };
        self.folder.as_ref().map(named).unwrap_or_default()
    }
}

fn unpacked_into(package: &str) -> PathBuf {
    shell::root().join("target/vm").join(package)
}

/// Installs it if it is not there, or unpacks it.
pub fn ensure(architecture: Architecture) -> Result<()> {
    if Emulator::find(architecture).is_ok() {
        return Ok(());
    }
    let (program, package) = architecture.emulator();
    let mut apt = match Apt::find()? {
        Ok(apt) => apt,
        Err(unusable) => bail!(Unable(format!(
            "{program} is missing ({WHY}), and {}; install it and run this again",
            unusable.reason()
        ))),
    };
    let Err(error) = apt.install(&[package], WHY) else {
        return Ok(());
    };
    unpacked::unpack(package, &unpacked_into(package))
        .map_err(|second| error.context(format!("{package} cannot be unpacked either: {second:#}")))
}
