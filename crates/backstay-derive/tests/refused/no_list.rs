use backstay_derive::Job;

#[derive(Job)]
#[job = "report"]
struct Report {
    month: String,
}

fn main() {}
