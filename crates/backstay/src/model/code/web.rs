//! Codes 8xx: what can be wrong with a request to the HTTP API.

use super::Code;

pub(super) const CODES: &[Code] = &[
    Code {
        code: "BS801",
        name: "unauthenticated",
        status: Some(401),
        title: "the HTTP API does not know who asks",
        meaning: "The request has no token, or one that is unknown, has expired or was revoked; which of \
                  these is not said.",
        causes: &[
            "no header `Authorization: Bearer bst_...`",
            "a token that was cut off when it was copied",
            "a token past its `expires_in`, 90 days unless somebody said otherwise",
            "a token of another installation",
        ],
        remedy: "Make a token with `backstay tokens create`; `backstay tokens list` shows those there are \
                 and when each was used last.",
        example: "$ curl -H \"Authorization: Bearer $BACKSTAY_TOKEN\" http://127.0.0.1:7432/api/v1/jobs",
    },
    Code {
        code: "BS802",
        name: "out_of_scope",
        status: Some(403),
        title: "this token may not do that",
        meaning: "Every path of the HTTP API names the scope that it needs: `read`, `operate`, `admin`, \
                  `audit`, or `enqueue`, perhaps for one queue. `operate` includes `read` and `enqueue`, \
                  `admin` includes `operate`.",
        causes: &[
            "a token with `read` that is used to change something",
            "a request without any token, which may look on this machine and change nothing",
            "a server that only shows: `--read-only`, or `read_only` below [web]",
            "a token for one queue, and a job that does not name that queue in its options",
        ],
        remedy: "Use another token, or make one with the scope that the answer names.",
        example: "$ backstay tokens create --name deploy --scope operate --expires-in 30d",
    },
    Code {
        code: "BS803",
        name: "too_many_requests",
        status: Some(429),
        title: "there are too many requests for now",
        meaning: "A token has 100 requests a second, a client that sent wrong tokens waits before it may try \
                  again, and the number of open streams is bounded. The answer says when to come back.",
        causes: &[
            "a loop that asks without waiting; `GET /api/v1/events` tells without being asked",
            "a client with an old token that tries again and again",
            "many open pages or `?follow` streams on one server",
        ],
        remedy: "Wait for as long as `Retry-After` says. Jobs are enqueued by the thousand with \
                 `POST /api/v1/jobs/many`.",
        example: "HTTP/1.1 429 Too Many Requests\nRetry-After: 1",
    },
    Code {
        code: "BS804",
        name: "bad_request",
        status: Some(400),
        title: "the request cannot be read",
        meaning: "What came is no JSON object, no UTF-8, of another type than `application/json`, has a NUL \
                  where there can be none, or came too slowly.",
        causes: &[
            "a body without the header `Content-Type: application/json`",
            "a body that was cut off, or a trailing comma in it",
            "a percent sign in the address that is no escape",
            "a method that the path does not know; the answer lists those it does",
        ],
        remedy: "Compare the request with `/api/v1/openapi.json`, which names every field.",
        example: "$ curl -H 'Content-Type: application/json' -d '{\"kind\":\"report\",\"args\":{}}' ...",
    },
    Code {
        code: "BS805",
        name: "body_too_large",
        status: Some(413),
        title: "the body of the request is larger than 8 MiB",
        meaning: "Nothing of it was read any further, and nothing was done.",
        causes: &[
            "args that hold a file; store it, and pass its name",
            "very many jobs in one request",
        ],
        remedy: "Send less at once. Many jobs go faster through a database connection, with `enqueue_many`.",
        example: "$ split -l 5000 jobs.ndjson part.",
    },
    Code {
        code: "BS806",
        name: "bad_cursor",
        status: Some(400),
        title: "the cursor is none of this list",
        meaning: "A cursor goes on where a page ended, and only in the same list with the same filter.",
        causes: &[
            "a filter that was changed between two pages",
            "a cursor of another path, or one made by hand",
        ],
        remedy: "Take the `next` of the page before, unchanged, with the same filter; or begin anew without it.",
        example: "GET /api/v1/jobs?state=dead&cursor=5f0c1a2b-4211",
    },
    Code {
        code: "BS807",
        name: "origin_refused",
        status: Some(403),
        title: "the request comes under a name, or from a page, that is not ours",
        meaning: "A page of somebody else can make a browser send requests, also to this machine. So the \
                  name in the Host header must be one of `web.hosts` or of this machine, and pages of \
                  other origins are not answered.",
        causes: &[
            "a name or a proxy in front that `web.hosts` does not list",
            "a web page of another origin that asks the API from a browser",
            "a request without a Host header",
        ],
        remedy: "Add the name to `hosts` below [web]. A program that sends a token is not asked for its origin.",
        example: "[web]\nhosts = [\"jobs.example.org\"]",
    },
    Code {
        code: "BS808",
        name: "not_closed",
        status: None,
        title: "others could reach the HTTP API, and nobody would be asked for a token",
        meaning: "Without a token only this machine may look. `backstay serve` does not start at an address \
                  that others can reach as long as `auth` is not `token`.",
        causes: &[
            "`listen` is 0.0.0.0, [::] or an address of a network card",
            "a container, where the port must be reachable from outside of it",
        ],
        remedy: "Write `auth = \"token\"` below [web] and make a token, or listen on 127.0.0.1 and reach it \
                 through a tunnel.",
        example: "[web]\nlisten = \"0.0.0.0:7432\"\nhosts  = [\"jobs.example.org\"]\nauth   = \"token\"",
    },
];
