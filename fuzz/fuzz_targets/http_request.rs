#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| backstay_web::fuzz::http_request(data));
