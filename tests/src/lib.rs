//! What tests of the kernel share: specs to start from, one way to run and spoil them, shells that stand still, independent readers. Owns no claims; must not look at a record.

pub mod binary;
pub mod cgroup;
pub mod edit;
pub mod fifo;
pub mod foreign;
pub mod held;
pub mod shell;
pub mod spec;
pub mod trial;

/// Fails where the tests of this package cannot be carried out: they never pass by testing
/// nothing.
pub fn require_root() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test observes the kernel: it needs root"
    );
}
