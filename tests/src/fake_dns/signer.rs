//! Signs answers on the fly, as the key of the root (RFC 4034), and denies with records made for the
//! question (RFC 4470).

use anyhow::Result;
use hickory_resolver::proto::dnssec::crypto::Ed25519SigningKey;
use hickory_resolver::proto::dnssec::rdata::sig::SigInput;
use hickory_resolver::proto::dnssec::rdata::{DNSKEY, DNSSECRData, NSEC, RRSIG};
use hickory_resolver::proto::dnssec::{DnssecSigner, SigningKey, TBS, TrustAnchors};
use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::rdata::{NS, SOA};
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record, RecordType, SerialNumber};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TTL: u32 = 300;

pub struct Signer {
    signer: DnssecSigner,
    key: DNSKEY,
}

impl Signer {
    pub fn new() -> Result<Self> {
        let key = Ed25519SigningKey::from_pkcs8(&Ed25519SigningKey::generate_pkcs8()?)?;
        let public = DNSKEY::from_key(&key.to_public_key()?);
        let signer = DnssecSigner::new(
            public.clone(),
            Box::new(key),
            Name::root(),
            Duration::from_secs(3600),
        );
        Ok(Self { signer, key: public })
    }

    pub fn anchors(&self) -> TrustAnchors {
        let mut anchors = TrustAnchors::empty();
        anchors.insert(self.key.public_key());
        anchors
    }

    /// The zone's key, signed by itself.
    pub fn keys(&self, answer: &mut Message) {
        let data = RData::DNSSEC(DNSSECRData::DNSKEY(self.key.clone()));
        answer.add_answer(Record::from_rdata(Name::root(), TTL, data));
        self.prove(answer, &Name::root());
    }

    /// The start of the root zone.
    pub fn start(&self, answer: &mut Message) {
        answer.add_answer(start());
        self.prove(answer, &Name::root());
    }

    /// Signs the answers of this owner.
    pub fn prove(&self, answer: &mut Message, owner: &Name) {
        let records: Vec<Record> = answer
            .answers
            .iter()
            .filter(|r| r.name == *owner)
            .cloned()
            .collect();
        let Some(kind) = records.first().map(Record::record_type) else {
            return;
        };
        answer.add_answer(self.signature(owner, kind, &records));
    }

    /// Proves that a name has only records of these kinds.
    pub fn deny(&self, answer: &mut Message, owner: &Name, kinds: &[RecordType]) {
        let next = owner.prepend_label("\\000").unwrap_or_else(|_| owner.clone());
        let nsec = NSEC::new_cover_self(next, kinds.iter().copied());
        let nsec = Record::from_rdata(owner.clone(), TTL, RData::DNSSEC(DNSSECRData::NSEC(nsec)));
        for record in [nsec, start()] {
            let (owner, kind) = (record.name.clone(), record.record_type());
            answer.add_authority(self.signature(&owner, kind, std::slice::from_ref(&record)));
            answer.add_authority(record);
        }
    }

    /// The name servers of a zone of its own.
    pub fn delegate(&self, answer: &mut Message, zone: &Name) {
        let server = Name::from_ascii("ns.invalid.").expect("a name");
        answer.add_answer(Record::from_rdata(zone.clone(), TTL, RData::NS(NS(server))));
    }

    fn signature(&self, owner: &Name, kind: RecordType, records: &[Record]) -> Record {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u32::try_from(now.as_secs()).expect("before 2106");
        let input = SigInput {
            type_covered: kind,
            algorithm: self.signer.key().algorithm(),
            num_labels: owner.num_labels(),
            original_ttl: TTL,
            sig_expiration: SerialNumber::new(now + 3600),
            sig_inception: SerialNumber::new(now - 3600),
            key_tag: self.signer.calculate_key_tag().expect("a key"),
            signer_name: Name::root(),
        };
        let signed = TBS::from_input(owner, DNSClass::IN, &input, records.iter()).expect("records");
        let signature = self.signer.sign(&signed).expect("a signature");
        let data = DNSSECRData::RRSIG(RRSIG::from_sig(input, signature));
        Record::from_rdata(owner.clone(), TTL, RData::DNSSEC(data))
    }
}

fn start() -> Record {
    let soa = SOA::new(Name::root(), Name::root(), 1, 3600, 600, 86_400, 300);
    Record::from_rdata(Name::root(), TTL, RData::SOA(soa))
}
