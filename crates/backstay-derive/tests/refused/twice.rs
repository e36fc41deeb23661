use backstay_derive::Job;

#[derive(Job)]
#[job(kind = "report")]
#[job(kind = "reports")]
struct Report {
    month: String,
}

fn main() {}
