//! The runtime on the real kernel, without the observer: what a payload finds inside, what is
//! refused and how, what is left afterwards. As root.

#[path = "launch/careless.rs"]
mod careless;
#[path = "launch/identity.rs"]
mod identity;
#[path = "launch/mounts.rs"]
mod mounts;
#[path = "launch/namespaces.rs"]
mod namespaces;
#[path = "launch/refusals.rs"]
mod refusals;
#[path = "launch/support.rs"]
mod support;
