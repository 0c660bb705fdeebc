//! The card image on QEMU's Raspberry Pi 3, through the card's own U-Boot.

use crate::build::first_stage;
use crate::tool;
use anyhow::{Context, Result, bail};
use board::layout::LISTENERS;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How to boot.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// The card image; it is only read.
    #[arg(long, default_value = "out/pillarbox.img")]
    pub card: PathBuf,
    /// Keeps what the emulated board writes, from run to run of the same image.
    #[arg(long, default_value = "out/pi")]
    pub state: PathBuf,
    /// Forget what the emulated board wrote.
    #[arg(long)]
    pub fresh: bool,
    /// The board's port N is this number plus N here.
    #[arg(long, default_value_t = 10_000)]
    pub port_base: u16,
}

const QEMU: &str = "qemu-system-aarch64";
/// Earlier ones have no working USB Ethernet and panel on this board.
const QEMU_OLDEST: u32 = 10;
/// An emulated card's size must be a power of two; this one also shows that the data partition grows.
const CARD_SIZE: u64 = 1 << 30;
/// QEMU's name for the panel.
const PANEL: &str = "panel";
/// QEMU's name for the USB stick.
const STICK: &str = "stick";
const MONITOR_PATIENCE: Duration = Duration::from_secs(20);

/// A running emulated board. Dropping it pulls the plug.
pub struct Emulator {
    qemu: Child,
    state: PathBuf,
}

impl Emulator {
    /// Puts the card in, unless `state` has it from a run before, and switches on.
    pub fn start(options: &Options) -> Result<Emulator> {
        check_version()?;
        fs::create_dir_all(&options.state)?;
        let state = fs::canonicalize(&options.state)?;
        let card = insert_card(&options.card, &state, options.fresh)?;
        let (u_boot, tree) = first_stage(&options.card)?;
        let in_state = |name: &str| state.join(name);
        fs::write(in_state("u-boot.bin"), u_boot)?;
        fs::write(in_state("board.dtb"), tree)?;
        for left_over in ["monitor", "serial.log"] {
            drop(fs::remove_file(in_state(left_over)));
        }

        let forwards: String = LISTENERS
            .iter()
            .map(|(_, port)| format!(",hostfwd=tcp:127.0.0.1:{}-:{port}", options.port_base + port))
            .collect();
        let mut qemu = Command::new(QEMU);
        qemu.args(["-M", "raspi3b", "-display", "none", "-parallel", "none"]);
        // One thread for the four cores boots twice as fast: three of them spin until Linux wakes
        // them, and every page table change waits for all.
        qemu.args(["-accel", "tcg,thread=single"]);
        qemu.arg("-kernel")
            .arg(in_state("u-boot.bin"))
            .arg("-dtb")
            .arg(in_state("board.dtb"));
        qemu.arg("-drive")
            .arg(format!("if=sd,format=raw,file={}", card.display()));
        qemu.arg("-netdev").arg(format!("user,id=lan{forwards}"));
        qemu.args(["-device", "usb-net,netdev=lan"]);
        qemu.args([
            "-device",
            &format!("ssd0303,id={PANEL},bus=i2c-bus.1,address=0x3c"),
        ]);
        // UART0 is the Bluetooth chip's; UART1 is on the header.
        qemu.args(["-serial", "null"]);
        qemu.arg("-serial")
            .arg(format!("file:{}", in_state("serial.log").display()));
        qemu.arg("-qmp").arg(format!(
            "unix:{},server=on,wait=off",
            in_state("monitor").display()
        ));
        qemu.stdin(Stdio::null()).stdout(Stdio::null());
        qemu.stderr(File::create(in_state("qemu.log"))?);
        let qemu = qemu
            .spawn()
            .with_context(|| format!("{QEMU} cannot be started"))?;
        let mut emulator = Emulator { qemu, state };
        wait_for("QEMU's monitor", MONITOR_PATIENCE, || {
            if let Some(status) = emulator.ended()? {
                bail!("QEMU ended: {status}\n{}", emulator.last_words());
            }
            Ok(UnixStream::connect(emulator.state.join("monitor")).ok())
        })?;
        Ok(emulator)
    }

