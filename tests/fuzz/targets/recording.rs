//! Recordings: whatever is in the file, reading and judging it ends with an outcome or an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tracer_fuzz::recording(bytes));
