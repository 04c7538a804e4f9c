//! A bug that is there on purpose: a harness that does not find it finds nothing.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tracer_fuzz::planted(bytes));
