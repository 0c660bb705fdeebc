//! The DNS records that an office has to publish, each with its reason in a plain sentence.

use crate::appliance::{DkimRecord, Office};
use proto::types::Domain;
use std::fmt::Write;
use std::net::IpAddr;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// What it is, for people.
    pub(crate) title: String,
    /// `MX`, `TXT`, ...
    pub(crate) kind: &'static str,
    /// The full name, without the last dot.
    pub(crate) name: String,
    /// The name as most providers' forms want it: relative to the domain, `@` for the domain.
    pub(crate) host: String,
    /// The value, whole.
    pub(crate) value: String,
    /// Whether the box knows its public address; if not, words stand for it, in the value or in
    /// the name of the reverse record.
    pub(crate) known: bool,
    /// Why, in a sentence or two.
    pub(crate) why: String,
    /// What to know when typing it in.
    pub(crate) note: Option<String>,
    /// A TXT value in the pieces that zone files need: a string holds 255 octets (RFC 1035 3.3).
    pub(crate) pieces: Vec<String>,
}

/// The whole plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) domain: String,
    pub(crate) hostname: String,
    /// At the domain's DNS provider.
    pub(crate) records: Vec<Record>,
    /// At the internet provider; of a further domain there is none.
    pub(crate) reverse: Option<Record>,
}

/// Makes the plan from what the box knows.
pub(crate) fn plan(office: &Office, addresses: &[IpAddr], dkim: &[DkimRecord]) -> Plan {
    let domain = office.domain.as_str();
    let hostname = office.hostname.as_str();
    let public: Vec<IpAddr> = addresses.iter().copied().filter(is_public).collect();
    let mut records = vec![mx(domain, hostname)];
    records.extend(host_addresses(domain, hostname, &public));
    records.push(spf(domain));
    records.extend(dkim.iter().map(|key| dkim_record(domain, key)));
    records.push(dmarc(domain));
    Plan {
        domain: domain.to_owned(),
        hostname: hostname.to_owned(),
        records,
        reverse: Some(reverse(hostname, &public)),
    }
}

/// The plan of a further domain: its mail goes to the same box, whose own name and address stand in
/// the main domain's plan.
pub(crate) fn further(office: &Office, domain: &Domain, dkim: &[DkimRecord]) -> Plan {
    let domain = domain.as_str();
    let hostname = office.hostname.as_str();
    let mut records = vec![mx(domain, hostname), spf(domain)];
    records.extend(dkim.iter().map(|key| dkim_record(domain, key)));
    records.push(dmarc(domain));
    Plan {
        domain: domain.to_owned(),
        hostname: hostname.to_owned(),
        records,
        reverse: None,
    }
}

/// The records of signing keys alone.
pub(crate) fn keys(domain: &str, dkim: &[DkimRecord]) -> Vec<Record> {
    dkim.iter().map(|key| dkim_record(domain, key)).collect()
}

fn record(title: &str, kind: &'static str, domain: &str, name: &str, value: String, why: &str) -> Record {
    let host = match name
        .strip_suffix(domain)
        .map(|rest| rest.strip_suffix('.').unwrap_or(rest))
    {
        Some("") => "@",
        Some(rest) => rest,
        None => name,
    };
    let pieces = if kind == "TXT" { split(&value) } else { Vec::new() };
    Record {
        title: title.to_owned(),
        kind,
        name: name.to_owned(),
        host: host.to_owned(),
        value,
        known: true,
        why: why.to_owned(),
        note: None,
        pieces,
    }
}

fn mx(domain: &str, hostname: &str) -> Record {
    let why = "Tells the world that mail for this domain goes to this box. Remove older MX records: \
               mail would still go there.";
    let mut mx = record(
        "Where mail goes",
        "MX",
        domain,
        domain,
        format!("10 {hostname}."),
        why,
    );
    mx.note = Some("Some providers ask for priority (10) and server name in two fields.".to_owned());
    mx
}

fn host_addresses(domain: &str, hostname: &str, public: &[IpAddr]) -> Vec<Record> {
    let mut records: Vec<Record> = public
        .iter()
        .map(|ip| {
            let kind = if ip.is_ipv4() { "A" } else { "AAAA" };
            let why = "The box's address on the internet.";
            record("The box's address", kind, domain, hostname, ip.to_string(), why)
        })
        .collect();
    if !public.iter().any(IpAddr::is_ipv4) {
        let why = "The box's name has to lead to your office: its fixed public address. The router forwards \
                   ports 25, 465, 587, 993 and 443 from there to the box.";
        let hint = "your office's public IPv4 address".to_owned();
        let mut a = record("The box's address", "A", domain, hostname, hint, why);
        a.known = false;
        a.note = Some(
            "Your router shows it as WAN or internet address. It has to be a fixed one: ask your internet \
             provider if you are not sure."
                .to_owned(),
        );
        records.insert(0, a);
    }
    records
}