    /// The file with what the serial pins of the header said since it was switched on.
    pub fn serial_log(&self) -> PathBuf {
        self.state.join("serial.log")
    }

    /// What is in that file so far.
    pub fn serial(&self) -> String {
        fs::read(self.serial_log())
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// The panel's picture, as a portable pixmap (PPM).
    pub fn panel(&self) -> Result<Vec<u8>> {
        let to = self.state.join("panel.ppm");
        drop(fs::remove_file(&to));
        self.monitor("screendump", &json!({ "filename": to, "device": PANEL }))?;
        fs::read(&to).with_context(|| to.display().to_string())
    }

    /// Plugs a USB stick in; what is on it is in this file, and what is written to it goes there.
    pub fn plug_stick(&self, file: &Path) -> Result<()> {
        let disk = json!({ "driver": "raw", "node-name": STICK,
            "file": { "driver": "file", "filename": file } });
        self.monitor("blockdev-add", &disk)?;
        let device = json!({ "driver": "usb-storage", "id": STICK, "drive": STICK });
        self.monitor("device_add", &device).map(drop)
    }

    /// Pulls the USB stick out, whatever is being written to it.
    pub fn pull_stick(&self) -> Result<()> {
        self.monitor("device_del", &json!({ "id": STICK }))?;
        // It is gone for the board at once, for QEMU a moment later.
        wait_for("the stick to be let go of", MONITOR_PATIENCE, || {
            let gone = self.monitor("blockdev-del", &json!({ "node-name": STICK }));
            Ok(gone.ok().map(drop))
        })
    }

    /// Whether it has ended, and how: it does when the board powers off.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.qemu.try_wait()?)
    }

    /// What QEMU itself complained about.
    pub fn last_words(&self) -> String {
        fs::read_to_string(self.state.join("qemu.log")).unwrap_or_default()
    }

    /// Pulls the plug: no warning, in whatever it is doing. The card keeps the writes it had finished.
    pub fn pull_the_plug(mut self) -> Result<()> {
        self.qemu.kill()?;
        self.qemu.wait()?;
        Ok(())
    }

    fn monitor(&self, command: &str, arguments: &Value) -> Result<Value> {
        let socket = UnixStream::connect(self.state.join("monitor")).context("QEMU's monitor")?;
        socket.set_read_timeout(Some(MONITOR_PATIENCE))?;
        let mut replies = BufReader::new(socket.try_clone()?).lines();
        let mut ask = |question: Value| -> Result<Value> {
            (&socket).write_all(format!("{question}\n").as_bytes())?;
            // Events and the greeting come in between.
            for line in replies.by_ref() {
                let reply: Value = serde_json::from_str(&line?)?;
                if let Some(error) = reply.get("error") {
                    bail!("QEMU refuses {command}: {error}");
                }
                if let Some(result) = reply.get("return") {
                    return Ok(result.clone());
                }
            }
            bail!("QEMU closed its monitor")
        };
        ask(json!({ "execute": "qmp_capabilities" }))?;
        ask(json!({ "execute": command, "arguments": arguments }))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.qemu.kill());
        drop(self.qemu.wait());
    }
}

/// Boots and shows what the serial pins say, until the board powers off. Ctrl-C ends QEMU too: it is
/// in the same process group.
#[allow(clippy::print_stdout)] // the serial line is this command's output
pub fn run(options: &Options) -> Result<()> {
    let mut emulator = Emulator::start(options)?;
    let log = emulator.serial_log();
    println!(
        "Ctrl-C pulls the plug; what the board wrote stays in {}",
        options.state.display()
    );
    let (mut shown, mut announced) = (0, false);
    loop {
        let ended = emulator.ended()?;
        shown += show_from(&log, shown)?;
        if !announced && let Some(words) = ready(&emulator.serial()) {
            println!(
                "\n== Pillarbox is up: https://127.0.0.1:{}/{words}\n",
                options.port_base + 443
            );
            announced = true;
        }
        if let Some(status) = ended {
            if status.success() {
                println!("\nThe board has powered off.");
                return Ok(());
            }
            bail!("QEMU ended: {status}\n{}", emulator.last_words());
        }
        sleep(Duration::from_millis(100));
    }
}

