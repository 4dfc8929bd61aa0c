//! Digest log-ins, both sides (RFC 3261 section 22, RFC 7616, RFC 8760).
//!
//! **Invariants.** Nonces are made and recognized by a keyed hash, so that a flood of unauthenticated
//! requests leaves nothing behind; only a nonce that a right answer came with is remembered, with
//! its highest count, so that no answer is good twice. Answers without `qop=auth` are not taken: they
//! could be replayed. Words are compared in constant time.

use super::message::split;
use md5::Md5;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};

/// How long a nonce can be answered.
const NONCE_S: u64 = 300;
/// How many nonces with right answers are remembered; the oldest go first.
const NONCES_MAX: usize = 16_384;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Md5,
    Sha256,
}

impl From<super::config::Digest> for Algorithm {
    fn from(digest: super::config::Digest) -> Self {
        match digest {
            super::config::Digest::Md5 => Self::Md5,
            super::config::Digest::Sha256 => Self::Sha256,
        }
    }
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn read(text: Option<&str>) -> Option<Self> {
        match text {
            None => Some(Self::Md5),
            Some(text) if text.eq_ignore_ascii_case("MD5") => Some(Self::Md5),
            Some(text) if text.eq_ignore_ascii_case("SHA-256") => Some(Self::Sha256),
            Some(_) => None,
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex::encode(Md5::digest(text)),
            Self::Sha256 => hex::encode(Sha256::digest(text)),
        }
    }
}

/// `name=value` pairs after the scheme's word.
fn read_pairs(text: &str) -> Option<Vec<(String, String)>> {
    let (scheme, rest) = text.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    split(rest, b',')
        .map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let value = value.trim();
            let value = value
                .strip_prefix('"')
                .and_then(|v| v.strip_suffix('"'))
                .unwrap_or(value);
            Some((key.trim().to_ascii_lowercase(), value.replace("\\\"", "\"")))
        })
        .collect()
}

fn pair<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// An answer to a challenge.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub user: String,
    pub realm: String,
    pub nonce: String,
    pub nc: u32,
    uri: String,
    nc_text: String,
    cnonce: String,
    response: String,
    algorithm: Algorithm,
}

impl Credentials {
    /// `None`: another scheme, or something is missing.
    pub fn read(text: &str) -> Option<Self> {
        let pairs = read_pairs(text)?;
        let get = |name: &str| pair(&pairs, name).map(str::to_owned);
        if !get("qop")?.eq_ignore_ascii_case("auth") {
            return None;
        }
        let nc_text = get("nc")?;
        Some(Self {
            user: get("username")?,
            realm: get("realm")?,
            nonce: get("nonce")?,
            nc: u32::from_str_radix(&nc_text, 16).ok()?,
            uri: get("uri")?,
            nc_text,
            cnonce: get("cnonce")?,
            response: get("response")?,
            algorithm: Algorithm::read(pair(&pairs, "algorithm"))?,
        })
    }

    /// Whether the secret was known to the sender.
    pub fn is_right(&self, secret: &str, method: &str) -> bool {
        let expected = response(
            self.algorithm,
            [&self.user, &self.realm, secret],
            [method, &self.uri],
            [&self.nonce, &self.nc_text, &self.cnonce],
        );
        let given = self.response.to_ascii_lowercase();
        expected.len() == given.len()
            && expected
                .bytes()
                .zip(given.bytes())
                .fold(0, |differ, (a, b)| differ | (a ^ b))
                == 0
    }
}

/// RFC 7616 section 3.4.1 with `qop=auth`.
fn response(
    algorithm: Algorithm,
    [user, realm, secret]: [&str; 3],
    [method, uri]: [&str; 2],
    [nonce, nc, cnonce]: [&str; 3],
) -> String {
    let a1 = algorithm.hash(&format!("{user}:{realm}:{secret}"));
    let a2 = algorithm.hash(&format!("{method}:{uri}"));
    algorithm.hash(&format!("{a1}:{nonce}:{nc}:{cnonce}:auth:{a2}"))
}

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NonceState {
    Good,
    /// Ours, and too old or answered with that count before: ask again, the secret may be right.
    Stale,
    Foreign,
}

/// Makes and recognizes nonces. Times are seconds of any clock that goes forward.
pub(crate) struct Nonces {
    key: [u8; 32],
    used: HashMap<String, u32>,
    order: VecDeque<String>,
}

impl Nonces {
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            used: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub fn issue(&self, now_s: u64, salt: u64) -> String {
        let head = format!("{now_s:012x}{salt:016x}");
        format!("{head}{}", self.seal(&head))
    }

    fn seal(&self, head: &str) -> String {
        let hash = Sha256::new()
            .chain_update(self.key)
            .chain_update(head)
            .finalize();
        hex::encode(&hash[..16])
    }

    pub fn state(&self, nonce: &str, nc: u32, now_s: u64) -> NonceState {
        let Some((head, seal)) = nonce.split_at_checked(28) else {
            return NonceState::Foreign;
        };
        if self.seal(head) != seal {
            return NonceState::Foreign;
        }
        let issued = head
            .get(..12)
            .and_then(|text| u64::from_str_radix(text, 16).ok())
            .unwrap_or(0);
        let seen = self.used.get(nonce).copied().unwrap_or(0);
        if now_s.saturating_sub(issued) > NONCE_S || nc <= seen {
            return NonceState::Stale;
        }
        NonceState::Good
    }

