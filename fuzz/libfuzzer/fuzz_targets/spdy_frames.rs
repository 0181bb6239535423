#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| skiff_fuzz::feed("spdy_frames", bytes));
