//! Running the machine's own tools.

use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

/// Runs a tool to its end and gives what it printed. An error holds its name and its own words.
pub fn output(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{name} cannot be started; scripts/image installs what is missing"))?;
    if !done.status.success() {
        bail!(
            "{name}: {}\n{}",
            done.status,
            String::from_utf8_lossy(&done.stderr).trim_end()
        );
    }
    Ok(done.stdout)
}

/// The same, as text.
pub fn text(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8_lossy(&output(command)?).into_owned())
}
