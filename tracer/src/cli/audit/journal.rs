//! `--journald`: records as entries of the journal of systemd. Owns the socket; what an entry holds is
//! `audit::journal`'s.

use std::{
    fs::File,
    io::{self, IoSlice, Write as _},
    mem::MaybeUninit,
    os::{fd::AsFd as _, unix::net::UnixDatagram},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, sendmsg_addr},
};

/// Where it listens, unless another is named.
pub const SOCKET: &str = "/run/systemd/journal/socket";
/// A journal that takes nothing for so long is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(1);

/// The journal.
pub struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
    address: SocketAddrUnix,
}

impl Journal {
    /// The one that listens there.
    pub fn open(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let journal = Self {
            socket,
            path: path.to_owned(),
            address: SocketAddrUnix::new(path)?,
        };
        // Whether anybody listens is better known now than with the first record.
        UnixDatagram::unbound()?.connect(path)?;
        Ok(journal)
    }

    /// What it is called.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Sends one entry. It is addressed each time, so that a journal that was started anew gets it.
    pub fn send(&self, entry: &[u8]) -> io::Result<()> {
        match self.socket.send_to(entry, &self.path) {
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error()) =>
            {
                self.send_file(entry)
            }
            sent => sent.map(|_| ()),
        }
    }

    /// One that is too long for a datagram goes as a file in memory that nobody can change any more.
    fn send_file(&self, entry: &[u8]) -> io::Result<()> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let mut file = File::from(memfd_create("tracer", flags)?);
        file.write_all(entry)?;
        let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
        fcntl_add_seals(&file, seals)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let files = [file.as_fd()];
        if !control.push(SendAncillaryMessage::ScmRights(&files)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let nothing = [IoSlice::new(&[])];
        sendmsg_addr(
            &self.socket,
            &self.address,
            &nothing,
            &mut control,
            SendFlags::NOSIGNAL,
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_listens_that_is_known_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        assert!(Journal::open(&path).is_err());
        let listens = UnixDatagram::bind(&path).expect("a socket");
        let journal = Journal::open(&path).expect("somebody listens");
        journal.send(b"A=b\n").expect("taken");
        let mut entry = [0; 16];
        let length = listens.recv(&mut entry).expect("an entry");
        assert_eq!(&entry[..length], b"A=b\n");
    }
}
