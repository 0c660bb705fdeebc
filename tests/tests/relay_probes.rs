//! The tricks by which open relays are found, at the real binary: none of them gets mail out.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::{BufRead, BufReader, Read, Write};
use store::{Options, Store};
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::tls;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A conversation in octets: what is tried here is no text.
struct Talk(BufReader<Box<dyn Stream>>);

impl Talk {
    fn open(port: u16, starttls: bool) -> Result<Self> {
        let mut plain = BufReader::new(tls::tcp(port)?);
        reply(&mut plain)?;
        if !starttls {
            let mut talk = Self(BufReader::new(Box::new(plain.into_inner())));
            talk.say(b"EHLO probe.example")?;
            return Ok(talk);
        }
        for (line, code) in [("EHLO probe.example\r\n", "250"), ("STARTTLS\r\n", "220")] {
            plain.get_mut().write_all(line.as_bytes())?;
            let heard = reply(&mut plain)?;
            ensure!(heard.starts_with(code), "{line}: {heard}");
        }
        let mut talk = Self(BufReader::new(Box::new(tls::wrap(plain.into_inner())?)));
        talk.say(b"EHLO probe.example")?;
        Ok(talk)
    }

    fn say(&mut self, line: &[u8]) -> Result<String> {
        let stream = self.0.get_mut();
        stream.write_all(&[line, b"\r\n"].concat())?;
        stream.flush()?;
        reply(&mut self.0)
    }

    // Tries one message as far as it gets; whether it was taken, and the last words.
    fn offer(&mut self, from: &[u8], to: &[u8]) -> Result<(bool, String)> {
        let message = b"From: probe <x@elsewhere.example>\r\nSubject: relay probe\r\n\r\nx\r\n.";
        let mail = [b"MAIL FROM:", from].concat();
        let rcpt = [b"RCPT TO:", to].concat();
        let mut last = String::new();
        for line in [&mail[..], &rcpt, b"DATA", message] {
            last = self.say(line)?;
            if !last.starts_with(['2', '3']) {
                return Ok((false, last));
            }
        }
        Ok((true, last))
    }
}

fn reply(stream: &mut impl BufRead) -> Result<String> {
    let mut reply = String::new();
    loop {
        let mut line = Vec::new();
        let count = stream.read_until(b'\n', &mut line)?;
        ensure!(count > 0, "closed after {reply:?}");
        reply.push_str(&String::from_utf8_lossy(&line));
        if line.get(3) != Some(&b'-') {
            return Ok(reply);
        }
    }
}

const STRANGER: &[u8] = b"<x@elsewhere.example>";

/// Where the mail is to go: nobody here may take it.
const OUT: &[&[u8]] = &[
    b"<victim@third.example>",
    b"victim@third.example",
    b"<victim@third.example.>",
    b"<VICTIM@THIRD.EXAMPLE>",
    b"<victim%third.example@firm.example>",
    b"<victim%third.example@mail.firm.example>",
    b"<victim%third.example@[127.0.0.1]>",
    b"<victim%third.example@localhost>",
    b"<victim%third.example>",
    b"<\"victim@third.example\">",
    b"<\"victim%third.example\">",
    b"<\"victim@third.example\"@firm.example>",
    b"<\"victim@third.example\"@[127.0.0.1]>",
    b"<\"victim%third.example\"@firm.example>",
    b"<\"third.example!victim\"@firm.example>",
    b"<@firm.example:victim@third.example>",
    b"<@mail.firm.example:victim@third.example>",
    b"<@[127.0.0.1]:victim@third.example>",
    b"<@firm.example,@third.example:victim@third.example>",
    b"<third.example!victim>",
    b"<third.example!victim@firm.example>",
    b"<third.example!victim@[127.0.0.1]>",
    b"<firm.example!third.example!victim@firm.example>",
    b"<anna!victim@third.example>",
    b"<victim@third.example@firm.example>",
    b"<victim@third.example@[127.0.0.1]>",
    b"<anna@firm.example@third.example>",
    b"<victim@third.example%firm.example>",
    b"<anna@firm.example%third.example@third.example>",
    b"<victim@[192.0.2.1]>",
    b"<victim@[IPv6:2001:db8::1]>",
    b"<victim@[third.example]>",
    b"<victim@127.0.0.1>",
    b"<victim@2130706433>",
    b"<anna@firm.example.third.example>",
    b"<anna@firm.example,victim@third.example>",
    b"<anna@firm.example> <victim@third.example>",
    b"<anna@firm.example>,<victim@third.example>",
    b"<anna@firm.example\0@third.example>",
    b"<victim@third.example\0.firm.example>",
    b"<victim@third.example%00.firm.example>",
    b"<victim@third.example%00@firm.example>",
    b"<victim(anna)@third.example>",
    b"<victim@third.example(@firm.example)>",
    b"<victim@third.example (firm.example)>",
    b"< victim@third.example >",
    b"<victim @ third.example>",
    b"<vict\xedm@third.example>",
    b"<vict\xc3\xadm@third.example>",
    b"<victim@third\xe3\x80\x82example>",
    b"<postmaster@third.example>",
    b"<abuse@third.example>",
    b"<postmaster%third.example@firm.example>",
    b"<\"postmaster@third.example\">",
    b"<postmaster@third.example@firm.example>",
    b"<\"anna@firm.example\"@third.example>",
    b"<anna\\@firm.example@third.example>",
    b"<victim=third.example@firm.example>",
    b"<victim#third.example@firm.example>",
    b"<anna@firm.example>\nRCPT TO:<victim@third.example>",
    b"<victim@third.example> ORCPT=rfc822;anna@firm.example",
];

