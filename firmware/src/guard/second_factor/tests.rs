use super::*;
use store::Options;

struct Desk {
    factors: SecondFactors,
    clock: Clock,
    _folder: tempfile::TempDir,
}

const NOW: i64 = 1_800_000_000;

fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &Options::default()).unwrap();
    let clock = Clock::standing(Timestamp(NOW));
    let (ledger, writer) = Ledger::open(clock.clone(), &store.snapshot().unwrap()).unwrap();
    tokio::spawn(writer.run(store.clone()));
    Desk {
        factors: SecondFactors::new(store, clock.clone(), ledger),
        clock,
        _folder: folder,
    }
}

fn decode(base32: &Secret) -> Vec<u8> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let text = std::str::from_utf8(base32.expose()).unwrap();
    let bits: String = text
        .chars()
        .map(|c| format!("{:05b}", LETTERS.find(c).unwrap()))
        .collect();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|bits| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap())
        .collect()
}

async fn enrol(desk: &Desk, owner: Owner) -> (Vec<u8>, Vec<String>) {
    let secret = decode(&desk.factors.begin(owner).await.unwrap());
    let code = totp::code(&secret, desk.clock.now().0 / 30);
    let codes = desk.factors.confirm(owner, &code).await.unwrap();
    let text = |code: &Secret| String::from_utf8(code.expose().to_vec()).unwrap();
    (secret, codes.iter().map(text).collect())
}

#[tokio::test]
async fn it_begins_only_with_a_right_code_and_each_code_counts_once() {
    let desk = desk();
    for owner in [None, Some(AccountId(1))] {
        desk.clock.set(Timestamp(NOW));
        assert!(
            desk.factors.confirm(owner, "123456").await.is_err(),
            "nothing begun"
        );
        let secret = decode(&desk.factors.begin(owner).await.unwrap());
        assert_eq!(secret.len(), totp::SECRET);
        let wrong = totp::code(&secret, NOW / 30 + 5);
        assert!(desk.factors.confirm(owner, &wrong).await.is_err());
        assert_eq!(desk.factors.of(owner).unwrap(), None);
        let (again, _) = enrol(&desk, owner).await;
        assert_eq!(secret, again, "a typing mistake does not make a new secret");
        let used = totp::code(&secret, NOW / 30);
        assert_eq!(
            desk.factors.judge(owner, &used).await.unwrap(),
            Judgement::Wrong,
            "used"
        );
        desk.clock.set(Timestamp(NOW + 30));
        let next = totp::code(&secret, NOW / 30 + 1);
        let spaced = format!("{} {}", &next[..3], &next[3..]);
        assert_eq!(
            desk.factors.judge(owner, &spaced).await.unwrap(),
            Judgement::Right
        );
        assert_eq!(
            desk.factors.judge(owner, &next).await.unwrap(),
            Judgement::Wrong,
            "again"
        );
        assert!(desk.factors.begin(owner).await.is_err(), "it is on");
    }
}

#[tokio::test]
async fn each_recovery_code_counts_once_also_without_a_clock_and_after_many_wrong_codes() {
    let desk = desk();
    let (secret, codes) = enrol(&desk, None).await;
    assert_eq!(codes.len(), 10);
    desk.clock.set_known(false);
    desk.clock.set(Timestamp(1000)); // the board woke up in the past
    let code = totp::code(&secret, 1000 / 30);
    assert_eq!(desk.factors.judge(None, &code).await.unwrap(), Judgement::Wrong);
    for _ in 1..limits::WRONG_CODES {
        assert_eq!(
            desk.factors.judge(None, "000000").await.unwrap(),
            Judgement::Wrong
        );
    }
    assert_eq!(
        desk.factors.judge(None, "000000").await.unwrap(),
        Judgement::TooMany
    );
    for (used, code) in codes.iter().enumerate() {
        let typed = code.to_uppercase();
        assert_eq!(
            desk.factors.judge(None, &typed).await.unwrap(),
            Judgement::Right,
            "{used}"
        );
        assert_eq!(
            desk.factors.judge(None, code).await.unwrap(),
            Judgement::Wrong,
            "{used}"
        );
        let left = desk.factors.of(None).unwrap().unwrap().recovery_left;
        assert_eq!(left, codes.len() - used - 1);
    }
}

#[tokio::test]
async fn whoever_has_the_password_does_not_guess_the_code() {
    let desk = desk();
    let (secret, _) = enrol(&desk, None).await;
    for _ in 0..limits::WRONG_CODES {
        assert_eq!(
            desk.factors.judge(None, "000000").await.unwrap(),
            Judgement::Wrong
        );
    }
    desk.clock.set(Timestamp(NOW + 60));
    let right = totp::code(&secret, NOW / 30 + 2);
    assert_eq!(
        desk.factors.judge(None, &right).await.unwrap(),
        Judgement::TooMany
    );
    let later = NOW + limits::WRONG_CODES_WINDOW;
    desk.clock.set(Timestamp(later));
    let right = totp::code(&secret, later / 30);
    assert_eq!(desk.factors.judge(None, &right).await.unwrap(), Judgement::Right);
}

#[tokio::test]
async fn it_is_not_begun_without_a_clock_and_an_admin_takes_it_away() {
    let desk = desk();
    desk.clock.set_known(false);
    let refused = desk.factors.begin(None).await;
    assert!(matches!(refused, Err(StoreError::CannotChange(why)) if why.contains("time")));
    desk.clock.set_known(true);
    enrol(&desk, Some(AccountId(7))).await;
    assert!(
        desk.factors
            .remove(Some(AccountId(7)), "command line")
            .await
            .unwrap()
    );
    assert!(
        !desk
            .factors
            .remove(Some(AccountId(7)), "command line")
            .await
            .unwrap()
    );
    assert_eq!(desk.factors.of(Some(AccountId(7))).unwrap(), None);
}
