#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| backstay_isolate::fuzz::child_frame(data));
