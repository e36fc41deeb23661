use backstay_derive::Job;

#[derive(Job)]
struct BigReport {
    month: String,
}

fn main() {}
