//! The pages for people, as a browser gets them.

use std::collections::BTreeSet;

use serde_json::json;

use super::web::login::OWN_PAGE;
use super::web::{Answer, HOURLY, Site, paths, site};

/// What a browser says of itself.
const BROWSER: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");

impl Site {
    fn page(&self, path: &str) -> String {
        let answer = self.ask("GET", path, &[BROWSER], "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(answer.head.contains("content-type: text/html; charset=utf-8"), "{answer:?}");
        answer.body
    }
}

/// The tags of a page, without their angles. Since text is escaped, each of them was meant.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()).collect()
}

/// The value of an attribute of a tag.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.split_once(&format!(" {name}=\""))?.1.split('"').next()
}

/// The addresses in a page that a browser would fetch or go to, as paths of the server.
fn addresses(path: &str, page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for tag in tags(page) {
        for name in ["href", "src", "action"] {
            let Some(to) = attribute(tag, name) else { continue };
            assert!(
                to.starts_with("./") || to.starts_with("../") || to.starts_with('#'),
                "{path}: {tag}"
            );
            if to.starts_with('#') || name == "action" {
                continue;
            }
            let mut parts: Vec<&str> = path.split('?').next().unwrap().split('/').collect();
            parts.pop();
            for part in to.replace("&amp;", "&").split('?').next().unwrap().split('/') {
                match part {
                    "." => {}
                    ".." => assert!(parts.len() > 1 && parts.pop().is_some(), "{path}: {tag}"),
                    part => parts.push(Box::leak(part.to_owned().into_boxed_str())),
                }
            }
            let query = to
                .split_once('?')
                .map_or(String::new(), |(_, query)| format!("?{}", query.replace("&amp;", "&")));
            found.insert(format!("{}{query}", parts.join("/")));
        }
    }
    found
}

/// Asks for all pages that a person can reach from the first by links; their texts by path.
fn walk(site: &Site) -> Vec<(String, String)> {
    let (mut open, mut seen) = (vec!["/".to_owned()], BTreeSet::from(["/".to_owned()]));
    let mut pages = Vec::new();
    while let Some(path) = open.pop() {
        let answer = site.ask("GET", &path, &[BROWSER], "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        if !answer.head.contains("text/html") {
            continue;
        }
        open.extend(addresses(&path, &answer.body).into_iter().filter(|to| {
            !to.starts_with("/login")
                && !to.starts_with("/errors/")
                && to != "/audit"
                && seen.insert(to.clone())
        }));
        pages.push((path, answer.body));
    }
    pages
}

/// That no script, style or frame of anybody gets into a page.
fn check_tags(path: &str, page: &str) {
    for tag in tags(page) {
        let name = tag.split([' ', '\n', '/']).next().unwrap().to_ascii_lowercase();
        assert!(
            !["style", "iframe", "object", "embed", "base", "img"].contains(&name.as_str()),
            "{path}: {tag}"
        );
        let inline =
            |part: &str| part.starts_with("on") && part.contains('=') || part.starts_with("style=");
        // Without the values of attributes, which are text.
        let bare: String = tag.split('"').step_by(2).collect();
        assert!(!bare.split_ascii_whitespace().skip(1).any(inline), "{path}: {tag}");
        assert!(name != "script" || attribute(tag, "src").is_some(), "{path}: {tag}");
    }
}

