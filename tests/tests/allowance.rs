//! What an account may send, with a clock that a test moves: through submission, queue and store.

mod office;

use anyhow::{Context, Result, ensure};
use firmware::clock::DAY;
use firmware::guard::{Guard, LAN, Lan, report, rules};
use office::{Office, message};
use proto::refusal::Refusal;
use proto::types::{AccountId, Address, Hold};
use store::{AccountState, Alias, Counter, EventKind, GuardAction, NewAccount};
use tests::sink::{Behaviour, Sink};

const HOUR: i64 = 3600;

// An office to which 192.0.2.9, where everybody calls from, is a network like any other.
async fn away() -> Result<Office> {
    let office = Office::open(9).await?;
    let lan = Lan {
        networks: vec!["10.0.0.0/8".parse()?],
    };
    firmware::settings::write(&office.store, LAN, &lan).await?;
    Ok(office)
}

async fn send(office: &Office, who: &str, to: &[&str]) -> Result<String, Refusal> {
    let address = format!("{who}@example.com");
    let sent = message(&address, "S", "x\r\n");
    office.submit(&address, to, &sent).await
}

// How many messages in a row are taken, at most `most`, and what was said then.
async fn burst(office: &Office, who: &str, most: usize) -> (usize, Option<Refusal>) {
    for n in 0..most {
        if let Err(refusal) = send(office, who, &["x@example.net"]).await {
            return (n, Some(refusal));
        }
    }
    (most, None)
}

fn id(office: &Office, who: &str) -> Result<AccountId> {
    let address = proto::types::Address::parse(&format!("{who}@example.com"))?;
    let account = office.store.snapshot()?.account_by_address(&address)?;
    Ok(account.context("no account")?.id)
}

fn state(office: &Office, who: &str) -> Result<AccountState> {
    let account = office.store.snapshot()?.account(id(office, who)?)?;
    Ok(account.context("no account")?.state)
}

async fn set(office: &Office, changes: &[(&str, &str)]) -> Result<()> {
    let changes: Vec<_> = changes
        .iter()
        .map(|(what, value)| ((*what).to_owned(), (*value).to_owned()))
        .collect();
    let set = office.post.guard.set_rules(None, &changes).await;
    set.map_err(|words| anyhow::anyhow!(words))
}

// As after a power cut: a guard that knows what the store knows.
fn restart(office: &mut Office) -> Result<()> {
    office.post.guard = Guard::open(
        office.store.clone(),
        office.post.ledger.clone(),
        office.clock.clone(),
        Box::new(Vec::new),
    )?;
    Ok(())
}

#[tokio::test]
async fn over_the_limit_an_account_is_frozen_and_its_mail_held_until_it_is_given_back() -> Result<()> {
    let mut office = away().await?;
    let (taken, refusal) = burst(&office, "ben", 50).await;
    ensure!(taken == 15, "{taken}");
    let reason = "16 messages in an hour from a new network (15 are allowed)";
    ensure!(
        matches!(&refusal, Some(Refusal::Frozen { reason: said }) if said == reason),
        "{refusal:?}"
    );
    ensure!(office.queue()?.len() == 15 && office.queue()?.iter().all(|row| row.held));
    let ben = id(&office, "ben")?;
    let trips = report::trips(&office.store.snapshot()?, None)?;
    let [(number, _, trip)] = trips.as_slice() else {
        anyhow::bail!("{trips:?}")
    };
    ensure!((trip.account, trip.counter, trip.taken, trip.held) == (ben, Counter::NewMessages, 15, 15));
    ensure!(trip.networks == ["192.0.2.0/24"] && trip.action == GuardAction::Freeze);
    ensure!(report::trips(&office.store.snapshot()?, Some(*number))?.is_empty());
    // Frozen it stays, whatever time passes and however often the box starts.
    office.wait(2 * DAY);
    restart(&mut office)?;
    ensure!(matches!(
        send(&office, "ben", &["x@example.net"]).await,
        Err(Refusal::Frozen { .. })
    ));

    office.post.guard.unfreeze(ben, "ann".to_owned()).await?;
    ensure!(
        office.queue()?.iter().all(|row| row.held),
        "it left without anybody's word"
    );
    ensure!(
        burst(&office, "ben", 50).await.0 == 8,
        "the network is as new as before, and watched closely"
    );
    let events = office.events().await?;
    let count = |is: fn(&EventKind) -> bool| events.iter().filter(|event| is(event)).count();
    ensure!(count(|e| matches!(e, EventKind::Sent { .. })) == 23);
    ensure!(count(|e| matches!(e, EventKind::Tripped(_))) == 2);
    ensure!(count(|e| matches!(e, EventKind::Frozen { trip: Some(_), .. })) == 2);
    ensure!(office.post.guard.discard(ben, "ann".to_owned()).await? == 23);
    ensure!(office.queue()?.is_empty() && office.store.check()?.is_clean());
    Ok(())
}

