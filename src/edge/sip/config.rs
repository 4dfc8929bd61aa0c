//! What a SIP edge is told at its start.

use crate::EdgeError;
use serde::{Deserialize, Serialize};
use sidetone_types::AgentId;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// A word that is never printed. It reads from `env:NAME` (an environment variable), `file:PATH` (the
/// first line of a file), or from the word itself, which only a demo should do.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(String);

impl TryFrom<String> for Secret {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let word = if let Some(name) = text.strip_prefix("env:") {
            std::env::var(name)
                .map_err(|_| format!("the environment variable {name} is not set"))?
        } else if let Some(path) = text.strip_prefix("file:") {
            let file = std::fs::read_to_string(path)
                .map_err(|error| format!("the secret in {path} can't be read: {error}"))?;
            file.lines().next().unwrap_or_default().trim().to_owned()
        } else {
            text
        };
        match word.is_empty() {
            true => Err("a secret is empty".into()),
            false => Ok(Self(word)),
        }
    }
}

impl Secret {
    pub fn new(word: impl Into<String>) -> Self {
        Self(word.into())
    }
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// How SIP messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    /// SIP over WebSocket (RFC 7118), without TLS: a proxy in front adds that.
    Ws,
}

impl Transport {
    /// As it stands in a Via header (RFC 3261 section 20.42).
    pub(crate) fn token(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipListen {
    pub transport: Transport,
    pub addr: SocketAddr,
}

/// PEM files of the certificate chain and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// A phone's log-in, and the agent who answers it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipAccount {
    pub user: String,
    pub secret: Secret,
    pub agent: AgentId,
    /// Whether this account's calls may leave through a trunk.
    #[serde(default)]
    pub outbound: bool,
}

/// A range of source addresses, `192.0.2.0/24`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IpNet {
    ip: IpAddr,
    bits: u8,
}

impl IpNet {
    pub fn contains(&self, other: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u32| {
            let bits = u32::from(self.bits);
            bits == 0 || (a ^ b) >> (width - bits) == 0
        };
        match (self.ip, other.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

impl FromStr for IpNet {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not an address range such as 192.0.2.0/24");
        let (ip, bits) = text.split_once('/').unwrap_or((text, ""));
        let ip: IpAddr = ip.parse().map_err(|_| wrong())?;
        let width = if ip.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            "" if !text.contains('/') => width,
            bits => bits.parse().map_err(|_| wrong())?,
        };
        if bits > width {
            return Err(wrong());
        }
        Ok(Self { ip, bits })
    }
}

impl TryFrom<String> for IpNet {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<IpNet> for String {
    fn from(net: IpNet) -> Self {
        format!("{}/{}", net.ip, net.bits)
    }
}

/// How this side logs in at a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkLogin {
    /// `sip:provider.example`, or with a port and `;transport=tcp`.
    pub server: String,
    pub user: String,
    pub secret: Secret,
    #[serde(default = "hour")]
    pub expires_s: u32,
}

fn hour() -> u32 {
    3600
}

/// A provider or a PBX.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipTrunk {
    pub name: String,
    /// Requests from here are this trunk's. Empty: none are taken.
    #[serde(default)]
    pub addresses: Vec<IpNet>,
    #[serde(default)]
    pub register: Option<TrunkLogin>,
    /// Where calls out go, `sip:192.0.2.1:5060`.
    #[serde(default)]
    pub proxy: Option<String>,
    /// Whether calls out may use it.
    #[serde(default)]
    pub outbound: bool,
    /// Whether its P-Asserted-Identity (RFC 3325) is believed. From is shown otherwise.
    #[serde(default)]
    pub trust_identity: bool,
}

/// Which calls out are made at all; each rule is a defence against toll fraud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboundRules {
    /// A number must begin with one of these. Empty: no calls out.
    pub allowed_prefixes: Vec<String>,
    /// And with none of these; the longer prefix decides.
    pub denied_prefixes: Vec<String>,
    /// Calls begun within any 60 s.
    pub calls_per_minute_max: u32,
    pub calls_at_once_max: u32,
}

