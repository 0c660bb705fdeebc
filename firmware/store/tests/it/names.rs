//! Domains and aliases.

use crate::office::{address, assert_sound, office, person, wait};
use proto::types::{AccountId, Address, Domain, Timestamp};
use store::{Alias, DomainRules, EventKind, LocalDomain, NameChange, NewAccount, OFFICE, Store, StoreError};

const NOW: Timestamp = Timestamp(3_000);

fn domain(name: &str, rules: DomainRules) -> LocalDomain {
    LocalDomain {
        domain: Domain::parse(name).unwrap(),
        rules,
    }
}

fn alias(from: &str, to: &[&str]) -> Alias {
    Alias {
        address: address(from),
        targets: to.iter().map(|to| address(to)).collect(),
        send_as: false,
        created: NOW,
    }
}

async fn add(store: &Store, name: &str) -> Result<(), StoreError> {
    let domain = domain(name, DomainRules::default());
    store.put_domain(domain, NOW, "test".to_owned()).await
}

async fn put(store: &Store, from: &str, to: &[&str]) -> Result<(), StoreError> {
    store.put_alias(alias(from, to), NOW, "test".to_owned()).await
}

async fn remove(store: &Store, from: &str) -> Result<(), StoreError> {
    store.remove_alias(address(from), NOW, "test".to_owned()).await
}

async fn set_up(store: &Store) -> AccountId {
    let names = serde_json::json!({ "domain": "office.example", "hostname": "mail.office.example" });
    store.put_setting(OFFICE, names).await.unwrap();
    store.create_account(person("ann")).await.unwrap()
}

