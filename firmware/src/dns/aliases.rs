//! Aliases of whole branches of names (DNAME, RFC 6672), where answers have to be proven.
//!
//! A name server makes an alias (CNAME) of the name that was asked for out of a DNAME. Nobody can sign it,
//! and nobody needs to: the DNAME is signed (RFC 6672 5.3.1). The library takes such an answer for forged.
//! So what it finds forged is looked at step by step: is a name above it proven to be a branch that leads
//! elsewhere, the name there is asked for instead, and so is what a proven alias leads to.

use super::Silence;
use super::secure::lookup;
use crate::limits::dns as limits;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::dnssec::Proof;
use hickory_resolver::proto::rr::rdata::CNAME;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinDecoder};

/// The records at a name whose answer looks forged, the aliases on the way included; `Forged`, if no
/// branch explains it.
pub(super) async fn walk(
    resolver: &TokioResolver,
    name: &str,
    kind: RecordType,
) -> Result<Vec<Record>, Silence> {
    let name = format!("{}.", name.trim_end_matches('.'));
    let mut at = Name::from_ascii(&name).map_err(|error| Silence::Failed(error.to_string()))?;
    let mut aliases = Vec::new();
    for _ in 0..limits::BRANCHES {
        let alias = match branch(resolver, &at).await? {
            Some(alias) => alias,
            None => alias(resolver, &at).await?,
        };
        let RData::CNAME(target) = &alias.data else {
            break;
        };
        at = target.0.clone();
        aliases.push(alias);
        match lookup(resolver, &at.to_ascii(), kind).await {
            Err(Silence::Forged) => {}
            Ok(records) => {
                aliases.extend(records);
                return Ok(aliases);
            }
            Err(silence) => return Err(silence),
        }
    }
    Err(Silence::Forged)
}

// The alias that a proven branch above the name makes of it.
async fn branch(resolver: &TokioResolver, name: &Name) -> Result<Option<Record>, Silence> {
    let mut above = name.base_name();
    for _ in 0..limits::ABOVE {
        if above.is_root() {
            break;
        }
        match lookup(resolver, &above.to_ascii(), RecordType::DNAME).await {
            Ok(records) => {
                let here = |record: &&Record| record.name == above && record.proof == Proof::Secure;
                let target = records.iter().find(here).and_then(|record| target(&record.data));
                let made = target.and_then(|target| substituted(name, &above, &target));
                let Some(made) = made else {
                    return Err(Silence::Forged);
                };
                let mut alias = Record::from_rdata(name.clone(), 0, RData::CNAME(CNAME(made)));
                alias.proof = Proof::Secure;
                return Ok(Some(alias));
            }
            Err(Silence::Nothing { .. }) => above = above.base_name(),
            Err(silence) => return Err(silence),
        }
    }
    Ok(None)
}

async fn alias(resolver: &TokioResolver, name: &Name) -> Result<Record, Silence> {
    let records = match lookup(resolver, &name.to_ascii(), RecordType::CNAME).await {
        Ok(records) => records,
        Err(Silence::Nothing { .. }) => return Err(Silence::Forged),
        Err(silence) => return Err(silence),
    };
    let mut records = records.into_iter();
    records.find(|record| record.name == *name).ok_or(Silence::Forged)
}

// The library knows no DNAME and keeps its octets: a name that is not compressed (RFC 6672 2.5).
fn target(data: &RData) -> Option<Name> {
    let RData::Unknown {
        code: RecordType::DNAME,
        rdata,
    } = data
    else {
        return None;
    };
    let mut decoder = BinDecoder::new(&rdata.anything);
    let name = Name::read(&mut decoder).ok()?;
    decoder.is_empty().then_some(name)
}

// RFC 6672 2.2; `None`: the name is not below the branch, or the result would be too long.
fn substituted(name: &Name, branch: &Name, target: &Name) -> Option<Name> {
    if name == branch || !branch.zone_of(name) {
        return None;
    }
    let kept = name.iter().count().checked_sub(branch.iter().count())?;
    let labels: Vec<&[u8]> = name.iter().take(kept).collect();
    Name::from_labels(labels).ok()?.append_domain(target).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::rr::rdata::NULL;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    #[test]
    fn what_is_below_a_branch_keeps_its_own_labels() {
        let long = format!("{}.old.example.", ["a"; 100].join("."));
        let far = format!("{}.example.", "b".repeat(63));
        for (of, target, made) in [
            ("mx.old.example.", "new.example.", Some("mx.new.example.")),
            ("a.b.OLD.example.", "new.example.", Some("a.b.new.example.")),
            ("mx.old.example.", ".", Some("mx.")),
            ("old.example.", "new.example.", None),
            ("mx.cold.example.", "new.example.", None),
            (&long, &far, None),
        ] {
            let substituted = substituted(&name(of), &name("old.example."), &name(target));
            assert_eq!(substituted, made.map(name), "{of}");
        }
    }

    #[test]
    fn only_a_whole_name_is_a_target() {
        for (octets, wanted) in [
            (&b"\x03new\x07example\x00"[..], Some("new.example.")),
            (b"\x03new\x07example\x00x", None),
            (b"\x03new\x07exam", None),
            (b"\xc0\x00", None),
        ] {
            let data = RData::Unknown {
                code: RecordType::DNAME,
                rdata: NULL::with(octets.to_vec()),
            };
            assert_eq!(target(&data), wanted.map(name), "{octets:?}");
        }
    }
}
