//! A worker's two orders, which come on stdin: "go", and the end of stdin, which means stop.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::watch;

use crate::counts::Counts;
use crate::{Failure, Queue, print};

/// How often a worker says how far it is.
const REPORT: Duration = Duration::from_millis(50);
/// How long a worker may take to end once it was told; what is counted has been counted by then.
const ENDS: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Wait,
    Go,
    Stop,
}

/// What a worker waits at.
#[derive(Debug, Clone)]
pub struct Gate(watch::Receiver<Order>);

impl Gate {
    /// Says that all is prepared, and waits until all workers may begin.
    pub async fn ready(&mut self) {
        print(&json!({ "ready": true }));
        self.until(Order::Go).await;
    }

    /// Waits for the end.
    pub async fn stopped(&mut self) {
        self.until(Order::Stop).await;
    }

    async fn until(&mut self, order: Order) {
        // The other end lives as long as this process.
        let _gone = self.0.wait_for(|now| *now >= order).await;
    }
}

pub(crate) async fn work<Q: Queue>(url: &str, mode: &str, times: bool) -> Result<(), Failure> {
    let (orders, gate) = watch::channel(Order::Wait);
    let counts = Arc::new(Counts::new(times));
    tokio::spawn(listen(orders));
    tokio::spawn(report(Arc::clone(&counts)));
    let mut end = Gate(gate.clone());
    let late = async {
        end.stopped().await;
        tokio::time::sleep(ENDS).await;
    };
    tokio::select! {
        done = Q::work(url, mode, Gate(gate), Arc::clone(&counts)) => done?,
        () = late => eprintln!("it did not end within {ENDS:?} and is left as it is"),
    }
    say(&counts);
    if times {
        print(&json!({ "times": counts.times() }));
    }
    Ok(())
}

async fn listen(orders: watch::Sender<Order>) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(_)) = lines.next_line().await {
        orders.send_replace(Order::Go);
    }
    orders.send_replace(Order::Stop);
}

async fn report(counts: Arc<Counts>) {
    let mut said = 0;
    let mut due = tokio::time::interval(REPORT);
    loop {
        due.tick().await;
        if counts.total() != said {
            said = counts.total();
            say(&counts);
        }
    }
}

fn say(counts: &Counts) {
    print(&json!({ "ran": counts.total(), "first_us": counts.first_us() }));
}
