//! A browser without pictures: curl with a jar of cookies, and what a person does with it.

use anyhow::{Context, bail, ensure};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Making the signing keys takes a minute on a small board.
const KEYS: Duration = Duration::from_secs(300);

/// The form of the page of large attachments, filled in: on, for whatever is over 0.1 MB.
pub const LINK_RULES: &[(&str, &str)] = &[
    ("on", "1"),
    ("trusted", "1"), // nobody answers at this address
    ("address", "https://mail.firm.example"),
    ("part", "0.1"),
    ("message", "10"),
    ("days", "30"),
    ("budget", "100"),
    ("exempt", ""),
];

/// One browser: its cookies go with it.
pub struct Browser {
    base: String,
    folder: TempDir,
}

/// What a page answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The HTTP status.
    pub status: u16,
    /// Where it leads, without the box's address; empty if it leads nowhere.
    pub to: String,
    /// The page.
    pub page: String,
}

impl Browser {
    /// A browser that knows nobody, for the pages at `base` such as `https://127.0.0.1:10443`.
    ///
    /// # Errors
    /// No place for its cookies.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        Ok(Self {
            base: base.to_owned(),
            folder: tempfile::tempdir()?,
        })
    }

    /// The same browser with the cookies that it has now; what happens to one does not reach the other.
    ///
    /// # Errors
    /// No place for its cookies.
    pub fn copied(&self) -> anyhow::Result<Self> {
        let copy = Self::new(&self.base)?;
        let jar = self.folder.path().join("cookies");
        if jar.exists() {
            std::fs::copy(jar, copy.folder.path().join("cookies"))?;
        }
        Ok(copy)
    }

    /// Looks at a page, without following where it leads.
    ///
    /// # Errors
    /// No answer.
    pub fn get(&self, path: &str) -> anyhow::Result<Seen> {
        self.request(path, None)
    }

    /// A page that is there and is shown.
    ///
    /// # Errors
    /// No answer, or another status than 200.
    pub fn page(&self, path: &str) -> anyhow::Result<String> {
        let seen = self.get(path)?;
        ensure!(seen.status == 200, "GET {path}: {} {}", seen.status, seen.to);
        Ok(seen.page)
    }

    /// Sends a form.
    ///
    /// # Errors
    /// No answer.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Seen> {
        self.request(path, Some(fields))
    }

    /// Sends a form that the pages answer with a redirect when they took it, and with the form again
    /// when they did not.
    ///
    /// # Errors
    /// It was not taken.
    pub fn submit(&self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<String> {
        let seen = self.post(path, fields)?;
        ensure!(
            (300..400).contains(&seen.status),
            "POST {path}: {}\n{}",
            seen.status,
            seen.page
        );
        Ok(seen.to)
    }

    /// Signs in; where that leads.
    ///
    /// # Errors
    /// The name or the password is not taken.
    pub fn sign_in(&self, name: &str, password: &str) -> anyhow::Result<String> {
        self.submit("/login", &[("name", name), ("password", password)])
    }

    /// Makes a device password with the form at `path`; the password, as it is shown once.
    ///
    /// # Errors
    /// It is not made.
    pub fn make_device(&self, path: &str, name: &str) -> anyhow::Result<String> {
        let seen = self.post(path, &[("name", name)])?;
        ensure!(seen.status == 200, "POST {path}: {}\n{}", seen.status, seen.page);
        let (_, made) = seen.page.split_once("id=\"made\"").context(seen.page.clone())?;
        let (_, made) = made.split_once("<b>").context("no password")?;
        let (password, _) = made.split_once("</b>").context("no end of the password")?;
        Ok(password.to_owned())
    }

    fn request(&self, path: &str, form: Option<&[(&str, &str)]>) -> anyhow::Result<Seen> {
        let jar = self.folder.path().join("cookies");
        let mut curl = Command::new("curl");
        let end = "\n%{http_code} %{redirect_url}";
        curl.args(["-sS", "-k", "--max-time", "120", "-w", end]);
        curl.arg("-c").arg(&jar).arg("-b").arg(&jar);
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
        let (page, end) = answer.rsplit_once('\n').context("curl says no status")?;
        let (status, to) = end.split_once(' ').context("curl says no status")?;
        Ok(Seen {
            status: status.parse()?,
            to: to.strip_prefix(&self.base).unwrap_or(to).to_owned(),
            page: page.to_owned(),
        })
    }
}

/// What the wizard asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// From the panel.
    pub code: &'a str,
    /// Of the login called admin.
    pub admin_password: &'a str,
    /// The office's.
    pub domain: &'a str,
    /// The first account, without the domain.
    pub local: &'a str,
    /// Its main password.
    pub password: &'a str,
}

/// From the claim code to the wizard's last step: the browser that is there.
///
/// # Errors
/// A step was not taken.
pub fn up_to_last_step(base: &str, wishes: &Wishes<'_>) -> anyhow::Result<Browser> {
    let browser = Browser::new(base)?;
    let refused = browser.post("/claim", &[("code", "AAAA-AAAA")])?;
    ensure!(refused.status == 422, "any code will do: {}", refused.status);
    browser.submit("/claim", &[("code", wishes.code)])?;
    let twice = |password| [("password", password), ("again", password)];
    browser.submit("/setup/admin", &twice(wishes.admin_password))?;
    browser.submit("/setup/office", &[("domain", wishes.domain), ("hostname", "")])?;
    let account = [&[("local", wishes.local)][..], &twice(wishes.password)].concat();
    browser.submit("/setup/account", &account)?;
    let begun = Instant::now();
    while !browser.page("/setup/dns")?.contains("/setup/finish") {
        ensure!(begun.elapsed() < KEYS, "no DNS records");
        std::thread::sleep(Duration::from_millis(300));
    }
    Ok(browser)
}

/// From the claim code to a mail server: a browser that is signed in as the admin, on the page to
/// which the wizard leads.
///
/// # Errors
/// A step was not taken.
pub fn set_up(base: &str, wishes: &Wishes<'_>) -> anyhow::Result<(Browser, String)> {
    let browser = up_to_last_step(base, wishes)?;
    let to = browser.submit("/setup/finish", &[])?;
    let page = browser.page(&to)?;
    Ok((browser, page))
}
