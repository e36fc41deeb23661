//! The installation: what is printed for people to run is what the program itself would have run.

use crate::{bare, desk};

#[test]
fn what_init_prints_installs_the_same_when_it_is_run_by_hand() {
    let Some(desk) = desk() else { return };
    desk.sql("drop schema backstay cascade");
    desk.run(&["migrate", "status"]).exits(1);
    let printed = bare(&["init", "--print"]).exits(0).out;
    desk.sql(&printed);
    desk.run(&["migrate", "status"]).exits(0);
    assert_eq!(
        desk.run(&["migrate", "plan", "--json"]).exits(0).json()["items"],
        serde_json::json!([])
    );
    desk.enqueue(&["report"]);
}