// RFC 7208 5.4: the hosts of the MX record may send.
fn spf(domain: &str) -> Record {
    let why =
        "SPF: says that only this box sends mail for this domain, so that others cannot pretend to be you.";
    let mut spf = record(
        "Who may send",
        "TXT",
        domain,
        domain,
        "v=spf1 mx -all".to_owned(),
        why,
    );
    spf.note = Some(
        "There may be only one SPF record. If a newsletter service also sends for you, put its include: \
         before -all."
            .to_owned(),
    );
    spf
}

fn dkim_record(domain: &str, key: &DkimRecord) -> Record {
    let name = format!("{}._domainkey.{domain}", key.selector);
    let coming = "DKIM: a key that will sign. The box uses it only once it sees this record: publish it beside the \
                  others.";
    let (title, why) = match (key.algorithm, key.next) {
        ("rsa", false) => (
            "Signature key (RSA)",
            "DKIM: the key with which every receiver can check the signature on your mail.",
        ),
        (_, false) => (
            "Signature key (Ed25519)",
            "DKIM: a second, newer and shorter key for receivers that know it.",
        ),
        ("rsa", true) => ("Next signature key (RSA)", coming),
        (_, true) => ("Next signature key (Ed25519)", coming),
    };
    let mut dkim = record(title, "TXT", domain, &name, key.text.clone(), why);
    if dkim.pieces.len() > 1 {
        dkim.note = Some(
            "It is long, but one single value. Most providers take it as it is; if yours refuses it, paste \
             it in the quoted pieces instead."
                .to_owned(),
        );
    }
    dkim
}

// RFC 7489 6.3; reports go to postmaster, which this box always accepts.
fn dmarc(domain: &str) -> Record {
    let why =
        "DMARC: tells receivers what to do with mail that pretends to be yours, and where to report it.";
    let value = format!("v=DMARC1; p=none; rua=mailto:postmaster@{domain}");
    let mut dmarc = record(
        "What to do with forgeries",
        "TXT",
        domain,
        &format!("_dmarc.{domain}"),
        value,
        why,
    );
    dmarc.note = Some(
        "Start with p=none. When the reports of two weeks look right, change it to p=quarantine.".to_owned(),
    );
    dmarc
}

fn reverse(hostname: &str, public: &[IpAddr]) -> Record {
    let name = public.first().map(reverse_name);
    Record {
        title: "Reverse name".to_owned(),
        kind: "PTR",
        known: name.is_some(),
        host: name
            .clone()
            .unwrap_or_else(|| "your office's public address".to_owned()),
        name: name.unwrap_or_else(|| "your office's public address".to_owned()),
        value: format!("{hostname}."),
        why: "Many receivers refuse mail from an address without a name.".to_owned(),
        note: Some(format!(
            "This one is not set at your domain's provider. Ask the company that gives you the internet line: \
             \u{201c}Please set the reverse DNS of our fixed address to {hostname}.\u{201d}"
        )),
        pieces: Vec::new(),
    }
}

// RFC 1035 3.5, RFC 3596 2.5.
fn reverse_name(ip: &IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let hex = format!("{:032x}", v6.to_bits());
            let mut name = String::with_capacity(72);
            for digit in hex.chars().rev() {
                name.push(digit);
                name.push('.');
            }
            name + "ip6.arpa"
        }
    }
}

// Addresses that are worth publishing (RFC 6890 lists those that are not).
fn is_public(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b); // RFC 6598: behind the provider's NAT
            let local = v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared;
            !(local || v4.is_documentation() || v4.is_unspecified() || v4.is_multicast() || a >= 240)
        }
        // Global unicast (RFC 4291 2.4), without documentation (RFC 3849).
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8)
        }
    }
}

fn split(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        match pieces.last_mut() {
            Some(last) if last.len() + c.len_utf8() <= 255 => last.push(c),
            _ => pieces.push(c.to_string()),
        }
    }
    pieces
}

impl Record {
    /// The quoted pieces, as a zone file has them.
    pub(crate) fn quoted(&self) -> String {
        let quote = |piece: &String| format!("\"{}\"", piece.replace('\\', "\\\\").replace('"', "\\\""));
        self.pieces.iter().map(quote).collect::<Vec<_>>().join(" ")
    }
}