#[test]
fn every_page_answers_with_nothing_there_and_with_a_little_of_everything() {
    let Some(site) = site(&[]) else { return };
    let empty = walk(&site);
    let paths: Vec<&str> = empty.iter().map(|(path, _)| path.as_str()).collect();
    assert!(
        paths.contains(&"/") && paths.contains(&"/./jobs") || paths.contains(&"/jobs"),
        "{paths:?}"
    );
    let dead = fill(&site);
    let full = walk(&site);
    assert!(full.len() > empty.len(), "there are jobs to be walked to");
    assert!(full.iter().any(|(path, _)| *path == format!("/jobs/{dead}")));
    for (path, page) in empty.iter().chain(&full) {
        check_tags(path, page);
    }
    let head = site.ask("GET", "/", &[BROWSER], "").head;
    let policy =
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self';";
    assert!(head.contains(policy) && !head.contains("unsafe"), "{head}");
    for line in [
        "x-content-type-options: nosniff",
        "cache-control: no-store",
        "referrer-policy: same-origin",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
}

#[test]
fn a_queue_and_a_kind_have_pages_of_their_own_with_pictures_that_are_also_tables() {
    let Some(site) = site(&[]) else { return };
    site.desk.enqueue(&["report", "--queue", "mail"]);
    site.desk.die("report");
    site.desk.sql(
        "insert into backstay.figure
         select 5, date_bin('5 minutes', now(), '2000-01-01'), q, 'report', gen_random_uuid(), 4, 3, 0, 0, 1, 0, 0, 9, 9, 9, '{0,4}', '{4}', '{0,0,4}'
           from unnest(array['mail', 'default']) q",
    );
    let page = |path: &str| {
        let answer = site.ask("GET", path, &[BROWSER], "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        check_tags(path, &answer.body);
        answer.body
    };
    let queue = page("/queues/mail");
    assert!(
        queue.contains("aria-label=\"Throughput, last 24h: started at most 4, now 4;"),
        "{queue}"
    );
    assert!(queue.contains("Throughput as a table") && queue.contains("<path class=\"line ok"));
    let kind = page("/kinds/report?range=24h");
    assert!(kind.contains("success at most 75.0 %, now 75.0 %;"), "{kind}");
    assert!(kind.contains("last 24h: 8 attempts from 1.5 MiB to 2.2 MiB"), "{kind}");
    assert!(page("/?range=24h").contains("started at most 8, now 8;"));
    assert!(page("/").contains("Nothing was counted."), "by minute nothing stands there");
    for path in ["/queues/nobody", "/kinds/nobody"] {
        assert_eq!(site.ask("GET", path, &[BROWSER], "").status, 404);
    }
    assert_eq!(site.ask("GET", "/?range=2d", &[BROWSER], "").status, 422);
}

/// Something that would run, or leave its element, wherever a page took it for markup.
const EVIL: &str = "</pre></textarea>\"'><script>alert(1)</script><img src=x onerror=alert(2)>";

/// One dead letter that is hostile wherever it can be; its id.
fn fill(site: &Site) -> String {
    let args =
        json!({ EVIL: EVIL, "api_token": "sk-canary", "turned": "\u{202e}gnp.exe" }).to_string();
    let more = json!({ "group": EVIL, "tags": ["'\"><script>alert(3)</script>"], "meta": { "note": EVIL }, "unique": EVIL });
    site.desk.sql(&format!(
        "select backstay.enqueue('report', $a${args}$a$, $a${more}$a$);
         select backstay.enqueue('waits', '{{}}', '{{\"run_in\": \"1h\"}}');
         select backstay.bury(id, jsonb_build_object('reason', $a${EVIL}$a$)) from backstay.jobs where kind = 'report';"
    ));
    let shown = site.desk.run(&["jobs", "list", "--kind", "report", "--json"]).exits(0).json();
    shown["items"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_a_job_carries_stays_text_and_its_secrets_stay_hidden() {
    let Some(site) = site(&[]) else { return };
    let id = fill(&site);
    let page = site.page(&format!("/jobs/{id}"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(
        page.contains("\\u202e") && !page.contains('\u{202e}'),
        "what turns the writing is shown as what it is"
    );
    let evil: String = EVIL.bytes().map(|b| format!("%{b:02x}")).collect();
    let filtered = site.page(&format!("/jobs?group={evil}&kind=&state=dead"));
    assert!(
        filtered.contains(&format!("../jobs/{id}\""))
            || filtered.contains(&format!("./jobs/{id}\"")),
        "{filtered}"
    );
    for (path, page) in walk(&site).into_iter().chain([("filtered".into(), filtered)]) {
        check_tags(&path, &page);
        assert!(!page.contains("sk-canary"), "{path}: a secret is shown");
    }
}

#[test]
fn what_was_typed_above_leads_to_a_job_and_a_wrong_way_is_told_on_a_page() {
    let Some(site) = site(&[]) else { return };
    let place = |typed: &str| {
        let answer = site.ask("GET", &format!("/find?q={typed}"), &[BROWSER], "");
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().to_owned()
    };
    assert_eq!(
        (place("4187"), place("queue:mail")),
        ("jobs/4187".into(), "jobs?queue=mail".into())
    );
    for (path, status, code) in [
        ("/jobs/77", 404, "BS301"),
        ("/jobs/x", 404, "BS301"),
        ("/nowhere", 404, "BS301"),
        ("/jobs?limit=0", 422, "BS102"),
        ("/jobs?knid=a", 422, "BS101"),
        ("/jobs?cursor=1-1", 400, "BS806"),
    ] {
        let answer = site.ask("GET", path, &[BROWSER], "");
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(
            answer.body.contains(code) && answer.head.contains("text/html"),
            "{path}: {answer:?}"
        );
        check_tags(path, &answer.body);
    }
    assert_eq!(site.ask("DELETE", "/jobs", &[BROWSER], "").status, 405);
    let program = site.ask("GET", "/nowhere", &[], "");
    assert!(program.head.contains("application/problem+json"), "{program:?}");
}

#[test]
fn without_a_credential_pages_show_nothing_but_the_way_to_sign_in() {
    let Some(site) = site(&[("BACKSTAY_WEB__AUTH", "token")]) else { return };
    let id = fill(&site);
    for path in ["/".to_owned(), "/jobs".into(), format!("/jobs/{id}")] {
        let answer = site.ask("GET", &path, &[BROWSER], "");
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
        assert!(
            !answer.body.contains("report") && answer.body.contains("login?next="),
            "{path}: {answer:?}"
        );
    }
    let bearer = format!("Bearer {}", site.token("read"));
    assert_eq!(site.ask("GET", "/jobs", &[BROWSER, ("Authorization", &bearer)], "").status, 200);
    let asset = site.get("/assets/app.css");
    assert!(asset.status == 200 && asset.head.contains("immutable"), "{asset:?}");
}

/// What a form of ours says of itself, from a browser with this cookie.
fn send(site: &Site, cookie: &str, path: &str, form: &str) -> Answer {
    site.form(path, &[OWN_PAGE[0], OWN_PAGE[1], ("Cookie", cookie)], form)
}

fn place(answer: &Answer) -> &str {
    answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix("location: "))
        .unwrap_or_else(|| panic!("{answer:?}"))
}

#[test]
fn forms_do_what_the_api_does_and_go_back_to_where_they_stood() {
    let Some(site) = site(&[]) else { return };
    let cookie = site.sign_in(&site.token("operate"));
    let id = site.desk.enqueue(&["mail", "--run-in", "1h"]);
    let done = send(
        &site,
        &cookie,
        &format!("/do/jobs/{id}/edit"),
        "priority=2&run_in=&tags=a,+b&reason=why&back=jobs%3Fkind%3Dmail%26did%3Dx",
    );
    assert_eq!(
        (done.status, place(&done)),
        (303, "../../../jobs?kind=mail&did=edit.1.0"),
        "{done:?}"
    );
    let shown = site.desk.run(&["jobs", "show", &id, "--json"]).exits(0).json();
    assert_eq!((&shown["priority"], &shown["tags"]), (&2.into(), &json!(["a", "b"])));
    let page = site.with(&cookie, "GET", "/jobs?kind=mail&did=edit.1.0").body;
    assert!(page.contains("role=\"status\">Changed.<"), "{page}");
    let away = send(
        &site,
        &cookie,
        "/do/queues/mail/pause",
        "for_in=30m&cancel_running=true&back=//evil.org",
    );
    assert_eq!(place(&away), "../../../?did=pause.1.0", "{away:?}");
    assert!(site.page("/queues").contains("Paused by"));
    // What is ticked: the page says of how many the verb can be done, and the form means just those.
    let late = site.desk.enqueue(&["late", "{\"to\": \"ana\"}", "--run-in", "1h"]);
    let list = site.with(&cookie, "GET", "/jobs?with_args=ANA").body;
    assert!(list.contains(&format!("name=\"id\" value=\"{late}\"")), "{list}");
    assert!(!list.contains(&format!("name=\"id\" value=\"{id}\"")), "{list}");
    let page = site.with(&cookie, "GET", &format!("/bulk/promote?back=jobs&id={late}&id=999999"));
    assert!(page.body.contains("Promote 1 job") && page.body.contains("Of 2 jobs"), "{page:?}");
    let ticked = format!("verb=promote&filter=%7B%22id%22%3A%5B%22{late}%22%5D%7D&expect=1");
    let done = send(&site, &cookie, "/do/bulk", &format!("{ticked}&reason=now&back=jobs"));
    assert_eq!(place(&done), "../jobs?did=promote.1.0", "{done:?}");
    let none = site.with(&cookie, "GET", "/bulk/cancel?back=jobs");
    assert!(none.status == 422 && none.body.contains("nothing is ticked"), "{none:?}");
    site.desk.run(&["jobs", "cancel", &late]).exits(0);
    // Many: the page counts them, and the form says how many it means.
    let page = site.with(&cookie, "GET", "/bulk/cancel?kind=mail").body;
    assert!(
        page.contains("name=\"expect\" value=\"1\"") && page.contains("Cancel 1 job"),
        "{page}"
    );
    let filter = "verb=cancel&filter=%7B%22kind%22%3A%5B%22mail%22%5D%7D&expect=1";
    let refused = send(&site, &cookie, "/do/bulk", filter);
    assert!(refused.status == 422 && refused.body.contains("BS305"), "{refused:?}");
    let done = send(&site, &cookie, "/do/bulk", &format!("{filter}&reason=why&back=jobs"));
    assert_eq!(place(&done), "../jobs?did=cancel.1.0");
    let dead = site.desk.die("report");
    let done = send(&site, &cookie, &format!("/do/dead/{dead}/revive"), "reason=mended");
    assert_eq!((done.status, place(&done)), (303, "../../../?did=revive.1.0"));
    let done = send(&site, &cookie, &format!("/do/jobs/{dead}/bury"), "reason=again");
    assert_eq!(done.status, 303, "{done:?}");
    let fingerprint = site.by(&site.token("read"), "GET", "/api/v1/dead", &json!(null)).json();
    let fingerprint = fingerprint["items"][0]["fingerprint"].as_str().unwrap().to_owned();
    let group = format!("/do/dead/groups/{fingerprint}");
    let seen = send(
        &site,
        &cookie,
        &format!("{group}/acknowledge"),
        &format!("note=mine&back=dead/{fingerprint}"),
    );
    assert_eq!(place(&seen), format!("../../../../dead/{fingerprint}?did=acknowledge.1.0"));
    let group_page = site.page(&format!("/dead/{fingerprint}"));
    assert!(group_page.contains("acknowledged by t:"), "the token's name: {group_page}");
    let back = format!("back=dead/{fingerprint}");
    let owned =
        send(&site, &cookie, &format!("{group}/own"), &format!("owner=ana%20%3Cb%3E&{back}"));
    assert_eq!(place(&owned), format!("../../../../dead/{fingerprint}?did=own.1.0"), "{owned:?}");
    let group_page = site.page(&format!("/dead/{fingerprint}"));
    assert!(group_page.contains(">ana &lt;b&gt;</a>"), "{group_page}");
    assert!(site.page("/dead?owner=ana%20%3Cb%3E").contains(&fingerprint));
    assert!(site.page("/dead?owner=ben").contains("No group passes this filter"));
    assert_eq!(send(&site, &cookie, &format!("{group}/own"), "owner=").status, 303);
    assert!(site.page(&format!("/dead/{fingerprint}")).contains("<dt>owner</dt><dd>nobody</dd>"));
    // What is put aside is on a page of its own, with who did it, and can be brought back from there.
    let done = send(&site, &cookie, &format!("/do/dead/{dead}/discard"), "reason=old&back=dead");
    assert_eq!(place(&done), "../../../dead?did=discard.1.0", "{done:?}");
    let aside = site.page("/dead/discarded?kind=report");
    assert!(
        aside.contains(&format!("value=\"{dead}\"")) && aside.contains("title=\"t\""),
        "{aside}"
    );
    assert!(aside.contains(">in 6 days<") || aside.contains(">in 7 days<"), "{aside}");
    assert!(site.page("/dead/discarded?kind=other").contains("No discarded letter passes"));
    let restore = format!("verb=restore&filter=%7B%22id%22%3A%5B%22{dead}%22%5D%7D&expect=1");
    let done =
        send(&site, &cookie, "/do/bulk", &format!("{restore}&reason=back&back=dead/discarded"));
    assert_eq!(place(&done), "../dead/discarded?did=restore.1.0", "{done:?}");
    assert!(site.page("/dead/discarded").contains("Nothing is put aside"));
    let wrong = send(&site, &cookie, &format!("{group}/mute"), "for_in=soon");
    assert!(
        wrong.status == 422 && wrong.body.contains("BS102") && wrong.head.contains("text/html"),
        "{wrong:?}"
    );
    assert_eq!(send(&site, &cookie, "/do/queues/mail/resume", "reason=%3Cb%3Edone").status, 303);
    assert_eq!(
        site.with(&cookie, "GET", "/audit").status,
        403,
        "to act is not to look over shoulders"
    );
    let auditor = site.sign_in(&site.token("read,audit"));
    for page in ["/", "/audit?verb=resume"] {
        let seen = site.with(&auditor, "GET", page).body;
        assert!(seen.contains("&lt;b&gt;done") && seen.contains("web "), "{page}: {seen}");
        check_tags(page, &seen);
    }
    for page in ["/bulk/revive?kind=report", "/replays", "/alerts", "/workers?gone=true"] {
        check_tags(page, &site.page(page));
    }
}

#[test]
fn a_schedule_is_filled_in_from_its_page_after_a_look_at_the_ticks() {
    let Some(site) = site(&[]) else { return };
    site.desk.sql(HOURLY);
    assert!(site.page("/cron/hourly").contains("action=\"../cron/hourly/backfill\""));
    let look = site.page("/cron/hourly/backfill?from=5h&to=");
    check_tags("/cron/hourly/backfill", &look);
    assert!(look.contains("Back-fill 5 ticks?") && look.contains("<button disabled>"), "{look}");
    let cookie = site.sign_in(&site.token("operate"));
    let look = site.with(&cookie, "GET", "/cron/hourly/backfill?from=5h").body;
    assert!(!look.contains("disabled"), "{look}");
    let value = |name: &str| {
        let of = |tag: &&str| attribute(tag, "name") == Some(name);
        attribute(tags(&look).into_iter().find(of).unwrap(), "value").unwrap().replace(':', "%3A")
    };
    let (from, to, expect) = (value("from"), value("to"), value("expect"));
    let form = format!("from={from}&to={to}&expect={expect}&back=cron/hourly");
    let mute = send(&site, &cookie, "/do/cron/hourly/backfill", &form);
    assert!(mute.status == 422 && mute.body.contains("BS305"), "{mute:?}");
    let done = send(&site, &cookie, "/do/cron/hourly/backfill", &format!("{form}&reason=down"));
    assert_eq!(place(&done), "../../../cron/hourly?did=backfill.5.0", "{done:?}");
    assert!(site.page("/cron/hourly?did=backfill.5.0").contains(">5 jobs enqueued.</p>"));
    assert!(site.page("/cron/hourly/backfill?from=1s").contains("No tick lies in this span"));
    let wrong = site.ask("GET", "/cron/hourly/backfill", &[BROWSER], "");
    assert!(wrong.status == 422 && wrong.body.contains("needs a beginning"), "{wrong:?}");
}

#[test]
fn an_alert_is_taken_in_hand_on_its_page() {
    let Some(site) = site(&[]) else { return };
    site.desk.sql(
        "insert into backstay.message (made_at, due_at, next_try_at, delivered_at, count, rule, subject, channel, dedupe_key, body)
         values (now(), now(), now(), now(), 1, 'cron_missed', 'nightly', 'team', 'k', '{\"state\": \"open\", \"title\": \"it was missed\"}')",
    );
    let cookie = site.sign_in(&site.token("operate"));
    let form = "/do/alerts/1/acknowledge";
    assert!(site.page("/alerts").contains("do/alerts/1/acknowledge"));
    let done = send(&site, &cookie, form, "reason=known&back=alerts");
    assert_eq!(place(&done), "../../../alerts?did=acknowledge.1.0", "{done:?}");
    let page = site.page("/alerts");
    assert!(page.contains("acknowledged by t <time") && !page.contains(form), "{page}");
    assert_eq!(send(&site, &cookie, "/do/alerts/99/acknowledge", "").status, 404);
}

/// Who may see a page, and who may send a form: `v` viewer, `o` operator, `a` admin, `u` auditor.
const MAY: &[(&str, &str, &str)] = &[
    ("GET", "/", "voa"),
    ("GET", "/jobs", "voa"),
    ("GET", "/jobs/1", "voa"),
    ("GET", "/bulk/default?kind=mail", "voa"),
    ("GET", "/dead", "voa"),
    ("GET", "/dead/discarded", "voa"),
    ("GET", "/dead/0a0a0a0a", "voa"),
    ("GET", "/queues", "voa"),
    ("GET", "/queues/default", "voa"),
    ("GET", "/kinds", "voa"),
    ("GET", "/kinds/default", "voa"),
    ("GET", "/cron", "voa"),
    ("GET", "/cron/default", "voa"),
    ("GET", "/cron/default/backfill?from=1h", "voa"),
    ("GET", "/workers", "voa"),
    ("GET", "/alerts", "voa"),
    ("GET", "/replays", "voa"),
    ("GET", "/replays/1", "voa"),
    ("GET", "/find?q=mail", "voa"),
    ("GET", "/audit", "u"),
    ("POST", "/do/jobs/1/edit", "oa"),
    ("POST", "/do/jobs/1/cancel", "oa"),
    ("POST", "/do/jobs/1/promote", "oa"),
    ("POST", "/do/jobs/1/bury", "oa"),
    ("POST", "/do/dead/1/revive", "oa"),
    ("POST", "/do/dead/1/discard", "oa"),
    ("POST", "/do/dead/1/restore", "oa"),
    ("POST", "/do/dead/groups/0a0a0a0a/acknowledge", "oa"),
    ("POST", "/do/dead/groups/0a0a0a0a/own", "oa"),
    ("POST", "/do/dead/groups/0a0a0a0a/mute", "oa"),
    ("POST", "/do/bulk", "oa"),
    ("POST", "/do/bulk/1/stop", "oa"),
    ("POST", "/do/bulk/1/resume", "oa"),
    ("POST", "/do/queues/default/pause", "oa"),
    ("POST", "/do/queues/default/resume", "oa"),
    ("POST", "/do/kinds/default/pause", "oa"),
    ("POST", "/do/kinds/default/resume", "oa"),
    ("POST", "/do/cron/default/pause", "oa"),
    ("POST", "/do/cron/default/resume", "oa"),
    ("POST", "/do/cron/default/run", "oa"),
    ("POST", "/do/cron/default/backfill", "oa"),
    ("POST", "/do/workers/1/drain", "oa"),
    ("POST", "/do/alerts/1/acknowledge", "oa"),
    ("POST", "/do/alerts/channels/default/test", "oa"),
];

#[test]
fn each_role_sees_its_pages_and_sends_its_forms_and_no_other() {
    let Some(site) = site(&[("BACKSTAY_WEB__AUTH", "token")]) else { return };
    let cookie = |scope: &str| site.sign_in(&site.token(scope));
    let roles = [("v", "read"), ("o", "operate"), ("a", "admin"), ("u", "audit")];
    let roles = roles.map(|(letter, scope)| (letter, cookie(scope)));
    for (verb, path, may) in MAY {
        let ask = |cookie: &str| match *verb {
            "GET" => site.with(cookie, "GET", path).status,
            _ => send(&site, cookie, path, "").status,
        };
        assert_eq!(ask(""), 401, "{verb} {path} for nobody");
        for (letter, cookie) in &roles {
            let status = ask(cookie);
            assert_eq!(status != 403, may.contains(letter), "{verb} {path} for {letter}: {status}");
            assert!(status != 401 && status < 500, "{verb} {path} for {letter}: {status}");
        }
    }
}

#[test]
fn the_table_of_roles_has_every_page_and_every_form() {
    let Some(site) = site(&[]) else { return };
    let has = |wanted: &str| MAY.iter().any(|(_, path, _)| path.split('?').next() == Some(wanted));
    let filled = |path: &str| {
        let path = path.replace("{id}", "1").replace("{fingerprint}", "0a0a0a0a");
        path.replace("{name}", "default").replace("{verb}", "default")
    };
    let pages = include_str!("../../../backstay-web/src/page.rs");
    let pages: Vec<&str> =
        pages.split("page(\"").skip(1).filter_map(|it| it.split('"').next()).collect();
    assert!(pages.len() >= 19, "{pages:?}");
    for page in pages {
        assert!(has(&filled(page)), "{page} stands in no line");
    }
    let described = site.get("/api/v1/openapi.json").json();
    for (verb, path, needs) in paths(&described) {
        if needs == "operate" {
            let path = path.replace("/api/v1", "/do");
            let form = if verb == "PATCH" { format!("{path}/edit") } else { path };
            assert!(has(&form), "{form} stands in no line");
        }
    }
}

#[test]
fn an_auditor_signs_in_and_is_led_to_the_audit_and_nowhere_else() {
    let Some(site) = site(&[("BACKSTAY_WEB__AUTH", "token")]) else { return };
    let token = site.token("audit");
    let landed = site.form("/login", &OWN_PAGE, &format!("token={token}"));
    assert_eq!((landed.status, place(&landed)), (303, "./audit"), "{landed:?}");
    let cookie = site.sign_in(&token);
    let page = site.with(&cookie, "GET", "/audit");
    assert!(page.status == 200 && page.body.contains("sign_in"), "{page:?}");
    assert!(page.body.contains("title=\"auditor\""), "{}", page.body);
    // Nothing on it leads where an auditor may not go.
    for to in addresses("/audit", &page.body) {
        let path = to.split('?').next().unwrap();
        let is_open = path.starts_with("/assets/") || path == "/login";
        assert!(is_open || path == "/audit", "{to}");
    }
    let denied = site.with(&cookie, "GET", "/jobs");
    assert!(denied.status == 403 && !denied.body.contains("href=\"./workers"), "{denied:?}");
    assert!(denied.body.contains("href=\"./audit\" data-key"), "{denied:?}");
    let account = site.with(&cookie, "GET", "/login").body;
    assert!(account.contains("(auditor)") && account.contains("href=\"./audit\""), "{account}");
    // Together with another scope it is that role, which sees the audit as well.
    let both = site.sign_in(&site.token("read,audit"));
    assert_eq!(site.with(&both, "GET", "/").status, 200);
    assert_eq!(site.with(&both, "GET", "/audit").status, 200);
}

#[test]
fn no_form_acts_for_a_page_of_others_or_for_whoever_may_not() {
    let Some(site) = site(&[]) else { return };
    let (viewer, operator) =
        (site.sign_in(&site.token("read")), site.sign_in(&site.token("operate")));
    let (id, dead) = (site.desk.enqueue(&["mail"]), site.desk.die("report"));
    let paths = [
        format!("/do/jobs/{id}/cancel"),
        format!("/do/dead/{dead}/revive"),
        "/do/queues/mail/pause".into(),
    ];
    for path in &paths {
        for headers in [
            &[("Cookie", operator.as_str())][..],
            &[
                ("Cookie", operator.as_str()),
                ("Origin", "https://evil.org"),
                ("Sec-Fetch-Site", "cross-site"),
            ],
            &[("Cookie", operator.as_str()), ("Origin", "null"), ("Sec-Fetch-Site", "same-origin")],
        ] {
            let answer = site.form(path, headers, "reason=x");
            assert!(
                answer.status == 403 && answer.body.contains("BS807"),
                "{path} {headers:?}: {answer:?}"
            );
        }
        for cookie in ["", &viewer] {
            let answer = send(&site, cookie, path, "reason=x");
            assert!(answer.status == 403 && answer.body.contains("BS802"), "{path}: {answer:?}");
        }
        assert_eq!(site.get(path).status, 405, "{path}");
    }
    let other_args = send(&site, &operator, &paths[1], "args=%7B%7D&reason=x");
    assert!(other_args.status == 403 && other_args.body.contains("admin"), "{other_args:?}");
    let untouched = site.desk.run(&["jobs", "list", "--json"]).exits(0).json();
    let states: BTreeSet<&str> = untouched["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, BTreeSet::from(["dead", "ready"]));
    let page = site.page(&format!("/jobs/{id}"));
    assert!(page.contains("<button disabled>") && !page.contains("<button>Cancel"), "{page}");
    let page = site.with(&operator, "GET", &format!("/jobs/{id}")).body;
    assert!(page.contains("<button>Cancel it</button>"), "{page}");
    assert_eq!(
        site.form("/do/tokens", &OWN_PAGE, "name=x").status,
        404,
        "tokens are made elsewhere"
    );
}
