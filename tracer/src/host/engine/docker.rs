//! The interface that docker and podman's service have in common.

use std::{collections::BTreeMap, io, path::Path};

use http_body_util::{BodyExt as _, Limited};
use hyper::{Request, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;

/// Longest answer that is read, in bytes.
const LONGEST: usize = 4 << 20;

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
pub(super) async fn ask(socket: &Path, id: &str) -> io::Result<Option<BTreeMap<String, String>>> {
    // Ids come from paths of cgroups, which anybody may have named.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let Some(body) = get(socket, id).await? else {
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
