use super::*;
use crate::guard::{Attempt, Entered};
use crate::trial::{PASSWORD, Trial};
use proto::types::{Mechanism, Protocol};

const ANNA: &str = "anna@firm.example";

async fn login(trial: &Trial, protocol: Protocol, password: &[u8]) -> Result<Option<DeviceId>, Refusal> {
    let password = Secret::new(password.to_vec());
    let attempt = Attempt {
        client: "",
        ip: "192.168.7.20".parse().unwrap(),
        protocol,
        tls: true,
        mechanism: Mechanism::Plain,
        login: ANNA,
    };
    let entered = trial.house.logins.login(&attempt, &password).await;
    entered.map(|Entered { device, .. }| device)
}

#[tokio::test]
async fn a_device_password_opens_mail_alone_and_makes_the_main_one_the_webs() {
    let trial = Trial::new().await;
    let devices = &trial.house.devices;
    let main = PASSWORD.as_bytes();
    assert_eq!(
        login(&trial, Protocol::Imap, main).await,
        Ok(None),
        "before the first"
    );
    let (phone, password) = devices.add(trial.anna, " Anna's phone ").await.unwrap();
    assert_eq!(phone.name, "Anna's phone");
    let typed = String::from_utf8(password.expose().to_vec()).unwrap();
    let hasty = typed.replace('-', " ").to_uppercase();
    for protocol in [Protocol::Imap, Protocol::Pop3, Protocol::Submission] {
        for password in [&typed, &hasty] {
            assert_eq!(
                login(&trial, protocol, password.as_bytes()).await,
                Ok(Some(phone.id))
            );
        }
        assert_eq!(login(&trial, protocol, main).await, Err(Refusal::DevicePassword));
    }
    assert_eq!(login(&trial, Protocol::Web, main).await, Ok(None));
    let web = login(&trial, Protocol::Web, typed.as_bytes()).await;
    assert_eq!(web, Err(Refusal::BadCredentials));
    let seen = devices.of(trial.anna).unwrap().list.remove(0).used.unwrap();
    assert_eq!(seen.1.to_string(), "192.168.7.0/24");
    devices.set_web_only(trial.anna, Some(false)).await.unwrap();
    assert_eq!(
        login(&trial, Protocol::Imap, main).await,
        Ok(None),
        "the admin says so"
    );
}

#[tokio::test]
async fn a_revoked_or_frozen_one_opens_nothing_and_its_sessions_end_alone() {
    let trial = Trial::new().await;
    let devices = &trial.house.devices;
    let (phone, of_phone) = devices.add(trial.anna, "phone").await.unwrap();
    let (laptop, of_laptop) = devices.add(trial.anna, "laptop").await.unwrap();
    let (with_phone, with_laptop) = (trial.house.sessions.enter(), trial.house.sessions.enter());
    with_phone.belongs_to(Some(trial.anna), Some(phone.id));
    with_laptop.belongs_to(Some(trial.anna), Some(laptop.id));
    devices.revoke(trial.anna, phone.id).await.unwrap();
    assert!(with_phone.bell().cut().is_some() && with_laptop.bell().cut().is_none());
    let (gone, stays) = (
        login(&trial, Protocol::Imap, of_phone.expose()).await,
        login(&trial, Protocol::Imap, of_laptop.expose()).await,
    );
    assert_eq!((gone, stays), (Err(Refusal::BadCredentials), Ok(Some(laptop.id))));
    // Revoked between its login and its first command.
    let late = trial.house.logins.may_enter(trial.anna, Some(phone.id));
    assert_eq!(late, Err(Refusal::BadCredentials));
    let again = devices.revoke(trial.anna, phone.id).await;
    assert!(matches!(again, Err(StoreError::NotFound)));
    let freeze = trial.house.guard.freeze(trial.anna, "stolen".to_owned());
    freeze.await.unwrap();
    let frozen = login(&trial, Protocol::Imap, of_laptop.expose()).await;
    assert!(matches!(frozen, Err(Refusal::Frozen { .. })), "{frozen:?}");
}

#[tokio::test]
async fn the_last_one_revoked_does_not_bring_the_main_password_back_and_numbers_are_not_reused() {
    let trial = Trial::new().await;
    let devices = &trial.house.devices;
    let (first, _) = devices.add(trial.anna, "phone").await.unwrap();
    devices.revoke(trial.anna, first.id).await.unwrap();
    let main = login(&trial, Protocol::Imap, PASSWORD.as_bytes()).await;
    assert_eq!(main, Err(Refusal::DevicePassword));
    assert!(devices.add(trial.anna, "phone").await.unwrap().0.id > first.id);
}

