//! Where agents' phones are (RFC 3261 section 10).
//!
//! **Invariants.** Only contacts of accounts in the configuration are kept, at most `contacts_max`
//! each. A request changes either all of its contacts or none.

use super::config::SipConfig;
use super::message::{Request, Response, name};
use super::net::Flow;
use super::parse::cseq;
use super::uri::{NameAddr, Uri};
use sidetone_types::AgentId;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What a phone gets that names no time.
const EXPIRES_S: u32 = 3600;

#[derive(Clone)]
pub(crate) struct Binding {
    pub uri: Uri,
    pub uri_text: String,
    pub flow: Flow,
    pub expires_at_s: u64,
    pub user_agent: Option<String>,
    call_id: String,
    cseq: u32,
    q_permille: u16,
}

struct Account {
    agent: AgentId,
    bindings: Vec<Binding>,
}

pub(crate) struct Registrar {
    accounts: BTreeMap<String, Account>,
    min_s: u32,
    max_s: u32,
    contacts_max: usize,
}

/// The answer to a REGISTER.
pub(crate) struct Registered {
    pub response: Response,
    /// The agent, and how many phones it has, where that may have changed.
    pub changed: Option<(AgentId, usize)>,
}

impl Registrar {
    pub fn new(config: &SipConfig) -> Self {
        let accounts = config.accounts.iter().map(|account| {
            let of = Account {
                agent: account.agent.clone(),
                bindings: Vec::new(),
            };
            (account.user.clone(), of)
        });
        Self {
            accounts: accounts.collect(),
            min_s: config.register_expires_min_s,
            max_s: config.register_expires_max_s,
            contacts_max: config.contacts_max,
        }
    }

    pub fn len(&self) -> usize {
        self.accounts.values().map(|a| a.bindings.len()).sum()
    }

    /// Every phone that is logged in.
    pub fn all(&self) -> impl Iterator<Item = (&AgentId, &Binding)> {
        self.accounts
            .values()
            .flat_map(|account| account.bindings.iter().map(|b| (&account.agent, b)))
    }

    /// Where an agent's phones ring, the preferred first.
    pub fn contacts(&self, agent: &AgentId, now_s: u64) -> Vec<Binding> {
        let mut all: Vec<Binding> = self
            .all()
            .filter(|(of, binding)| {
                *of == agent && binding.expires_at_s > now_s && binding.flow.is_alive()
            })
            .map(|(_, binding)| binding.clone())
            .collect();
        all.sort_by_key(|binding| std::cmp::Reverse(binding.q_permille));
        all
    }

    /// Whether a phone of this account logged in from this address and port.
    pub fn is_at(&self, user: &str, peer: SocketAddr) -> bool {
        let account = self.accounts.get(user);
        account.is_some_and(|of| of.bindings.iter().any(|one| one.flow.peer() == peer))
    }

    fn count(&self, agent: &AgentId) -> usize {
        self.all().filter(|(of, _)| *of == agent).count()
    }

    /// Forgets phones whose time is over or whose connection is gone; the agents concerned.
    pub fn expire(&mut self, now_s: u64) -> Vec<(AgentId, usize)> {
        let mut changed = Vec::new();
        for account in self.accounts.values_mut() {
            let before = account.bindings.len();
            account
                .bindings
                .retain(|b| b.expires_at_s > now_s && b.flow.is_alive());
            if account.bindings.len() != before && !changed.contains(&account.agent) {
                changed.push(account.agent.clone());
            }
        }
        let count = |agent: AgentId| (agent.clone(), self.count(&agent));
        changed.into_iter().map(count).collect()
    }

    /// Carries out a REGISTER of an account that has proved to be itself.
    pub fn register(
        &mut self,
        user: &str,
        request: &Request,
        flow: &Flow,
        now_s: u64,
    ) -> Registered {
        let refused = |response| Registered {
            response,
            changed: None,
        };
        let contacts: Vec<&str> = request.headers.list(name::CONTACT).collect();
        let expires = request.headers.number(name::EXPIRES);
        let (min_s, max_s, contacts_max) = (self.min_s, self.max_s, self.contacts_max);
        let Some(account) = self.accounts.get_mut(user) else {
            return refused(request.reply(404));
        };
        let changes = if contacts.contains(&"*") {
            // Section 10.2.2: alone, and with zero.
            if contacts.len() != 1 || expires != Some(0) {
                return refused(request.reply(400).phrased("Contact * Needs Expires 0"));
            }
            Ok(Vec::new())
        } else {
            read_contacts(request, &contacts, expires, (min_s, max_s), flow, now_s)
        };
        let changes = match changes {
            Ok(changes) => changes,
            Err(423) => {
                let min = min_s.to_string();
                return refused(request.reply(423).with(name::MIN_EXPIRES, min));
            }
            Err(code) => return refused(request.reply(code).phrased("Bad Contact")),
        };
        let mut bindings = account.bindings.clone();
        if contacts.contains(&"*") {
            bindings.clear();
        }
        for (change, keep) in changes {
            let old = bindings
                .iter()
                .position(|b| b.uri.same_contact(&change.uri));
            if let Some(old) = old {
                // An older request of the same phone that came late (section 10.3).
                let is_late =
                    bindings[old].call_id == change.call_id && bindings[old].cseq >= change.cseq;
                if is_late {
                    return refused(request.reply(500).phrased("CSeq Out Of Order"));
                }
                bindings.remove(old);
            }
            if keep {
                bindings.push(change);
            }
        }
        if bindings.len() > contacts_max {
            return refused(request.reply(403).phrased("Too Many Contacts"));
        }
        account.bindings = bindings;
        let agent = account.agent.clone();
        let response = listing(request.reply(200), &account.bindings, now_s);
        let changed = (!contacts.is_empty()).then(|| (agent.clone(), self.count(&agent)));
        Registered { response, changed }
    }
}

fn listing(mut response: Response, bindings: &[Binding], now_s: u64) -> Response {
    for binding in bindings {
        let left_s = binding.expires_at_s.saturating_sub(now_s);
        let line = format!("<{}>;expires={left_s}", binding.uri_text);
        response = response.with(name::CONTACT, line);
    }
    response
}

/// Each contact and whether it stays; the code of the refusal otherwise.
fn read_contacts(
    request: &Request,
    contacts: &[&str],
    expires: Option<u32>,
    (min_s, max_s): (u32, u32),
    flow: &Flow,
    now_s: u64,
) -> Result<Vec<(Binding, bool)>, u16> {
    let get = |name| request.headers.get(name);
    let number = get(name::CSEQ).and_then(cseq).map_or(0, |(n, _)| n);
    let read = |text: &&str| {
        let contact = NameAddr::read(text).ok_or(400_u16)?;
        if !contact.uri.is_sip() || contact.uri.headers.is_some() {
            return Err(400);
        }
        let asked = contact
            .param("expires")
            .map(|text| text.parse().unwrap_or(u32::MAX))
            .or(expires)
            .unwrap_or(EXPIRES_S);
        if asked > 0 && asked < min_s {
            return Err(423);
        }
        let q = contact.param("q").and_then(|q| q.parse::<f32>().ok());
        let binding = Binding {
            uri_text: contact.uri_text.clone(),
            flow: flow.clone(),
            expires_at_s: now_s + u64::from(asked.min(max_s)),
            user_agent: get(name::USER_AGENT).map(|text| text.chars().take(120).collect()),
            call_id: get(name::CALL_ID).unwrap_or("").to_owned(),
            cseq: number,
            q_permille: (q.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16,
            uri: contact.uri,
        };
        Ok((binding, asked > 0))
    };
    contacts.iter().map(read).collect()
}
