//! Placeholder: what the tests share.
