use super::*;
use crate::guard::{Attempt, DeviceId};
use crate::trial::{PASSWORD, Trial};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::ask::{Answer, Question};
use proto::sasl::{Exchange, Step};
use proto::types::{Mechanism, Protocol};
use ring::{digest, hmac, pbkdf2};

const HOME: &str = "192.168.7.20";
const ROAD: &str = "198.51.100.7";

fn attempt<'a>(ip: &str, login: &'a str, mechanism: Mechanism) -> Attempt<'a> {
    Attempt {
        client: "",
        ip: ip.parse().unwrap(),
        protocol: Protocol::Imap,
        tls: true,
        mechanism,
        login,
    }
}

async fn plain(trial: &Trial, ip: &str, password: &str) -> Result<Option<DeviceId>, Refusal> {
    let attempt = attempt(ip, "anna", Mechanism::Plain);
    let password = Secret::new(password.as_bytes().to_vec());
    let entered = trial.house.logins.login(&attempt, &password).await;
    entered.map(|entered| entered.device)
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

/// What an honest client makes of the salt; `header` is its gs2-header.
async fn proof(trial: &Trial, login: &str, password: &str, header: &str) -> Proof {
    let logins = &trial.house.logins;
    let bare = format!("n={login},r=theirs");
    let begin = STANDARD.encode(format!("{header}{bare}"));
    let (mut exchange, step) = Exchange::start(b"SCRAM-SHA-256", Some(begin.as_bytes()), true);
    assert!(matches!(step, Step::Ask(Question::Salt { .. })));
    let salt = logins.salt(login, None).await.unwrap();
    let salted_with = salt.clone();
    let Step::Challenge(challenge) = exchange.answered(Answer::Salt(salt)) else {
        panic!("no challenge");
    };
    let challenge = String::from_utf8(STANDARD.decode(challenge.as_bytes()).unwrap()).unwrap();
    let mut salted = [0; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        salted_with.iterations.try_into().unwrap(),
        &salted_with.salt,
        password.as_bytes(),
        &mut salted,
    );
    let nonce = challenge.split(',').next().unwrap();
    let unproven = format!("c={},{nonce}", STANDARD.encode(header));
    let key = mac(&salted, "Client Key");
    let stored = digest::digest(&digest::SHA256, &key);
    let signature = mac(stored.as_ref(), &format!("{bare},{challenge},{unproven}"));
    let shown: Vec<u8> = key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    let last = STANDARD.encode(format!("{unproven},p={}", STANDARD.encode(shown)));
    match exchange.answer(last.as_bytes()) {
        Step::Ask(Question::Prove(proof)) => *proof,
        other => panic!("{other:?}"),
    }
}

async fn scram(trial: &Trial, ip: &str, login: &str, password: &str) -> Result<Option<DeviceId>, Refusal> {
    let proof = proof(trial, login, password, "n,,").await;
    let attempt = attempt(ip, login, Mechanism::ScramSha256);
    let entered = trial.house.logins.prove(&attempt, &proof).await;
    entered.map(|(entered, _)| entered.device)
}

#[tokio::test(start_paused = true)]
async fn a_main_password_is_known_from_its_first_plain_login_until_it_changes_or_is_the_webs() {
    let trial = Trial::new().await;
    assert_eq!(
        scram(&trial, HOME, "anna", PASSWORD).await,
        Err(Refusal::BadCredentials)
    );
    assert_eq!(plain(&trial, HOME, PASSWORD).await, Ok(None));
    for login in ["anna", "Anna", "anna@firm.example", "ANNA@Firm.Example"] {
        assert_eq!(scram(&trial, HOME, login, PASSWORD).await, Ok(None), "{login}");
    }
    let new = Secret::new(b"a new one, better".to_vec());
    let hash = crate::guard::hash(new.clone()).await.unwrap();
    crate::guard::change_password(&trial.house, trial.anna, hash, &new)
        .await
        .unwrap();
    assert_eq!(
        scram(&trial, HOME, "anna", PASSWORD).await,
        Err(Refusal::BadCredentials)
    );
    assert_eq!(scram(&trial, HOME, "anna", "a new one, better").await, Ok(None));
    let (phone, password) = trial.house.devices.add(trial.anna, "phone").await.unwrap();
    assert_eq!(
        scram(&trial, HOME, "anna", "a new one, better").await,
        Err(Refusal::BadCredentials)
    );
    let shown = String::from_utf8(password.expose().to_vec()).unwrap();
    for way in [shown.clone(), shown.replace('-', "")] {
        assert_eq!(scram(&trial, HOME, "anna", &way).await, Ok(Some(phone.id)));
    }
    trial.house.devices.revoke(trial.anna, phone.id).await.unwrap();
    assert_eq!(
        scram(&trial, HOME, "anna", &shown).await,
        Err(Refusal::BadCredentials)
    );
}

#[tokio::test(start_paused = true)]
async fn a_frozen_account_hears_why_only_with_the_right_proof() {
    let trial = Trial::new().await;
    plain(&trial, HOME, PASSWORD).await.unwrap();
    trial
        .house
        .guard
        .freeze(trial.anna, "stolen".to_owned())
        .await
        .unwrap();
    let right = scram(&trial, HOME, "anna", PASSWORD).await;
    assert!(matches!(right, Err(Refusal::Frozen { .. })), "{right:?}");
    assert_eq!(
        scram(&trial, HOME, "anna", "wrong").await,
        Err(Refusal::BadCredentials)
    );
}

#[tokio::test]
async fn a_name_has_one_salt_whether_or_not_it_is_somebodys() {
    let trial = Trial::new().await;
    let logins = &trial.house.logins;
    let mut seen = Vec::new();
    for name in ["anna", "nobody", "chief"] {
        let one = logins.salt(name, None).await.unwrap();
        let again = logins
            .salt(&format!("{}@Firm.Example", name.to_uppercase()), None)
            .await
            .unwrap();
        assert_eq!(
            (&one.salt, one.iterations),
            (&again.salt, again.iterations),
            "{name}"
        );
        assert_ne!(one.nonce, again.nonce);
        assert_eq!(one.salt.len(), 16);
        seen.push(one.salt);
    }
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_hides_the_channel_binding_does_not_get_the_login() {
    let trial = Trial::new().await;
    plain(&trial, HOME, PASSWORD).await.unwrap();
    let proof = proof(&trial, "anna", PASSWORD, "y,,").await;
    let attempt = attempt(HOME, "anna", Mechanism::ScramSha256);
    let refused = trial.house.logins.prove(&attempt, &proof).await.unwrap_err();
    assert_eq!(refused, Refusal::BadCredentials);
}

#[tokio::test(start_paused = true)]
async fn an_old_phone_never_locks_out_an_office_and_guessing_ends() {
    let trial = Trial::new().await;
    plain(&trial, ROAD, PASSWORD).await.unwrap();
    let (_, device) = trial.house.devices.add(trial.anna, "laptop").await.unwrap();
    trial
        .house
        .devices
        .set_web_only(trial.anna, Some(false))
        .await
        .unwrap();
    plain(&trial, ROAD, PASSWORD).await.unwrap();
    for n in 0..40 {
        let wrong = scram(&trial, ROAD, "anna", "the old one").await;
        let expected = match n < limits::SCRAM_MISSES {
            true => Refusal::BadCredentials,
            false => Refusal::Throttled,
        };
        assert_eq!(wrong, Err(expected), "{n}");
    }
    assert!(trial.house.screen.blocked(ROAD.parse().unwrap()).is_none());
    // Not even by the right one; elsewhere, with PLAIN and with a device's it goes on.
    assert_eq!(
        scram(&trial, ROAD, "anna", PASSWORD).await,
        Err(Refusal::Throttled)
    );
    assert_eq!(scram(&trial, HOME, "anna", PASSWORD).await, Ok(None));
    assert_eq!(plain(&trial, ROAD, PASSWORD).await, Ok(None));
    let device = String::from_utf8(device.expose().to_vec()).unwrap();
    assert!(scram(&trial, ROAD, "anna", &device).await.is_ok());
    // Many names from one place are many guesses.
    let thief = "203.0.113.9";
    for n in 0..20 {
        let _ = scram(&trial, thief, &format!("user{n}"), "x").await;
    }
    assert!(trial.house.screen.blocked(thief.parse().unwrap()).is_some());
}
