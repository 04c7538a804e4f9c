//! `--listen`: metrics and health over HTTP. Owns addresses, paths and the server's thread, which answers also
//! while the reader stands still; what it tells is on the board.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, Request, Response, StatusCode, body::Incoming, header, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio::time::Interval;

use super::status::Board;
use crate::{
    audit::{exposition, status::ailment},
    cli::{Failure, exit},
};

/// A connection is closed after so long, whatever is done on it.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long nobody is answered after a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections at a time; others wait.
const CONNECTIONS: usize = 16;

/// Reads what `--listen` says: `ADDR:PORT`, or a port of the loopback interface.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse() {
        return Ok((IpAddr::from(Ipv4Addr::LOCALHOST), port).into());
    }
    text.parse().map_err(|_| {
        format!("`{text}` is no address with a port; write 127.0.0.1:9470, [::1]:9470, or 9470 for the loopback interface")
    })
}

/// Takes an address, before anything is attached.
pub fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let taken = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    taken.map_err(|error| {
        let text = format!(
            "listening on {address} failed: {error}; name another address with --listen, or end who has it (`ss -ltnp` tells)"
        );
        Failure::new(exit::ERROR, text)
    })
}

/// Answers until the program ends.
pub fn serve(listener: TcpListener, board: Arc<Board>) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(
            exit::ERROR,
            format!("starting the HTTP server failed: {error}"),
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener).map_err(failed)?
    };
    // It has nothing to finish when the program ends.
    drop(std::thread::spawn(move || {
        runtime.block_on(accept(listener, board));
    }));
    Ok(())
}

async fn accept(listener: tokio::net::TcpListener, board: Arc<Board>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut pauses = tokio::time::interval(PAUSE);
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let (stream, _) = taken(&mut pauses, async || listener.accept().await).await;
        let board = Arc::clone(&board);
        tokio::spawn(async move {
            let answer = service_fn(|request: Request<Incoming>| {
                let answered = answer(request.method(), request.uri().path(), &board);
                async { Ok::<_, Infallible>(answered) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answer);
            // Who sends nothing, or no HTTP, is not worth a word.
            let _ended = tokio::time::timeout(PATIENCE, connection).await;
            drop(permit);
        });
    }
}

/// What can be taken next. One that is gone before it was taken, or no descriptor left: the next may do, a
/// little later, as one that has no descriptor stays where it is and would be tried without end.
async fn taken<T>(pauses: &mut Interval, mut take: impl AsyncFnMut() -> io::Result<T>) -> T {
    loop {
        if let Ok(taken) = take().await {
            return taken;
        }
        pauses.reset();
        pauses.tick().await;
    }
}

fn answer(method: &Method, path: &str, board: &Board) -> Response<String> {
    if method != Method::GET && method != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
    }
    match path {
        "/metrics" => board.read(|latest| match latest {
            Some((status, _)) => {
                let mut response = plain(StatusCode::OK, exposition::text(status));
                let kind = header::HeaderValue::from_static(exposition::CONTENT_TYPE);
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
            None => not_started(),
        }),
        "/healthz" => board.read(|latest| match latest {
            Some((status, age)) => health(ailment(status, age)),
            // It is starting, which is no illness.
            None => health(None),
        }),
        "/readyz" => board.read(|latest| match latest {
            Some((status, age)) => health(ailment(status, age)),
            None => not_started(),
        }),
        "/version" => plain(
            StatusCode::OK,
            concat!(env!("CARGO_PKG_VERSION"), "\n").to_owned(),
        ),
        _ => plain(
            StatusCode::NOT_FOUND,
            "there are /metrics, /healthz, /readyz, /version\n".to_owned(),
        ),
    }
}

fn health(ailment: Option<String>) -> Response<String> {
    match ailment {
        None => plain(StatusCode::OK, "ok\n".to_owned()),
        Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

fn not_started() -> Response<String> {
    let text = "the hooks are not attached yet\n".to_owned();
    plain(StatusCode::SERVICE_UNAVAILABLE, text)
}

fn plain(status: StatusCode, text: String) -> Response<String> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_another_address_leaves_the_loopback_interface() {
        for text in ["9470", ":9470", "127.0.0.1:9470"] {
            let address = address(text).expect("an address");
            assert!(address.ip().is_loopback(), "{text}");
            assert_eq!(address.port(), 9470);
        }
        let any = address("0.0.0.0:1").expect("an address");
        assert!(any.ip().is_unspecified());
        assert!(address("localhost").expect_err("no port").contains("9470"));
    }

    /// Of the clock that tokio has for tests, which goes on when there is nothing else to do.
    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_taken_is_tried_again_after_a_pause_each() {
        const REFUSED: u32 = 10;
        let start = tokio::time::Instant::now();
        let mut pauses = tokio::time::interval(PAUSE);
        let mut tried = 0;
        let took = taken(&mut pauses, async || {
            tried += 1;
            if tried <= REFUSED {
                Err(io::Error::from_raw_os_error(nix::libc::EMFILE))
            } else {
                Ok(tried)
            }
        });
        assert_eq!(took.await, REFUSED + 1);
        assert_eq!(start.elapsed(), REFUSED * PAUSE);
        // One that can be taken waits for nothing.
        assert_eq!(taken(&mut pauses, async || Ok(7)).await, 7);
        assert_eq!(start.elapsed(), REFUSED * PAUSE);
    }

    #[test]
    fn before_the_hooks_are_attached_it_is_healthy_and_not_ready() {
        let board = Board::default();
        let code = |path: &str| answer(&Method::GET, path, &board).status().as_u16();
        assert_eq!((code("/healthz"), code("/readyz")), (200, 503));
        assert_eq!((code("/metrics"), code("/other")), (503, 404));
        let posted = answer(&Method::POST, "/metrics", &board).status();
        assert_eq!(posted, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        let first = listen(address("127.0.0.1:0").expect("any")).expect("a port");
        let taken = first.local_addr().expect("an address");
        let failure = listen(taken).expect_err("taken");
        assert!(
            failure.text.contains(&taken.to_string()),
            "{}",
            failure.text
        );
        assert!(failure.text.contains("in use"), "{}", failure.text);
    }
}
