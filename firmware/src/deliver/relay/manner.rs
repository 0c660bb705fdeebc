//! How a server is to be treated: what TLS it has to have, and what login we have there.

use super::dane;
use super::problem::Problem;
use super::trust::Demand;
use super::{Errand, Plan, Way};
use crate::deliver::Post;
use crate::deliver::sts::Mode;
use crate::dns::Server;
use crate::settings::{Smarthost, SmarthostTls};
use proto::types::{Domain, Secret, TlsWish};
use std::sync::Arc;

/// How a server is to be treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// TLS from the first octet.
    pub implicit_tls: bool,
    /// Whether the mail may go in clear when TLS is not there or does not work.
    pub clear: bool,
    /// TLS where it is offered.
    pub starttls: bool,
    /// What the certificate has to be.
    pub demand: Demand,
    /// The name to ask a certificate for, where it is not the host's.
    pub name: Option<String>,
    /// The login, if there is one.
    pub login: Option<(String, Secret)>,
    /// Who demands TLS, in front of a complaint.
    pub why: &'static str,
    /// Whether it is sure that this is a server of the domain (RFC 8689 4.2.1, step 2).
    pub named: bool,
}

/// How to treat one host on its way.
///
/// # Errors
/// It must not be spoken to; or the smarthost's settings do not fit together.
pub async fn of(
    post: &Post,
    errand: &Errand,
    plan: &Plan,
    host: &str,
    server: &Server,
) -> Result<Manner, Problem> {
    match &errand.way {
        Way::Smarthost(smarthost) => Manner::of_smarthost(smarthost),
        // RFC 8689 4.2.2: what the domain's owner demands stops nothing; TLS is taken where it is offered.
        Way::Direct(_) if errand.wishes.tls == TlsWish::NotRequired => Ok(Manner::of_servers()),
        Way::Direct(domain) => of_server(post, domain, plan, host, server).await,
    }
}

// DANE where the domain's owner wants it (RFC 7672), else his policy (RFC 8461 2: it never weakens
// DANE), else TLS where it can be had.
async fn of_server(
    post: &Post,
    domain: &Domain,
    plan: &Plan,
    host: &str,
    server: &Server,
) -> Result<Manner, Problem> {
    if plan.secure {
        let tlsa = post.dns.tlsa(server, plan.port).await;
        // RFC 7672 2.2: a server whose records are kept from us is not spoken to.
        if let Some(tlsa) = tlsa.map_err(|why| Problem::host(format!("4.7.5 DANE: {why}")))? {
            let demand = dane::Demand::new(&tlsa, domain.as_str());
            return Ok(Manner {
                clear: false,
                demand: Demand::Dane(Arc::new(demand)),
                name: Some(tlsa.base),
                why: "4.7.5 DANE: ",
                named: true,
                ..Manner::of_servers()
            });
        }
    }
    // Without MX records the name is in the mail address itself.
    let opportunistic = Manner {
        named: plan.secure || host == domain.as_str(),
        ..Manner::of_servers()
    };
    let Some(policy) = &plan.policy else {
        return Ok(opportunistic);
    };
    match (policy.mode, policy.names(host)) {
        (Mode::Enforce, true) => Ok(Manner {
            clear: false,
            demand: Demand::Policy,
            why: "4.7.5 MTA-STS: ",
            named: true,
            ..Manner::of_servers()
        }),
        (Mode::Enforce, false) => Err(Problem::host(format!(
            "4.7.5 MTA-STS: {host} is not among the mail servers that {domain} names in its policy"
        ))),
        (Mode::Testing, true) => Ok(Manner {
            named: true,
            ..opportunistic
        }),
        (Mode::Testing, false) => {
            tracing::warn!(%domain, host, "MTA-STS, testing: a mail server is not in the policy");
            Ok(opportunistic)
        }
        (Mode::None, _) => Ok(opportunistic),
    }
}

impl Manner {
    // Other domains' servers: TLS where it can be had (RFC 3207 4.1, RFC 7435).
    const fn of_servers() -> Self {
        Self {
            implicit_tls: false,
            clear: true,
            starttls: true,
            demand: Demand::Any,
            name: None,
            login: None,
            why: "",
            named: false,
        }
    }

    fn of_smarthost(smarthost: &Smarthost) -> Result<Self, Problem> {
        let login = match (&smarthost.user, &smarthost.password) {
            (Some(user), Some(password)) => Some((user.clone(), Secret::new(password.clone().into_bytes()))),
            _ => None,
        };
        if login.is_some() && smarthost.tls == SmarthostTls::None {
            let words = "the smarthost's password is not sent without TLS: choose STARTTLS or TLS";
            return Err(Problem::later(words.to_owned()));
        }
        let strict = login.is_some() && !smarthost.trust_any_certificate;
        Ok(Self {
            implicit_tls: smarthost.tls == SmarthostTls::Implicit,
            clear: smarthost.tls == SmarthostTls::None,
            starttls: smarthost.tls == SmarthostTls::Starttls,
            demand: if strict { Demand::Authority } else { Demand::Any },
            name: None,
            login,
            why: "",
            named: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_needs_tls_with_a_certificate_that_holds() {
        let smarthost = |tls, user: Option<&str>, trust_any_certificate| Smarthost {
            host: "relay.example.net".to_owned(),
            port: 587,
            tls,
            user: user.map(str::to_owned),
            password: user.map(|_| "secret".to_owned()),
            trust_any_certificate,
        };
        let strict = |manner: &Manner| matches!(manner.demand, Demand::Authority);
        assert!(Manner::of_smarthost(&smarthost(SmarthostTls::None, Some("u"), true)).is_err());
        let manner = Manner::of_smarthost(&smarthost(SmarthostTls::Starttls, Some("u"), false)).unwrap();
        assert!(strict(&manner) && !manner.clear && manner.starttls);
        let manner = Manner::of_smarthost(&smarthost(SmarthostTls::Implicit, Some("u"), true)).unwrap();
        assert!(!strict(&manner) && !manner.clear && manner.implicit_tls);
        let manner = Manner::of_smarthost(&smarthost(SmarthostTls::None, None, false)).unwrap();
        assert!(manner.clear && manner.login.is_none());
    }
}
