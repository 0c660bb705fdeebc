//! What becomes of links and their files when the clock is set wrongly.

use super::*;
use crate::clock::DAY;
use web_setup::LinkState;

const YEARS: i64 = 9 * 365 * DAY;

/// The links of a house with one that works for 30 days, by a clock that the test sets.
fn by_own_clock(trial: &Trial) -> (Links, Clock) {
    let house = &trial.house;
    let clock = Clock::standing(house.clock.now());
    (open(trial, &clock), clock)
}

fn open(trial: &Trial, clock: &Clock) -> Links {
    let house = &trial.house;
    Links::open(
        &house.data,
        house.store.clone(),
        house.ledger.clone(),
        clock.clone(),
    )
    .unwrap()
}

#[tokio::test]
async fn a_clock_set_years_ahead_by_mistake_costs_no_file() {
    let (trial, _) = house(30 * DAY).await;
    let (links, clock) = by_own_clock(&trial);
    let state = || links.state_of(&numbered(&trial, 1));
    links.tidy(true).await.unwrap();
    let right = clock.now();
    clock.jump(right.plus(YEARS));
    for _ in 0..6 {
        links.tidy(false).await.unwrap();
        clock.set(clock.now().plus(DAY));
    }
    assert_eq!(state(), LinkState::Expired, "by this clock");
    clock.jump(right.plus(6 * DAY));
    links.tidy(false).await.unwrap();
    assert_eq!(state(), LinkState::Works);
    assert!(links.folder.open(&numbered(&trial, 1).file, 7).is_ok());
    // A box that runs on with the time it was told believes it in the end.
    clock.jump(right.plus(YEARS));
    links.tidy(false).await.unwrap();
    assert_eq!(state(), LinkState::Expired);
    clock.set(clock.now().plus(7 * DAY));
    links.tidy(false).await.unwrap();
    assert_eq!(state(), LinkState::Gone);
}

#[tokio::test]
async fn a_jump_is_one_after_a_restart_too() {
    let (trial, _) = house(30 * DAY).await;
    let (links, clock) = by_own_clock(&trial);
    links.tidy(true).await.unwrap();
    let right = clock.now();
    clock.jump(right.plus(YEARS));
    for _ in 0..2 {
        open(&trial, &clock).tidy(true).await.unwrap();
    }
    assert_eq!(links.state_of(&numbered(&trial, 1)), LinkState::Expired);
    clock.jump(right);
    assert_eq!(links.state_of(&numbered(&trial, 1)), LinkState::Works);
}

#[tokio::test]
async fn a_look_at_the_clock_that_tells_nothing_new_is_not_written() {
    let (trial, _) = house(30 * DAY).await;
    let (links, clock) = by_own_clock(&trial);
    let kept = || {
        trial
            .house
            .store
            .snapshot()
            .unwrap()
            .setting(super::super::jumps::CLOCK)
            .unwrap()
    };
    links.tidy(true).await.unwrap();
    let first = kept();
    assert!(first.is_some());
    for _ in 0..23 {
        clock.set(clock.now().plus(3600));
        links.tidy(false).await.unwrap();
        assert_eq!(kept(), first);
    }
    clock.set(clock.now().plus(3600));
    links.tidy(false).await.unwrap();
    let second = kept();
    assert_ne!(second, first, "a day is over");
    // A jump is noted at once, and it is told from what the box ran for since the last note.
    clock.set(clock.now().plus(3600));
    links.tidy(false).await.unwrap();
    clock.jump(clock.now().plus(7 * DAY));
    assert!(!links.believes_the_clock().await.unwrap());
    let doubted = kept();
    assert_ne!(doubted, second);
    assert!(!links.believes_the_clock().await.unwrap());
    assert_eq!(kept(), doubted);
    // The day on which the doubt ends counts to the hour, though hours are not written.
    clock.set(clock.now().plus(7 * DAY - 3600));
    assert!(!links.believes_the_clock().await.unwrap());
    clock.set(clock.now().plus(3600));
    assert!(links.believes_the_clock().await.unwrap());
}
