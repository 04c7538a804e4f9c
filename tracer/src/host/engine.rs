//! What engines keep of their containers and no record of the kernel's has: labels. Owns the asking, over the
//! interface that docker and podman's service have in common; must not be taken for evidence of anything.

use std::{
    collections::BTreeMap,
    env, io,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use http_body_util::{BodyExt as _, Limited};
use hyper::{Request, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{net::UnixStream, time::timeout};

use crate::{
    sys::own_thread::{Ended, named},
    verdict::Labels,
};

/// How long an engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest answer that is read.
const LONGEST: usize = 4 << 20;
/// Variables that name an engine's socket, as `unix://PATH`, and where it is without them.
const SOCKETS: [(&str, &str); 2] = [
    ("DOCKER_HOST", "/run/docker.sock"),
    ("CONTAINER_HOST", "/run/podman/podman.sock"),
];

/// Engines that can be asked.
#[derive(Clone, Debug)]
pub struct Engines(Vec<PathBuf>);

impl Engines {
    /// Those whose sockets are there; `None` without any.
    #[must_use]
    pub fn find() -> Option<Self> {
        let place = |(variable, usual): (&str, &str)| match env::var(variable) {
            // An engine on another machine makes no containers here.
            Ok(text) => text.strip_prefix("unix://").map(PathBuf::from),
            Err(_) => Some(PathBuf::from(usual)),
        };
        let places = SOCKETS.into_iter().filter_map(place);
        let there: Vec<PathBuf> = places.filter(|path| is_socket(path)).collect();
        (!there.is_empty()).then_some(Self(there))
    }

    /// Where they are looked for, in words.
    #[must_use]
    pub fn places() -> String {
        let places = SOCKETS.map(|(variable, usual)| format!("{usual} or ${variable}"));
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
        for socket in &self.0 {
            match ask(socket, id) {
                Ok(Some(labels)) => return Labels::Are(labels),
                Ok(None) => reasons.push(format!("{} has no such container", socket.display())),
                Err(error) => reasons.push(format!("asking {} failed: {error}", socket.display())),
            }
        }
        Labels::Unknown(reasons.join("; "))
    }
}

fn is_socket(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.file_type().is_socket())
}

/// What is read of an answer.
#[derive(Deserialize)]
struct Inspected {
    #[serde(rename = "Id")]
    id: String,
    #[serde(rename = "Config")]
    config: Configuration,
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

/// `None` = the engine has no such container.
fn ask(socket: &Path, id: &str) -> io::Result<Option<BTreeMap<String, String>>> {
    // Ids come from paths of cgroups, which anybody may have named.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(async { timeout(PATIENCE, get(socket, id)).await });
    let Some(body) = answer.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? else {
        return Ok(None);
    };
    let inspected: Inspected = serde_json::from_slice(&body)?;
    // Engines take names and beginnings of ids as well.
    Ok((inspected.id == id).then(|| inspected.config.labels.unwrap_or_default()))
}

async fn get(socket: &Path, id: &str) -> io::Result<Option<Vec<u8>>> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("/containers/{id}/json"))
        .header(HOST, "engine")
        .body(String::new())
        .map_err(io::Error::other)?;
    let response = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    connection.abort();
    match status.as_u16() {
        200 => Ok(Some(body.map_err(io::Error::other)?.to_bytes().to_vec())),
        404 => Ok(None),
        other => Err(io::Error::other(format!("it answered {other}"))),
    }
}