/// Who says so.
const SENDERS: &[&[u8]] = &[
    STRANGER,
    b"<>",
    b"<anna@firm.example>",
    b"<ANNA@FIRM.EXAMPLE.>",
    b"<postmaster@firm.example>",
    b"<nobody@firm.example>",
    b"<anna@mail.firm.example>",
    b"<anna@[127.0.0.1]>",
    b"<anna@localhost>",
    b"<\"anna@firm.example\"@elsewhere.example>",
    b"<@firm.example:x@elsewhere.example>",
    b"<x@elsewhere.example> AUTH=anna@firm.example",
    b"<anna@firm.example> AUTH=<>",
    b"<victim@third.example>",
];

/// What people here may get, and nobody else.
const LOCAL: &[&[u8]] = &[
    b"<postmaster>",
    b"<PostMaster@Firm.Example>",
    b"<abuse@firm.example.>",
    b"<\"anna\"@firm.example>",
    b"<@third.example:anna@firm.example>",
    b"<anna@firm.example> ORCPT=rfc822;victim@third.example",
];

const DOORS: [(&str, bool); 4] = [
    ("smtp", false),
    ("smtp", true),
    ("submission", false),
    ("submission", true),
];

#[test]
fn no_trick_gets_mail_out_of_the_box() -> Result<()> {
    // Nobody answers for other domains: what leaves would wait in the queue for days.
    let mut pillarbox = Pillarbox::office(&["anna"], &["--dns", "127.0.0.1:9"])?;
    let pairs = OUT.iter().map(|to| (STRANGER, *to));
    let senders = SENDERS.iter().map(|from| (*from, OUT[0]));
    let probes: Vec<(&[u8], &[u8])> = pairs.chain(senders).collect();
    ensure!(probes.len() > 60);
    let mut taken = 0;
    for (door, starttls) in DOORS {
        let port = pillarbox.port(door)?;
        let shown = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        for (from, to) in &probes {
            let (accepted, words) = Talk::open(port, starttls)?.offer(from, to)?;
            ensure!(
                !accepted,
                "{door} {starttls}: {} to {}: {words}",
                shown(from),
                shown(to)
            );
        }
        for to in LOCAL {
            let (accepted, words) = Talk::open(port, starttls)?.offer(STRANGER, to)?;
            ensure!(!accepted || door == "smtp", "{door}: {}: {words}", shown(to));
            taken += usize::from(accepted);
        }
    }
    ensure!(taken >= 8, "only {taken}: postmaster, abuse and anna get mail");
    ensure!(pillarbox.stop()? == Some(0));
    let store = Store::open(pillarbox.data(), &Options::default())?;
    let snapshot = store.snapshot()?;
    ensure!(snapshot.queue_len()? == 0, "something waits to leave");
    let report = store.check()?;
    ensure!(report.is_clean(), "{report:?}");
    ensure!(
        usize::try_from(report.messages)? == taken,
        "{taken} were taken, {} are there",
        report.messages
    );
    Ok(())
}