impl Default for OutboundRules {
    fn default() -> Self {
        Self {
            allowed_prefixes: Vec::new(),
            denied_prefixes: Vec::new(),
            calls_per_minute_max: 30,
            calls_at_once_max: 10,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SrtpUse {
    Off,
    /// Used where the far end offers it.
    #[default]
    Optional,
    /// A far end without it is refused with 488.
    Required,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SipCodec {
    Opus,
    G722,
    Pcma,
    Pcmu,
}

/// How a phone proves that it knows its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Digest {
    #[serde(rename = "sha-256")]
    Sha256,
    #[serde(rename = "md5")]
    Md5,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SipConfig {
    pub listen: Vec<SipListen>,
    pub tls: Option<TlsFiles>,
    /// PEM file of the authorities that a trunk's certificate may be signed by.
    pub tls_roots: PathBuf,
    /// The address that stands in Contact, Via and SDP, where it is another than the socket's.
    pub advertised_ip: Option<IpAddr>,
    /// The address that sound comes in on.
    pub media_ip: IpAddr,
    /// First and last UDP port for sound; each call takes two.
    pub rtp_ports: (u16, u16),
    /// What phones log in to; it stands in every challenge.
    pub realm: String,
    /// The kinds of digest that are offered, in this order (RFC 8760). Some old phones look only at
    /// the first; some (baresip 1.0) know only MD5 and give up when SHA-256 is offered at all.
    pub digests: Vec<Digest>,
    pub accounts: Vec<SipAccount>,
    pub trunks: Vec<SipTrunk>,
    pub outbound: OutboundRules,
    /// Calls in both directions; more are refused with 503.
    pub calls_max: usize,
    pub srtp: SrtpUse,
    /// In the order of preference.
    pub codecs: Vec<SipCodec>,
    /// Sound per packet that is sent.
    pub packet_ms: u32,
    /// RFC 4028; 90 is the least that the standard allows.
    pub session_expires_s: u32,
    pub register_expires_min_s: u32,
    pub register_expires_max_s: u32,
    /// Phones of one account at a time.
    pub contacts_max: usize,
    /// Connections (TCP, TLS, WebSocket) at a time.
    pub connections_max: usize,
    /// How long a phone rings before an outgoing call is given up.
    pub ring_max_s: u32,
}

impl Default for SipConfig {
    fn default() -> Self {
        let everywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 5060));
        Self {
            listen: [Transport::Udp, Transport::Tcp]
                .map(|transport| SipListen {
                    transport,
                    addr: everywhere,
                })
                .to_vec(),
            tls: None,
            tls_roots: "/etc/ssl/certs/ca-certificates.crt".into(),
            advertised_ip: None,
            media_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            rtp_ports: (16_384, 32_767),
            realm: "sidetone".to_owned(),
            digests: vec![Digest::Sha256, Digest::Md5],
            accounts: Vec::new(),
            trunks: Vec::new(),
            outbound: OutboundRules::default(),
            calls_max: 200,
            srtp: SrtpUse::Optional,
            codecs: vec![
                SipCodec::Opus,
                SipCodec::G722,
                SipCodec::Pcma,
                SipCodec::Pcmu,
            ],
            packet_ms: 20,
            session_expires_s: 1800,
            register_expires_min_s: 60,
            register_expires_max_s: 3600,
            contacts_max: 8,
            connections_max: 1024,
            ring_max_s: 120,
        }
    }
}

impl SipConfig {
    /// Says what is wrong, by the field's name.
    ///
    /// # Errors
    /// [`EdgeError::Config`].
    pub fn check(&self) -> Result<(), EdgeError> {
        let wrong = |field: &'static str, why: String| Err(EdgeError::Config { field, why });
        if self.listen.is_empty() {
            return wrong("listen", "name at least one address".into());
        }
        if self.listen.iter().any(|l| l.transport == Transport::Tls) && self.tls.is_none() {
            return wrong("tls", "a TLS address needs `cert` and `key`".into());
        }
        let (from, to) = self.rtp_ports;
        if from > to || to - from < 1 || from == 0 {
            return wrong("rtp_ports", format!("{from}–{to} holds no pair of ports"));
        }
        if self.advertised_ip.is_none() && self.listen.iter().any(|l| l.addr.ip().is_unspecified())
        {
            return wrong(
                "advertised_ip",
                "is needed where `listen` names every interface (0.0.0.0)".into(),
            );
        }
        if self.advertised_ip.is_none() && self.media_ip.is_unspecified() {
            return wrong("advertised_ip", "is needed with `media_ip` 0.0.0.0".into());
        }
        if self.codecs.is_empty() {
            return wrong("codecs", "name at least one".into());
        }
        if self.digests.is_empty() {
            return wrong("digests", "name at least one".into());
        }
        if !(10..=60).contains(&self.packet_ms) || !self.packet_ms.is_multiple_of(10) {
            return wrong("packet_ms", "10, 20, 30, 40, 50 or 60".into());
        }
        if self.session_expires_s < 90 {
            return wrong("session_expires_s", "at least 90 (RFC 4028)".into());
        }
        if self.register_expires_min_s > self.register_expires_max_s
            || self.register_expires_min_s == 0
        {
            return wrong(
                "register_expires_min_s",
                "is 1 or more and not above the maximum".into(),
            );
        }
        for (n, account) in self.accounts.iter().enumerate() {
            if account.user.is_empty() || account.secret.expose().is_empty() {
                return wrong("accounts", format!("entry {} lacks user or secret", n + 1));
            }
            if self.accounts[..n].iter().any(|a| a.user == account.user) {
                return wrong("accounts", format!("\"{}\" is there twice", account.user));
            }
        }
        for (n, trunk) in self.trunks.iter().enumerate() {
            if self.trunks[..n].iter().any(|t| t.name == trunk.name) {
                return wrong("trunks", format!("\"{}\" is there twice", trunk.name));
            }
        }
        Ok(())
    }

    pub(crate) fn trunk_of(&self, source: IpAddr) -> Option<&SipTrunk> {
        self.trunks
            .iter()
            .find(|trunk| trunk.addresses.iter().any(|net| net.contains(source)))
    }

    pub(crate) fn account(&self, user: &str) -> Option<&SipAccount> {
        self.accounts.iter().find(|account| account.user == user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_ranges() {
        let net: IpNet = "192.0.2.0/24".parse().unwrap();
        assert!(net.contains("192.0.2.200".parse().unwrap()));
        assert!(net.contains("::ffff:192.0.2.1".parse().unwrap()));
        assert!(!net.contains("192.0.3.1".parse().unwrap()));
        let one: IpNet = "2001:db8::1".parse().unwrap();
        assert!(one.contains("2001:db8::1".parse().unwrap()));
        assert!(!one.contains("2001:db8::2".parse().unwrap()));
        let all: IpNet = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()));
        for bad in ["192.0.2.0/33", "x", "192.0.2.0/", "192.0.2.0/-1", ""] {
            assert!(bad.parse::<IpNet>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
        let named = |change: fn(&mut SipConfig)| {
            let mut config = SipConfig::default();
            change(&mut config);
            match config.check() {
                Err(EdgeError::Config { field, .. }) => field,
                other => panic!("{other:?}"),
            }
        };
        assert!(SipConfig::default().check().is_ok());
        assert_eq!(named(|c| c.listen.clear()), "listen");
        assert_eq!(named(|c| c.rtp_ports = (5, 4)), "rtp_ports");
        assert_eq!(
            named(|c| c.media_ip = "0.0.0.0".parse().unwrap()),
            "advertised_ip"
        );
        assert_eq!(named(|c| c.packet_ms = 25), "packet_ms");
        assert_eq!(named(|c| c.session_expires_s = 60), "session_expires_s");
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", Secret::new("tulip")).contains("tulip"));
    }
}
