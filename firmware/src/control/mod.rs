//! The socket in the data folder through which the command line speaks with the running box: one
//! JSON value a line. Whoever may open it owns the folder, so it asks for no password.

mod accounts;
mod ask;
mod carry_out;
mod clock;
mod device;
mod dkim;
mod filtering;
mod folder;
mod guard;
mod judging;
mod links;
mod names;
mod printer;
mod queue;
mod screening;
mod shield;
mod smarthost;
mod totp;
mod transport;

pub use ask::{AskError, ask};
pub use carry_out::check;
pub use device::{DeviceRequest, Opens};
pub use dkim::DkimRequest;
pub use filtering::FilterRequest;
pub use folder::FolderRequest;
pub use guard::GuardRequest;
pub use judging::JudgeRequest;
pub use links::{Changes, LinksRequest};
pub use names::{AliasRequest, DomainRequest};
pub use printer::{PrinterRequest, PrinterWish};
pub use queue::QueueRequest;
pub use screening::Screening;
pub use shield::ShieldRequest;
pub use smarthost::SmarthostRequest;
pub use totp::TotpRequest;
pub use transport::TransportRequest;

use crate::house::House;
use crate::limits;
use anyhow::{Context, Result};
use carry_out::carry_out;
use proto::types::{Address, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tracing::{debug, warn};
use zeroize::Zeroize;

/// Name of the socket in the data folder.
const SOCKET: &str = "control.sock";

/// What the command line asks for.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// All accounts.
    Accounts,
    /// A new account.
    CreateAccount {
        /// Its address.
        address: Address,
        /// Its password.
        password: String,
        /// Whether it gets the mail for postmaster and may use the admin's pages.
        admin: bool,
    },
    /// A new password; open sessions end.
    SetPassword {
        /// Whose.
        address: Address,
        /// The new password.
        password: String,
    },
    /// No login anywhere, sessions cut, mail still accepted.
    Freeze {
        /// Whom.
        address: Address,
        /// Why, for the admin and the account's owner.
        reason: String,
    },
    /// Give a frozen account back.
    Unfreeze {
        /// Whom.
        address: Address,
    },
    /// Something of the guard.
    Guard {
        /// What.
        ask: GuardRequest,
    },
    /// Something about the passwords of phones and PCs.
    Device {
        /// What.
        ask: DeviceRequest,
    },
    /// Something about the filter, the greylist or the lists of senders.
    Filter {
        /// What.
        ask: FilterRequest,
    },
    /// What happened, in words, newest first.
    Events {
        /// Of the account with this address; empty: of all.
        account: String,
        /// Of this kind; empty: of every one.
        kind: String,
        /// Most rows.
        limit: usize,
    },
    /// Something about printers and scanners.
    Printer {
        /// What.
        wish: PrinterRequest,
    },
    /// Something about the domains.
    Domain {
        /// What.
        ask: DomainRequest,
    },
    /// Something about the signing keys.
    Dkim {
        /// What.
        ask: DkimRequest,
    },
    /// Something about the aliases.
    Alias {
        /// What.
        ask: AliasRequest,
    },
    /// Something about the codes asked for at the pages.
    Totp {
        /// What.
        ask: TotpRequest,
    },
    /// How mail is judged, and why some landed where it is.
    Judge {
        /// What.
        ask: JudgeRequest,
    },
    /// What the wizard does, in one go.
    Setup {
        /// The office's mail domain.
        domain: String,
        /// The box's own public name.
        hostname: String,
        /// The first account's local part.
        account: String,
        /// Password of the admin's pages.
        admin_password: String,
        /// Password of the first account.
        password: String,
    },
    /// Who is shut out, failed logins, and the rules of both.
    Screening(Screening),
    /// Links to attachments.
    Links {
        /// What.
        ask: LinksRequest,
    },
    /// The clock.
    Clock {
        /// The time, if it is to be set.
        to: Option<Timestamp>,
        /// However far that is from what the box thinks.
        #[serde(default)]
        yes: bool,
    },
    /// Something about transport security.
    Transport {
        /// What.
        ask: TransportRequest,
    },
    /// Servers that pass mail on.
    Smarthost {
        /// What about them.
        ask: SmarthostRequest,
    },
    /// Mail that waits to leave.
    Queue {
        /// What about it.
        ask: QueueRequest,
    },
    /// Prove the store's invariants.
    Check,
    /// Numbers and troubles, as on the panel.
    Status,
}

