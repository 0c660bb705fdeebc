//! Debian's Postfix and Dovecot, set up as a small office would: virtual mailboxes, delivery by
//! LMTP into Maildir, IMAPS. Everything lives in one folder and on free ports.

use anyhow::{Context, bail};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Postfix and Dovecot, running. Stopped when dropped.
pub struct Peer {
    folder: TempDir,
    opendkim: Option<Child>,
    pub smtp: u16,
    pub imaps: u16,
    /// TLS from the first octet, login by Dovecot, signing by OpenDKIM.
    pub submissions: u16,
}

impl Peer {
    /// `transports`: where mail for other domains goes, in Postfix's words.
    pub fn start(
        domain: &str,
        user: &str,
        password: &str,
        transports: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let mut peer = Self {
            folder,
            opendkim: None,
            smtp: free_port()?,
            imaps: free_port()?,
            submissions: free_port()?,
        };
        peer.start_dovecot(password)?;
        peer.opendkim = Some(peer.start_opendkim(domain)?);
        peer.start_postfix(domain, user, transports)?;
        for port in [peer.smtp, peer.imaps, peer.submissions] {
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

    // In the foreground and as whoever runs the bench: it reads its key once.
    fn start_opendkim(&self, domain: &str) -> anyhow::Result<Child> {
        let at = self.path().join("opendkim");
        fs::create_dir_all(&at)?;
        run(Command::new("opendkim-genkey")
            .args(["-b", "2048", "-d", domain, "-s", "r1", "-D"])
            .arg(&at))?;
        let file = at.join("opendkim.conf");
        let config = OPENDKIM
            .replace("@AT@", &at.to_string_lossy())
            .replace("@DOMAIN@", domain);
        fs::write(&file, config)?;
        let mut opendkim = Command::new("opendkim");
        opendkim.arg("-f").arg("-x").arg(file).stdin(Stdio::null());
        let opendkim = opendkim.spawn().context("opendkim")?;
        wait_until("OpenDKIM", || at.join("socket").exists())?;
        Ok(opendkim)
    }

    fn start_postfix(&self, domain: &str, user: &str, transports: &[(String, String)]) -> anyhow::Result<()> {
        let at = self.path().join("postfix");
        let config = at.join("etc");
        for folder in ["etc", "spool", "lib"] {
            fs::create_dir_all(at.join(folder))?;
        }
        run(Command::new("chown").arg("postfix").arg(at.join("lib")))?;
        let main = POSTFIX_MAIN
            .replace("@AT@", &self.path().to_string_lossy())
            .replace("@DOMAIN@", domain)
            .replace("@USER@", user)
            .replace("@TRANSPORTS@", &inline(transports));
        fs::write(config.join("main.cf"), main)?;
        let master = POSTFIX_MASTER
            .replace("@SMTP@", &self.smtp.to_string())
            .replace("@SUBMISSIONS@", &self.submissions.to_string())
            .replace("@AT@", &self.path().to_string_lossy());
        fs::write(config.join("master.cf"), master)?;
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
        if let Some(opendkim) = &mut self.opendkim {
            let _ = opendkim.kill();
            let _ = opendkim.wait();
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

// A table that stands in main.cf itself.
fn inline(table: &[(String, String)]) -> String {
    let rows: Vec<_> = table
        .iter()
        .map(|(key, value)| format!("{{{key} = {value}}}"))
        .collect();
    rows.join(", ")
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
    let answers = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    wait_until(&format!("port {port}"), answers)
}

fn wait_until(what: &str, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !ready() {
        if Instant::now() > deadline {
            bail!("{what} did not come up");
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
service auth {
  unix_listener auth-postfix {
    mode = 0666
  }
}
"#;

const OPENDKIM: &str = "
Mode s
Domain @DOMAIN@
Selector r1
KeyFile @AT@/r1.private
Socket local:@AT@/socket
UMask 000
Canonicalization relaxed/relaxed
PidFile @AT@/pid
Syslog no
RequireSafeKeys no
";

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
transport_maps = inline:{ {nowhere.example = discard:}, @TRANSPORTS@ }
smtp_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = @AT@/dovecot/run/auth-postfix
smtpd_tls_cert_file = @AT@/dovecot/cert.pem
smtpd_tls_key_file = @AT@/dovecot/key.pem
smtpd_relay_restrictions = reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
message_size_limit = 52428800
";

const POSTFIX_MASTER: &str = "
127.0.0.1:@SMTP@ inet n - n - - smtpd
127.0.0.1:@SUBMISSIONS@ inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_milters=unix:@AT@/opendkim/socket
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
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
";
