//! People who sign in with a browser, and those who would like to act in their name.

use super::*;

pub(crate) const OWN_PAGE: [(&str, &str); 2] =
    [("Origin", "http://localhost"), ("Sec-Fetch-Site", "same-origin")];

impl Site {
    /// Sends a form, as a browser does from a page with these headers.
    pub(crate) fn form(&self, path: &str, headers: &[(&str, &str)], form: &str) -> Answer {
        let mut text = format!("POST {path} HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n");
        for (name, value) in headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        let length = form.len();
        text += "Content-Type: application/x-www-form-urlencoded\r\n";
        self.raw(format!("{text}Content-Length: {length}\r\n\r\n{form}").as_bytes())
    }

    /// The cookie of a person who signs in with a token.
    pub(crate) fn sign_in(&self, token: &str) -> String {
        let answer = self.form("/login?next=queues", &OWN_PAGE, &format!("token={token}"));
        assert_eq!(answer.status, 303, "{answer:?}");
        assert!(answer.head.contains("location: queues\r\n"), "{}", answer.head);
        let cookie = answer.head.split("set-cookie: ").nth(1).unwrap().lines().next().unwrap();
        assert!(cookie.contains("httponly; samesite=strict"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }

    /// What a browser asks from a page of ours.
    pub(crate) fn with(&self, cookie: &str, verb: &str, path: &str) -> Answer {
        self.ask(verb, path, &[OWN_PAGE[0], OWN_PAGE[1], ("Cookie", cookie)], "")
    }
}

#[test]
fn a_person_signs_in_acts_under_a_name_and_signs_out() {
    let Some(site) = site(&[("BACKSTAY_WEB__AUTH", "token")]) else { return };
    let page = site.get("/login");
    assert!(page.status == 200 && page.head.contains("text/html"), "{page:?}");
    assert!(page.head.contains("form-action 'self'") && !page.body.contains("<style"), "{page:?}");
    let token = site.token("operate");
    let cookie = site.sign_in(&token);
    assert!(site.with(&cookie, "GET", "/login").body.contains("<strong>t</strong> (operator)"));
    assert_eq!(site.with(&cookie, "GET", "/api/v1/queues").status, 200);
    assert_eq!(site.with(&cookie, "POST", "/api/v1/queues/default/pause").status, 200);
    assert_eq!(site.with(&cookie, "GET", "/api/v1/tokens").code(), "403 BS802", "no admin");
    let other = site.sign_in(&token);
    let left = site.form("/logout", &[OWN_PAGE[0], OWN_PAGE[1], ("Cookie", &cookie)], "");
    assert!(left.status == 303 && left.head.contains("max-age=0"), "{left:?}");
    assert_eq!(site.with(&cookie, "GET", "/api/v1/queues").code(), "401 BS801");
    assert_eq!(site.with(&other, "GET", "/api/v1/queues").status, 200, "another browser stays in");
    // A session ends at once with the token that it began with.
    site.desk.run(&["tokens", "revoke", &token[4..12]]).exits(0);
    assert_eq!(site.with(&other, "GET", "/api/v1/queues").code(), "401 BS801");
    let id = &token[4..12];
    site.desk.sql(&format!(
        "do $$ begin
           assert (select source from backstay.audit where verb = 'pause') = 'web {id} t';
           assert (select count(*) from backstay.audit where verb = 'sign_in' and target = '{id}' and after ->> 'address' = '127.0.0.1') = 2;
           assert (select count(*) from backstay.audit where verb = 'sign_out' and target = '{id}') = 1;
           assert not exists (select from backstay.session s where '{cookie}{other}' like '%' || s.hash || '%');
         end $$"
    ));
}

#[test]
fn a_session_is_worth_nothing_to_pages_of_others() {
    let Some(site) = site(&[("BACKSTAY_WEB__AUTH", "token")]) else { return };
    let token = site.token("admin");
    let cookie = site.sign_in(&token);
    let attacks: [&[(&str, &str)]; 7] = [
        &[],
        &[("Origin", "http://localhost")],
        &[("Sec-Fetch-Site", "same-origin")],
        &[("Origin", "https://evil.org"), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", "null"), ("Sec-Fetch-Site", "same-origin")],
        // Another program on this machine: the same site, and another origin.
        &[("Origin", "http://localhost:3000"), ("Sec-Fetch-Site", "same-site")],
        &[
            ("Origin", "http://localhost"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Mode", "navigate"),
        ],
    ];
    let code = |headers: &[(&str, &str)], verb, path| {
        let headers: Vec<(&str, &str)> =
            headers.iter().copied().chain([("Cookie", cookie.as_str())]).collect();
        site.ask(verb, path, &headers, "").code()
    };
    for headers in attacks {
        for (verb, path) in [
            ("POST", "/api/v1/queues/default/pause"),
            ("PATCH", "/api/v1/jobs/1"),
            ("DELETE", "/api/v1/tokens/00000000"),
        ] {
            assert_eq!(code(headers, verb, path), "403 BS807", "{verb} {headers:?}");
        }
        // Nobody is signed in or out by such a page either.
        for path in ["/login", "/logout"] {
            let answer = site.form(path, headers, &format!("token={token}"));
            assert_eq!(answer.status, 403, "{path} {headers:?}");
            assert!(!answer.head.contains("set-cookie"), "{}", answer.head);
        }
    }
    assert_eq!(site.with(&cookie, "GET", "/api/v1/queues").status, 200);
    for wrong in [
        cookie.replace("backstay_session", "__Host-backstay"),
        format!("{cookie}; {cookie}"),
        format!("backstay_session={token}"),
        "backstay_session=".into(),
        format!("backstay_session={}", "0".repeat(64)),
        "backstay_session=' or ''='".into(),
    ] {
        assert_eq!(site.with(&wrong, "GET", "/api/v1/queues").code(), "401 BS801", "{wrong}");
    }
}

#[test]
fn who_guesses_at_the_sign_in_is_shut_out_and_the_audit_says_so() {
    let Some(site) = site(&[]) else { return };
    let enqueues = site.token("enqueue");
    let refused = site.form("/login", &OWN_PAGE, &format!("token={enqueues}"));
    assert_eq!(refused.status, 403, "a token that only enqueues has nothing to look at");
    let wrong = ["", "admin", "%00", &format!("bst_{}", "0".repeat(72)), "%3Cscript%3E"];
    let answers: Vec<Answer> = (0..11)
        .map(|n| {
            site.form("/login?next=%3Cscript%3E", &OWN_PAGE, &format!("token={}", wrong[n % 5]))
        })
        .collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!((&statuses[..10], statuses[10]), (&[401; 10][..], 429), "{statuses:?}");
    assert!(answers[10].head.contains("retry-after: "), "{}", answers[10].head);
    for answer in &answers {
        assert!(!answer.body.contains("<script") && answer.body.contains("role=\"alert\""));
    }
    let none = site.by(&format!("bst_{}", "1".repeat(72)), "GET", "/api/v1/jobs", &Value::Null);
    assert_eq!(none.code(), "429 BS803", "one patience for both doors");
    site.desk.sql(
        "do $$ begin
           assert (select count(*) from backstay.audit where verb = 'auth.failed' and affected = 0) = 10;
         end $$",
    );
}
