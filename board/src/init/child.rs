//! Starting a process of the family with no more rights than its role needs.

use super::lines::Lines;
use super::syscalls::Filter;
use crate::wire::SOCKET_ENV;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

/// The first descriptor handed over, as systemd does it.
const FIRST: RawFd = 3;
/// Descriptors up to this one are kept for handing over, so that placing them closes nothing else.
const LAST: RawFd = 15;
/// Octets of a message line. A screen with every trouble there is has some thousands.
const LONGEST_MESSAGE: usize = 64 << 10;
const LONGEST_LOG_LINE: usize = 8 << 10;
/// Octets that may wait for a process that does not read.
const MOST_UNREAD: usize = 64 << 10;

/// Takes the low descriptors; called once, before any child is started.
pub(super) fn reserve_descriptors() -> io::Result<()> {
    while File::open("/dev/null")?.into_raw_fd() < LAST {}
    Ok(())
}

/// What a child is and may do.
#[derive(Debug)]
pub(super) struct Recipe<'a> {
    pub arguments: Vec<&'static str>,
    pub environment: Vec<(&'static str, String)>,
    /// Its user and group; no other groups.
    pub uid: u32,
    /// Bits of the capabilities it keeps (linux/capability.h).
    pub capabilities: u64,
    /// They become descriptors 3, 4 and so on; the socket to init follows.
    pub descriptors: Vec<BorrowedFd<'a>>,
    /// A Landlock ruleset.
    pub rules: Option<OwnedFd>,
    /// Most open files.
    pub open_files: u64,
}

/// A running child, its socket and its log.
#[derive(Debug)]
pub(super) struct Child {
    pub pid: Pid,
    pub started: Instant,
    socket: UnixStream,
    output: File,
    messages: Lines,
    log: Lines,
    unsent: Vec<u8>,
}

impl Child {
    /// Starts this very binary in another role.
    pub fn start(recipe: &Recipe<'_>) -> io::Result<Child> {
        let (ours, theirs) = UnixStream::pair()?;
        let (output, input) = io::pipe()?;
        let mut descriptors: Vec<RawFd> = recipe.descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        descriptors.push(theirs.as_raw_fd());
        let socket_at = FIRST + RawFd::try_from(recipe.descriptors.len()).unwrap_or(0);
        if socket_at > LAST {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "too many descriptors to hand over",
            ));
        }
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("pillarbox")
            .args(&recipe.arguments)
            .env_clear()
            .envs(recipe.environment.iter().map(|(name, value)| (name, value)))
            .env(SOCKET_ENV, socket_at.to_string())
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(input.try_clone()?)
            .stdout(input);
        let confine = Confinement {
            descriptors,
            uid: recipe.uid,
            capabilities: recipe.capabilities,
            rules: recipe.rules.as_ref().map(AsRawFd::as_raw_fd),
            open_files: recipe.open_files,
            filter: Filter::new(),
        };
        // SAFETY: `Confinement::enter` runs between fork and exec; it makes system calls only and
        // neither allocates nor locks.
        #[allow(unsafe_code)] // privileges are dropped after the fork or not at all
        unsafe {
            command.pre_exec(move || confine.enter());
        }
        let process = command.spawn()?;
        drop(command); // holds the pipe's other end
        ours.set_nonblocking(true)?;
        let output = File::from(OwnedFd::from(output));
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Child {
            pid: Pid::from_raw(i32::try_from(process.id()).unwrap_or(0)),
            started: Instant::now(),
            socket: ours,
            output,
            messages: Lines::new(LONGEST_MESSAGE),
            log: Lines::new(LONGEST_LOG_LINE),
            unsent: Vec::new(),
        })
    }

    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Whether something waits to be sent.
    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// The messages that have come, one JSON value each.
    pub fn messages(&mut self) -> Vec<String> {
        read_lines(&mut self.socket, &mut self.messages)
    }

    /// The log lines that have come.
    pub fn log_lines(&mut self) -> Vec<String> {
        read_lines(&mut self.output, &mut self.log)
    }

    /// Sends a value as one line. False: it does not read what it is sent, and this was dropped.
    pub fn send(&mut self, message: &impl serde::Serialize) -> bool {
        let Ok(line) = serde_json::to_vec(message) else {
            return false;
        };
        if self.unsent.len() + line.len() > MOST_UNREAD {
            return false;
        }
        self.unsent.extend_from_slice(&line);
        self.unsent.push(b'\n');
        self.flush();
        true
    }

    /// Sends what the socket takes.
    pub fn flush(&mut self) {
        match self.socket.write(&self.unsent) {
            Ok(sent) => drop(self.unsent.drain(..sent)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.unsent.clear(), // it is gone; its end is reported elsewhere
        }
    }

    pub fn signal(&self, signal: Signal) {
        let _ = kill(self.pid, signal);
    }
}

