//! The parent's side of the conversation with init, as a state machine: one `go` down, `ready`
//! up, one `open` down, and after that the end of file that says that exec worked. Pure: bytes
//! in, bytes out; must not read a socket.

use thiserror::Error;

/// The byte that starts init's set-up.
pub const GO: u8 = b'g';
/// The byte that lets init go on to `execve`.
pub const OPEN: u8 = b'o';
/// Bytes of a message of init.
pub const MESSAGE_LEN: usize = 8;

/// "Step" of the message that says that init is at the gate.
const READY: u32 = u32::MAX;
/// "Step" of the message that says that `execve` failed.
const EXEC: u32 = u32::MAX - 1;

/// What init says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// It stands at the gate.
    Ready,
    /// A step of the plan failed.
    StepFailed {
        /// Index into the plan's steps.
        step: u32,
        /// The kernel's answer.
        errno: i32,
    },
    /// No candidate could be executed.
    ExecFailed {
        /// The kernel's answer.
        errno: i32,
    },
}

/// What the parent learns from a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Init said this.
    Said(Message),
    /// End of file behind the gate: exec worked, or a signal killed init in the instant before;
    /// the exec record and the exit status tell which.
    Executed,
    /// End of file before the gate was opened: init is gone.
    Gone,
}

/// Where the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Cloned,
    SettingUp,
    AtGate,
    Opened,
    Over,
}

/// Something that this conversation has no place for.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProtocolError {
    /// The parent is about to speak out of turn.
    #[error("{word} has no place in the conversation now: it is a bug of tracer, please report it")]
    OutOfTurn {
        /// Which word.
        word: &'static str,
    },
    /// A message that is none.
    #[error("init sent {length} bytes that are no message: something else holds its socket")]
    Garbled {
        /// How long it was.
        length: usize,
    },
}

/// The conversation.
#[derive(Debug)]
pub struct Handshake {
    phase: Phase,
}

impl Message {
    /// As it goes over the socket.
    #[must_use]
    pub const fn encode(self) -> [u8; MESSAGE_LEN] {
        let (step, errno) = match self {
            Self::Ready => (READY, 0),
            Self::StepFailed { step, errno } => (step, errno),
            Self::ExecFailed { errno } => (EXEC, errno),
        };
        let errno = errno.cast_unsigned() as u64;
        (errno << 32 | step as u64).to_le_bytes()
    }

    /// What came over the socket; `None` when it is no message.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; MESSAGE_LEN] = bytes.try_into().ok()?;
        let (step, errno) = bytes.split_at(MESSAGE_LEN / 2);
        let errno = i32::from_le_bytes(errno.try_into().ok()?);
        Some(match u32::from_le_bytes(step.try_into().ok()?) {
            READY => Self::Ready,
            EXEC => Self::ExecFailed { errno },
            step => Self::StepFailed { step, errno },
        })
    }
}

impl Default for Handshake {
    fn default() -> Self {
        Self::new()
    }
}