#[tokio::test]
async fn a_restart_keeps_every_count() -> Result<()> {
    let mut office = away().await?;
    ensure!(burst(&office, "ben", 9).await.0 == 9);
    office.wait(HOUR / 2);
    restart(&mut office)?;
    ensure!(burst(&office, "ben", 6).await.0 == 6);
    let (counts, _) = office.post.guard.counts(id(&office, "ben")?)?;
    ensure!(counts.contains(&(Counter::NewMessages, 15)) && counts.contains(&(Counter::Recipients, 15)));
    office.wait(HOUR / 2);
    restart(&mut office)?;
    ensure!(
        burst(&office, "ben", 50).await.0 == 9,
        "the first nine are an hour old"
    );
    Ok(())
}

#[tokio::test]
async fn with_the_action_limit_an_account_waits_and_goes_on_by_itself() -> Result<()> {
    let office = away().await?;
    set(&office, &[("action", "limit"), ("new_messages", "3")]).await?;
    let begun = office.clock.now();
    let (taken, refusal) = burst(&office, "ben", 9).await;
    ensure!(
        (taken, refusal)
            == (
                3,
                Some(Refusal::Limited {
                    until: begun.plus(HOUR)
                })
            )
    );
    ensure!(matches!(state(&office, "ben")?, AccountState::Limited { .. }));
    office.wait(HOUR - 1);
    ensure!(burst(&office, "ben", 9).await.0 == 0);
    office.wait(1);
    ensure!(burst(&office, "ben", 9).await.0 == 3);
    ensure!(
        !office.queue()?.iter().any(|row| row.held),
        "limited mail is not held"
    );
    Ok(())
}

#[tokio::test]
async fn the_last_admin_is_limited_and_another_admin_makes_the_difference() -> Result<()> {
    let office = away().await?;
    let (taken, refusal) = burst(&office, "ann", 50).await;
    ensure!(
        taken == 15 && matches!(refusal, Some(Refusal::Limited { .. })),
        "{refusal:?}"
    );
    ensure!(matches!(state(&office, "ann")?, AccountState::Limited { .. }));
    let trips = report::trips(&office.store.snapshot()?, None)?;
    ensure!(trips.len() == 1 && trips[0].2.last_admin, "{trips:?}");
    Ok(())
}

#[tokio::test]
async fn a_network_is_known_a_day_after_the_first_login_and_exempt_accounts_go_on() -> Result<()> {
    let office = away().await?;
    let ben = id(&office, "ben")?;
    office.post.guard.greet(ben, "192.0.2.77".parse()?);
    office.wait(DAY);
    // The greeting is written beside everything else.
    let network = store::Acquaintance::Network("192.0.2.0/24".to_owned());
    while office.store.snapshot()?.met(ben, &network)?.is_none() {
        tokio::task::yield_now().await;
    }
    set(&office, &[("first_time_recipients", "1000")]).await?;
    ensure!(burst(&office, "ben", 99).await.0 == 60);
    office.post.guard.unfreeze(ben, "ann".to_owned()).await?;
    let exempt = [("exempt".to_owned(), "yes".to_owned())];
    let set = office.post.guard.set_rules(Some(ben), &exempt).await;
    set.map_err(|words| anyhow::anyhow!(words))?;
    ensure!(burst(&office, "ben", 70).await.0 == 70);
    Ok(())
}

#[tokio::test]
async fn strangers_bounces_and_false_names_trip_too() -> Result<()> {
    let office = away().await?;
    set(&office, &[("first_time_recipients", "10")]).await?;
    let crowd = |from: u32, count: u32| {
        (from..from + count)
            .map(|n| format!("c{n}@example.net"))
            .collect::<Vec<_>>()
    };
    for (from, count, fits) in [(0, 6, true), (0, 6, true), (6, 4, true), (10, 1, false)] {
        let to = crowd(from, count);
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        ensure!(send(&office, "ben", &to).await.is_ok() == fits, "{from} {count}");
    }
    ensure!(report::trips(&office.store.snapshot()?, None)?[0].2.counter == Counter::FirstTimeRecipients);

    let office = away().await?;
    let sent = message("boss@example.net", "S", "x\r\n");
    let mut heard = Vec::new();
    for n in 0..7 {
        let sent = String::from_utf8(sent.clone())?.replace("boss", &format!("boss{n}"));
        heard.push(
            office
                .submit("ben@example.com", &["x@example.net"], sent.as_bytes())
                .await,
        );
    }
    ensure!(
        heard[..5].iter().all(|one| *one == Err(Refusal::NotYourSender)),
        "{heard:?}"
    );
    ensure!(matches!(heard[5], Err(Refusal::Frozen { .. })), "{heard:?}");
    Ok(())
}

