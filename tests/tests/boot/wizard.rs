//! The wizard as a browser would do it, with curl.

use anyhow::{Context, Result, bail};
use image::emulator::wait_for;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Making the signing keys takes a minute on a small board.
const KEYS: Duration = Duration::from_secs(300);

/// From the claim code to a mail server.
pub fn set_up(base: &str, code: &str) -> Result<()> {
    let browser = Browser::new(base)?;
    let refused = browser.post("/claim", &[("code", "AAAA-AAAA")]);
    assert!(refused.is_err(), "any code will do");
    browser.post("/claim", &[("code", code)])?;
    let admin = [
        ("password", crate::ADMIN_PASSWORD),
        ("again", crate::ADMIN_PASSWORD),
    ];
    browser.post("/setup/admin", &admin)?;
    browser.post("/setup/office", &[("domain", crate::DOMAIN), ("hostname", "")])?;
    let account = [
        ("local", "ada"),
        ("password", crate::PASSWORD),
        ("again", crate::PASSWORD),
    ];
    browser.post("/setup/account", &account)?;
    wait_for("the DNS records", KEYS, || {
        let page = browser.get("/setup/dns")?;
        Ok(page.contains("/setup/finish").then_some(()))
    })?;
    browser.post("/setup/finish", &[])
}

/// As the admin.
pub fn power_off(base: &str) -> Result<()> {
    let browser = Browser::new(base)?;
    browser.post(
        "/login",
        &[("name", "admin"), ("password", crate::ADMIN_PASSWORD)],
    )?;
    browser.post("/power-off", &[])
}

struct Browser {
    base: String,
    folder: tempfile::TempDir,
}

impl Browser {
    fn new(base: &str) -> Result<Browser> {
        Ok(Browser {
            base: base.to_owned(),
            folder: tempfile::tempdir()?,
        })
    }

    fn get(&self, path: &str) -> Result<String> {
        Ok(self.request(path, None)?.1)
    }

    /// Sends a form. The pages answer one that they took with a redirect, and one that they did not
    /// take with the form again.
    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<()> {
        let (status, page) = self.request(path, Some(fields))?;
        if !status.starts_with('3') {
            bail!("POST {path}: {status}\n{page}");
        }
        Ok(())
    }

    fn request(&self, path: &str, form: Option<&[(&str, &str)]>) -> Result<(String, String)> {
        let jar: &Path = &self.folder.path().join("cookies");
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-k", "--max-time", "120", "-w", "\n%{http_code}"]);
        curl.arg("-c").arg(jar).arg("-b").arg(jar);
        if let Some(fields) = form {
            curl.args(["-X", "POST", "-d", ""]);
            for (name, value) in fields {
                curl.arg("--data-urlencode").arg(format!("{name}={value}"));
            }
        }
        let done = curl.arg(format!("{}{path}", self.base)).output()?;
        if !done.status.success() {
            bail!("{path}: {}", String::from_utf8_lossy(&done.stderr));
        }
        let answer = String::from_utf8_lossy(&done.stdout).into_owned();
        let (page, status) = answer.rsplit_once('\n').context("curl says no status")?;
        Ok((status.to_owned(), page.to_owned()))
    }
}
