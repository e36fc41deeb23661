//! The HTTP API beside a worker, on a developer's machine, and where it only shows.

use super::*;

#[test]
fn a_worker_serves_it_too_and_ends_with_it() {
    let Some(mut site) = site_of(&["work", "--web"], &[("BACKSTAY_LOG", "off")]) else { return };
    let begun = Instant::now();
    while site.get("/api/v1/workers").json()["items"] == json!([]) {
        assert!(begun.elapsed() < Duration::from_secs(15), "the worker is not there");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(site.ask("POST", "/api/v1/queues/default/pause", &[], "").code(), "403 BS802");
    kill_process(Pid::from_child(&site.server), Signal::TERM).unwrap();
    assert!(site.server.wait().unwrap().success());
}

#[test]
fn where_one_develops_this_machine_acts_and_pages_of_others_do_not() {
    let Some(site) = site_of(&["dev"], &[]) else { return };
    let pause = |headers: &[(&str, &str)]| {
        site.ask("POST", "/api/v1/queues/default/pause", headers, "").code()
    };
    assert_eq!(pause(&[]), "200");
    assert_eq!(
        pause(&[("Origin", &format!("http://{}", site.at)), ("Sec-Fetch-Site", "same-origin")]),
        "403 BS807",
        "the page is of another name"
    );
    assert_eq!(pause(&[("Origin", "http://localhost"), ("Sec-Fetch-Site", "same-origin")]), "200");
    for attack in [
        [("Origin", "http://localhost:3000"), ("X-Old", "browser")],
        [("Origin", "http://localhost:3000"), ("Sec-Fetch-Site", "same-site")],
        [("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Site", "cross-site")],
        [("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
    ] {
        assert_eq!(pause(&attack), "403 BS807", "{attack:?}");
    }
    assert_eq!(pause(&[("X-Forwarded-For", "10.0.0.1")]), "401 BS801", "a proxy lets nobody in");
    assert_eq!(site.get("/api/v1/tokens").code(), "403 BS802", "an operator, and no admin");
}

#[test]
fn a_server_that_only_shows_lets_nobody_change_anything() {
    let Some(site) = site_of(&["serve", "--read-only"], &[]) else { return };
    let admin = site.token("admin,audit");
    for (verb, path, needs) in paths(&site.description()) {
        let code = site.by(&admin, &verb, &path, &Value::Null).code();
        let is_look = ["read", "audit"].contains(&needs.as_str());
        assert_eq!(code != "403 BS802", is_look, "{verb} {path}: {code}");
    }
}
