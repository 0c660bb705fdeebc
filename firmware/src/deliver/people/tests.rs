use super::*;
use proto::types::Timestamp;
use store::{LocalDomain, NewAccount, Options, Store};

const NOW: Timestamp = Timestamp(1_000);

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

struct Firm {
    store: Store,
    office: Office,
    _folder: tempfile::TempDir,
}

impl Firm {
    // firm.example with anna, the admin, bert and gone, who is switched off; second.example has the same
    // names and its own otto; third.example has its own bert and catches the rest for anna.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &Options::default()).unwrap();
        let office = Office {
            domain: Domain::parse("firm.example").unwrap(),
            hostname: Domain::parse("mail.firm.example").unwrap(),
        };
        settings::write(&store, settings::OFFICE, &office).await.unwrap();
        let firm = Self {
            store,
            office,
            _folder: folder,
        };
        let anna = firm.person("anna@firm.example").await;
        for (name, same_names, catch_all) in [
            ("second.example", true, None),
            ("third.example", false, Some(anna)),
            ("xn--bcher-kva.example", true, None),
        ] {
            let local = LocalDomain {
                domain: Domain::parse(name).unwrap(),
                rules: DomainRules {
                    same_names,
                    catch_all,
                },
            };
            firm.store
                .put_domain(local, NOW, "test".to_owned())
                .await
                .unwrap();
        }
        firm.person("bert@firm.example").await;
        let gone = firm.person("gone@firm.example").await;
        firm.store
            .set_account_state(gone, AccountState::Disabled)
            .await
            .unwrap();
        firm.person("otto@second.example").await;
        firm.person("bert@third.example").await;
        for (from, to, send_as) in [
            ("info@firm.example", "anna@firm.example", true),
            ("Sales@firm.example", "bert@firm.example info@firm.example", false),
            (
                "all@firm.example",
                "sales@firm.example anna@firm.example otto@second.example gone@firm.example",
                false,
            ),
            ("left@firm.example", "gone@firm.example", true),
            ("postmaster@third.example", "gone@firm.example", true),
            ("abuse@third.example", "bert@third.example", true),
            ("shop@third.example", "otto@second.example", true),
        ] {
            let alias = Alias {
                address: address(from),
                targets: to.split(' ').map(address).collect(),
                send_as,
                created: NOW,
            };
            firm.store.put_alias(alias, NOW, "test".to_owned()).await.unwrap();
        }
        firm
    }

    async fn person(&self, name: &str) -> AccountId {
        let account = NewAccount {
            address: address(name),
            password_hash: String::new(),
            admin: name.starts_with("anna"),
            created: NOW,
        };
        self.store.create_account(account).await.unwrap()
    }

    // As addresses with blanks between, or what else becomes of it.
    fn goes_to(&self, to: &str) -> String {
        let snapshot = self.store.snapshot().unwrap();
        match recipient(&snapshot, &self.office, &address(to)).unwrap() {
            Recipient::Here(ids) => {
                let name = |id| snapshot.account(id).unwrap().unwrap().address.to_string();
                ids.into_iter().map(name).collect::<Vec<_>>().join(" ")
            }
            Recipient::Unknown => "unknown".to_owned(),
            Recipient::Elsewhere => "elsewhere".to_owned(),
            Recipient::Reply => "reply".to_owned(),
        }
    }

    fn owns(&self, who: &str, what: &str) -> bool {
        let snapshot = self.store.snapshot().unwrap();
        let account = snapshot.account_by_address(&address(who)).unwrap().unwrap();
        owns(&snapshot, &self.office, &account, &address(what)).unwrap()
    }
}

