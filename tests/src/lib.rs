//! What tests of the kernel share: specs to start from, one way to run and spoil them, shells that stand still, independent readers. Owns no claims; must not look at a record.

pub mod binary;
pub mod cgroup;
pub mod condition;
pub mod edit;
pub mod fifo;
pub mod foreign;
pub mod held;
pub mod load;
pub mod need;
pub mod neutral;
pub mod number;
pub mod shell;
pub mod spec;
pub mod trial;

/// Fails where the tests of this package cannot be carried out: they never pass by testing
/// nothing. What they start inherits nothing but from them.
pub fn require_root() {
    close_inherited();
    assert!(
        rustix::process::geteuid().is_root(),
        "this test observes the kernel: it needs root"
    );
}

/// Closes descriptors that whoever started the tests has left open, once: the runtimes of tests
/// would hand them on to their payloads. This process opens all of its own with `O_CLOEXEC`.
fn close_inherited() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let names = std::fs::read_dir("/proc/self/fdinfo").expect("descriptors");
        let numbers = names.filter_map(|name| name.ok()?.file_name().to_str()?.parse::<i32>().ok());
        for number in numbers.filter(|number| *number > 2).collect::<Vec<_>>() {
            let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"));
            let flags = info.ok().and_then(|info| {
                let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
                i32::from_str_radix(flags.trim(), 8).ok()
            });
            if flags.is_some_and(|flags| flags & nix::libc::O_CLOEXEC == 0) {
                // One that is gone already needs no closing.
                let _gone = nix::unistd::close(number);
            }
        }
    });
}
