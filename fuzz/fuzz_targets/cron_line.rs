#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| backstay::fuzz::cron_line(data));
