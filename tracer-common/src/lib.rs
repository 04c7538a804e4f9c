//! The wire contract: what the eBPF programs write and user space reads, and what user space
//! passes down once at load. Owns layouts only. It must stay `no_std`, without `unsafe`, and
//! depend on zerocopy alone, because both sides compile it.
#![no_std]
#![forbid(unsafe_code)]
#![allow(non_ascii_idents, reason = "names that the zerocopy derives generate")]

pub mod config;
pub mod header;
pub mod layout;
pub mod older;
pub mod record;

pub use config::{Config, Counter};
pub use header::{ABI_VERSION, Header, Kind, TaskId};
pub use layout::Layout;
