//! Attachments that stay here while links travel.

mod office;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firmware::links::{LINKS, Reach, Rules};
use firmware::settings;
use office::{Office, envelope};
use proto::ask::Want;
use proto::refusal::Refusal;
use proto::types::{AccountId, Address, Hold, SystemFlag};
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;
use store::{EventKind, Link};
use tests::sink::{Behaviour, Sink};

type Outcome = anyhow::Result<()>;

const ANN: &str = "ann@example.com";

/// An office whose large attachments become links.
async fn linking() -> anyhow::Result<Office> {
    let office = Office::open(25).await?;
    set(&office, rules()).await?;
    Ok(office)
}

fn rules() -> Rules {
    Rules {
        on: true,
        address: Some("https://mail.example.com:8443".to_owned()),
        part: 100_000,
        ..Rules::default()
    }
}

async fn set(office: &Office, rules: Rules) -> Outcome {
    let rules = rules.checked().map_err(anyhow::Error::msg)?;
    Ok(settings::write(&office.store, LINKS, &rules).await?)
}

/// A message with one attachment of so many octets.
fn with_attachment(octets: &[u8]) -> Vec<u8> {
    let mut message = format!(
        "From: {ANN}\r\nTo: x@example.net\r\nSubject: Plans\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nSee the plans.\r\n--B\r\n\
         Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename*=utf-8''Pl%C3%A4ne.pdf\r\n\r\n"
    )
    .into_bytes();
    for line in octets.chunks(57) {
        message.extend(STANDARD.encode(line).into_bytes());
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"--B--\r\n");
    message
}

fn content(size: u32) -> Vec<u8> {
    (0..size)
        .map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3])
        .collect()
}

fn links(office: &Office) -> anyhow::Result<Vec<Link>> {
    Ok(office.store.snapshot()?.links(None, 100, |_| true)?)
}

fn files(office: &Office) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(office.folder().join("attachments"))?;
    Ok(entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?)
}

