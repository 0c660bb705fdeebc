//! The command line: what a person types at the box or a test at the binary.

mod device;
mod dkim;
mod filtering;
mod guard;
mod judging;
mod links;
mod names;
mod printer;
mod queue;
mod screening;
mod secret;
mod shield;
mod show;
mod smarthost;
mod totp;
mod transport;

use crate::control::{self, Request};
use crate::serve;
use anyhow::Result;
use clap::{Parser, Subcommand};
use proto::types::{Address, Timestamp};
use secret::secret_line;
use serde_json::Value;
use show::{show, tell};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A mail server for a small office, in one program.
#[derive(Debug, Parser)]
#[command(name = "pillarbox", version, about)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Run the mail server and its pages
    Serve(serve::Options),
    /// List and change accounts of the running box
    #[command(subcommand)]
    Account(Account),
    /// What accounts send and may send, what is held; failed logins, and who is shut out
    #[command(subcommand)]
    Guard(guard::Guard),
    /// How mail from the world is judged
    #[command(subcommand)]
    Judge(judging::Judge),
    /// Why a message is where it is
    Explain(judging::Explain),
    /// What the filter learnt from Junk
    #[command(subcommand)]
    Bayes(filtering::Bayes),
    /// Strangers who are asked to come again
    #[command(subcommand)]
    Greylist(filtering::Greylist),
    /// Senders that mail is always taken from, or never
    #[command(subcommand)]
    Senders(filtering::Senders),
    /// Attachments that stay here while a link travels
    #[command(subcommand)]
    Links(links::Links),
    /// How mail to other domains is protected on its way
    #[command(subcommand)]
    Transport(transport::Transport),
    /// What the box's clock says; with a time, sets it
    Clock {
        /// The day and the time in UTC, such as "2026-11-24 19:05"
        #[arg(value_parser = clock_time)]
        to: Option<Timestamp>,
        /// Sets it even if that is far from what the box thinks
        #[arg(long, requires = "to")]
        yes: bool,
        #[command(flatten)]
        with: Common,
    },
    /// Servers that pass outgoing mail on
    #[command(subcommand)]
    Smarthost(smarthost::Smarthosts),
    /// Mail that waits to leave
    #[command(subcommand)]
    Queue(queue::Queue),
    /// What happened, in words, newest first
    Events {
        /// Of one account, or of the printers with this sender
        #[arg(long, default_value = "")]
        account: String,
        /// Of one kind, such as frozen, reply or notified
        #[arg(long, default_value = "")]
        kind: String,
        /// Most rows
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        with: Common,
    },
    /// Printers and scanners that send without a login
    #[command(subcommand)]
    Printer(printer::Printer),
    /// The domains whose mail is here
    #[command(subcommand)]
    Domain(names::Domain),
    /// The keys that sign mail, and their turns
    #[command(subcommand)]
    Dkim(dkim::Dkim),
    /// Addresses that stand for others, and what may stand behind a name
    #[command(subcommand)]
    Alias(names::Alias),
    /// Set a fresh box up, as the wizard in the browser does; reads two lines from standard input:
    /// the admin's password and the first account's
    Setup {
        #[command(flatten)]
        with: Common,
        /// The office's mail domain
        #[arg(long)]
        domain: String,
        /// The box's own public name
        #[arg(long)]
        hostname: String,
        /// The first account, without the domain
        #[arg(long)]
        account: String,
    },
    /// Prove that nothing in the data folder is out of place; exit code 1 if something is
    Check(Common),
    /// Numbers and troubles, as on the panel
    Status(Common),
    /// What the kernel starts as process 1: the card, the devices, the panel, and all that follows
    Init,
    /// The network process, started by process 1: addresses, time, pillarbox.local
    Link,
    /// Print the version
    Version,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Account {
    /// All accounts
    List(Common),
    /// Make an account; its password is read from standard input
    Create {
        /// Such as anna@example.com
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// It gets the mail for postmaster and may use the admin's pages
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        with: Common,
    },
    /// Set an account's password, read from standard input; its sessions end
    Password {
        /// Whose
        #[arg(value_parser = Address::parse)]
        address: Address,
        #[command(flatten)]
        with: Common,
    },
    /// Passwords of its phones and PCs
    #[command(subcommand)]
    Device(device::Devices),
    /// Codes that the pages ask for after the password
    #[command(subcommand)]
    Totp(totp::Totp),
    /// No login anywhere, sessions cut, mail still accepted
    Freeze {
        /// Whom
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// Why
        #[arg(long, default_value = "frozen by the admin")]
        reason: String,
        #[command(flatten)]
        with: Common,
    },
    /// Give a frozen account back
    Unfreeze {
        /// Whom
        #[arg(value_parser = Address::parse)]
        address: Address,
        #[command(flatten)]
        with: Common,
    },
}

