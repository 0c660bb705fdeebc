//! Programs that end with the test that started them, also when it is killed and drops nothing.

use std::ffi::OsStr;
use std::io;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};

type Order = (Command, Sender<io::Result<Child>>);

// The kernel sends the signal when the thread that started the child ends, which for a thread of a
// test is too early: a box may be handed on. So one thread that never ends starts them all.
static STARTER: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (orders, taken) = channel::<Order>();
    std::thread::spawn(move || {
        for (mut command, answer) in taken {
            let _ = answer.send(command.spawn());
        }
    });
    orders
});

/// A command for `program` that the kernel kills when whoever started it is gone.
#[must_use]
pub fn bound(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Starts a [`bound`] command for as long as this process lives.
///
/// # Errors
/// It does not start.
pub fn spawn(command: Command) -> io::Result<Child> {
    let (answer, child) = channel();
    let gone = || io::Error::other("the thread that starts programs is gone");
    STARTER.send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}
