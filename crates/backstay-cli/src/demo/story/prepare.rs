//! Sets the stage: database, schema, shop, API, the first worker, and the requests that never stop.

use std::time::{Duration, Instant};

use super::{Hand, Stage, Wanted};
use crate::cmd::connect;
use crate::cmd::private::{Place, with_database};
use crate::demo::folder::{self, SETTINGS};
use crate::demo::language::Language;
use crate::demo::parts::{Part, Surroundings};
use crate::demo::screen::Screen;
use crate::demo::sink::Sink;
use crate::demo::summary::grouped;
use crate::demo::trickle::Trickle;
use crate::demo::{ask, database, http, shop};
use crate::failure::Failure;
use crate::print::Printer;

/// The database that the demo makes anew.
const DATABASE: &str = "backstay_demo";
/// How long a worker may take until it lives.
const BOOT: Duration = Duration::from_secs(40);

impl<'a> Stage<'a> {
    pub(crate) async fn set(
        place: &Place,
        printer: &'a Printer,
        began: Instant,
    ) -> Result<Stage<'a>, Failure> {
        let mut screen = Screen::new(printer, began);
        screen.say(&place.how);
        let admin = database::make_anew(&place.url, DATABASE, "demo").await?;
        let url = with_database(&place.url, DATABASE);
        migrate(&url).await?;
        let db = database::dial(&url).await?;
        let (orders, is_small) = shop::bearable();
        if is_small {
            screen.say("less than 1 GiB of memory is free here: the shop is a quarter of its size");
        }
        let size = shop::make(&db, orders).await?;
        screen.say(format!(
            "a shop: {} orders with {} lines of {} customers, in the new database {DATABASE}",
            grouped(size.orders),
            grouped(size.lines),
            grouped(size.customers)
        ));
        let io = |error: std::io::Error| {
            Failure::new("BS999", "the demo cannot be set up").because(&error)
        };
        let (folder, language) = (folder::make().map_err(io)?, Language::find());
        let sink = Sink::open().await.map_err(io)?;
        folder::fill(&folder, language, &sink.address, &sink.secret).map_err(io)?;
        let here = Surroundings { folder: &folder, url: &url, sink: &sink.address };
        let mut shop_api = Part::start("api", &["api"], &here)?;
        let api_address = format!("127.0.0.1:{}", shop_api.first_line().await?);
        let trickle = Trickle::start(api_address.clone(), size.orders).map_err(io)?;
        let mut stage = Stage {
            _admin: admin,
            db,
            url,
            how: place.how.clone(),
            is_private: place.cluster.is_some(),
            folder,
            language,
            size,
            sink,
            shop_api,
            api: http::Client::new(api_address.clone()),
            api_address,
            workers: Vec::new(),
            trickle,
            screen,
            began,
            claims: Vec::new(),
            jobs: Vec::new(),
            orders: Vec::new(),
            wanted: Wanted::default(),
            idle: Default::default(),
            loaded: Default::default(),
        };
        stage.hire().await?;
        Ok(stage)
    }

    /// Starts one more worker, and waits until it lives.
    pub(super) async fn hire(&mut self) -> Result<(), Failure> {
        let number = self.workers.len() + 1;
        let here = Surroundings { folder: &self.folder, url: &self.url, sink: &self.sink.address };
        let words = ["worker", "--config", SETTINGS];
        let mut part = Part::start(&format!("worker-{number}"), &words, &here)?;
        let deadline = Instant::now() + BOOT;
        let id = loop {
            if let Some(id) = ask::worker_of(&self.db, part.pid).await? {
                break id;
            }
            if part.has_ended() || Instant::now() > deadline {
                let log = self.folder.join(format!("worker-{number}.log"));
                return Err(Failure::new(
                    "BS999",
                    format!("worker {number} of the demo did not start"),
                )
                .hint(format!("its log: {}", log.display())));
            }
            self.look().await?;
            tokio::time::sleep(super::LOOK).await;
        };
        self.workers.push(Hand { part, id, number });
        Ok(())
    }
}

async fn migrate(url: &str) -> Result<(), Failure> {
    let database =
        backstay::Database::connect(url).await.map_err(|error| connect::of_store(&error))?;
    backstay::migrate::up(&database, &backstay::migrate::Options::default())
        .await
        .map(drop)
        .map_err(|error| connect::of_migrate(&error))
}
