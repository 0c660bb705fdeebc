//! The thread that draws: I2C is slow and may hang, and init must do neither.

use super::journal;
use crate::cmdline::PanelOption;
use crate::oled::{Controller, Oled};
use crate::panel::{Glass, Rotation};
use crate::screen::Screen;
use linux_embedded_hal::I2cdev;
use std::fs;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

/// Between two looks at the time.
const TICK: Duration = Duration::from_millis(250);
/// Between two searches for a panel: at first, since drivers load at their leisure, and later.
const SEARCH_SOON: Duration = Duration::from_secs(1);
const SEARCH_LATER: Duration = Duration::from_secs(20);

enum Order {
    Show(Screen),
    Press,
    /// The last picture; the sender hears when it is up.
    Last(Screen, SyncSender<()>),
}

/// Where to send screens. With no panel they go nowhere.
#[derive(Debug)]
pub(super) struct Panel {
    orders: Sender<Order>,
}

impl Panel {
    pub fn start(option: PanelOption) -> Panel {
        let (orders, inbox) = channel();
        let spawned = std::thread::Builder::new()
            .name("panel".into())
            .spawn(move || draw(option, &inbox));
        if let Err(error) = spawned {
            journal::warn(format!("no thread for the panel: {error}"));
        }
        Panel { orders }
    }

    pub fn show(&self, screen: &Screen) {
        let _ = self.orders.send(Order::Show(screen.clone()));
    }

    /// The button was pressed.
    pub fn press(&self) {
        let _ = self.orders.send(Order::Press);
    }

    /// Shows the last picture and waits for it, but not long.
    pub fn finish(&self, screen: Screen) {
        let (done, wait) = sync_channel(1);
        if self.orders.send(Order::Last(screen, done)).is_ok() {
            let _ = wait.recv_timeout(Duration::from_secs(2));
        }
    }
}

fn draw(option: PanelOption, inbox: &Receiver<Order>) {
    let start = Instant::now();
    let now = || start.elapsed().as_secs();
    let mut screen = None;
    let mut rotation = Rotation::new(Glass::Large);
    let mut oled: Option<Oled<I2cdev>> = None;
    let mut search_at = start;
    loop {
        let order = match inbox.recv_timeout(TICK) {
            Ok(order) => Some(order),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut finished = None;
        match order {
            Some(Order::Show(new)) => screen = Some(new),
            Some(Order::Press) => rotation.press(now()),
            Some(Order::Last(new, done)) => {
                screen = Some(new);
                finished = Some(done);
            }
            None => {}
        }
        if oled.is_none() && Instant::now() >= search_at {
            oled = search(option);
            let soon = start.elapsed() < Duration::from_secs(60);
            search_at = Instant::now() + if soon { SEARCH_SOON } else { SEARCH_LATER };
            if let Some(found) = &oled {
                journal::note(format!("panel found: {:?}", found.controller()));
                rotation = Rotation::new(found.controller().glass());
            }
        }
        if let Some(screen) = &screen {
            rotation.show(screen, now());
        }
        if let Some(panel) = &mut oled
            && let Err(error) = panel.show(&rotation.frame(now()))
        {
            journal::warn(format!("the panel is gone: {error}"));
            oled = None;
        }
        if let Some(done) = finished {
            let _ = done.send(());
        }
    }
}

/// Asks every I2C bus.
fn search(option: PanelOption) -> Option<Oled<I2cdev>> {
    let controller = match option {
        PanelOption::None => return None,
        PanelOption::Ask => None,
        PanelOption::Is(Glass::Small) => Some(Controller::Ssd0303),
        PanelOption::Is(Glass::Large) => Some(Controller::Ssd1306),
    };
    let mut buses: Vec<_> = fs::read_dir("/dev")
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().starts_with("/dev/i2c-"))
        .collect();
    buses.sort();
    buses
        .into_iter()
        .find_map(|bus| Oled::find(I2cdev::new(bus).ok()?, controller))
}
