//! `pillarbox-image`: builds, checks and boots the SD-card image.

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

#[derive(Parser)]
#[command(version, about = "Builds, checks and boots the SD-card image of Pillarbox")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the card image from Debian's packages and our binary.
    Build(image::build::Options),
    /// Compare what is on a card image with its manifests.
    Check {
        /// The card image.
        card: PathBuf,
    },
    /// Boot the card image on an emulated Raspberry Pi 3 until Ctrl-C.
    Run(image::emulator::Options),
}

fn main() -> Result<()> {
    match Arguments::parse().task {
        Task::Build(options) => image::build::build(&options),
        Task::Check { card } => image::build::check(&card),
        Task::Run(options) => image::emulator::run(&options),
    }
}