#[tokio::test]
async fn mail_goes_to_whoever_is_behind_its_address() {
    let firm = Firm::new().await;
    for (to, wanted) in [
        // Accounts, in any case; who is switched off gets nothing.
        ("anna@firm.example", "anna@firm.example"),
        ("ANNA@Firm.Example", "anna@firm.example"),
        ("nobody@firm.example", "unknown"),
        ("gone@firm.example", "unknown"),
        // Aliases, over others, each account once.
        ("info@firm.example", "anna@firm.example"),
        ("SALES@firm.example", "anna@firm.example bert@firm.example"),
        (
            "all@firm.example",
            "anna@firm.example bert@firm.example otto@second.example",
        ),
        ("left@firm.example", "unknown"),
        // The second domain has the main one's names beside its own, not the reverse.
        ("otto@second.example", "otto@second.example"),
        ("anna@second.example", "anna@firm.example"),
        ("Info@SECOND.example", "anna@firm.example"),
        ("nobody@second.example", "unknown"),
        ("otto@firm.example", "unknown"),
        ("anna@b\u{fc}cher.example", "anna@firm.example"),
        // The third has its own, and catches the rest.
        ("bert@third.example", "bert@third.example"),
        ("shop@third.example", "otto@second.example"),
        ("whoever@third.example", "anna@firm.example"),
        ("\"victim@elsewhere.example\"@third.example", "anna@firm.example"),
        // What follows the separator does not count, but a whole name comes first.
        ("anna+shop@firm.example", "anna@firm.example"),
        ("Anna+a+b@second.example", "anna@firm.example"),
        ("sales+eu@firm.example", "anna@firm.example bert@firm.example"),
        ("bert+x@third.example", "bert@third.example"),
        ("gone+x@firm.example", "unknown"),
        ("+x@firm.example", "unknown"),
        ("nobody+anna@firm.example", "unknown"),
        // The roles of every domain reach somebody.
        ("Postmaster@firm.example", "anna@firm.example"),
        ("abuse@second.example", "anna@firm.example"),
        ("postmaster@third.example", "anna@firm.example"),
        ("abuse@third.example", "bert@third.example"),
        // The guard's own names are the main domain's, and never caught.
        ("release+token@firm.example", "reply"),
        ("Release+TOKEN@firm.example", "reply"),
        ("release+token@second.example", "unknown"),
        ("release+token@third.example", "unknown"),
        // Others.
        ("anna@elsewhere.example", "elsewhere"),
        ("anna@sub.firm.example", "elsewhere"),
        ("anna@sub.second.example", "elsewhere"),
        ("anna@econd.example", "elsewhere"),
        ("postmaster@elsewhere.example", "elsewhere"),
        ("release+token@elsewhere.example", "elsewhere"),
    ] {
        assert_eq!(firm.goes_to(to), wanted, "{to}");
    }
}

#[tokio::test]
async fn an_account_writes_as_itself_its_aliases_and_an_admin_for_the_roles() {
    let firm = Firm::new().await;
    for (who, what, may) in [
        ("anna@firm.example", "Anna@firm.example", true),
        ("anna@firm.example", "anna+news@firm.example", true),
        ("anna@firm.example", "anna@second.example", true),
        ("anna@firm.example", "anna+x@second.example", true),
        ("anna@firm.example", "anna@third.example", false),
        ("anna@firm.example", "anna@elsewhere.example", false),
        ("anna@firm.example", "anna@sub.firm.example", false),
        ("anna@firm.example", "bert@firm.example", false),
        ("anna@firm.example", "bert+anna@firm.example", false),
        // As an alias, where that is set; not as a list, nor as somebody else's.
        ("anna@firm.example", "INFO@firm.example", true),
        ("anna@firm.example", "info@second.example", true),
        ("bert@firm.example", "info@firm.example", false),
        ("bert@firm.example", "sales@firm.example", false),
        ("otto@second.example", "shop@third.example", true),
        ("bert@third.example", "bert@firm.example", false),
        ("bert@firm.example", "bert@third.example", false),
        // Catching the rest does not make them one's own.
        ("anna@firm.example", "whoever@third.example", false),
        // The roles.
        ("anna@firm.example", "postmaster@firm.example", true),
        ("anna@firm.example", "Abuse@second.example", true),
        ("anna@firm.example", "abuse@elsewhere.example", false),
        ("bert@firm.example", "postmaster@firm.example", false),
        ("bert@third.example", "abuse@third.example", true),
        ("bert@firm.example", "release+token@firm.example", false),
    ] {
        assert_eq!(firm.owns(who, what), may, "{who} as {what}");
    }
}

#[tokio::test]
async fn the_separator_is_another_one_or_none() {
    let firm = Firm::new().await;
    for (separator, plus, minus) in [
        (Some('-'), "unknown", "anna@firm.example"),
        (None, "unknown", "unknown"),
        (Some('+'), "anna@firm.example", "unknown"),
    ] {
        let setting = Plus { separator };
        settings::write(&firm.store, settings::PLUS, &setting)
            .await
            .unwrap();
        assert_eq!(firm.goes_to("anna+x@firm.example"), plus, "{separator:?}");
        assert_eq!(firm.goes_to("anna-x@firm.example"), minus, "{separator:?}");
        assert_eq!(firm.goes_to("release+token@firm.example"), "reply");
    }
}

// RFC 6532 3.1: letters with accents come in one piece or in two, whoever types them.
#[tokio::test]
async fn a_name_with_accents_is_one_however_it_is_spelt() {
    let firm = Firm::new().await;
    let whole = firm.person("andr\u{e9}@firm.example").await;
    let parts = firm.person("zoe\u{308}@third.example").await;
    let snapshot = firm.store.snapshot().unwrap();
    for (to, who) in [
        ("andr\u{e9}@firm.example", whole),
        ("andre\u{301}@firm.example", whole),
        ("ANDRE\u{301}+shop@second.example", whole),
        ("zo\u{eb}@third.example", parts),
        ("ZO\u{cb}@third.example", parts),
    ] {
        let found = recipient(&snapshot, &firm.office, &address(to)).unwrap();
        assert_eq!(found, Recipient::Here(vec![who]), "{to:?}");
    }
}
