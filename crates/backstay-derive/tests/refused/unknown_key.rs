use backstay_derive::Job;

#[derive(Job)]
#[job(queue = "reports")]
struct Report {
    month: String,
}

fn main() {}
