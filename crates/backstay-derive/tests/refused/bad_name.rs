use backstay_derive::Job;

#[derive(Job)]
#[job(kind = "big report")]
struct Report {
    month: String,
}

fn main() {}
