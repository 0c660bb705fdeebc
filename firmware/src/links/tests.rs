mod damage;
mod jumps;
mod places;
mod plug;

use super::*;
use crate::trial::Trial;
use proto::message::body::Encoding;
use proto::types::{AccountId, Address, Secret, Timestamp};
use std::net::IpAddr;
use store::{AccountState, LinkId, NewLink, Submission};

/// A house with one link that works until then; its token.
async fn house(expires: i64) -> (Trial, String) {
    let trial = Trial::new().await;
    let token = link(&trial, expires).await;
    (trial, token)
}

/// A link by its number.
fn numbered(trial: &Trial, id: u64) -> store::Link {
    trial
        .house
        .store
        .snapshot()
        .unwrap()
        .link(LinkId(id))
        .unwrap()
        .unwrap()
}

async fn link(trial: &Trial, expires: i64) -> String {
    link_to(trial, expires, b"content").await
}

/// A link to this content; its token.
async fn link_to(trial: &Trial, expires: i64, content: &[u8]) -> String {
    let links = &trial.house.links;
    let kept = links.folder.keep(content, Encoding::Identity).unwrap();
    let token = token::fresh().unwrap();
    let now = trial.house.clock.now();
    let link = NewLink {
        token: token.hash(),
        file: kept.hash,
        size: kept.size,
        sha256: kept.sha256,
        name: "a.pdf".to_owned(),
        media_type: "application/pdf".to_owned(),
        message: "m1".to_owned(),
        account: trial.anna,
        recipient: Address::parse("x@example.net").unwrap(),
        created: now,
        expires: now.plus(expires),
    };
    let submission = Submission {
        account: trial.anna,
        at: now,
        deliveries: Vec::new(),
        events: Vec::new(),
        met: Vec::new(),
        links: vec![link],
    };
    trial.house.store.submit(submission).await.unwrap();
    token.shown()
}

fn stranger() -> IpAddr {
    "203.0.113.9".parse().unwrap()
}

async fn found(trial: &Trial, token: &str, key: Option<&str>) -> String {
    let house = &trial.house;
    let found = house
        .links
        .find(&house.screen, stranger(), token, key)
        .await
        .unwrap();
    match found {
        Found::Open(link) => format!("open {}", link.name),
        Found::Away => "away".to_owned(),
        Found::Damaged => "damaged".to_owned(),
        Found::Locked => "locked".to_owned(),
        Found::Stopped(reason) => format!("stopped {reason}"),
        Found::Nothing => "nothing".to_owned(),
    }
}

async fn unlock(trial: &Trial, token: &str, password: &str) -> Option<String> {
    let house = &trial.house;
    let password = Secret::new(password.as_bytes().to_vec());
    let unlocked = house
        .links
        .unlock(&house.screen, &house.logins, stranger(), token, &password);
    unlocked.await.unwrap()
}

async fn wish(trial: &Trial, wish: Wish) -> Result<store::Link, WishError> {
    trial
        .house
        .links
        .change(LinkId(1), Some(trial.anna), wish, "test")
        .await
}

#[tokio::test]
async fn what_works_no_more_is_found_like_what_never_was() {
    let (trial, token) = house(-1).await;
    let guess = token::fresh().unwrap().shown();
    for nothing in [&token, &guess, "nonsense", ""] {
        assert_eq!(found(&trial, nothing, None).await, "nothing");
    }
    wish(&trial, Wish::Extend(1)).await.unwrap();
    assert_eq!(found(&trial, &token, None).await, "open a.pdf");
    wish(&trial, Wish::Revoke).await.unwrap();
    assert_eq!(found(&trial, &token, None).await, "nothing");
}

#[tokio::test]
async fn a_password_opens_its_own_link_until_it_is_changed() {
    let (trial, token) = house(3600).await;
    assert_eq!(
        unlock(&trial, &token, "sesame").await,
        None,
        "there is no password yet"
    );
    let sesame = || Some(Secret::new(b"sesame".to_vec()));
    wish(&trial, Wish::Password(sesame())).await.unwrap();
    assert_eq!(found(&trial, &token, None).await, "locked");
    assert_eq!(unlock(&trial, &token, "wrong").await, None);
    assert_eq!(
        unlock(&trial, &token::fresh().unwrap().shown(), "sesame").await,
        None
    );
    let key = unlock(&trial, &token, "sesame").await.unwrap();
    assert_eq!(found(&trial, &token, Some(&key)).await, "open a.pdf");
    let (until, code) = key.split_once('.').unwrap();
    let later = format!("{}.{code}", until.parse::<i64>().unwrap() + 1);
    for forged in [&later, "", ".", "9999999999.", &key[1..]] {
        assert_eq!(found(&trial, &token, Some(forged)).await, "locked", "{forged}");
    }
    // The same password again is another hash: who was let in has to give it again.
    wish(&trial, Wish::Password(sesame())).await.unwrap();
    assert_eq!(found(&trial, &token, Some(&key)).await, "locked");
    wish(&trial, Wish::Password(None)).await.unwrap();
    assert_eq!(found(&trial, &token, None).await, "open a.pdf");
}

