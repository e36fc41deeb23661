#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| backstay_alert::fuzz::call_url(data));
