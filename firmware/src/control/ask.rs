//! The other end of the socket.

use super::{Reply, Request, address};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens.
    #[error("no Pillarbox is running on {0}: start it with `pillarbox serve --data {0}`")]
    NotRunning(PathBuf),
    /// The box said no.
    #[error("{0}")]
    Refused(String),
    /// The conversation broke off.
    #[error("the box did not answer: {0}")]
    Broken(#[from] io::Error),
}

/// Asks the box that runs on `data`, and waits for its answer.
///
/// # Errors
/// See [`AskError`].
pub fn ask(data: &Path, request: &Request) -> Result<serde_json::Value, AskError> {
    let (address, _folder) = address(data)?;
    let mut stream = match UnixStream::connect(address) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Err(AskError::NotRunning(data.to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    let mut line = zeroize::Zeroizing::new(serde_json::to_vec(request).map_err(io::Error::other)?);
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    match serde_json::from_str(&answer).map_err(io::Error::other)? {
        Reply::Done(shown) => Ok(shown),
        Reply::Failed(why) => Err(AskError::Refused(why)),
    }
}
