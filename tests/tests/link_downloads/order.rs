//! That an attachment is on the disk before anything of its mail is: what the binary asks of the kernel,
//! in order, as strace sees it.

use super::{Bench, content};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Stands in the mail.
const MARK: &str = "Film";

struct Traced {
    strace: Child,
    log: PathBuf,
}

impl Traced {
    /// Watches a process and all its threads; `None`: the system lets nobody watch.
    fn attach(pid: u32, log: &Path) -> Option<Self> {
        let strace = Command::new("strace")
            .args(["-f", "-qq", "-y", "-s", "70000", "-e", "signal=none"])
            .args([
                "-e",
                "trace=write,pwrite64,fsync,fdatasync,rename,renameat,renameat2",
            ])
            .arg("-o")
            .arg(log)
            .args(["-p", &pid.to_string()])
            .stderr(Stdio::null())
            .spawn()
            .expect("strace");
        let mut this = Self {
            strace,
            log: log.to_owned(),
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_traced(pid) {
            if this.strace.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(Instant::now() < deadline, "strace does not attach");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(this)
    }

    fn calls(mut self) -> Vec<Call> {
        let pid = self.strace.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status().unwrap();
        self.strace.wait().unwrap();
        read(&String::from_utf8_lossy(&fs::read(&self.log).unwrap()))
    }
}

fn is_traced(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.lines().any(|line| {
            line.strip_prefix("TracerPid:")
                .is_some_and(|tracer| tracer.trim() != "0")
        })
    })
}

/// A call that was answered with success: its name and arguments, in which line it began and ended.
#[derive(Debug)]
struct Call {
    name: String,
    arguments: String,
    began: usize,
    ended: usize,
}

// `PID name(arguments) = 0`, or in two lines where another thread came between:
// `PID name(arguments <unfinished ...>` and `PID <... name resumed>) = 0`.
fn read(log: &str) -> Vec<Call> {
    let (mut calls, mut open) = (Vec::new(), Vec::new());
    for (at, line) in log.lines().enumerate() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        let failed = rest.contains(") = -1 ") || rest.ends_with(") = ?");
        if rest.starts_with("<... ") {
            let begun = open.iter().position(|(of, _)| of == pid);
            let (_, mut call): (String, Call) = open.remove(begun.expect("a beginning"));
            call.ended = at;
            if !failed {
                calls.push(call);
            }
            continue;
        }
        let Some((name, arguments)) = rest.split_once('(') else {
            continue;
        };
        let call = Call {
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            began: at,
            ended: at,
        };
        if arguments.ends_with("<unfinished ...>") {
            open.push((pid.to_owned(), call));
        } else if !failed {
            calls.push(call);
        }
    }
    calls
}

impl Call {
    fn syncs(&self, path: &str) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync") && self.arguments.contains(&format!("<{path}>"))
    }

    fn writes(&self, path: &str) -> bool {
        matches!(self.name.as_str(), "write" | "pwrite64") && self.arguments.contains(&format!("<{path}"))
    }
}

#[test]
fn an_attachment_and_its_name_are_on_the_disk_before_anything_of_its_mail_is_in_the_store() {
    let bench = Bench::start();
    let log = bench.folder.path().join("calls");
    let Some(traced) = Traced::attach(bench.pillarbox.pid(), &log) else {
        return eprintln!("not run: strace may not look at other processes here");
    };
    let to = &["ben@firm.example", "x@one.example"];
    assert!(bench.send(&content(300_000, 5), to).wait().unwrap().success());
    let calls = traced.calls();

    let folder = fs::canonicalize(bench.pillarbox.data().join("attachments")).unwrap();
    let [file] = &bench.attachments()[..] else {
        panic!("{:?}", bench.attachments());
    };
    let file = file.file_name().unwrap().to_str().unwrap();
    let folder = folder.to_str().unwrap();
    let first = |what: &str, after: usize, is: &dyn Fn(&Call) -> bool| {
        let found = calls.iter().filter(|call| call.began >= after && is(call));
        let found = found.min_by_key(|call| call.ended);
        found.unwrap_or_else(|| panic!("{what}: it never happens"))
    };

    let draft = format!("{folder}/.new-");
    let written = calls.iter().filter(|call| call.writes(&draft));
    let written = written.map(|call| call.ended).max().expect("the file is written");
    let synced = first("the file is synced", written, &|call| {
        matches!(call.name.as_str(), "fsync" | "fdatasync") && call.arguments.contains(&draft)
    });
    let named = first("it gets its name", synced.ended, &|call| {
        call.name.starts_with("rename") && call.arguments.contains(&format!("{folder}/{file}\""))
    });
    let again = first("it is synced under its name", named.ended, &|call| {
        call.syncs(&format!("{folder}/{file}"))
    });
    let listed = first("its folder is synced", named.ended, &|call| call.syncs(folder));
    // The spool is a file without a name; everything else that has words of the mail is the store.
    let stored = first("the mail is stored", 0, &|call| {
        call.name == "pwrite64" && call.arguments.contains(MARK) && !call.arguments.contains("(deleted)")
    });
    assert!(
        again.ended < stored.began && listed.ended < stored.began,
        "{again:?}, {listed:?}, then {:.200}",
        stored.arguments
    );
    let store = stored.arguments.split(['<', '>']).nth(1).unwrap().to_owned();
    let committed = first("the mail is committed", stored.began, &|call| call.syncs(&store));
    // Nothing of the attachment is written after that.
    assert!(
        calls
            .iter()
            .all(|call| !call.writes(folder) || call.ended < committed.began)
    );
}

#[test]
fn what_strace_says_is_read_in_pieces_and_failures_are_left_out() {
    let calls = read(
        "7 fsync(3</a/.new-x> <unfinished ...>\n8 write(4</b>, \"Film\", 4) = 4\n\
         7 <... fsync resumed>) = 0\n7 fsync(3</a>) = -1 EIO (Input/output error)\n\
         7 rename(\"/a/.new-x\", \"/a/y\") = 0\n",
    );
    let seen: Vec<_> = calls
        .iter()
        .map(|call| (&call.name[..], call.began, call.ended))
        .collect();
    assert_eq!(seen, [("write", 1, 1), ("fsync", 0, 2), ("rename", 4, 4)]);
    assert!(calls[0].writes("/b") && calls[1].arguments.contains("/a/.new-"));
}