#[tokio::test]
async fn people_here_get_the_message_whole_and_others_links_of_their_own() -> Outcome {
    let office = linking().await?;
    let content = content(300_000);
    let sent = with_attachment(&content);
    office
        .submit(ANN, &["ben@example.com", "x@example.net", "y@example.org"], &sent)
        .await
        .unwrap();
    let whole = office.body(office.inbox("ben@example.com")?[0].blob)?;
    assert!(whole.ends_with(&sent[sent.len() - 300_000..]));

    let queue = office.queue()?;
    assert_eq!(queue.len(), 2);
    let mut found = Vec::new();
    for row in &queue {
        let text = String::from_utf8(office.body(row.blob)?)?;
        assert!(text.len() < 10_000 && text.contains("DKIM-Signature"), "{text}");
        assert!(
            text.contains("Pl=C3=A4ne.pdf (300.0 kB), until 31 January 2026"),
            "{text}"
        );
        let (_, link) = text.split_once("https://mail.example.com:8443/l/").unwrap();
        found.push(link[..22].to_owned());
    }
    assert_ne!(found[0], found[1]);
    let links = links(&office)?;
    let recipients: Vec<String> = links.iter().map(|link| link.recipient.to_string()).collect();
    assert_eq!(recipients, ["y@example.org", "x@example.net"]);
    assert!(
        links
            .iter()
            .all(|link| link.name == "Pläne.pdf" && link.size == 300_000)
    );
    let files = files(&office)?;
    assert_eq!(files.len(), 1);
    assert_eq!(fs::read(&files[0])?, content);
    let events = office.events().await?;
    assert!(events.iter().any(|event| matches!(
        event,
        EventKind::AttachmentsLinked { files: 1, size: 300_000, to, .. } if to.len() == 2
    )));
    assert_eq!(office.store.check()?.faults, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn the_signature_fits_what_each_recipient_gets() -> Outcome {
    let office = linking().await?;
    office
        .submit(ANN, &["x@example.net"], &with_attachment(&content(200_000)))
        .await
        .unwrap();
    let text = office.body(office.queue()?[0].blob)?;
    let message = mail_auth::AuthenticatedMessage::parse(&text).unwrap();
    let library = mail_auth::MessageAuthenticator(tests::fake_dns::resolver(&office.dns)?);
    let results = library.verify_dkim(&message).await;
    assert_eq!(results.len(), 2);
    assert!(
        results
            .iter()
            .all(|one| *one.result() == mail_auth::DkimResult::Pass)
    );
    Ok(())
}

#[tokio::test]
async fn attachments_stay_in_the_mail_where_they_must() -> Outcome {
    let sent = with_attachment(&content(200_000));
    for (rules, to) in [
        (Rules { on: false, ..rules() }, "x@example.net"),
        (
            Rules {
                part: 300_000,
                ..rules()
            },
            "x@example.net",
        ),
        (
            Rules {
                exempt: vec![".pdf".to_owned()],
                ..rules()
            },
            "x@example.net",
        ),
        (
            Rules {
                accounts: [(AccountId(1), false)].into(),
                ..rules()
            },
            "x@example.net",
        ),
        (rules(), "ben@example.com"),
    ] {
        let office = Office::open(25).await?;
        set(&office, rules).await?;
        office.submit(ANN, &[to], &sent).await.unwrap();
        let blob = match office.queue()?.first() {
            Some(row) => row.blob,
            None => office.inbox("ben@example.com")?[0].blob,
        };
        assert!(office.body(blob)?.ends_with(&sent[sent.len() - 250_000..]));
        assert!(links(&office)?.is_empty() && files(&office)?.is_empty());
    }
    Ok(())
}

/// The address of the only link in a message as it left.
fn token(text: &str) -> &str {
    let (_, link) = text.split_once("https://mail.example.com:8443/l/").unwrap();
    &link[..22]
}

#[tokio::test]
async fn mail_that_is_kept_back_is_linked_and_its_links_work_their_full_time_from_then_on() -> Outcome {
    let sink = Sink::start(Behaviour::Accept)?;
    let office = Office::open(sink.address().port()).await?;
    set(&office, rules()).await?;
    for domain in ["example.net", "example.org"] {
        office.domain_at(domain, &["127.0.0.1"]);
    }
    let sent = with_attachment(&content(300_000));
    let mut later = envelope(Some(ANN), &[BEN, "x@example.net", "y@example.org"]);
    let week = 7 * 86_400;
    let until = office.clock.now().plus(week);
    later.wishes.hold = Some(Hold::Until(until));
    office.submit_envelope(ANN, &later, &sent).await.unwrap();

    let links = links(&office)?;
    let recipients: Vec<String> = links.iter().map(|link| link.recipient.to_string()).collect();
    assert_eq!(recipients, ["y@example.org", "x@example.net"]);
    assert!(links.iter().all(|link| link.expires == until.plus(30 * 86_400)));
    assert_eq!(files(&office)?.len(), 1);
    office.turn().await;
    assert!(sink.caught().is_empty() && office.inbox(BEN)?.is_empty());

    office.wait(week);
    office.post.links.tidy(false).await?;
    for _ in 0..3 {
        office.turn().await;
    }
    let whole = office.body(office.inbox(BEN)?[0].blob)?;
    assert!(whole.ends_with(&sent[sent.len() - 300_000..]));
    let caught = sink.wait_for(2, Duration::from_secs(20))?;
    let small: Vec<String> = caught
        .iter()
        .map(|mail| String::from_utf8_lossy(&mail.data).into_owned())
        .collect();
    assert!(
        small
            .iter()
            .all(|text| text.len() < 10_000 && text.contains("until 7 February 2026"))
    );
    assert_ne!(token(&small[0]), token(&small[1]));
    assert_eq!(office.store.check()?.faults, [""; 0]);
    Ok(())
}

// Larger ones are let in for their attachments' sake only.
#[tokio::test]
async fn a_message_that_is_too_large_to_travel_leaves_without_its_attachment_or_not_at_all() -> Outcome {
    let sent = with_attachment(&content(200_000));
    for (rules, to, leaves) in [
        (rules(), "x@example.net", true),
        (rules(), "ben@example.com", false),
        (
            Rules {
                exempt: vec![".pdf".to_owned()],
                ..rules()
            },
            "x@example.net",
            false,
        ),
    ] {
        let mut office = Office::open(25).await?;
        office.post.max_message = 100_000;
        set(&office, rules).await?;
        let heard = office.submit(ANN, &[to], &sent).await;
        let too_big = Refusal::TooBig { limit: 100_000 };
        assert_eq!(heard.as_ref().err(), (!leaves).then_some(&too_big), "{to}");
    }
    Ok(())
}

// A link's end cannot be told, and one that ended long ago takes its file with it.
#[tokio::test]
async fn while_nobody_knows_the_time_attachments_stay_in_the_mail() -> Outcome {
    let office = Office::open(25).await?;
    set(&office, rules()).await?;
    office.clock.set_known(false);
    let sent = with_attachment(&content(200_000));
    office.submit(ANN, &["x@example.net"], &sent).await.unwrap();
    assert!(
        office
            .body(office.queue()?[0].blob)?
            .ends_with(&sent[sent.len() - 250_000..])
    );
    assert!(links(&office)?.is_empty() && files(&office)?.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_expired_or_is_too_much_goes_and_what_nobody_needs_is_swept_away() -> Outcome {
    let office = linking().await?;
    for size in [200_000, 210_000] {
        office
            .submit(ANN, &["x@example.net"], &with_attachment(&content(size)))
            .await
            .unwrap();
        office.wait(86_400);
    }
    let tidy = || office.post.links.tidy(true);
    fs::write(office.folder().join("attachments").join("0".repeat(64)), "orphan")?;
    tidy().await?;
    assert_eq!(files(&office)?.len(), 2);
    // Over 30 days and the week in which it could have been extended.
    office.wait(35 * 86_400 + 10);
    tidy().await?;
    assert_eq!(files(&office)?.len(), 1);
    let left = links(&office)?;
    assert!(left[1].gone.is_some() && left[0].gone.is_none());
    assert_eq!(office.store.check()?.faults, [""; 0]);
    office.wait(91 * 86_400);
    tidy().await?;
    assert!(files(&office)?.is_empty());
    assert_eq!(links(&office)?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn the_oldest_goes_first_when_the_room_is_used_up() -> Outcome {
    let office = linking().await?;
    set(
        &office,
        Rules {
            budget: 50_000_000,
            ..rules()
        },
    )
    .await?;
    for size in [20_000_000, 20_000_001, 20_000_002] {
        office
            .submit(ANN, &["x@example.net"], &with_attachment(&content(size)))
            .await
            .unwrap();
    }
    assert_eq!(files(&office)?.len(), 3);
    office.post.links.tidy(false).await?;
    assert_eq!(files(&office)?.len(), 2);
    let gone: Vec<u64> = links(&office)?
        .iter()
        .filter(|link| link.gone.is_some())
        .map(|link| link.size)
        .collect();
    assert_eq!(gone, [20_000_000]);
    let room = office.post.links.room()?;
    assert_eq!((room.files, room.used), (2, 40_000_003));
    assert!(office.events().await?.iter().any(|event| matches!(
        event,
        EventKind::AttachmentsRemoved { links: 1, why } if why.contains("room")
    )));
    Ok(())
}

#[tokio::test]
async fn an_old_link_stays_as_long_as_a_newer_one_keeps_its_file() -> Outcome {
    let office = linking().await?;
    let rules = Rules {
        budget: 50_000_000,
        ..rules()
    };
    set(&office, rules).await?;
    // The first file is sent again at the end.
    for size in [20_000_000, 20_000_001, 20_000_002, 20_000_000] {
        let sent = with_attachment(&content(size));
        office.submit(ANN, &["x@example.net"], &sent).await.unwrap();
    }
    office.post.links.tidy(false).await?;
    let gone: Vec<u64> = links(&office)?
        .iter()
        .filter(|link| link.gone.is_some())
        .map(|link| link.size)
        .collect();
    assert_eq!(gone, [20_000_001]);
    assert_eq!(files(&office)?.len(), 2);
    Ok(())
}

const BEN: &str = "ben@example.com";

/// The only message of an account's archive, and whether it counts as read.
fn archived(office: &Office, account: &str) -> anyhow::Result<Option<(Vec<u8>, bool)>> {
    let snapshot = office.store.snapshot()?;
    let account = snapshot.account_by_address(&Address::parse(account)?)?.unwrap();
    let archive = snapshot.mailbox(account.id, "Archive")?.unwrap();
    let uids = snapshot.open(archive.id)?.uids;
    let rows = snapshot.rows(archive.id, &uids, Want::default())?;
    anyhow::ensure!(rows.len() < 2, "{} messages in the archive", rows.len());
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some((office.body(row.blob)?, row.flags.has(SystemFlag::Seen))))
}

#[tokio::test]
async fn mail_from_the_world_comes_small_to_who_wants_it_so_and_stays_whole_in_the_archive() -> Outcome {
    let office = linking().await?;
    set(
        &office,
        Rules {
            incoming: [AccountId(2)].into(),
            ..rules()
        },
    )
    .await?;
    let text = String::from_utf8(with_attachment(&content(300_000)))?;
    let sent = text.replacen(ANN, "x@example.net", 1).into_bytes();
    office
        .receive(Some("x@example.net"), &[ANN, BEN], &sent)
        .await
        .unwrap();

    let whole = office.body(office.inbox(ANN)?[0].blob)?;
    assert!(whole.ends_with(&sent[sent.len() - 300_000..]));
    assert_eq!(archived(&office, ANN)?, None);

    let small = office.last_notice(BEN)?;
    assert!(small.len() < 10_000, "{}", small.len());
    for part in [
        "Authentication-Results: ",
        "Received: ",
        "Subject: Plans",
        "See the plans.",
        "Pl=C3=A4ne.pdf (300.0 kB)",
        "in your Archive",
    ] {
        assert!(small.contains(part), "{part}: {small}");
    }
    assert_eq!(archived(&office, BEN)?, Some((whole, true)));

    let links = links(&office)?;
    assert_eq!(links.len(), 1);
    assert_eq!(
        (links[0].account, links[0].recipient.to_string()),
        (AccountId(2), BEN.to_owned())
    );
    assert_eq!(files(&office)?.len(), 1);
    let events = office.events().await?;
    assert!(events.iter().any(|event| matches!(
        event,
        EventKind::AttachmentsLinked {
            account: AccountId(2),
            files: 1,
            ..
        }
    )));
    assert_eq!(office.store.check()?.faults, [""; 0]);

    // When the link ends, the message is still there.
    office.wait(60 * 86_400);
    office.post.links.tidy(true).await?;
    assert!(files(&office)?.is_empty());
    assert!(archived(&office, BEN)?.unwrap().0.len() > 300_000);
    Ok(())
}

#[tokio::test]
async fn mail_from_the_world_comes_as_it_is_where_nobody_wants_otherwise_or_it_must_not_change() -> Outcome {
    let text = String::from_utf8(with_attachment(&content(200_000)))?;
    let plain = text.replacen(ANN, "x@example.net", 1);
    let signed = plain.replacen("multipart/mixed", "multipart/signed", 1);
    let wanted = Rules {
        incoming: [AccountId(2)].into(),
        ..rules()
    };
    for (rules, message) in [
        (rules(), &plain),
        (
            Rules {
                on: false,
                ..wanted.clone()
            },
            &plain,
        ),
        (wanted, &signed),
    ] {
        let office = Office::open(25).await?;
        set(&office, rules).await?;
        office
            .receive(Some("x@example.net"), &[BEN], message.as_bytes())
            .await
            .unwrap();
        let body = office.body(office.inbox(BEN)?[0].blob)?;
        assert!(body.ends_with(&message.as_bytes()[message.len() - 200_000..]));
        assert!(links(&office)?.is_empty() && files(&office)?.is_empty());
        assert_eq!(archived(&office, BEN)?, None);
    }
    Ok(())
}

#[tokio::test]
async fn where_the_world_does_not_get_here_attachments_stay_in_the_mail() -> Outcome {
    let sent = with_attachment(&content(200_000));
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let stranger = TcpListener::bind("127.0.0.1:0")?;
    let theirs = stranger.local_addr()?.port();
    std::thread::spawn(move || {
        for mut caller in stranger.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut caller, b"220 not a web server\r\n");
        }
    });
    for (name, port, words) in [
        ("nowhere.example.com", closed, "has no address"),
        ("mail.example.com", closed, "refuses to be called"),
        ("mail.example.com", theirs, "somebody else answers"),
    ] {
        let office = Office::open(25).await?;
        office.dns.host("mail.example.com", "127.0.0.1".parse()?);
        let reached = Rules {
            address: Some(format!("https://{name}:{port}")),
            ..rules()
        };
        set(&office, reached.clone()).await?;
        let checked = office.post.links.check(&office.post.dns).await?.unwrap();
        assert_eq!(checked.reach, Reach::No, "{checked:?}");
        assert!(checked.words.contains(words), "{checked:?}");
        assert_eq!(office.post.links.checked()?, Some(checked));
        office.submit(ANN, &["x@example.net"], &sent).await.unwrap();
        assert!(links(&office)?.is_empty(), "{words}");
        assert!(office.body(office.queue()?[0].blob)?.len() > 200_000);
        let events = office.events().await?;
        assert!(events.iter().any(|event| matches!(
            event,
            EventKind::LinksChecked { reach, .. } if reach == "no"
        )));

        // The admin knows better; or the address is another one, which nobody has checked yet.
        let known_better = Rules {
            trusted: true,
            ..reached.clone()
        };
        for (count, rules) in [(1, known_better), (2, rules())] {
            set(&office, rules).await?;
            office.submit(ANN, &["x@example.net"], &sent).await.unwrap();
            assert_eq!(links(&office)?.len(), count, "{words}");
        }
    }
    Ok(())
}
