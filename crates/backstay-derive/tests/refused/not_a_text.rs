use backstay_derive::Job;

#[derive(Job)]
#[job(kind = 7)]
struct Report {
    month: String,
}

fn main() {}