/// Tricks with further domains, aliases and separators: none is anybody's here, or leads out.
const OUT_BY_NAMES: &[&[u8]] = &[
    b"<victim%third.example@second.example>",
    b"<\"victim@third.example\"@second.example>",
    b"<anna@third.example@second.example>",
    b"<@second.example:victim@third.example>",
    b"<@second.example,@firm.example:anna@third.example>",
    b"<anna@sub.second.example>",
    b"<anna@econd.example>",
    b"<anna@second.example.third.example>",
    b"<anna@second.example%third.example>",
    b"<victim+anna@second.example>",
    b"<+anna@second.example>",
    b"<victim@third.example+anna@second.example>",
    b"<info+victim@third.example>",
    b"<info@third.example>",
    b"<\"info\"@third.example>",
    b"<gone@gone.example>",
    b"<postmaster@gone.example>",
    b"<release+x@second.example>",
    b"<release+x@caught.example>",
    b"<postmaster+victim=third.example@second.example>",
    b"<victim@caught.example@third.example>",
    b"<@caught.example:victim@third.example>",
    b"<victim@sub.caught.example>",
    b"<\xff@caught.example>",
];

/// What looks like a trick and is caught here, as every name of that domain.
const CAUGHT: &[&[u8]] = &[
    b"<victim%third.example@caught.example>",
    b"<\"victim@third.example\"@caught.example>",
    b"<third.example!victim@CAUGHT.example>",
    b"<anna+third.example@second.example>",
    b"<\"info\"@second.example>",
    b"<@third.example:Info+x@second.example>",
];

#[test]
fn further_domains_aliases_and_catching_the_rest_open_no_way_out() -> Result<()> {
    let mut pillarbox = Pillarbox::office(&["anna"], &["--dns", "127.0.0.1:9"])?;
    for args in [
        &["domain", "add", "second.example", "--same-names"][..],
        &["domain", "add", "caught.example"],
        &["domain", "set", "caught.example", "--catch-all", "anna"],
        &["domain", "add", "gone.example", "--same-names"],
        &["domain", "remove", "gone.example"],
        &["alias", "put", "info", "anna", "--send-as"],
    ] {
        pillarbox.cli_ok(args, "")?;
    }
    let mut taken = 0;
    for (door, starttls) in DOORS {
        let port = pillarbox.port(door)?;
        for to in OUT_BY_NAMES {
            let (accepted, words) = Talk::open(port, starttls)?.offer(STRANGER, to)?;
            ensure!(!accepted, "{door}: {}: {words}", String::from_utf8_lossy(to));
        }
        for to in CAUGHT {
            let (accepted, words) = Talk::open(port, starttls)?.offer(STRANGER, to)?;
            let to = String::from_utf8_lossy(to);
            ensure!(accepted == (door == "smtp"), "{door}: {to}: {words}");
            taken += usize::from(accepted);
        }
    }
    // The shield knows every domain: this machine writes from the LAN only until something else is set.
    pillarbox.cli_ok(&["guard", "shield", "set", "second.example", "192.0.2.0/24"], "")?;
    let port = pillarbox.port("smtp")?;
    let anna = b"<anna@firm.example>";
    let (accepted, words) = Talk::open(port, false)?.offer(b"<anna@second.example>", anna)?;
    ensure!(
        !accepted && words.starts_with("550 5.7.1 Mail from second.example"),
        "{words}"
    );
    ensure!(pillarbox.stop()? == Some(0));
    let store = Store::open(pillarbox.data(), &Options::default())?;
    ensure!(store.snapshot()?.queue_len()? == 0, "something waits to leave");
    let report = store.check()?;
    ensure!(report.is_clean(), "{report:?}");
    ensure!(
        usize::try_from(report.messages)? == taken,
        "{taken} were taken: {report:?}"
    );
    Ok(())
}

