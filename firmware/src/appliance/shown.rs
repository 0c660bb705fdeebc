//! Rows of the store in the words of the pages.

use crate::dkim::ring::Ring;
use crate::dkim::{self, Keys};
use crate::settings::Office;
use proto::types::{Domain, Timestamp};
use web_setup::{Account, AccountState, DkimRecord};

pub(super) fn shown(office: Office) -> web_setup::Office {
    web_setup::Office {
        domain: office.domain,
        hostname: office.hostname,
    }
}

pub(super) fn seen(account: store::Account, now: Timestamp) -> Account {
    let limited = account.state.limited_until(now).is_some();
    Account {
        id: account.id,
        address: account.address,
        admin: account.admin,
        state: match account.state {
            store::AccountState::Active => AccountState::Active,
            store::AccountState::Limited { .. } if limited => AccountState::Limited,
            store::AccountState::Limited { .. } => AccountState::Active,
            store::AccountState::Frozen { since, reason } => AccountState::Frozen { since, reason },
            store::AccountState::Disabled => AccountState::Disabled,
        },
        created: account.created,
    }
}

/// What has to be published: the records of the keys that sign, and of those that do so next.
pub(super) fn records(ring: &Ring, domain: &Domain) -> Vec<DkimRecord> {
    let mut records = pair(&ring.current, domain, false);
    records.extend(ring.next.iter().flat_map(|next| pair(&next.keys, domain, true)));
    records
}

pub(super) fn pair(keys: &Keys, domain: &Domain, next: bool) -> Vec<DkimRecord> {
    let [rsa, ed25519] = dkim::dns_records(keys, domain);
    let record = |key: &dkim::Key, algorithm, text| DkimRecord {
        selector: key.selector.clone(),
        algorithm,
        text,
        next,
    };
    vec![
        record(&keys.rsa, "rsa", rsa.text),
        record(&keys.ed25519, "ed25519", ed25519.text),
    ]
}