#[tokio::test]
async fn names_are_one_short_line_and_there_is_an_end_to_devices() {
    let trial = Trial::new().await;
    let devices = &trial.house.devices;
    let long = "x".repeat(limits::DEVICE_NAME + 1);
    for bad in ["", "  ", "a\nb", long.as_str()] {
        let refused = devices.add(trial.anna, bad).await;
        assert!(matches!(refused, Err(StoreError::CannotChange(_))), "{bad:?}");
    }
    for number in 0..limits::DEVICES {
        devices.add(trial.anna, &format!("phone {number}")).await.unwrap();
    }
    for one_more in ["phone 0", "one more"] {
        let refused = devices.add(trial.anna, one_more).await;
        assert!(matches!(refused, Err(StoreError::CannotChange(_))), "{one_more}");
    }
}

#[test]
fn what_is_typed_is_a_device_password_only_if_it_is_whole() {
    let letters = letters().unwrap();
    assert_eq!(letters.len(), LENGTH);
    let shown = grouped(&letters);
    let shown = std::str::from_utf8(shown.expose()).unwrap();
    assert_eq!((shown.len(), shown.matches('-').count()), (34, 6));
    let judge = |text: &str| hash(&Secret::new(text.as_bytes().to_vec())).is_some();
    assert!(judge(shown) && judge(&letters) && judge(&format!(" {shown} ")));
    for wrong in [
        "",
        "correct horse",
        &shown[1..],
        &format!("{shown}a"),
        &shown.replace('-', "l"),
    ] {
        assert!(!judge(wrong), "{wrong}");
    }
}

#[tokio::test]
async fn the_office_decides_for_every_account_that_has_no_wish_of_its_own() {
    let trial = Trial::new().await;
    let devices = &trial.house.devices;
    let main = PASSWORD.as_bytes();
    let session = trial.house.sessions.enter();
    session.belongs_to(Some(trial.anna), None);
    devices.set_office(true).await.unwrap();
    assert!(session.bell().cut().is_some(), "who is in with it is cut");
    assert_eq!(
        login(&trial, Protocol::Imap, main).await,
        Err(Refusal::DevicePassword)
    );
    assert_eq!(login(&trial, Protocol::Web, main).await, Ok(None));
    devices.set_web_only(trial.anna, Some(false)).await.unwrap();
    assert_eq!(
        login(&trial, Protocol::Imap, main).await,
        Ok(None),
        "its own wish"
    );
    devices.set_office(false).await.unwrap();
    devices.set_web_only(trial.anna, Some(true)).await.unwrap();
    assert_eq!(
        login(&trial, Protocol::Imap, main).await,
        Err(Refusal::DevicePassword)
    );
    devices.set_office(true).await.unwrap();
    devices.set_web_only(trial.anna, Some(false)).await.unwrap();
    let session = trial.house.sessions.enter();
    session.belongs_to(Some(trial.anna), None);
    devices.set_web_only(trial.anna, None).await.unwrap();
    assert!(session.bell().cut().is_some(), "back to what the office says");
    assert_eq!(devices.of(trial.anna).unwrap().decided(), None);
    assert_eq!(
        login(&trial, Protocol::Imap, main).await,
        Err(Refusal::DevicePassword)
    );
    devices.set_office(false).await.unwrap();
    assert_eq!(login(&trial, Protocol::Imap, main).await, Ok(None));
}

#[tokio::test]
async fn the_right_main_password_is_no_guess_however_often_a_program_tries_it() {
    let trial = Trial::new().await;
    let devices = &trial.house.devices;
    devices.set_office(true).await.unwrap();
    tokio::time::pause();
    for _ in 0..60 {
        let told = login(&trial, Protocol::Imap, PASSWORD.as_bytes()).await;
        assert_eq!(told, Err(Refusal::DevicePassword));
    }
    let begun = tokio::time::Instant::now();
    let told = login(&trial, Protocol::Imap, PASSWORD.as_bytes()).await;
    assert_eq!(told, Err(Refusal::DevicePassword));
    let waited = begun.elapsed().as_secs();
    assert!(waited <= 1, "waited {waited} s");
    tokio::time::resume();
    let (_, phone) = devices.add(trial.anna, "phone").await.unwrap();
    assert_eq!(login(&trial, Protocol::Imap, phone.expose()).await, Ok(Some(1)));
}
