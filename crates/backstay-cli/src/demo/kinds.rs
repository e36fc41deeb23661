//! The jobs of the shop: what they are called, what they carry, how they are retried.

use std::time::Duration;

use backstay::{Backoff, Contract, Job};
use serde::{Deserialize, Serialize};

/// The sales of one month by region, as a page with a chart.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// `YYYY-MM`
    pub(crate) month: String,
}

/// All order lines up to one, as a compressed file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Export {
    pub(crate) until: i64,
}

/// Some notifications of a campaign: those with these numbers, both included.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Notify {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// One mail.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
}

/// The payment of an order, at a provider that is down at first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) order: i64,
}

/// A fax to a number that nobody has any more.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fax {
    pub(crate) number: String,
}

/// The receipt of an order; a program in another language writes it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) order: i64,
    pub(crate) quantities: Vec<i32>,
    pub(crate) prices: Vec<i32>,
}

impl Job for Report {
    const KIND: &'static str = "report";
    fn contract() -> Contract {
        Contract::new().queue("reports")
    }
}

impl Job for Export {
    const KIND: &'static str = "export";
    fn contract() -> Contract {
        Contract::new().queue("exports")
    }
}

impl Job for Notify {
    const KIND: &'static str = "notify";
    fn contract() -> Contract {
        Contract::new().queue("notify")
    }
}

impl Job for Mail {
    const KIND: &'static str = "mail";
    fn contract() -> Contract {
        Contract::new().queue("mail")
    }
}

impl Job for Charge {
    const KIND: &'static str = "charge";
    fn contract() -> Contract {
        Contract::new().queue("errands").max_retries(5).backoff(Backoff::Exponential {
            first: CHARGE_FIRST,
            factor: CHARGE_FACTOR,
            cap: Duration::from_secs(60),
            jitter: CHARGE_JITTER,
        })
    }
}

/// The first wait of a charge that failed; short, since the demo is.
pub(crate) const CHARGE_FIRST: Duration = Duration::from_secs(1);
/// How much longer each wait is than the one before.
pub(crate) const CHARGE_FACTOR: f64 = 2.0;
/// By how much a wait varies.
pub(crate) const CHARGE_JITTER: f64 = 0.1;
/// How often the provider says no to a charge.
pub(crate) const CHARGE_FAILURES: u32 = 3;

/// Failures of a fax that are retried.
pub(crate) const FAX_RETRIES: u16 = 2;

impl Job for Fax {
    const KIND: &'static str = "fax";
    fn contract() -> Contract {
        let wait = Backoff::Fixed(Duration::from_millis(500));
        Contract::new().queue("errands").max_retries(FAX_RETRIES).backoff(wait)
    }
}

impl Job for Receipt {
    const KIND: &'static str = "receipt";
    fn contract() -> Contract {
        Contract::new().queue("receipts")
    }
}