/// Once the mail server is up: what it says behind its own address, which is the claim code if nobody
/// has claimed it.
fn ready(serial: &str) -> Option<String> {
    let (line, _) = serial
        .split_once("PILLARBOX READY https://")?
        .1
        .split_once('\n')?;
    let (_, words) = line.split_once('/')?;
    Some(words.trim_end().to_owned())
}

fn show_from(log: &Path, from: u64) -> Result<u64> {
    let Ok(mut file) = File::open(log) else {
        return Ok(0);
    };
    file.seek(SeekFrom::Start(from))?;
    let mut new = Vec::new();
    file.read_to_end(&mut new)?;
    let mut out = std::io::stdout().lock();
    out.write_all(&new)?;
    out.flush()?;
    Ok(new.len() as u64)
}

/// The card as the board sees it, in the folder `state`: a copy of the image.
///
/// It is a plain file on purpose. A card has written what it says it has written, and Linux sends none a
/// flush; formats with tables of their own would lose finished writes when QEMU is killed.
pub fn insert_card(image: &Path, state: &Path, fresh: bool) -> Result<PathBuf> {
    let made = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let built = made(image)
        .with_context(|| format!("no card image at {}; scripts/image builds it", image.display()))?;
    let card = state.join("card.img");
    if fresh || made(&card).is_none_or(|at| at < built) {
        let mut copy = Command::new("cp");
        copy.args(["--sparse=always", "--reflink=auto"])
            .arg(image)
            .arg(&card);
        tool::output(&mut copy)?;
        File::options().write(true).open(&card)?.set_len(CARD_SIZE)?;
    }
    Ok(card)
}

fn check_version() -> Result<()> {
    let text = tool::text(Command::new(QEMU).arg("--version"))?;
    match version(&text) {
        Some(major) if major >= QEMU_OLDEST => Ok(()),
        _ => bail!("{QEMU} {QEMU_OLDEST} or newer is needed; scripts/run --pi installs it: {text}"),
    }
}

/// `QEMU emulator version 10.0.2 (..)` is 10.
fn version(text: &str) -> Option<u32> {
    text.split_once("version ")?.1.split('.').next()?.parse().ok()
}

/// Waits until `found` gives something. `what` is for the error.
pub fn wait_for<T>(
    what: &str,
    patience: Duration,
    mut found: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(value) = found()? {
            return Ok(value);
        }
        if started.elapsed() > patience {
            bail!("waited {} s in vain for {what}", patience.as_secs());
        }
        sleep(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_qemu_says() {
        assert_eq!(
            version("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright"),
            Some(10)
        );
        assert_eq!(version("QEMU emulator version 7.2.17"), Some(7));
        assert_eq!(version("something else"), None);
    }

    #[test]
    fn the_board_is_ready_once_its_line_is_whole() {
        let line = "[    8.1] pillarbox serve: PILLARBOX READY https://127.0.0.1:443/ claim-code AB-CD";
        assert_eq!(ready(line), None);
        assert_eq!(
            ready(&format!("x\n{line}\r\n")),
            Some(" claim-code AB-CD".to_owned())
        );
        assert_eq!(
            ready("PILLARBOX READY https://127.0.0.1:443/\r\n"),
            Some(String::new())
        );
    }

    #[test]
    fn waiting_ends_with_what_was_missed() {
        let error = wait_for::<()>("nothing", Duration::ZERO, || Ok(None)).unwrap_err();
        assert!(error.to_string().contains("nothing"));
    }
}
