//! SCRAM at the real binary: with Python's clients, and bound to the TLS connection.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Command, Stdio};
use tests::pillarbox::{PASSWORD, Pillarbox};
use tests::tls::{self, TlsStream};

const ANNA: &str = "anna@firm.example";

fn python(pillarbox: &Pillarbox, password: &str) -> Result<Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/scram.py");
    let mut python = Command::new("python3");
    python.arg(script);
    for door in ["imap", "submission", "pop3"] {
        python.arg(pillarbox.port(door)?.to_string());
    }
    let ran = python.args([ANNA, password]).output()?;
    ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Ok(String::from_utf8(ran.stdout)?
        .lines()
        .map(str::to_owned)
        .collect())
}

#[test]
fn python_logs_in_by_scram_with_a_main_and_with_a_device_password() -> Result<()> {
    // The first account is made by the wizard, which keeps no password that SCRAM could know.
    let pillarbox = Pillarbox::office(&["admin-person", "anna"], &[])?;
    assert_eq!(python(&pillarbox, PASSWORD)?, ["in", "in", "in"]);
    let made = pillarbox.cli_ok(&["account", "device", "add", ANNA, "laptop", "--json"], "")?;
    let made: Value = serde_json::from_str(&made)?;
    let password = made["password"].as_str().context("a password")?;
    assert_eq!(python(&pillarbox, password)?, ["in", "in", "in"]);
    assert_eq!(
        python(&pillarbox, PASSWORD)?,
        ["refused", "refused", "refused"],
        "the web's alone from now on"
    );
    let listed = pillarbox.cli_ok(&["account", "device", "list", ANNA, "--json"], "")?;
    assert!(listed.contains("127.0.0.0/24"), "{listed}");
    Ok(())
}

/// An IMAP connection on port 993.
struct Imap(BufReader<TlsStream>);