#[test]
fn the_shield_is_set_on_the_command_line_and_keeps_strangers_from_writing_as_the_office() -> Result<()> {
    let pillarbox = Pillarbox::office(&["anna"], &[])?;
    let port = pillarbox.port("smtp")?;
    let anna = format!("<anna@{DOMAIN}>").into_bytes();
    let try_as = |from: &[u8]| Talk::open(port, false)?.offer(from, &anna);
    let table = |args: &[&str]| -> Result<serde_json::Value> {
        let args = [&["guard", "shield"], args, &["--json"]].concat();
        Ok(serde_json::from_str(&pillarbox.cli_ok(&args, "")?)?)
    };
    let default = serde_json::json!([{ "domain": DOMAIN, "networks": ["lan"], "default": true }]);
    ensure!(table(&["list"])? == default);
    ensure!(
        try_as(&anna)?.0,
        "a device in the office may write to people here"
    );

    // This machine is no longer among those that may.
    let set = table(&["set", DOMAIN, "192.0.2.0/24", "2001:db8::/32"])?;
    ensure!(
        set[0]["networks"] == serde_json::json!(["192.0.2.0/24", "2001:db8::/32"]),
        "{set}"
    );
    let (accepted, words) = try_as(&anna)?;
    ensure!(
        !accepted && words.starts_with("550 5.7.1 Mail from firm.example"),
        "{words}"
    );
    ensure!(try_as(STRANGER)?.0 && try_as(b"<>")?.0);
    for (args, words) in [
        (["set", DOMAIN, "10.0.0.0/99"], "10.0.0.0/99"),
        (["set", DOMAIN, "everywhere"], "everywhere"),
        (["set", "[192.0.2.1]", "lan"], "Name a domain"),
        (["remove", "nowhere.example", ""], "Nothing is set"),
    ] {
        let args: Vec<&str> = args.into_iter().filter(|word| !word.is_empty()).collect();
        let refused = pillarbox.cli(&[&["guard", "shield"], &args[..]].concat(), "")?;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        ensure!(
            !refused.status.success() && said.contains(words),
            "{args:?}: {said}"
        );
    }
    ensure!(table(&["list"])? == set, "a refused change changed something");
    ensure!(table(&["remove", DOMAIN])? == default);
    ensure!(try_as(&anna).context("after the removal")?.0);
    Ok(())
}

#[test]
fn a_login_may_only_say_that_it_is_itself() -> Result<()> {
    let pillarbox = Pillarbox::office(&["anna", "ben"], &["--dns", "127.0.0.1:9"])?;
    let port = pillarbox.port("submission")?;
    let login = STANDARD.encode(format!("\0ben@{DOMAIN}\0{PASSWORD}"));
    let ben = "<ben@firm.example>";
    let offer = |from: &str, header: &str| -> Result<String> {
        let mut talk = Talk::open(port, true)?;
        let welcome = talk.say(format!("AUTH PLAIN {login}").as_bytes())?;
        ensure!(welcome.starts_with("235"), "{welcome}");
        let message = format!("{header}\r\nSubject: s\r\n\r\nx\r\n.");
        let mut last = String::new();
        for line in [
            &format!("MAIL FROM:{from}"),
            "RCPT TO:<x@third.example>",
            "DATA",
            &message,
        ] {
            last = talk.say(line.as_bytes())?;
            if !last.starts_with(['2', '3']) {
                break;
            }
        }
        Ok(last)
    };
    let own = "From: Ben <ben@firm.example>";
    for (from, header, heard) in [
        ("<anna@firm.example>", own, "550 5.7.1"),
        ("<x@third.example>", own, "550 5.7.1"),
        ("<postmaster@firm.example>", own, "550 5.7.1"),
        (ben, "From: anna@firm.example", "550 5.7.1"),
        ("<>", "From: anna@firm.example", "550 5.7.1"),
        (ben, "From: ben@firm.example, anna@firm.example", "550 5.7.1"),
        (ben, "From: <ben@firm.example> <anna@firm.example>", "550 5.7.1"),
        (
            ben,
            "From: ben@firm.example\r\nSender: anna@firm.example",
            "550 5.7.1",
        ),
        (
            ben,
            "From: ben@firm.example\r\nFrom: anna@firm.example",
            "554 5.6.0",
        ),
        (ben, "From: us: ben@firm.example, anna@firm.example;", "554 5.6.0"),
        (ben, "From: undisclosed:;", "554 5.6.0"),
        (ben, "To: x@third.example", "554 5.6.0"),
        (ben, own, "250 "),
        (
            "<BEN@Firm.Example>",
            "From: ben@firm.example\r\nSender: Ben@firm.example",
            "250 ",
        ),
    ] {
        let last = offer(from, header)?;
        ensure!(last.starts_with(heard), "{from} {header}: {last}");
    }
    let status: serde_json::Value = serde_json::from_str(&pillarbox.cli_ok(&["status", "--json"], "")?)?;
    ensure!(status["Running"]["queued"] == 2, "{status}");
    Ok(())
}
