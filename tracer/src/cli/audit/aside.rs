//! Standard output beside other places, or of an audit that holds payloads: written by a thread of its own, so that a
//! reader that stands still holds up nobody. Owns how much waits for that reader, and for how long at the end.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{output::Unwritten, stream::Stream};

/// So many bytes wait at most; what comes while it is full is missing, until half of it has been read.
const ROOM: usize = 4 << 20;
/// At the end a reader has so long for a record.
const PATIENCE: Duration = Duration::from_secs(1);
/// And so long for all that it has not read.
const AT_MOST: Duration = Duration::from_secs(10);

/// What has become of a line of that many bytes.
struct Done {
    bytes: usize,
    outcome: Result<(), Unwritten>,
}

/// A stream whose writer waits in the audit's place.
pub struct Aside {
    /// `None` = at the end.
    to: Option<Sender<String>>,
    from: Receiver<Done>,
    /// On their way.
    lines: u64,
    bytes: usize,
    full: bool,
}

impl Aside {
    /// Starts the thread, which ends with the stream's reader or with this, and tells `trouble` of what could not
    /// be written.
    pub fn new<W: Write + Send + 'static>(
        mut stream: Stream<W>,
        trouble: Arc<Notify>,
    ) -> io::Result<Self> {
        let (to, lines) = channel::<String>();
        let (done, from) = channel();
        let writer = move || {
            for line in lines {
                let outcome = stream.write(&line);
                let failed = outcome.is_err();
                let closed = matches!(outcome, Err(Unwritten::Closed));
                let told = done.send(Done {
                    bytes: line.len(),
                    outcome,
                });
                if failed {
                    trouble.notify_one();
                }
                if closed || told.is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("stdout".to_owned())
            .spawn(writer)?;
        Ok(Self {
            to: Some(to),
            from,
            lines: 0,
            bytes: 0,
            full: false,
        })
    }

    /// Hands lines over, a record each. Tells what has become of earlier ones: whether one was written, or
    /// how many are missing.
    pub fn write(&mut self, lines: impl IntoIterator<Item = String>) -> Result<bool, Unwritten> {
        let mut result = Ok(false);
        while let Ok(done) = self.from.try_recv() {
            result = worse(result, self.settle(done));
        }
        for line in lines {
            result = worse(result, self.hand_over(line).map(|()| false));
        }
        result
    }

    fn hand_over(&mut self, line: String) -> Result<(), Unwritten> {
        self.full = if self.full {
            self.bytes > ROOM / 2
        } else {
            self.bytes + line.len() > ROOM
        };
        if self.full {
            let error = io::Error::new(io::ErrorKind::WouldBlock, "its reader stands still");
            return Err(Unwritten::Failed { missing: 1, error });
        }
        let bytes = line.len();
        let to = self.to.as_ref().ok_or(Unwritten::Closed)?;
        to.send(line).map_err(|_| Unwritten::Closed)?;
        self.bytes += bytes;
        self.lines += 1;
        Ok(())
    }

    fn settle(&mut self, done: Done) -> Result<bool, Unwritten> {
        self.bytes -= done.bytes;
        self.lines -= 1;
        done.outcome.map(|()| true)
    }

    /// The end: waits for the reader as long as it reads. Gives how many lines it has not read.
    pub fn end(&mut self) -> u64 {
        self.to = None;
        let until = Instant::now() + AT_MOST;
        let mut missing = 0;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.from.recv_timeout(left.min(PATIENCE)) {
                Ok(done) => {
                    if let Err(Unwritten::Failed { missing: more, .. }) = self.settle(done) {
                        missing += more;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return missing + self.lines;
                }
            }
        }
    }
}

/// Both together: a reader that is gone goes before what is missing, which adds up.
fn worse(one: Result<bool, Unwritten>, other: Result<bool, Unwritten>) -> Result<bool, Unwritten> {
    match (one, other) {
        (Err(Unwritten::Closed), _) | (_, Err(Unwritten::Closed)) => Err(Unwritten::Closed),
        (
            Err(Unwritten::Failed { missing, error }),
            Err(Unwritten::Failed { missing: more, .. }),
        ) => Err(Unwritten::Failed {
            missing: missing + more,
            error,
        }),
        (Err(failed), Ok(_)) | (Ok(_), Err(failed)) => Err(failed),
        (Ok(one), Ok(other)) => Ok(one || other),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, PipeReader};

    use super::*;

    const LINE: usize = 1 << 10;

    fn aside() -> (Aside, BufReader<PipeReader>) {
        let (reader, writer) = io::pipe().expect("a pipe");
        let aside = Aside::new(Stream::to(writer), Arc::default()).expect("a thread");
        (aside, BufReader::new(reader))
    }

    fn line(number: usize) -> String {
        format!("{number:0width$}\n", width = LINE - 1)
    }

    #[test]
    fn a_reader_that_stands_still_holds_up_nobody_and_what_it_misses_is_counted() {
        let (mut aside, mut reader) = aside();
        let all = 3 * ROOM / LINE;
        let mut missing = 0;
        for number in 0..all {
            match aside.write([line(number)]) {
                Ok(_) => {}
                Err(Unwritten::Failed { missing: more, .. }) => missing += more,
                Err(Unwritten::Closed) => panic!("closed"),
            }
        }
        assert!(missing > 0);
        // Not one more is taken before half of the room is free.
        assert!(aside.write([line(all)]).is_err());
        let mut read = 0;
        let reading = thread::spawn(move || {
            let mut text = String::new();
            while reader.read_line(&mut text).expect("a line") != 0 {
                let number: usize = text.trim().parse().expect("whole");
                assert_eq!(number, read);
                read += 1;
                text.clear();
            }
            read as u64
        });
        aside.to = None;
        assert_eq!(reading.join().expect("its end") + missing, all as u64);
        assert_eq!(aside.end(), 0);
    }

    #[test]
    fn at_the_end_a_reader_that_stands_still_is_not_waited_for() {
        let (mut aside, reader) = aside();
        let pipe = 64 << 10;
        for number in 0..2 * pipe / LINE {
            aside.write([line(number)]).expect("room");
        }
        let missing = aside.end();
        assert!(missing > 0, "{missing}");
        drop(reader);
    }

    #[test]
    fn a_reader_that_is_gone_is_told_of() {
        let (mut aside, reader) = aside();
        drop(reader);
        // It is the writer's thread that finds it out.
        let gone = (0..usize::MAX).any(|number| {
            let written = aside.write([line(number)]);
            matches!(written, Err(Unwritten::Closed))
        });
        assert!(gone);
    }
}
