//! Ten thousand stolen passwords tried from five hundred addresses: nothing grows without bound,
//! and people of ours come in as ever.

use super::*;
use crate::guard::Attempt;
use crate::trial::{PASSWORD, Trial};
use proto::types::{Mechanism, Protocol};
use std::net::Ipv4Addr;

const ADDRESSES: u32 = 500;
const EACH: u32 = 20;

async fn try_login(house: &crate::house::House, ip: IpAddr, login: &str, password: &str) -> bool {
    let password = Secret::new(password.as_bytes().to_vec());
    let attempt = Attempt {
        client: "",
        ip,
        protocol: Protocol::Imap,
        tls: true,
        mechanism: Mechanism::Plain,
        login,
    };
    house.logins.login(&attempt, &password).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_stuffing_run_stays_bounded_and_a_good_user_hardly_waits() {
    let trial = Trial::new().await;
    let house = &trial.house;
    let (home, road) = (ip4(192, 168, 1, 5), ip4(198, 51, 100, 7));
    assert!(try_login(house, road, "anna", PASSWORD).await);
    let mut run = tokio::task::JoinSet::new();
    for n in 0..ADDRESSES * EACH {
        let house = Arc::clone(house);
        run.spawn(async move {
            let ip = IpAddr::from(Ipv4Addr::from(0x2000_0000 + (n % ADDRESSES) * 321));
            // Every tenth guess is at somebody who exists.
            let login = if n % 10 == 0 {
                "anna".to_owned()
            } else {
                format!("user{n}")
            };
            try_login(&house, ip, &login, &format!("stolen {n}")).await
        });
    }
    let mut longest_queue = 0;
    let mut broken_in = 0;
    let mut ended = 0;
    while let Some(came_in) = run.join_next().await {
        broken_in += u32::from(came_in.unwrap());
        ended += 1;
        if ended % 2500 == 0 {
            // The phone on the road, and the chief at the desk for the first time today.
            for (ip, login) in [(road, "anna"), (home, "chief")] {
                let before = house.logins.hashed();
                assert!(try_login(house, ip, login, PASSWORD).await, "{login}");
                longest_queue = longest_queue.max(house.logins.hashed() - before);
            }
        }
    }
    assert_eq!(broken_in, 0);
    // Its own, and what the other place has hashed meanwhile: the queue of strangers is not in the way.
    assert!(
        longest_queue < u32::try_from(crate::limits::STRANGERS_WAITING).unwrap(),
        "{longest_queue} hashes while a good login waited"
    );
    let numbers = house.ledger.numbers();
    assert_eq!(numbers.failed_today, u64::from(ADDRESSES * EACH));
    let state = house.screen.state();
    let (sources, guesses) = state.sources.size();
    assert!(
        sources <= sources::SOURCES && guesses <= sources * 50,
        "{sources} {guesses}"
    );
    assert!(state.trust.size() <= 10, "{}", state.trust.size());
}

// Thirty people behind one address, and a phone that tries its old password from there on four
// connections without a pause.
#[tokio::test(start_paused = true)]
async fn an_old_password_in_one_phone_shuts_out_nobody_behind_the_same_address() {
    let trial = Trial::new().await;
    let house = &trial.house;
    let office = ip4(198, 51, 100, 7);
    let anna = house
        .store
        .snapshot()
        .unwrap()
        .account(trial.anna)
        .unwrap()
        .unwrap();
    for n in 0..30 {
        let account = store::NewAccount {
            address: proto::types::Address::parse(&format!("p{n}@firm.example")).unwrap(),
            password_hash: anna.password_hash.clone(),
            admin: false,
            created: house.clock.now(),
        };
        house.store.create_account(account).await.unwrap();
    }
    assert!(try_login(house, office, "anna", PASSWORD).await);
    let mut phone = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let house = Arc::clone(house);
        phone.spawn(async move {
            loop {
                assert!(!try_login(&house, office, "anna", "last year's").await);
            }
        });
    }
    for round in 0..3 {
        for n in 0..30 {
            let name = format!("p{n}");
            assert!(
                try_login(house, office, &name, PASSWORD).await,
                "{name} in round {round}"
            );
        }
    }
    assert!(phone.try_join_next().is_none(), "the phone goes on");
    assert!(house.screen.blocked(office).is_none());
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_on_guessing_is_stopped_before_anything_is_hashed() {
    let trial = Trial::new().await;
    let house = &trial.house;
    let thief = ip4(203, 0, 113, 9);
    for n in 0..10 {
        assert!(!try_login(house, thief, "anna", &format!("guess {n}")).await);
    }
    assert!(house.screen.blocked(thief).is_some());
    let hashed = house.logins.hashed();
    for n in 0..200 {
        assert!(!try_login(house, thief, "anna", &format!("further guess {n}")).await);
    }
    assert_eq!(house.logins.hashed(), hashed);
    assert!(
        !try_login(house, thief, "anna", PASSWORD).await,
        "nor by the right one"
    );
    assert!(try_login(house, ip4(192, 168, 1, 5), "anna", PASSWORD).await);
}

#[tokio::test(start_paused = true)]
async fn while_all_the_world_guesses_at_an_account_its_owner_comes_in_from_where_the_store_knows_him() {
    let trial = Trial::new().await;
    let house = &trial.house;
    let road = ip4(198, 51, 100, 7);
    let met = vec![store::Acquaintance::Network("198.51.100.0/24".to_owned())];
    house
        .store
        .meet(trial.anna, met, house.clock.now())
        .await
        .unwrap();
    let target = house
        .screen
        .target(Some((trial.anna, "anna@firm.example".to_owned())), "anna");
    for n in 0..30 {
        let guess = Secret::new(vec![b'x', n]);
        let _ = house.screen.wrong(ip4(203, n, 0, 1), &target, &guess);
    }
    assert!(!try_login(house, ip4(203, 99, 0, 1), "anna", PASSWORD).await);
    assert!(try_login(house, road, "anna", PASSWORD).await);
}

fn ip4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::from([a, b, c, d])
}