impl Handshake {
    /// Init has been cloned and waits for `go`.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: Phase::Cloned,
        }
    }

    /// The byte to send when everything that only the parent can do is done.
    pub fn go(&mut self) -> Result<u8, ProtocolError> {
        self.speak(Phase::Cloned, Phase::SettingUp, "go")
            .map(|()| GO)
    }

    /// The byte to send when the facts at the gate were judged.
    pub fn open(&mut self) -> Result<u8, ProtocolError> {
        self.speak(Phase::AtGate, Phase::Opened, "open")
            .map(|()| OPEN)
    }

    fn speak(&mut self, from: Phase, to: Phase, word: &'static str) -> Result<(), ProtocolError> {
        if self.phase != from {
            return Err(ProtocolError::OutOfTurn { word });
        }
        self.phase = to;
        Ok(())
    }

    /// The socket was reset: init ended without reading the last word.
    pub fn reset(&mut self) -> Heard {
        self.phase = Phase::Over;
        Heard::Gone
    }

    /// What a read gave; no bytes are the end of file.
    pub fn heard(&mut self, bytes: &[u8]) -> Result<Heard, ProtocolError> {
        let message = match (bytes, self.phase) {
            ([], Phase::Opened) => {
                self.phase = Phase::Over;
                return Ok(Heard::Executed);
            }
            ([], _) => {
                self.phase = Phase::Over;
                return Ok(Heard::Gone);
            }
            (bytes, _) => Message::decode(bytes).ok_or(ProtocolError::Garbled {
                length: bytes.len(),
            })?,
        };
        self.phase = match (message, self.phase) {
            (Message::Ready, Phase::SettingUp) => Phase::AtGate,
            (Message::StepFailed { .. }, Phase::SettingUp) => Phase::Over,
            (Message::ExecFailed { .. }, Phase::Opened) => Phase::Over,
            (Message::Ready, _) => {
                return Err(ProtocolError::OutOfTurn {
                    word: "init's ready",
                });
            }
            (Message::StepFailed { .. } | Message::ExecFailed { .. }, _) => {
                return Err(ProtocolError::OutOfTurn {
                    word: "init's failure",
                });
            }
        };
        Ok(Heard::Said(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_gate() -> Handshake {
        let mut handshake = Handshake::new();
        assert_eq!(handshake.go(), Ok(GO));
        let heard = handshake.heard(&Message::Ready.encode());
        assert_eq!(heard, Ok(Heard::Said(Message::Ready)));
        handshake
    }

    #[test]
    fn every_message_survives_the_wire() {
        for message in [
            Message::Ready,
            Message::StepFailed { step: 0, errno: 1 },
            Message::StepFailed {
                step: 77,
                errno: 13,
            },
            Message::ExecFailed { errno: 2 },
        ] {
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
    }

    #[test]
    fn end_of_file_behind_the_gate_means_executed() {
        let mut handshake = at_gate();
        assert_eq!(handshake.open(), Ok(OPEN));
        assert_eq!(handshake.heard(&[]), Ok(Heard::Executed));
    }

    #[test]
    fn end_of_file_before_the_gate_opened_means_gone() {
        assert_eq!(Handshake::new().heard(&[]), Ok(Heard::Gone));
        assert_eq!(at_gate().heard(&[]), Ok(Heard::Gone));
    }

    #[test]
    fn an_init_that_never_read_the_open_has_not_executed() {
        let mut handshake = at_gate();
        assert_eq!(handshake.open(), Ok(OPEN));
        assert_eq!(handshake.reset(), Heard::Gone);
    }

    #[test]
    fn the_gate_does_not_open_for_an_init_that_is_not_ready() {
        let mut handshake = Handshake::new();
        assert_eq!(
            handshake.open(),
            Err(ProtocolError::OutOfTurn { word: "open" })
        );
        assert_eq!(handshake.go(), Ok(GO));
        assert_eq!(
            handshake.open(),
            Err(ProtocolError::OutOfTurn { word: "open" })
        );
    }

    #[test]
    fn the_gate_opens_once() {
        let mut handshake = at_gate();
        assert_eq!(handshake.open(), Ok(OPEN));
        assert_eq!(
            handshake.open(),
            Err(ProtocolError::OutOfTurn { word: "open" })
        );
    }

    #[test]
    fn go_is_said_once() {
        let mut handshake = Handshake::new();
        assert_eq!(handshake.go(), Ok(GO));
        assert_eq!(handshake.go(), Err(ProtocolError::OutOfTurn { word: "go" }));
    }

    #[test]
    fn a_failed_step_ends_the_conversation() {
        let mut handshake = Handshake::new();
        assert_eq!(handshake.go(), Ok(GO));
        let failed = Message::StepFailed { step: 3, errno: 2 };
        assert_eq!(handshake.heard(&failed.encode()), Ok(Heard::Said(failed)));
        assert_eq!(
            handshake.open(),
            Err(ProtocolError::OutOfTurn { word: "open" })
        );
    }

    #[test]
    fn a_failed_exec_is_only_heard_behind_the_gate() {
        let failed = Message::ExecFailed { errno: 2 };
        let early = at_gate().heard(&failed.encode());
        assert_eq!(
            early,
            Err(ProtocolError::OutOfTurn {
                word: "init's failure"
            })
        );
        let mut handshake = at_gate();
        assert_eq!(handshake.open(), Ok(OPEN));
        assert_eq!(handshake.heard(&failed.encode()), Ok(Heard::Said(failed)));
    }

    #[test]
    fn bytes_that_are_no_message_are_not_taken_for_one() {
        assert_eq!(
            at_gate().heard(b"ready"),
            Err(ProtocolError::Garbled { length: 5 })
        );
    }
}
