//! An OCI bundle's config.json: it is understood, or the error says why not.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tracer_fuzz::spec(bytes));