    /// Remembers that a count was used with a right answer.
    pub fn accept(&mut self, nonce: &str, nc: u32) {
        if self.used.insert(nonce.to_owned(), nc).is_none() {
            self.order.push_back(nonce.to_owned());
        }
        while self.order.len() > NONCES_MAX {
            if let Some(old) = self.order.pop_front() {
                self.used.remove(&old);
            }
        }
    }

    /// One challenge for each algorithm, the preferred first (RFC 8760 section 2.4).
    pub fn challenges(
        &self,
        realm: &str,
        algorithms: &[Algorithm],
        now_s: u64,
        stale: bool,
    ) -> Vec<String> {
        let salt = rand::random();
        let nonce = self.issue(now_s, salt);
        let realm = realm.replace(['"', '\\'], "");
        let challenge = |algorithm: &Algorithm| {
            let stale = if stale { ", stale=true" } else { "" };
            let name = algorithm.name();
            format!(
                "Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={name}, qop=\"auth\"{stale}"
            )
        };
        algorithms.iter().map(challenge).collect()
    }
}

/// Answers the best of a far end's challenges. `None`: there is none that we understand.
pub(crate) fn answer<'a>(
    challenges: impl Iterator<Item = &'a str>,
    [user, secret]: [&str; 2],
    [method, uri]: [&str; 2],
    cnonce: &str,
) -> Option<String> {
    let read = |text: &str| {
        let pairs = read_pairs(text)?;
        let algorithm = Algorithm::read(pair(&pairs, "algorithm"))?;
        Some((algorithm, pairs))
    };
    let mut usable: Vec<_> = challenges.filter_map(read).collect();
    usable.sort_by_key(|(algorithm, _)| *algorithm != Algorithm::Sha256);
    let (algorithm, pairs) = usable.into_iter().next()?;
    let clean = |name| Some(pair(&pairs, name)?.replace(['"', '\r', '\n'], ""));
    let (realm, nonce) = (clean("realm")?, clean("nonce")?);
    let opaque = clean("opaque").map_or_else(String::new, |o| format!(", opaque=\"{o}\""));
    let name = algorithm.name();
    let start = format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm={name}{opaque}"
    );
    let auth = pair(&pairs, "qop").is_some_and(|qop| {
        qop.split(',')
            .any(|q| q.trim().eq_ignore_ascii_case("auth"))
    });
    if auth {
        let nc = "00000001";
        let sum = response(
            algorithm,
            [user, &realm, secret],
            [method, uri],
            [&nonce, nc, cnonce],
        );
        return Some(format!(
            "{start}, qop=auth, nc={nc}, cnonce=\"{cnonce}\", response=\"{sum}\""
        ));
    }
    // RFC 2069, which old registrars still speak.
    let a1 = algorithm.hash(&format!("{user}:{realm}:{secret}"));
    let a2 = algorithm.hash(&format!("{method}:{uri}"));
    let sum = algorithm.hash(&format!("{a1}:{nonce}:{a2}"));
    Some(format!("{start}, response=\"{sum}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7616 section 3.9.1.
    #[test]
    fn the_standard_s_example() {
        let with = |algorithm| {
            response(
                algorithm,
                ["Mufasa", "http-auth@example.org", "Circle of Life"],
                ["GET", "/dir/index.html"],
                [
                    "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                    "00000001",
                    "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                ],
            )
        };
        assert_eq!(with(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            with(Algorithm::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn an_answer_is_good_once_and_for_a_while() {
        let mut nonces = Nonces::new([7; 32]);
        let offered = nonces.challenges("here", &[Algorithm::Md5, Algorithm::Sha256], 1000, false);
        let all = offered.iter().map(String::as_str);
        let text = answer(all, ["anna", "tulip"], ["REGISTER", "sip:here"], "c").unwrap();
        let given = Credentials::read(&text).unwrap();
        assert_eq!(given.algorithm, Algorithm::Sha256);
        assert!(given.is_right("tulip", "REGISTER"));
        assert!(!given.is_right("tulip", "INVITE") && !given.is_right("rose", "REGISTER"));
        assert_eq!(nonces.state(&given.nonce, given.nc, 1100), NonceState::Good);
        assert_eq!(
            nonces.state(&given.nonce, given.nc, 1301),
            NonceState::Stale
        );
        nonces.accept(&given.nonce, given.nc);
        assert_eq!(
            nonces.state(&given.nonce, given.nc, 1100),
            NonceState::Stale
        );
        assert_eq!(nonces.state(&given.nonce, 2, 1100), NonceState::Good);
        assert_eq!(nonces.state("0011", 1, 1100), NonceState::Foreign);
        let forged = given.nonce.replacen('0', "1", 1);
        assert_eq!(nonces.state(&forged, 1, 1100), NonceState::Foreign);
    }

    #[test]
    fn memory_of_nonces_is_bounded() {
        let mut nonces = Nonces::new([7; 32]);
        for n in 0..NONCES_MAX as u64 + 10 {
            let nonce = nonces.issue(1, n);
            nonces.accept(&nonce, 1);
        }
        assert_eq!(
            (nonces.used.len(), nonces.order.len()),
            (NONCES_MAX, NONCES_MAX)
        );
    }

    #[test]
    fn other_schemes_are_not_read() {
        for text in [
            "NoOneKnowsThisScheme opaque-data=here",
            "Digest",
            "Digest x",
            "",
            "Digest username=\"a\"",
        ] {
            assert!(Credentials::read(text).is_none(), "{text}");
        }
    }
}
