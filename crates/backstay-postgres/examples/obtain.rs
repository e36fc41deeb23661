//! Obtains a private cluster, says which one, and holds it until its input ends.
//!
//! `cargo run -p backstay-postgres --example obtain [shared | tests | own | FOLDER]`

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use backstay_postgres::{Cluster, Options, Where};

fn main() -> ExitCode {
    let options = match std::env::args().nth(1).as_deref() {
        None | Some("shared") => Options::shared(),
        Some("tests") => Options::tests(),
        Some("own") => Options::own(),
        Some(folder) => Options { data: Where::At(PathBuf::from(folder)), ..Options::shared() },
    };
    let cluster = match Cluster::obtain(options) {
        Ok(cluster) => cluster,
        Err(error) => {
            eprintln!("error[{}]: {error}\n{}", error.code(), error.help("this program"));
            return ExitCode::from(69);
        }
    };
    eprintln!("{}\n{}", cluster.how(), cluster.url("postgres"));
    let read = std::io::stdin().read_to_end(&mut Vec::new());
    match read
        .map_err(|error| error.to_string())
        .and_then(|_| cluster.release().map_err(|error| error.to_string()))
    {
        Ok(released) => eprintln!("{released:?}"),
        Err(error) => eprintln!("{error}"),
    }
    ExitCode::SUCCESS
}