#[tokio::test]
async fn a_stopped_senders_links_say_why() {
    let (trial, token) = house(3600).await;
    let frozen = AccountState::Frozen {
        since: Timestamp(1),
        reason: "sent too much".to_owned(),
    };
    trial
        .house
        .store
        .set_account_state(trial.anna, frozen)
        .await
        .unwrap();
    assert_eq!(found(&trial, &token, None).await, "stopped sent too much");
}

#[tokio::test(start_paused = true)]
async fn who_guesses_links_or_their_passwords_is_shut_out() {
    for (locked, why) in [
        (false, "links that do not work"),
        (true, "different wrong passwords"),
    ] {
        let (trial, token) = house(3600).await;
        wish(&trial, Wish::Password(Some(Secret::new(b"sesame".to_vec()))))
            .await
            .unwrap();
        let most = trial.house.screen.rules().failed_recipients * 20;
        let mut tries = 0;
        while trial.house.screen.blocked(stranger()).is_none() {
            assert!(tries < most, "nobody stops him");
            tries += 1;
            match locked {
                true => assert_eq!(unlock(&trial, &token, &format!("guess {tries}")).await, None),
                false => assert_eq!(found(&trial, &format!("guess{tries}"), None).await, "nothing"),
            }
        }
        let blocked = trial.house.screen.blocked(stranger()).unwrap();
        assert!(blocked.why.contains(why), "{}", blocked.why);
        assert!(tries > 3, "a mistyped one is no guess");
    }
}

#[tokio::test]
async fn wishes_out_of_bounds_and_of_others_change_nothing() {
    let (trial, token) = house(3600).await;
    for days in [0, 366, u32::MAX] {
        assert!(matches!(
            wish(&trial, Wish::Extend(days)).await,
            Err(WishError::Refused(_))
        ));
    }
    let other = Some(proto::types::AccountId(99));
    let links = &trial.house.links;
    for (id, of) in [(LinkId(1), other), (LinkId(7), None)] {
        let changed = links.change(id, of, Wish::Revoke, "test").await;
        assert!(matches!(changed, Err(WishError::Gone)));
    }
    assert_eq!(found(&trial, &token, None).await, "open a.pdf");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_changes_the_rules_at_the_same_time_changes_nothing_of_what_others_do() {
    let trial = Trial::new().await;
    let links = &trial.house.links;
    let mut writers = tokio::task::JoinSet::new();
    for number in 1..=20 {
        let links = links.clone();
        writers.spawn(async move {
            let account = AccountId(number);
            let edit = |rules: &mut Rules| {
                rules.accounts.insert(account, false);
            };
            assert!(links.change_rules(edit).await.unwrap());
            let edit = |rules: &mut Rules| {
                rules.incoming.insert(account);
            };
            assert!(links.change_rules(edit).await.unwrap());
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let rules = links.rules().unwrap();
    assert_eq!((rules.accounts.len(), rules.incoming.len()), (20, 20));
    // What is wrong or changes nothing is not written.
    let wrong = links.change_rules(|rules| rules.days = 0).await;
    assert!(matches!(wrong, Err(WishError::Refused(_))));
    assert!(!links.change_rules(|_| {}).await.unwrap());
    assert_eq!(links.rules().unwrap(), rules);
}

#[tokio::test]
async fn an_address_without_a_name_is_called_without_asking_for_one() {
    let trial = Trial::new().await;
    let links = &trial.house.links;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("127.0.0.1:{}", closed.local_addr().unwrap().port());
    drop(closed);
    let set = |rules: &mut Rules| rules.address = Some(address.clone());
    links.change_rules(set).await.unwrap();
    let checked = links.check(&trial.house.dns).await.unwrap().unwrap();
    assert_eq!(checked.reach, Reach::No, "{checked:?}");
    assert!(
        checked.words.contains("127.0.0.1 refuses to be called"),
        "{checked:?}"
    );
}

#[tokio::test]
async fn only_while_it_asks_itself_the_box_answers() {
    let (trial, _) = house(3600).await;
    let links = &trial.house.links;
    assert_eq!(links.answer("question"), None);
    assert_eq!(links.answer(""), None);
    assert_eq!(links.checked().unwrap(), None);
    assert_eq!(
        links.check(&trial.house.dns).await.unwrap(),
        None,
        "no address, no question"
    );
}
