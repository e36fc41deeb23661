#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| backstay::fuzz::http_answer(data));
