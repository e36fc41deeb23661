use backstay_derive::Job;

#[derive(Job)]
#[job(kind = "")]
struct Report {
    month: String,
}

fn main() {}