/// Does what the command line says.
#[must_use]
pub fn run() -> ExitCode {
    // The kernel starts /init with words of its own command line, if with any.
    if std::process::id() == 1 {
        board::init::run();
        return ExitCode::FAILURE;
    }
    match act(Arguments::parse().role) {
        Ok(code) => code,
        // Whoever asked has seen enough: `pillarbox events | head`.
        Err(error) if error.downcast_ref().is_some_and(is_closed_pipe) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "pillarbox: {error:#}"); // where else could we say it
            ExitCode::FAILURE
        }
    }
}

fn act(role: Role) -> Result<ExitCode> {
    match role {
        Role::Serve(options) => {
            log_to_stderr();
            serve::serve(&options)?;
        }
        Role::Account(account) => act_on_account(account)?,
        Role::Guard(guard) => {
            let (request, with) = guard.request()?;
            show(&control::ask(&with.data, &request)?, with.json)?;
        }
        Role::Links(wish) => answer(wish.request()?)?,
        Role::Smarthost(wish) => answer(wish.request()?)?,
        Role::Queue(wish) => answer(wish.request())?,
        Role::Judge(wish) => answer(wish.request())?,
        Role::Explain(wish) => wish.act()?,
        Role::Bayes(wish) => answer(wish.request())?,
        Role::Greylist(wish) => answer(wish.request())?,
        Role::Senders(wish) => answer(wish.request())?,
        Role::Events {
            account,
            kind,
            limit,
            with,
        } => {
            let request = Request::Events { account, kind, limit };
            show(&control::ask(&with.data, &request)?, with.json)?;
        }
        Role::Printer(wish) => {
            let (request, with) = wish.request();
            show(&control::ask(&with.data, &request)?, with.json)?;
        }
        Role::Clock { to, yes, with } => answer((Request::Clock { to, yes }, with))?,
        Role::Transport(wish) => answer(wish.request())?,
        Role::Domain(wish) => answer(wish.request())?,
        Role::Dkim(wish) => answer(wish.request())?,
        Role::Alias(wish) => answer(wish.request())?,
        Role::Setup {
            with,
            domain,
            hostname,
            account,
        } => {
            let mut lines = std::io::stdin().lock();
            let request = Request::Setup {
                domain,
                hostname,
                account,
                admin_password: secret_line(&mut lines, "Password for the admin's pages: ")?,
                password: secret_line(&mut lines, "Password of the first account: ")?,
            };
            show(&control::ask(&with.data, &request)?, with.json)?;
        }
        Role::Check(with) => return check(&with),
        Role::Status(with) => show(&control::ask(&with.data, &Request::Status)?, with.json)?,
        Role::Init => board::init::run(),
        Role::Link => board::link::run()?,
        Role::Version => tell(concat!("pillarbox ", env!("CARGO_PKG_VERSION")))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn clock_time(typed: &str) -> Result<Timestamp, &'static str> {
    web_setup::time_typed(typed).ok_or("it must be like 2026-11-24 19:05")
}

fn answer((request, with): (Request, Common)) -> Result<()> {
    show(&control::ask(&with.data, &request)?, with.json)
}

fn act_on_account(account: Account) -> Result<()> {
    let mut input = std::io::stdin().lock();
    let (request, with) = match account {
        Account::List(with) => (Request::Accounts, with),
        Account::Create { address, admin, with } => {
            let password = secret_line(&mut input, "Password: ")?;
            let request = Request::CreateAccount {
                address,
                password,
                admin,
            };
            (request, with)
        }
        Account::Password { address, with } => {
            let password = secret_line(&mut input, "New password: ")?;
            (Request::SetPassword { address, password }, with)
        }
        Account::Device(wish) => wish.request(),
        Account::Totp(wish) => wish.request(),
        Account::Freeze {
            address,
            reason,
            with,
        } => (Request::Freeze { address, reason }, with),
        Account::Unfreeze { address, with } => (Request::Unfreeze { address }, with),
    };
    show(&control::ask(&with.data, &request)?, with.json)
}

// A running box checks itself; a folder without one is opened for it.
fn check(with: &Common) -> Result<ExitCode> {
    let report = match control::ask(&with.data, &Request::Check) {
        Err(control::AskError::NotRunning(_)) => check_offline(&with.data)?,
        answered => answered?,
    };
    show(&report, with.json)?;
    let clean = report.get("clean").and_then(Value::as_bool).unwrap_or(false);
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn check_offline(data: &Path) -> Result<Value> {
    let file = data.join("pillarbox.redb");
    anyhow::ensure!(file.exists(), "{} does not exist", file.display());
    let store = store::Store::open(data, &store::Options::default())?;
    control::check(data, &store)
}

fn is_closed_pipe(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::BrokenPipe
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("PILLARBOX_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .log_internal_errors(false)
        .init();
}
