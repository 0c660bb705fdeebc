//! Debian's Postfix and Dovecot, set up as a small office would: virtual mailboxes, delivery by
//! LMTP into Maildir, IMAPS. Everything lives in one folder and on free ports.

use anyhow::{Context, bail};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Postfix and Dovecot, running. Stopped when dropped.
pub struct Peer {
    folder: TempDir,
    pub smtp: u16,
    pub imaps: u16,
}

impl Peer {
    pub fn start(domain: &str, user: &str, password: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let peer = Self {
            folder,
            smtp: free_port()?,
            imaps: free_port()?,
        };
        peer.start_dovecot(password)?;
        peer.start_postfix(domain, user)?;
        for port in [peer.smtp, peer.imaps] {
            wait_for(port)?;
        }
        Ok(peer)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn start_dovecot(&self, password: &str) -> anyhow::Result<()> {
        let at = self.path().join("dovecot");
        for folder in ["run", "state", "mail"] {
            fs::create_dir_all(at.join(folder))?;
        }
        run(Command::new("chown").arg("mail:mail").arg(at.join("mail")))?;
        run(Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .arg("-keyout")
            .arg(at.join("key.pem"))
            .arg("-out")
            .arg(at.join("cert.pem")))?;
        let config = DOVECOT
            .replace("@AT@", &at.to_string_lossy())
            .replace("@IMAPS@", &self.imaps.to_string())
            .replace("@PASSWORD@", password);
        let file = at.join("dovecot.conf");
        fs::write(&file, config)?;
        run(Command::new("dovecot").arg("-c").arg(file))
    }

    fn start_postfix(&self, domain: &str, user: &str) -> anyhow::Result<()> {
        let at = self.path().join("postfix");
        let config = at.join("etc");
        for folder in ["etc", "spool", "lib"] {
            fs::create_dir_all(at.join(folder))?;
        }
        run(Command::new("chown").arg("postfix").arg(at.join("lib")))?;
        let main = POSTFIX_MAIN
            .replace("@AT@", &self.path().to_string_lossy())
            .replace("@DOMAIN@", domain)
            .replace("@USER@", user);
        fs::write(config.join("main.cf"), main)?;
        fs::write(
            config.join("master.cf"),
            POSTFIX_MASTER.replace("@SMTP@", &self.smtp.to_string()),
        )?;
        run(Command::new("postfix").arg("-c").arg(&config).arg("start"))
    }

    /// Process ids of everything that is running for it.
    pub fn pids(&self) -> anyhow::Result<Vec<u32>> {
        let masters = [
            self.path().join("postfix/spool/pid/master.pid"),
            self.path().join("dovecot/run/master.pid"),
        ];
        let mut pids = Vec::new();
        for file in masters {
            let master: u32 = fs::read_to_string(&file)?.trim().parse()?;
            pids.push(master);
            pids.extend(children(master)?);
        }
        Ok(pids)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let config = self.path().join("postfix/etc");
        let _ = Command::new("postfix")
            .arg("-c")
            .arg(config)
            .arg("abort")
            .output();
        let _ = Command::new("doveadm")
            .arg("-c")
            .arg(self.path().join("dovecot/dovecot.conf"))
            .arg("stop")
            .output();
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn children(parent: u32) -> anyhow::Result<Vec<u32>> {
    let output = Command::new("ps")
        .args(["-o", "pid=", "--ppid", &parent.to_string()])
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .filter_map(|p| p.parse().ok())
        .collect())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    // Daemons keep what they inherit: a pipe would never end.
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = quiet.status().with_context(|| format!("{quiet:?}"))?;
    if !status.success() {
        bail!("{quiet:?}: {status}");
    }
    Ok(())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn wait_for(port: u16) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > deadline {
            bail!("nothing answers on port {port}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

const DOVECOT: &str = r#"
base_dir = @AT@/run
state_dir = @AT@/state
log_path = @AT@/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = required
ssl_cert = <@AT@/cert.pem
ssl_key = <@AT@/key.pem
mail_location = maildir:@AT@/mail/%u
first_valid_uid = 1
mail_uid = mail
mail_gid = mail
passdb {
  driver = static
  args = password=@PASSWORD@
}
userdb {
  driver = static
  args = uid=mail gid=mail home=@AT@/mail/%u
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = @IMAPS@
    ssl = yes
  }
}
service lmtp {
  unix_listener lmtp {
    mode = 0666
  }
}
"#;

const POSTFIX_MAIN: &str = "
compatibility_level = 3.6
queue_directory = @AT@/postfix/spool
data_directory = @AT@/postfix/lib
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/null
maillog_file_prefixes = /dev
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.@DOMAIN@
mydestination =
alias_maps =
virtual_mailbox_domains = @DOMAIN@
virtual_mailbox_maps = inline:{ {@USER@@@DOMAIN@ = x} }
virtual_transport = lmtp:unix:@AT@/dovecot/run/lmtp
smtpd_relay_restrictions = reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
message_size_limit = 52428800
";

const POSTFIX_MASTER: &str = "
127.0.0.1:@SMTP@ inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";