fn refused(outcome: Result<(), StoreError>) -> String {
    match outcome {
        Err(StoreError::CannotChange(words)) => words.to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn accounts_are_made_in_the_offices_domains_only_and_hold_them() {
    let (_dir, store) = office();
    wait(async {
        set_up(&store).await;
        let second = NewAccount {
            address: address("bob@Second.example"),
            ..person("bob")
        };
        let strange = store.create_account(second.clone()).await;
        assert!(matches!(strange, Err(StoreError::CannotChange(_))), "{strange:?}");
        add(&store, "second.example").await.unwrap();
        store.create_account(second).await.unwrap();
        let remove = |name: &str| store.remove_domain(Domain::parse(name).unwrap(), NOW, "test".to_owned());
        assert!(refused(remove("second.example").await).contains("accounts"));
        assert!(refused(remove("office.example").await).contains("main"));
        assert!(matches!(remove("third.example").await, Err(StoreError::NotFound)));
        add(&store, "third.example").await.unwrap();
        put(&store, "x@third.example", &["ann@office.example"])
            .await
            .unwrap();
        assert!(refused(remove("third.example").await).contains("aliases"));
        self::remove(&store, "X@third.example").await.unwrap();
        remove("third.example").await.unwrap();
        assert!(
            put(&store, "x@third.example", &["ann@office.example"])
                .await
                .is_err()
        );
    });
    assert_sound(&store);
}

#[test]
fn an_alias_and_an_account_never_have_one_address() {
    let (_dir, store) = office();
    wait(async {
        set_up(&store).await;
        let taken = put(&store, "ANN@office.example", &["ann@office.example"]).await;
        assert!(matches!(taken, Err(StoreError::Exists)), "{taken:?}");
        put(
            &store,
            "Sales@office.example",
            &["Ann@office.example", "ann@OFFICE.example"],
        )
        .await
        .unwrap();
        let taken = store.create_account(person("SALES")).await;
        assert!(matches!(taken, Err(StoreError::Exists)), "{taken:?}");
        let kept = store
            .snapshot()
            .unwrap()
            .alias(&address("sales@office.example"))
            .unwrap()
            .unwrap();
        assert_eq!(kept.targets.len(), 1, "each target once: {kept:?}");
    });
    assert_sound(&store);
}

#[test]
fn aliases_lead_to_somebody_and_never_back() {
    let (_dir, store) = office();
    wait(async {
        set_up(&store).await;
        let ann = "ann@office.example";
        put(&store, "a@office.example", &[ann]).await.unwrap();
        put(&store, "b@office.example", &["a@office.example"])
            .await
            .unwrap();
        put(&store, "c@office.example", &["b@office.example", ann])
            .await
            .unwrap();
        for (from, to, words) in [
            ("a@office.example", "a@office.example", "itself"),
            ("a@office.example", "A@office.example", "itself"),
            ("a@office.example", "b@office.example", "itself"),
            ("a@office.example", "c@office.example", "itself"),
            ("d@office.example", "nobody@office.example", "neither"),
            ("d@office.example", "ann@elsewhere.example", "neither"),
            ("d@elsewhere.example", ann, "no domain"),
        ] {
            let said = refused(put(&store, from, &[to]).await);
            assert!(said.contains(words), "{from} -> {to}: {said}");
        }
        assert!(refused(put(&store, "d@office.example", &[]).await).contains("at least"));
        let many: Vec<String> = (0..201).map(|n| format!("n{n}@office.example")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(refused(put(&store, "d@office.example", &many).await).contains("200"));
        assert!(refused(remove(&store, "a@office.example").await).contains("Another"));
        remove(&store, "c@office.example").await.unwrap();
        remove(&store, "b@office.example").await.unwrap();
        remove(&store, "a@office.example").await.unwrap();
        assert!(matches!(
            remove(&store, "a@office.example").await,
            Err(StoreError::NotFound)
        ));
    });
    assert_sound(&store);
}

#[test]
fn rules_of_a_domain_are_kept_and_name_accounts_that_are_there() {
    let (dir, store) = office();
    wait(async {
        let ann = set_up(&store).await;
        let catching = |account| DomainRules {
            same_names: false,
            catch_all: Some(account),
        };
        let put = |domain| store.put_domain(domain, NOW, "test".to_owned());
        put(domain("office.example", catching(ann))).await.unwrap();
        refused(put(domain("office.example", catching(AccountId(99)))).await);
        let following = DomainRules {
            same_names: true,
            catch_all: None,
        };
        put(domain("second.example", following.clone())).await.unwrap();
        assert!(refused(put(domain("office.example", following)).await).contains("main"));
        refused(put(domain("[192.0.2.1]", DomainRules::default())).await);
        let long = format!("{}.example", ["a".repeat(40), "b".repeat(50)].join("."));
        refused(put(domain(&long, DomainRules::default())).await);
    });
    assert_sound(&store);
    drop(store);
    let store = Store::open(dir.path(), &store::Options::default()).unwrap();
    let snapshot = store.snapshot().unwrap();
    let rules: Vec<_> = snapshot.domains().unwrap();
    assert_eq!(rules.len(), 2);
    assert!(rules[0].rules.catch_all.is_some() && rules[1].rules.same_names);
}

#[test]
fn every_change_of_a_name_is_in_the_ledger() {
    let (_dir, store) = office();
    wait(async {
        set_up(&store).await;
        add(&store, "second.example").await.unwrap();
        put(&store, "a@second.example", &["ann@office.example"])
            .await
            .unwrap();
        put(&store, "a@second.example", &["ann@office.example"])
            .await
            .unwrap();
        remove(&store, "a@second.example").await.unwrap();
        let _ = put(&store, "a@third.example", &["ann@office.example"]).await;
    });
    let events = store.snapshot().unwrap().events(None, 10, |_| true).unwrap();
    let mut told: Vec<_> = events
        .into_iter()
        .filter_map(|(_, event)| match event.kind {
            EventKind::NameChanged { name, done, by } => Some((name, done, by)),
            _ => None,
        })
        .collect();
    told.reverse();
    let a = Address::parse("a@second.example").unwrap().to_string();
    let by = || "test".to_owned();
    assert_eq!(
        told,
        [
            ("second.example".to_owned(), NameChange::Added, by()),
            (a.clone(), NameChange::Added, by()),
            (a.clone(), NameChange::Changed, by()),
            (a, NameChange::Removed, by()),
        ]
    );
}