#[tokio::test]
async fn too_many_hard_bounces_freeze_the_sender_and_hold_the_rest() -> Result<()> {
    let sink = Sink::start(Behaviour::Reject)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    set(&office, &[("hard_bounces", "2")]).await?;
    send(
        &office,
        "ben",
        &["a@example.net", "b@example.net", "c@example.net"],
    )
    .await
    .unwrap();
    office.turn().await;
    ensure!(
        matches!(state(&office, "ben")?, AccountState::Frozen { .. }),
        "{:?}",
        state(&office, "ben")?
    );
    let trips = report::trips(&office.store.snapshot()?, None)?;
    ensure!(
        trips[0].2.counter == Counter::HardBounces && trips[0].2.ip.is_some(),
        "{trips:?}"
    );
    let named: Vec<String> = trips[0].2.recipients.iter().map(ToString::to_string).collect();
    ensure!(
        named == ["a@example.net", "b@example.net", "c@example.net"],
        "{named:?}"
    );
    let history = {
        let snapshot = office.store.snapshot()?;
        let account = snapshot.account(id(&office, "ben")?)?.context("no account")?;
        report::history(&snapshot, &account, office.clock.now())?
    };
    ensure!(history.trip.is_some() && history.left.is_empty(), "{history:?}");
    ensure!(rules::default_limit(Counter::HardBounces) == 15);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_sessions_get_no_more_than_one() -> Result<()> {
    let office = std::sync::Arc::new(away().await?);
    let sessions: Vec<_> = (0..50)
        .map(|n| {
            let office = office.clone();
            tokio::spawn(async move {
                send(&office, "ben", &[&format!("v{n}@example.net")])
                    .await
                    .is_ok()
            })
        })
        .collect();
    let mut taken = 0;
    for session in sessions {
        taken += u32::from(session.await?);
    }
    ensure!(taken == 15, "{taken} were taken");
    ensure!(report::trips(&office.store.snapshot()?, None)?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn refused_senders_are_counted_on_after_a_restart() -> Result<()> {
    let mut office = away().await?;
    for n in 0..5 {
        if n == 3 {
            office.events().await?; // brings the ledger to the store
            restart(&mut office)?;
        }
        let other = format!("chief{n}@example.com");
        let forged = message(&other, "S", "x\r\n");
        let refused = office
            .submit("ben@example.com", &["x@example.net"], &forged)
            .await;
        ensure!(refused == Err(Refusal::NotYourSender), "{n}: {refused:?}");
    }
    let forged = message("chief9@example.com", "S", "x\r\n");
    let refused = office
        .submit("ben@example.com", &["x@example.net"], &forged)
        .await;
    ensure!(matches!(refused, Err(Refusal::Frozen { .. })), "{refused:?}");
    let known = office.events().await?;
    let known = known
        .iter()
        .filter(|event| matches!(event, EventKind::SenderRefused { .. }));
    ensure!(known.count() == 6);
    Ok(())
}

#[tokio::test]
async fn a_list_of_forty_is_one_recipient_of_whoever_writes_to_it_now_or_later() -> Result<()> {
    let office = away().await?;
    let mut targets = Vec::new();
    for number in 0..40 {
        let address = Address::parse(&format!("member{number}@example.com"))?;
        let account = NewAccount {
            address: address.clone(),
            password_hash: String::new(),
            admin: false,
            created: office.clock.now(),
        };
        office.store.create_account(account).await?;
        targets.push(address);
    }
    let list = Alias {
        address: Address::parse("all@example.com")?,
        targets,
        send_as: false,
        created: office.clock.now(),
    };
    let now = office.clock.now();
    office.store.put_alias(list, now, "a test".to_owned()).await?;
    send(&office, "ben", &["all@example.com"]).await.unwrap();
    ensure!(office.inbox("member39@example.com")?.len() == 1);
    let mut later = office::envelope(Some("ben@example.com"), &["all@example.com", "x@example.net"]);
    later.wishes.hold = Some(Hold::For(600));
    let mail = message("ben@example.com", "S", "x\r\n");
    office
        .submit_envelope("ben@example.com", &later, &mail)
        .await
        .unwrap();
    let (counts, _) = office.post.guard.counts(id(&office, "ben")?)?;
    let count = |wanted| {
        counts
            .iter()
            .find(|(counter, _)| *counter == wanted)
            .map(|(_, count)| *count)
    };
    ensure!(count(Counter::Recipients) == Some(3), "{counts:?}");
    ensure!(
        count(Counter::FirstTimeRecipients) == Some(1),
        "only x is a stranger: {counts:?}"
    );
    Ok(())
}
