//! What the kernel's command line tells init.

use crate::layout::option;
use crate::panel::Glass;

/// The options init knows; anything else is left to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Which panel there is.
    pub panel: PanelOption,
    /// Whether to open the watchdog; decided by the board when not said.
    pub watchdog: Option<bool>,
}

/// Which panel to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PanelOption {
    /// Ask the panel what it is.
    Ask,
    /// It is this one.
    Is(Glass),
    /// Do not look for one.
    None,
}

/// Reads a command line. An option given twice counts as given last, as in the kernel.
pub fn parse(line: &str) -> Options {
    let mut options = Options {
        panel: PanelOption::Ask,
        watchdog: None,
    };
    for (name, value) in line.split_whitespace().filter_map(|word| word.split_once('=')) {
        match (name, value) {
            (option::PANEL, "96x16") => options.panel = PanelOption::Is(Glass::Small),
            (option::PANEL, "128x64") => options.panel = PanelOption::Is(Glass::Large),
            (option::PANEL, "none") => options.panel = PanelOption::None,
            (option::PANEL, _) => options.panel = PanelOption::Ask,
            (option::WATCHDOG, value) => options.watchdog = Some(value != "off"),
            _ => {}
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_among_the_kernels_own() {
        let none = Options {
            panel: PanelOption::Ask,
            watchdog: None,
        };
        let cases = [
            ("", none),
            ("console=tty1 quiet pillarbox.panel pillarbox.other=1", none),
            (
                "a=b pillarbox.panel=96x16\n",
                Options {
                    panel: PanelOption::Is(Glass::Small),
                    ..none
                },
            ),
            (
                "pillarbox.panel=128x64",
                Options {
                    panel: PanelOption::Is(Glass::Large),
                    ..none
                },
            ),
            (
                "pillarbox.panel=none pillarbox.watchdog=off",
                Options {
                    panel: PanelOption::None,
                    watchdog: Some(false),
                },
            ),
            (
                "pillarbox.watchdog=off pillarbox.watchdog=on",
                Options {
                    watchdog: Some(true),
                    ..none
                },
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(parse(line), expected, "{line}");
        }
    }
}
