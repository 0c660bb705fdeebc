//! The harness itself: what a test started does not outlive it.

use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tests::pillarbox::Pillarbox;

const NAME: &str = "a_box_ends_with_its_test_however_that_ends";
/// Set in the process that plays the test which is killed.
const VICTIM: &str = "PILLARBOX_TEST_VICTIM";

/// Whether a process of this id is still at work; one that waits to be buried is not.
fn at_work(pid: &str) -> bool {
    std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"))
        .is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_box_ends_with_its_test_however_that_ends() -> Result<()> {
    if std::env::var_os(VICTIM).is_some() {
        // Started in a thread that is gone at once: the box is the process's, not the thread's.
        let started = std::thread::spawn(|| Pillarbox::start(&[])).join();
        let pillarbox = started.ok().context("the thread died")??;
        println!("\nbox {}", pillarbox.pid());
        loop {
            std::thread::park();
        }
    }
    let mut victim = Command::new(std::env::current_exe()?)
        .args(["--exact", NAME, "--nocapture"])
        .env(VICTIM, "yes")
        .stdout(Stdio::piped())
        .spawn()?;
    let said = BufReader::new(victim.stdout.take().context("no stdout")?);
    let pid = said
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("box ").map(str::to_owned));
    let lived = pid.as_deref().is_some_and(at_work);
    victim.kill()?;
    victim.wait()?;
    let pid = pid.context("it started no box")?;
    ensure!(lived, "the box ended before its test");
    let begun = Instant::now();
    while at_work(&pid) {
        ensure!(begun.elapsed() < Duration::from_secs(30), "{pid} lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