impl Drop for Request {
    fn drop(&mut self) {
        match self {
            Self::CreateAccount { password, .. } | Self::SetPassword { password, .. } => password.zeroize(),
            Self::Setup {
                admin_password,
                password,
                ..
            } => {
                admin_password.zeroize();
                password.zeroize();
            }
            _ => {}
        }
    }
}

/// What the box says to it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Done; what there is to show.
    Done(serde_json::Value),
    /// Not done; why, in words.
    Failed(String),
}

/// The socket's path.
#[must_use]
pub fn path(data: &Path) -> PathBuf {
    data.join(SOCKET)
}

/// The socket's address. A Unix socket's is short (unix(7): 108 octets); a folder whose path is longer
/// is named through its descriptor, which has to stay open while the address is used.
fn address(data: &Path) -> io::Result<(PathBuf, Option<File>)> {
    const LONGEST: usize = 100;
    let path = path(data);
    if path.as_os_str().len() <= LONGEST {
        return Ok((path, None));
    }
    let folder = File::open(data)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()));
    Ok((path, Some(folder)))
}

/// Opens the socket. The store's lock says that no other box runs on this folder, so a socket that
/// is there already is a dead one's.
///
/// # Errors
/// The folder does not take a socket.
pub fn open(data: &Path) -> Result<UnixListener> {
    let path = path(data);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    let (address, _folder) = address(data)?;
    let listener = UnixListener::bind(address).with_context(|| format!("cannot open {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves the socket as long as the box runs.
pub async fn serve(house: Arc<House>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let house = Arc::clone(&house);
                tokio::spawn(async move {
                    if let Err(error) = converse(&house, stream).await {
                        debug!(%error, "control connection ended");
                    }
                });
            }
            Err(error) => {
                warn!(%error, "cannot take a control connection");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(house: &Arc<House>, stream: UnixStream) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut line = zeroize::Zeroizing::new(Vec::new());
    loop {
        line.clear();
        let count = (&mut read)
            .take(limits::CONTROL_LINE)
            .read_until(b'\n', &mut line)
            .await?;
        if count == 0 {
            return Ok(());
        }
        let reply = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => match carry_out(house, &request).await {
                Ok(shown) => Reply::Done(shown),
                Err(error) => Reply::Failed(format!("{error:#}")),
            },
            Err(error) => Reply::Failed(format!("this is no request: {error}")),
        };
        let mut line = serde_json::to_vec(&reply)?;
        line.push(b'\n');
        write.write_all(&line).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Trial;

    #[tokio::test]
    async fn a_folder_with_a_long_path_has_a_socket_too_and_only_its_owner_opens_it() {
        let trial = Trial::new().await;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a-long-name".repeat(12));
        fs::create_dir(&folder).unwrap();
        let listener = open(&folder).unwrap();
        let mode = fs::metadata(path(&folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        tokio::spawn(serve(Arc::clone(&trial.house), listener));
        let asked = tokio::task::spawn_blocking(move || ask(&folder, &Request::Accounts));
        let accounts = asked.await.unwrap().unwrap();
        assert_eq!(accounts[0]["address"], "anna@firm.example");
    }

    #[tokio::test]
    async fn rubbish_is_answered_and_the_conversation_goes_on() {
        let trial = Trial::new().await;
        let folder = tempfile::tempdir().unwrap();
        tokio::spawn(serve(Arc::clone(&trial.house), open(folder.path()).unwrap()));
        let stream = UnixStream::connect(path(folder.path())).await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        for (said, heard) in [
            ("rubbish", "failed"),
            (r#"{"do":"be-nice"}"#, "failed"),
            (
                r#"{"do":"freeze","address":"nobody@firm.example","reason":""}"#,
                "there is no account",
            ),
            (r#"{"do":"accounts"}"#, "done"),
        ] {
            write.write_all(format!("{said}\n").as_bytes()).await.unwrap();
            let answer = lines.next_line().await.unwrap().unwrap();
            assert!(answer.contains(heard), "{said}: {answer}");
        }
    }
}
