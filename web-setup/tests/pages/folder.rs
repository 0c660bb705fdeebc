//! Where attachments are kept: the admin's page, and a part of the wizard.

use crate::desk::{Browser, Desk};
use axum::http::StatusCode;
use web_setup::{FolderHealth, FolderWish, OtherPlace, StickRow};

const PAGE: &str = "/links/folder";

fn stick(id: &str, label: &str) -> StickRow {
    StickRow {
        id: id.to_owned(),
        label: label.to_owned(),
        system: "exfat".to_owned(),
        size: 32_000_000_000,
        chosen: false,
        fault: None,
    }
}

#[tokio::test]
async fn a_folder_of_the_computer_is_chosen_or_refused_in_words() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get(PAGE).await.text;
    assert!(page.contains("are kept with the mail") && page.contains("name=\"path\""));
    let form = |path| [("place", "folder"), ("path", path)];
    let refused = browser.post(PAGE, &form("disk")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("the whole path") && refused.text.contains("value=\"disk\""));
    let chosen = browser.post(PAGE, &form(" /media/disk ")).await;
    assert_eq!(chosen.to(), "/links/folder?said=chosen");
    assert_eq!(
        desk.lock().folder_wishes,
        [FolderWish::Folder("/media/disk".to_owned())]
    );
    let page = browser.get("/links/folder?said=chosen").await.text;
    assert!(page.contains("<b class=\"stranger\">/media/disk</b>"), "{page}");
    for odd in [&[("place", "nonsense")][..], &[("place", "x:y")], &[]] {
        let seen = browser.post(PAGE, odd).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_stick_is_named_with_what_its_owner_calls_it() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    desk.lock().folder.sticks = Some(Vec::new());
    let page = browser.get(PAGE).await.text;
    assert!(
        page.contains("No USB stick is plugged in") && !page.contains("name=\"path\""),
        "{page}"
    );
    let mut broken = stick("unknown-sdb", "");
    broken.fault = Some("no file system".to_owned());
    desk.lock().folder.sticks = Some(vec![stick("exfat-1234abcd", "<b>PLANS"), broken]);
    let page = browser.get(PAGE).await.text;
    assert!(page.contains("&#60;b&#62;PLANS: 32.0 GB, exFAT"), "{page}");
    assert!(page.contains("disabled> <span>USB stick <span class=\"stranger\">without a name"));
    let seen = browser.post(PAGE, &[("place", "stick:exfat-1234abcd")]).await;
    assert_eq!(seen.to(), "/links/folder?said=chosen");
    assert_eq!(
        desk.lock().folder_wishes,
        [FolderWish::Stick("exfat-1234abcd".to_owned())]
    );
}

#[tokio::test]
async fn what_is_missing_is_told_and_given_up_only_when_it_is_missing() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let other = |id: &str, here| OtherPlace {
        id: id.to_owned(),
        name: format!("disk {id}"),
        here,
    };
    {
        let folder = &mut desk.lock().folder;
        folder.place = Some("USB stick PLANS".to_owned());
        folder.state = FolderHealth::Missing;
        folder.others = vec![other("a", true), other("b", false)];
    }
    let page = browser.get(PAGE).await.text;
    assert!(
        page.contains("It is missing. Attachments stay in their mails"),
        "{page}"
    );
    assert!(
        page.contains("give-up:b") && !page.contains("give-up:a"),
        "{page}"
    );
    for path in ["/links", "/accounts/2/links"] {
        let page = browser.get(path).await.text;
        assert!(
            page.contains("Not plugged in: <span class=\"stranger\">USB stick PLANS, disk b</span>"),
            "{page}"
        );
    }
    let seen = browser.post(PAGE, &[("place", "give-up:b")]).await;
    assert_eq!(seen.to(), "/links/folder?said=given-up");
    assert_eq!(desk.lock().folder.others, [other("a", true)]);
    desk.lock().folder.state = FolderHealth::Failing("it can only be read".to_owned());
    let page = browser.get(PAGE).await.text;
    assert!(page.contains("It takes no files: it can only be read."), "{page}");
}

#[tokio::test]
async fn the_wizard_offers_a_stick_and_says_when_it_is_pulled_out() {
    let desk = Desk::default();
    let mut browser = Browser::claimed(&desk).await;
    crate::setup::walk_to_dns(&mut browser).await;
    let page = browser.get("/setup/dns").await.text;
    assert!(page.contains("name=\"path\""), "a computer: {page}");
    desk.lock().folder.sticks = Some(Vec::new());
    let page = browser.get("/setup/dns").await.text;
    assert!(page.contains("No USB stick is plugged in"), "a board: {page}");
    assert!(page.contains("<details id=\"attachments\">"), "{page}");
    desk.lock().folder.sticks = Some(vec![stick("vfat-1", "S")]);
    let page = browser.get("/setup/dns").await.text;
    assert!(page.contains("value=\"stick:vfat-1\""), "{page}");
    assert!(page.contains("<details id=\"attachments\" open>"), "{page}");
    let seen = browser.post("/setup/folder", &[("place", "stick:vfat-1")]).await;
    assert_eq!(seen.to(), "/setup/dns#attachments");
    let page = browser.get("/setup/dns").await.text;
    assert!(
        page.contains("New attachments go to <b class=\"stranger\">USB stick vfat-1</b>"),
        "{page}"
    );
    // Pulled out, and another one is in its place.
    for (sticks, words) in [
        (Vec::new(), "</span> is not there. Plug it in again"),
        (
            vec![stick("vfat-2", "S")],
            "</span> is not there: what is plugged in is another one.",
        ),
    ] {
        desk.lock().folder.sticks = Some(sticks);
        desk.lock().folder.state = FolderHealth::Missing;
        let page = browser.get("/setup/dns").await.text;
        assert!(
            page.contains(&format!("<span class=\"stranger\">USB stick vfat-1{words}")),
            "{page}"
        );
        assert!(!page.contains(" checked"), "nothing else is chosen: {page}");
    }
    let refused = browser
        .post("/setup/folder", &[("place", "folder"), ("path", "x")])
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("the whole path"));
    let seen = browser.post("/setup/folder", &[("place", "give-up:a")]).await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND);
}
