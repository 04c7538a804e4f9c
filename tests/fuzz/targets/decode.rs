//! Records of the kernel side, as they stand in the ring: every one decodes to something.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tracer_fuzz::decode(bytes));