/// Reads what is there, but not without end: a child that never stops talking must not keep init.
fn read_lines(from: &mut impl Read, lines: &mut Lines) -> Vec<String> {
    let mut found = Vec::new();
    let mut buffer = [0; 4096];
    for _ in 0..16 {
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(length) => found.extend(lines.feed(buffer.get(..length).unwrap_or_default())),
        }
    }
    found
}

/// Everything between fork and exec, prepared before.
struct Confinement {
    descriptors: Vec<RawFd>,
    uid: u32,
    capabilities: u64,
    rules: Option<RawFd>,
    open_files: u64,
    filter: Filter,
}

impl Confinement {
    /// # Errors
    /// The first call that fails; the child is then not started at all.
    #[allow(unsafe_code)] // the calls have no safe wrappers that are usable after fork
    fn enter(&self) -> io::Result<()> {
        let uid = self.uid;
        // SAFETY: system calls on plain numbers and on structures that live on this stack.
        unsafe {
            libc::setsid();
            // Init blocks the signals it waits for; a child that inherits that cannot be asked to end.
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            done(libc::sigprocmask(
                libc::SIG_SETMASK,
                &raw const none,
                std::ptr::null_mut(),
            ))?;
            for (target, source) in (FIRST..).zip(&self.descriptors) {
                done(libc::dup2(*source, target))?;
            }
            let files = libc::rlimit {
                rlim_cur: self.open_files,
                rlim_max: self.open_files,
            };
            done(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const files))?;
            let core = libc::rlimit {
                rlim_cur: 0,
                rlim_max: 0,
            };
            done(libc::setrlimit(libc::RLIMIT_CORE, &raw const core))?;
            for capability in 0..64_u64 {
                // Fails for numbers that this kernel does not know.
                if self.capabilities >> capability & 1 == 0 {
                    libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
                }
            }
            done(libc::prctl(libc::PR_SET_KEEPCAPS, 1_u64, 0_u64, 0_u64, 0_u64))?;
            done(libc::setgroups(0, std::ptr::null()))?;
            done(libc::setresgid(uid, uid, uid))?;
            done(libc::setresuid(uid, uid, uid))?;
            self.keep_capabilities()?;
            done(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1_u64, 0_u64, 0_u64, 0_u64))?;
            if let Some(rules) = self.rules
                && libc::syscall(libc::SYS_landlock_restrict_self, rules, 0_u32) != 0
            {
                return Err(io::Error::last_os_error());
            }
        }
        self.filter.install()
    }

    /// Capabilities survive exec under another uid only as ambient ones (capabilities(7)).
    #[allow(unsafe_code)] // as above
    fn keep_capabilities(&self) -> io::Result<()> {
        #[repr(C)]
        struct Header {
            version: u32,
            pid: i32,
        }
        #[repr(C)]
        #[derive(Clone, Copy)]
        struct Data {
            effective: u32,
            permitted: u32,
            inheritable: u32,
        }
        const VERSION_3: u32 = 0x2008_0522;
        let header = Header {
            version: VERSION_3,
            pid: 0,
        };
        let half = |shift: u32| {
            let bits = (self.capabilities >> shift & 0xffff_ffff) as u32;
            Data {
                effective: bits,
                permitted: bits,
                inheritable: bits,
            }
        };
        let data = [half(0), half(32)];
        // SAFETY: the structures are laid out as linux/capability.h has them and outlive the call.
        unsafe {
            if libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            for capability in (0..64_u64).filter(|bit| self.capabilities >> bit & 1 == 1) {
                let raise = libc::PR_CAP_AMBIENT_RAISE as u64;
                done(libc::prctl(libc::PR_CAP_AMBIENT, raise, capability, 0_u64, 0_u64))?;
            }
        }
        Ok(())
    }
}

