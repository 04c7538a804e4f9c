//! QEMU: installed, or unpacked into the project where the system's other packages leave no room
//! for it. Owns where that is and how a program is run from there.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::apt::Apt;
use super::unpacked;
use crate::exit::Unable;
use crate::{route, shell};

const PROGRAM: &str = "qemu-system-x86_64";
const PACKAGE: &str = "qemu-system-x86";
const WHY: &str = "it boots the kernels that the tests are run on";
/// Where Debian's packages have libraries and firmware.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
const FIRMWARE: [&str; 2] = ["usr/share/qemu", "usr/share/seabios"];

/// How QEMU is run.
#[derive(Clone, Debug, Default)]
pub struct Emulator {
    /// The folder that it was unpacked into; none = it is installed.
    folder: Option<PathBuf>,
}

impl Emulator {
    /// The one that is there.
    pub fn find() -> Result<Self> {
        if route::find_program(PROGRAM).is_some() {
            return Ok(Self::default());
        }
        let folder = folder();
        if !folder.join("usr/bin").join(PROGRAM).is_file() {
            bail!(Unable(format!("{PROGRAM} is missing: {WHY}")));
        }
        Ok(Self {
            folder: Some(folder),
        })
    }

    /// The program's path or name.
    pub fn program(&self) -> PathBuf {
        let unpacked = self.folder.as_ref();
        unpacked.map_or_else(
            || PathBuf::from(PROGRAM),
            |folder| folder.join("usr/bin").join(PROGRAM),
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

fn folder() -> PathBuf {
    shell::root().join("target/vm/qemu")
}

/// Installs it if it is not there, or unpacks it.
pub fn ensure() -> Result<()> {
    if Emulator::find().is_ok() {
        return Ok(());
    }
    let mut apt = match Apt::find()? {
        Ok(apt) => apt,
        Err(unusable) => bail!(Unable(format!(
            "{PROGRAM} is missing ({WHY}), and {}; install it and run this again",
            unusable.reason()
        ))),
    };
    let Err(error) = apt.install(&[PACKAGE], WHY) else {
        return Ok(());
    };
    unpacked::unpack(PACKAGE, &folder())
        .map_err(|second| error.context(format!("{PACKAGE} cannot be unpacked either: {second:#}")))
}
