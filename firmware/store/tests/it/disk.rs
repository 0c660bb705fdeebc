//! A disk that loses power: at a chosen sync it keeps, drops or tears each write that was not
//! synced before, and then fails everything.

use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex};

/// Numbers that look random and repeat for a seed (splitmix64).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}

/// Cards write and tear in sectors.
const SECTOR: usize = 512;

#[derive(Debug, Clone)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// What would be there after a power cut right now, before the unsynced writes.
    durable: Vec<u8>,
    /// What a reader sees.
    view: Vec<u8>,
    unsynced: Vec<Action>,
    syncs_left: Option<u64>,
    dice: Dice,
    off: bool,
}

#[derive(Debug, Clone)]
enum Action {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

impl Disk {
    /// A disk with these contents that works through `syncs_left` syncs and loses power at the next.
    pub fn new(contents: Vec<u8>, syncs_left: Option<u64>, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            view: contents.clone(),
            durable: contents,
            unsynced: Vec::new(),
            syncs_left,
            dice: Dice(seed),
            off: false,
        })))
    }

    /// What is on it after power was lost; now, if it was not.
    pub fn contents(&self) -> Vec<u8> {
        let mut state = self.0.lock().unwrap();
        state.cut();
        state.durable.clone()
    }

    /// Whether power was lost.
    pub fn is_off(&self) -> bool {
        self.0.lock().unwrap().off
    }

    fn on<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        if state.off {
            Err(io::Error::other("no power"))
        } else {
            act(&mut state)
        }
    }
}

impl State {
    fn cut(&mut self) {
        if self.off {
            return;
        }
        self.off = true;
        for action in std::mem::take(&mut self.unsynced) {
            match (self.dice.below(3), action) {
                (0, _) => {}
                (1, action) => apply(&mut self.durable, &action),
                (_, Action::SetLen(length)) => apply(&mut self.durable, &Action::SetLen(length)),
                (_, Action::Write(offset, data)) => self.tear(offset, &data),
            }
        }
    }

    /// Some sectors of it arrive.
    fn tear(&mut self, offset: u64, data: &[u8]) {
        let mut at = offset;
        for sector in data.chunks(SECTOR) {
            if self.dice.below(2) == 0 {
                apply(&mut self.durable, &Action::Write(at, sector.to_vec()));
            }
            at += sector.len() as u64;
        }
    }
}

fn apply(contents: &mut Vec<u8>, action: &Action) {
    match action {
        Action::SetLen(length) => contents.resize(usize::try_from(*length).unwrap(), 0),
        Action::Write(offset, data) => {
            let start = usize::try_from(*offset).unwrap();
            let end = start + data.len();
            if contents.len() < end {
                contents.resize(end, 0);
            }
            contents.get_mut(start..end).unwrap().copy_from_slice(data);
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.on(|state| Ok(state.view.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.on(|state| {
            let start = usize::try_from(offset).unwrap();
            let from = state.view.get(start..start + out.len());
            out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.on(|state| {
            apply(&mut state.view, &Action::SetLen(len));
            state.unsynced.push(Action::SetLen(len));
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.on(|state| {
            if state.syncs_left == Some(0) {
                state.cut();
                return Err(io::Error::other("power lost"));
            }
            state.syncs_left = state.syncs_left.map(|left| left - 1);
            for action in std::mem::take(&mut state.unsynced) {
                apply(&mut state.durable, &action);
            }
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.on(|state| {
            let action = Action::Write(offset, data.to_vec());
            apply(&mut state.view, &action);
            state.unsynced.push(action);
            Ok(())
        })
    }
}