fn done(result: i32) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::FromRawFd;

    const USER: u32 = 54_321;
    const TIME: u64 = 1 << 25; // CAP_SYS_TIME

    /// Not a test: the child's side of the one below, which starts this binary anew.
    #[test]
    #[ignore = "run by a_child_has_no_more_than_its_recipe_gives"]
    #[allow(unsafe_code)] // takes the descriptors it was handed
    fn in_the_child() {
        let Ok(number) = std::env::var(SOCKET_ENV) else {
            return;
        };
        for line in std::fs::read_to_string("/proc/self/status").unwrap().lines() {
            eprintln!("{}", line.replace('\t', " "));
        }
        // SAFETY: the parent placed a file at 3 and the socket where the variable says.
        let (mut file, mut socket) = unsafe {
            (
                File::from_raw_fd(FIRST),
                UnixStream::from_raw_fd(number.parse().unwrap()),
            )
        };
        let mut word = [0; 5];
        socket.read_exact(&mut word).unwrap();
        writeln!(file, "{}", String::from_utf8_lossy(&word)).unwrap();
        socket.write_all(b"[\"answer\"]\n").unwrap();
    }

    #[test]
    fn a_child_has_no_more_than_its_recipe_gives() {
        if !nix::unistd::geteuid().is_root() {
            return eprintln!("not run: only root can give rights away");
        }
        reserve_descriptors().unwrap();
        let mut handed = tempfile();
        let mut child = Child::start(&Recipe {
            arguments: vec![
                "init::child::tests::in_the_child",
                "--exact",
                "--ignored",
                "--nocapture",
            ],
            environment: vec![],
            uid: USER,
            capabilities: TIME,
            descriptors: vec![handed.as_fd()],
            rules: None,
            open_files: 100,
        })
        .unwrap();
        assert!(child.send(&"hey"));
        let (mut log, mut messages) = (Vec::new(), Vec::new());
        nix::sys::wait::waitpid(child.pid, None).unwrap();
        log.extend(child.log_lines());
        messages.extend(child.messages());
        let log = log.join("\n");
        for line in [
            format!("Uid: {USER} {USER} {USER} {USER}"),
            format!("Gid: {USER} {USER} {USER} {USER}"),
            "Groups:".into(),
            format!("CapPrm: {TIME:016x}"),
            format!("CapEff: {TIME:016x}"),
            format!("CapBnd: {TIME:016x}"),
            "SigBlk: 0000000000000000".into(),
            "NoNewPrivs: 1".into(),
            "Seccomp: 2".into(),
        ] {
            assert!(
                log.lines().any(|l| l.trim_end() == line),
                "{line} is not in\n{log}"
            );
        }
        assert_eq!(messages, ["[\"answer\"]"], "{log}");
        let mut text = String::new();
        std::io::Seek::rewind(&mut handed).unwrap();
        handed.read_to_string(&mut text).unwrap();
        assert_eq!(text, "\"hey\"\n");
    }

    fn tempfile() -> File {
        let path = std::env::temp_dir().join(format!("pillarbox-child-{}", std::process::id()));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(path).unwrap();
        file
    }
}
