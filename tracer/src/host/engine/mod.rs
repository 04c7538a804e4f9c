//! What engines keep of their containers and no record of the kernel's has: labels. Owns which engines there are
//! and the asking of all; must not be taken for evidence of anything.

use std::{
    collections::BTreeMap,
    env,
    io::{self, ErrorKind},
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use tokio::time::timeout;

use crate::{
    sys::own_thread::{Ended, named},
    verdict::Labels,
};

mod containerd;
mod docker;

/// How long an engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which language an engine is asked in.
#[derive(Clone, Copy, Debug)]
enum Interface {
    /// Docker's, which podman's service has as well.
    Docker,
    Containerd,
}

/// How engines are asked, the variable that names each one's socket, and where that is without it. Who
/// stands on another engine comes before that one.
const ENGINES: [(Interface, &str, &str); 3] = [
    (Interface::Docker, "DOCKER_HOST", "/run/docker.sock"),
    (
        Interface::Docker,
        "CONTAINER_HOST",
        "/run/podman/podman.sock",
    ),
    (
        Interface::Containerd,
        "CONTAINERD_ADDRESS",
        "/run/containerd/containerd.sock",
    ),
];

/// Engines that can be asked.
#[derive(Clone, Debug)]
pub struct Engines(Vec<(Interface, PathBuf)>);

impl Engines {
    /// Those whose sockets are there; `None` without any.
    #[must_use]
    pub fn find() -> Option<Self> {
        let place = |(interface, variable, usual): (Interface, &str, &str)| {
            let path = match env::var(variable) {
                Ok(text) => interface.socket(&text)?,
                Err(_) => PathBuf::from(usual),
            };
            Some((interface, path))
        };
        let places = ENGINES.into_iter().filter_map(place);
        let there: Vec<_> = places.filter(|(_, path)| is_socket(path)).collect();
        (!there.is_empty()).then_some(Self(there))
    }

    /// Where they are looked for, in words.
    #[must_use]
    pub fn places() -> String {
        let places = ENGINES.map(|(_, variable, usual)| format!("{usual} or ${variable}"));
        places.join(", ")
    }

    /// The labels of the container of this id, by the first engine that has it.
    #[must_use]
    pub fn labels(&self, id: &str) -> Labels {
        let ask = || self.ask_all(id);
        let asked = thread::scope(|scope| scope.spawn(named(ask)).join());
        asked.map_or_else(
            |_| Labels::Unknown("the asking thread panicked".to_owned()),
            Ended::gone,
        )
    }

    fn ask_all(&self, id: &str) -> Labels {
        let mut reasons = Vec::new();
        for (interface, socket) in &self.0 {
            match interface.ask(socket, id) {
                Ok(Some(labels)) => return Labels::Are(labels),
                Ok(None) => reasons.push(format!("{} has no such container", socket.display())),
                Err(error) => reasons.push(format!("asking {} failed: {error}", socket.display())),
            }
        }
        Labels::Unknown(reasons.join("; "))
    }
}

impl Interface {
    /// The socket that a variable names; `None` = the engine is elsewhere, and makes no containers here.
    fn socket(self, text: &str) -> Option<PathBuf> {
        match (text.strip_prefix("unix://"), self) {
            (Some(path), _) => Some(PathBuf::from(path)),
            // Its own tools take a path alone.
            (None, Self::Containerd) => Some(PathBuf::from(text)),
            (None, Self::Docker) => None,
        }
    }

    /// `None` = the engine has no such container.
    fn ask(self, socket: &Path, id: &str) -> io::Result<Option<BTreeMap<String, String>>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let asked = async {
            match self {
                Self::Docker => timeout(PATIENCE, docker::ask(socket, id)).await,
                Self::Containerd => timeout(PATIENCE, containerd::ask(socket, id)).await,
            }
        };
        runtime
            .block_on(asked)
            .map_err(|_| io::Error::from(ErrorKind::TimedOut))?
    }
}

fn is_socket(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.file_type().is_socket())
}
