use backstay_derive::Job;

#[derive(Job)]
#[job(kind = "report")]
struct Report<T> {
    month: T,
}

fn main() {}
