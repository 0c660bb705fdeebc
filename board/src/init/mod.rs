//! PID 1: from the kernel's hand to a running mail server, and back to darkness. Parses nothing
//! that a stranger sent; of a USB stick it reads the few numbers that tell what it is.

mod backoff;
mod child;
mod clock;
mod disk;
mod ext4;
mod house;
mod journal;
mod lines;
mod listeners;
mod loopback;
mod mbr;
mod modules;
mod mounts;
mod panel_thread;
mod power;
mod roles;
mod service;
mod sticks;
mod syscalls;
mod volume;
mod watchdog;

use crate::cmdline;
use crate::screen::Screen;
use house::House;
use panel_thread::Panel;
use power::End;
use std::fs;
use std::time::Duration;
use watchdog::Watchdog;

/// Drivers of USB card readers take their time.
const WAIT_FOR_CARD: Duration = Duration::from_secs(30);
const WAIT_FOR_ENTROPY: Duration = Duration::from_secs(30);

/// Runs the box. Returns only when this is not PID 1.
pub fn run() {
    if std::process::id() != 1 {
        journal::warn("`init` is what the kernel starts as process 1; nothing to do here");
        return;
    }
    std::panic::set_hook(Box::new(|info| {
        journal::write("init", journal::Rank::Error, &info.to_string())
    }));
    // PID 1 that ends takes the kernel with it: whatever goes wrong, the card is let go of first.
    let end = std::panic::catch_unwind(live).unwrap_or_else(|_| {
        power::release_card();
        std::thread::sleep(Duration::from_secs(10));
        End::Reboot
    });
    power::end(end)
}

fn live() -> End {
    mounts::memory();
    if let Err(error) = house::signals().thread_block() {
        journal::warn(format!("blocking signals: {error}"));
    }
    if let Err(error) = child::reserve_descriptors() {
        journal::warn(format!("reserving descriptors: {error}"));
    }
    mounts::files();
    if let Err(error) = loopback::up() {
        journal::warn(format!("loopback: {error}"));
    }
    clock::start();
    let options = cmdline::parse(&fs::read_to_string("/proc/cmdline").unwrap_or_default());
    let panel = Panel::start(options.panel);
    // Ctrl-Alt-Del is a signal, not a reset.
    if let Err(error) = nix::sys::reboot::set_cad_enabled(false) {
        journal::warn(format!("Ctrl-Alt-Del: {error}"));
    }

    step(&panel, "waking up");
    // The card's drivers come early in the list; the rest loads while the card is checked.
    let loader = std::thread::Builder::new()
        .name("modules".into())
        .spawn(modules::load_all);
    if loader.is_err() {
        modules::load_all();
    }
    let no_data = prepare_data(&panel).err().map(|error| format!("{error:#}"));
    if let Some(reason) = &no_data {
        journal::warn(reason);
    }
    clock::start();
    if let Ok(loader) = loader {
        let _ = loader.join();
    }
    let watchdog = Watchdog::open(&options);
    wait_for_entropy();
    step(&panel, "starting mail");
    match House::new(panel, watchdog, no_data) {
        Ok(mut house) => {
            let end = house.run();
            house.close(end);
            end
        }
        Err(error) => {
            journal::warn(format!("cannot supervise: {error}"));
            power::release_card();
            std::thread::sleep(Duration::from_secs(10));
            End::Reboot
        }
    }
}

fn step(panel: &Panel, step: &str) {
    journal::note(step);
    panel.show(&Screen::Starting { step: step.into() });
}

fn prepare_data(panel: &Panel) -> anyhow::Result<()> {
    use anyhow::Context;
    let partition = disk::wait_for_data(WAIT_FOR_CARD)
        .context("no data partition is found; is the card the right one?")?;
    journal::note(format!("data is on {}", partition.name));
    if let Err(error) = disk::grow_partition(&partition) {
        journal::warn(format!("growing the data partition: {error:#}"));
    }
    step(panel, "checking the card");
    disk::check(&partition)?;
    disk::mount_data(&partition)
}

/// Keys are made only from good randomness. The kernel gathers it within a second or two on every
/// board that has a generator; 256 bits is all it counts to.
fn wait_for_entropy() {
    let end = std::time::Instant::now() + WAIT_FOR_ENTROPY;
    let ready = || {
        fs::read_to_string("/proc/sys/kernel/random/entropy_avail")
            .is_ok_and(|bits| bits.trim().parse::<u32>().is_ok_and(|bits| bits >= 256))
    };
    while !ready() {
        if std::time::Instant::now() >= end {
            return journal::warn("little randomness yet; keys wait for more");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