impl Imap {
    fn open(pillarbox: &Pillarbox) -> Result<Self> {
        let mut imap = Self(BufReader::new(tls::wrap(tls::tcp(pillarbox.port("imaps")?)?)?));
        let greeting = imap.line()?;
        ensure!(greeting.contains("AUTH=SCRAM-SHA-256-PLUS"), "{greeting}");
        Ok(imap)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn say(&mut self, line: &str) -> Result<String> {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.line()
    }

    fn exporter(&mut self) -> Result<Vec<u8>> {
        let connection = &self.0.get_mut().conn;
        Ok(connection.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", None)?)
    }

    /// The answer to the client's last message: our server's proof, or the refusal.
    fn scram(&mut self, mechanism: &str, header: &str, binding: &[u8]) -> Result<String> {
        let bare = format!("n={ANNA},r=rOprNGfwEbeRWgbNEkqO");
        let first = STANDARD.encode(format!("{header}{bare}"));
        let challenge = self.say(&format!("a AUTHENTICATE {mechanism} {first}"))?;
        let Some(challenge) = challenge.strip_prefix("+ ") else {
            return Ok(challenge);
        };
        let challenge = String::from_utf8(STANDARD.decode(challenge)?)?;
        let last = last_message(&bare, &challenge, &[header.as_bytes(), binding].concat())?;
        self.say(&STANDARD.encode(last))
    }
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
        .as_ref()
        .to_vec()
}

fn last_message(bare: &str, challenge: &str, bound: &[u8]) -> Result<String> {
    let field = |name| challenge.split(',').find_map(|field| field.strip_prefix(name));
    let salt = STANDARD.decode(field("s=").context("a salt")?)?;
    let rounds: u32 = field("i=").context("iterations")?.parse()?;
    let mut salted = [0; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        NonZeroU32::new(rounds).context("iterations")?,
        &salt,
        PASSWORD.as_bytes(),
        &mut salted,
    );
    let nonce = field("r=").context("a nonce")?;
    let unproven = format!("c={},r={nonce}", STANDARD.encode(bound));
    let key = mac(&salted, b"Client Key");
    let stored = digest::digest(&digest::SHA256, &key);
    let signature = mac(
        stored.as_ref(),
        format!("{bare},{challenge},{unproven}").as_bytes(),
    );
    let proof: Vec<u8> = key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    Ok(format!("{unproven},p={}", STANDARD.encode(proof)))
}

#[test]
fn a_login_is_bound_to_its_tls_connection() -> Result<()> {
    const PLUS: &str = "SCRAM-SHA-256-PLUS";
    let pillarbox = Pillarbox::office(&["admin-person", "anna"], &[])?;
    let mut imap = Imap::open(&pillarbox)?;
    let binding = imap.exporter()?;
    let proven = imap.scram(PLUS, "p=tls-exporter,,", &binding)?;
    let proof = STANDARD.decode(proven.strip_prefix("+ ").context(proven.clone())?)?;
    ensure!(proof.starts_with(b"v="), "{proven}");
    let welcome = imap.say("")?;
    ensure!(welcome.starts_with("a OK"), "{welcome}");
    // The right password, from the wrong connection or with a list of mechanisms that was changed.
    for (mechanism, header, binding) in [
        (PLUS, "p=tls-exporter,,", &binding[..]),
        (PLUS, "p=tls-exporter,,", b""),
        ("SCRAM-SHA-256", "y,,", b""),
    ] {
        let refused = Imap::open(&pillarbox)?.scram(mechanism, header, binding)?;
        ensure!(refused.starts_with("a NO [AUTHENTICATIONFAILED]"), "{refused}");
    }
    let refused = Imap::open(&pillarbox)?.scram(PLUS, "p=tls-unique,,", &binding)?;
    ensure!(refused.starts_with("a BAD"), "{refused}");
    let failed = pillarbox.cli_ok(&["guard", "logins", "--json"], "")?;
    ensure!(
        failed.contains("wrong channel binding") && failed.contains("scram-sha-256-plus"),
        "{failed}"
    );
    Ok(())
}

#[test]
fn who_does_not_trust_the_servers_proof_is_not_logged_in() -> Result<()> {
    let pillarbox = Pillarbox::office(&["admin-person", "anna"], &[])?;
    let mut imap = Imap::open(&pillarbox)?;
    let proven = imap.scram("SCRAM-SHA-256", "n,,", b"")?;
    ensure!(proven.starts_with("+ "), "{proven}");
    let goodbye = imap.say("*")?;
    ensure!(goodbye.starts_with("* BYE"), "{goodbye}");
    Ok(())
}

// GNU's client; whether it came in, having believed our own proof too.
fn gsasl(pillarbox: &Pillarbox, door: &str, mechanism: &str, password: &str) -> Result<bool> {
    let (mode, port) = match door {
        "imap" => ("--imap", pillarbox.port("imap")?),
        _ => ("--smtp", pillarbox.port("submission")?),
    };
    let mut client = Command::new("gsasl");
    client.args(["--client", mode, "--starttls", "--quiet", "--x509-ca-file", ""]);
    client.args(["--mechanism", mechanism, "--authentication-id", ANNA]);
    client
        .args(["--password", password])
        .arg(format!("--connect=127.0.0.1:{port}"));
    if !mechanism.ends_with("-PLUS") {
        client.arg("--no-cb");
    }
    let ran = client.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
    ensure!(
        ran.status.success() || said.contains("The name or the password is wrong"),
        "{door} {mechanism}: {said}"
    );
    Ok(ran.status.success())
}

#[test]
fn gnu_sasl_logs_in_bound_to_its_tls_connection_or_not_with_the_right_password_only() -> Result<()> {
    let pillarbox = Pillarbox::new_office(&["admin-person", "anna"], &[])?;
    let made = pillarbox.cli_ok(&["account", "device", "add", ANNA, "laptop", "--json"], "")?;
    let made: Value = serde_json::from_str(&made)?;
    let password = made["password"].as_str().context("a password")?;
    for door in ["imap", "submission"] {
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"] {
            ensure!(
                gsasl(&pillarbox, door, mechanism, password)?,
                "{door} {mechanism}"
            );
        }
        ensure!(
            !gsasl(&pillarbox, door, "SCRAM-SHA-256-PLUS", PASSWORD)?,
            "{door}"
        );
    }
    Ok(())
}
