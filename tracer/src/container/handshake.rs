//! The parent's side of the conversation with init, as a state machine. Pure: bytes in, bytes out.
