//! The page of the ledger.

use crate::desk::{Browser, Desk};

#[tokio::test]
async fn events_are_shown_in_words_filtered_turned_over_and_saved() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/events?account=a%26b&kind=unfrozen").await.text;
    assert!(page.contains("given back by &#60;b&#62;chief"), "{page}");
    assert!(page.contains("<option selected>unfrozen</option>"), "{page}");
    assert!(
        page.contains("/events?account=a%26b&amp;kind=unfrozen&amp;before=7"),
        "{page}"
    );
    let page = browser.get("/events?kind=frozen").await.text;
    assert!(page.contains("None of these so far."), "{page}");
    let page = browser.get("/events?before=7").await.text;
    assert!(page.contains("There are no older ones."), "{page}");
    let csv = browser.get("/events.csv").await.text;
    let line = "\"unfrozen\",\"ann@example.com\",\"'=given back by <b>chief\"\r\n";
    assert!(
        csv.starts_with("at,kind,account,words\r\n") && csv.ends_with(line),
        "{csv}"
    );
}
