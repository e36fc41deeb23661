#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| backstay_alert::fuzz::mail_address(data));
