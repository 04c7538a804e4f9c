//! What a service manager is told, by sd_notify(3)'s protocol: a datagram to the socket that `NOTIFY_SOCKET`
//! names. Owns the words and when the watchdog wants one; without that variable nothing is told.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::{
    ffi::OsStrExt as _,
    net::{SocketAddr, UnixDatagram},
};
use std::time::{Duration, Instant};

/// The service manager.
pub struct Manager {
    socket: Option<UnixDatagram>,
    /// Half of the time that the watchdog waits.
    every: Option<Duration>,
    due: Instant,
}

impl Manager {
    /// The one that has started this process, if one has and wants to be told.
    pub fn of_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name);
        let own = |pid: &OsStr| pid.to_str() == Some(&std::process::id().to_string());
        let watched = variable("WATCHDOG_PID").is_none_or(|pid| own(&pid));
        let time = variable("WATCHDOG_USEC").filter(|_| watched);
        Self::new(variable("NOTIFY_SOCKET").as_deref(), time.as_deref())
    }

    fn new(path: Option<&OsStr>, time: Option<&OsStr>) -> Self {
        let time: Option<u64> = time.and_then(|time| time.to_str()?.parse().ok());
        Self {
            socket: path.and_then(connected),
            every: time.map(|time| Duration::from_micros(time / 2)),
            due: Instant::now(),
        }
    }

    /// Whether and how often the watchdog wants a word.
    pub fn every(&self) -> Option<Duration> {
        self.every.filter(|_| self.socket.is_some())
    }

    /// Everything is attached.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// The configuration is read anew.
    pub fn reloaded(&self) {
        self.tell("STATUS=The configuration was read anew");
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// The reader has come by: tells the watchdog, if it is time to.
    pub fn alive(&mut self) {
        let now = Instant::now();
        if let Some(every) = self.every.filter(|_| now >= self.due) {
            self.due = now + every;
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, word: &str) {
        if let Some(socket) = &self.socket {
            // A manager that does not listen finds out by itself.
            let _unheard = socket.send(word.as_bytes());
        }
    }
}

fn connected(path: &OsStr) -> Option<UnixDatagram> {
    let address = match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(path),
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect_addr(&address.ok()?).ok()?;
    // Whatever the manager does, the reader does not wait for it.
    socket.set_nonblocking(true).ok()?;
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_is_told_and_its_watchdog_in_half_of_its_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let heard = UnixDatagram::bind(&path).expect("a socket");
        heard.set_nonblocking(true).expect("set");
        let next = || {
            let mut word = [0; 32];
            let length = heard.recv(&mut word).ok()?;
            Some(String::from_utf8_lossy(&word[..length]).into_owned())
        };
        let mut manager = Manager::new(Some(path.as_os_str()), Some(OsStr::new("60000000")));
        assert_eq!(manager.every(), Some(Duration::from_secs(30)));
        manager.ready();
        manager.alive();
        // Not again so soon.
        manager.alive();
        manager.stopping();
        let words: Vec<String> = std::iter::from_fn(next).collect();
        assert_eq!(words, ["READY=1", "WATCHDOG=1", "STOPPING=1"]);
    }

    #[test]
    fn where_nobody_wants_to_be_told_nothing_is() {
        let mut manager = Manager::new(None, Some(OsStr::new("1")));
        assert_eq!(manager.every(), None);
        manager.alive();
        assert!(
            Manager::new(Some(OsStr::new("/nowhere")), None)
                .socket
                .is_none()
        );
    }
}
