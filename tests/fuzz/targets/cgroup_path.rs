//! Paths of cgroups, and the lines of the kernel's files that have them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tracer_fuzz::cgroup_path(bytes));
