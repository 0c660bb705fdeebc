//! What becomes of links whose mail an admin deletes before it leaves.

use super::{Bench, content, link_in};
use serde_json::Value;
use std::time::Duration;
use tests::pillarbox::{DOMAIN, PASSWORD};

/// Name and state of every link, the oldest first.
fn states(bench: &Bench) -> Vec<(String, String)> {
    let links = bench.cli(&["links", "list"]);
    let links = links.as_array().expect("links").iter().rev();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    links
        .map(|link| (text(&link["recipient"]), text(&link["state"])))
        .collect()
}

fn expect(bench: &Bench, expected: &[(&str, &str)]) {
    let owned = |(to, state): &(&str, &str)| ((*to).to_owned(), (*state).to_owned());
    let expected: Vec<_> = expected.iter().map(owned).collect();
    assert_eq!(states(bench), expected);
}

#[test]
fn links_in_mail_that_is_deleted_before_it_leaves_end_and_those_of_other_mail_do_not() {
    let bench = Bench::start();
    let (x, y) = ("x@one.example", "y@two.example");
    let file = content(300_000, 7);
    for domain in ["one.example", "two.example"] {
        bench.cli(&["queue", "hold", "--to", domain]);
    }
    // The same file three times, twice to the same recipient.
    for to in [&[y, x][..], &[x]] {
        assert!(bench.send(&file, to).wait().unwrap().success());
    }
    expect(&bench, &[(x, "works"), (y, "works"), (x, "works")]);

    let rows = bench.cli(&["queue", "list"]);
    let rows = rows.as_array().unwrap();
    let first = rows.iter().find(|row| row["to"] == x).unwrap()["row"].to_string();
    bench.cli(&["queue", "delete", &first]);
    expect(&bench, &[(x, "revoked"), (y, "works"), (x, "works")]);
    let events = bench.pillarbox.cli_ok(&["events"], "").unwrap();
    assert!(
        events.contains("withdrawn, because its mail was deleted before it left, by"),
        "{events}"
    );

    bench.cli(&["queue", "delete", "--to", "one.example", "--tell"]);
    expect(&bench, &[(x, "revoked"), (y, "works"), (x, "revoked")]);
    bench.cli(&["queue", "release", "--to", "two.example"]);
    let caught = bench.sink.wait_for(1, Duration::from_secs(60)).unwrap();
    let (status, _) = bench.curl(&link_in(&caught[0].data), &["-o", "/dev/null"]);
    assert_eq!(status, "200", "what left works");
    // Its sender may still give a link back.
    bench.cli(&["links", "extend", "1", "--days", "5"]);
    expect(&bench, &[(x, "works"), (y, "works"), (x, "revoked")]);
}

#[test]
fn links_in_mail_of_a_frozen_sender_that_is_discarded_end_with_it() {
    let bench = Bench::start();
    let x = "x@one.example";
    bench.cli(&["queue", "hold", "--to", "one.example"]);
    let sent = bench.send(&content(300_000, 8), &[x]).wait().unwrap();
    assert!(sent.success());
    let chief = format!("chief@{DOMAIN}");
    let create = ["account", "create", &chief, "--admin"];
    let password = format!("{PASSWORD}\n");
    bench.pillarbox.cli_ok(&create, &password).unwrap();
    let anna = format!("anna@{DOMAIN}");
    bench.cli(&["guard", "freeze", &anna]);
    expect(&bench, &[(x, "works")]);
    bench.cli(&["guard", "discard", &anna]);
    expect(&bench, &[(x, "revoked")]);
}