impl Plan {
    /// The records as a piece of zone file (RFC 1035 5.1).
    pub(crate) fn zone(&self) -> String {
        let mut zone = format!("; Mail records for {}, to be added to its zone.\n", self.domain);
        for r in self.records.iter().chain(&self.reverse) {
            let value = if r.kind == "TXT" {
                r.quoted()
            } else {
                r.value.clone()
            };
            // Only what can stand there as it is; the rest is for a person to fill in.
            let ours = r.known && r.kind != "PTR";
            let (comment, end) = if ours { ("", ".") } else { ("; ", "") };
            let _ = write!(
                zone,
                "\n; {}\n{comment}{}{end}\t3600\tIN\t{}\t{value}\n",
                r.title, r.name, r.kind
            );
        }
        zone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(addresses: &[&str]) -> Plan {
        let office = Office {
            domain: Domain::parse("example.com").unwrap(),
            hostname: Domain::parse("mail.example.com").unwrap(),
        };
        let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        let rsa = DkimRecord {
            selector: "pb1r".to_owned(),
            algorithm: "rsa",
            text: format!("v=DKIM1; k=rsa; p={}", "A".repeat(392)),
            next: false,
        };
        plan(&office, &addresses, &[rsa])
    }

    #[test]
    fn the_zone_snippet_has_absolute_names_and_split_texts() {
        let zone = sample(&["192.168.1.20"]).zone();
        for line in [
            "example.com.\t3600\tIN\tMX\t10 mail.example.com.",
            "example.com.\t3600\tIN\tTXT\t\"v=spf1 mx -all\"",
            "_dmarc.example.com.\t3600\tIN\tTXT\t\"v=DMARC1; p=none; rua=mailto:postmaster@example.com\"",
            "; mail.example.com\t3600\tIN\tA\tyour office's public IPv4 address",
        ] {
            assert!(zone.lines().any(|l| l == line), "{line}\n{zone}");
        }
        let dkim = zone
            .lines()
            .find(|l| l.starts_with("pb1r._domainkey.example.com."))
            .unwrap();
        let strings: Vec<&str> = dkim.split('"').skip(1).step_by(2).collect();
        assert!(
            strings.iter().all(|s| s.len() <= 255) && strings.len() == 2,
            "{dkim}"
        );
        assert_eq!(strings.concat(), format!("v=DKIM1; k=rsa; p={}", "A".repeat(392)));
    }

    #[test]
    fn only_public_addresses_are_published() {
        let inside = [
            "10.0.0.1",
            "192.168.1.20",
            "172.16.3.4",
            "100.64.0.1",
            "169.254.1.1",
            "fd00::1",
            "fe80::1",
        ];
        let plan = sample(&inside);
        assert!(plan.records.iter().all(|r| r.kind != "AAAA"));
        assert!(plan.records.iter().any(|r| r.kind == "A" && !r.known));
        let plan = sample(&["8.8.4.4", "2a00:1450::5"]);
        let values: Vec<_> = plan
            .records
            .iter()
            .filter(|r| r.kind.starts_with('A'))
            .map(|r| r.value.as_str())
            .collect();
        assert_eq!(values, ["8.8.4.4", "2a00:1450::5"]);
        assert_eq!(plan.reverse.unwrap().name, "4.4.8.8.in-addr.arpa");
    }

    #[test]
    fn names_are_also_given_as_providers_forms_want_them() {
        let hosts: Vec<_> = sample(&[]).records.into_iter().map(|r| r.host).collect();
        assert_eq!(hosts, ["@", "mail", "@", "pb1r._domainkey", "_dmarc"]);
    }

    #[test]
    fn a_further_domain_has_records_of_its_own_and_the_same_box() {
        let office = Office {
            domain: Domain::parse("example.com").unwrap(),
            hostname: Domain::parse("mail.example.com").unwrap(),
        };
        let key = DkimRecord {
            selector: "e1".to_owned(),
            algorithm: "ed25519",
            text: "v=DKIM1; k=ed25519; p=x".to_owned(),
            next: false,
        };
        let zone = further(&office, &Domain::parse("second.example").unwrap(), &[key]).zone();
        let lines: Vec<&str> = zone.lines().filter(|line| line.contains("\tIN\t")).collect();
        assert_eq!(
            lines,
            [
                "second.example.\t3600\tIN\tMX\t10 mail.example.com.",
                "second.example.\t3600\tIN\tTXT\t\"v=spf1 mx -all\"",
                "e1._domainkey.second.example.\t3600\tIN\tTXT\t\"v=DKIM1; k=ed25519; p=x\"",
                "_dmarc.second.example.\t3600\tIN\tTXT\t\"v=DMARC1; p=none; rua=mailto:postmaster@second.example\"",
            ]
        );
    }

    #[test]
    fn reverse_names_are_nibbles_for_ipv6() {
        let name = reverse_name(&"2001:db8::567:89ab".parse().unwrap());
        assert_eq!(
            name,
            "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
    }
}
