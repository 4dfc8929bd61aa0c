//! REFER in both directions (RFC 3515, 3891, 4488): who asks for a transfer is kept informed.

use super::call::{Asked, Call};
use super::message::{Method, Request, name, phrase};
use super::server::ServerTx;
use super::uri::{NameAddr, Uri, escape, unescape};
use crate::leg::{LegSignal, Replaces, Transfer, TransferOutcome};
use std::collections::VecDeque;

/// The transfers of one dialog, at most one in each direction.
#[derive(Default)]
pub(crate) struct Transfers {
    /// The far end asked; it is told how that goes unless it does not want to know.
    asked: Option<ToReport>,
    /// This side asked.
    asking: bool,
    /// Status codes that are still to be told, and whether each is the last of its transfer.
    to_tell: VecDeque<(u16, bool)>,
    /// A NOTIFY is under way.
    telling: bool,
}

/// Reports kept for a far end that answers none.
const TO_TELL_MAX: usize = 8;

struct ToReport {
    subscribed: bool,
}

/// Where a REFER points.
fn read_target(request: &Request) -> Result<(String, Option<String>), u16> {
    let to = request.headers.get(name::REFER_TO).and_then(NameAddr::read);
    let to = to.ok_or(400_u16)?;
    let uri: Uri = to.uri;
    if !uri.is_sip() && uri.scheme != "tel" {
        return Err(416);
    }
    let replaces = uri.headers.as_deref().and_then(|headers| {
        headers.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            key.eq_ignore_ascii_case("replaces")
                .then(|| unescape(value))
        })
    });
    let user = uri.user_name().unwrap_or_else(|| uri.host.clone());
    Ok((user, replaces))
}

impl Call {
    pub fn on_refer(&mut self, request: &Request, tx: &ServerTx) {
        if self.transfers.asked.is_some() {
            tx.respond(request.reply(491));
            return;
        }
        let (to, replaces) = match read_target(request) {
            Ok(target) => target,
            Err(400) => {
                tx.respond(request.reply(400).phrased("Bad Refer-To"));
                return;
            }
            Err(code) => {
                tx.respond(request.reply(code));
                return;
            }
        };
        let wants_none = request.headers.get(name::REFER_SUB) == Some("false");
        let mut response = self.dressed(request.reply(202));
        if wants_none {
            response = response.with(name::REFER_SUB, "false");
        }
        tx.respond(response);
        self.transfers.asked = Some(ToReport {
            subscribed: !wants_none,
        });
        self.report_transfer(TransferOutcome::Trying);
        let replaces = replaces.map(|header| Replaces {
            leg: super::dispatch::replaced(&self.with.core, &header),
            header,
        });
        let told = self
            .with
            .rtp
            .signal(LegSignal::Transfer(Transfer { to, replaces }));
        if !told {
            self.report_transfer(TransferOutcome::Failed(480));
        }
    }

    /// One NOTIFY with the status line of the new call (RFC 3515 section 2.4.5). Each waits for the
    /// answer to the one before: two under way could change places (RFC 6665 section 4.2.2).
    pub fn report_transfer(&mut self, outcome: TransferOutcome) {
        let Some(asked) = &self.transfers.asked else {
            return;
        };
        let subscribed = asked.subscribed;
        let (code, last) = match outcome {
            TransferOutcome::Trying => (100, false),
            TransferOutcome::Ringing => (180, false),
            TransferOutcome::Done => (200, true),
            TransferOutcome::Failed(code) => (code.clamp(400, 699), true),
        };
        if last {
            self.transfers.asked = None;
        }
        if !subscribed {
            return;
        }
        if self.transfers.to_tell.len() == TO_TELL_MAX {
            self.transfers.to_tell.pop_front();
        }
        self.transfers.to_tell.push_back((code, last));
        self.tell_next();
    }

    /// The NOTIFY that was under way is answered, or never will be.
    pub fn told(&mut self) {
        self.transfers.telling = false;
        self.tell_next();
    }

    fn tell_next(&mut self) {
        if self.transfers.telling {
            return;
        }
        let Some((code, last)) = self.transfers.to_tell.pop_front() else {
            return;
        };
        self.transfers.telling = true;
        let mut notify = self.with.dialog.request(Method::Notify);
        notify.headers.push(name::EVENT, "refer");
        let state = if last {
            "terminated;reason=noresource"
        } else {
            "active;expires=180"
        };
        notify.headers.push(name::SUBSCRIPTION_STATE, state);
        let line = format!("SIP/2.0 {code} {}\r\n", phrase(code));
        notify.with_body("message/sipfrag;version=2.0", line);
        self.spawn(Asked::Notify, notify);
    }

    pub fn send_refer(&mut self, to: &str, replaces: Option<u64>) {
        let failed = |code| LegSignal::Referred(TransferOutcome::Failed(code));
        let target = match replaces {
            None => self.blind_target(to),
            Some(serial) => self.attended_target(serial),
        };
        let Some(target) = target else {
            self.with.rtp.signal(failed(481));
            return;
        };
        let mut refer = self.with.dialog.request(Method::Refer);
        refer.headers.push(name::REFER_TO, format!("<{target}>"));
        let local = NameAddr::read(&self.with.dialog.local).map(|local| local.uri_text);
        if let Some(local) = local {
            refer.headers.push(name::REFERRED_BY, format!("<{local}>"));
        }
        self.transfers.asking = true;
        self.spawn(Asked::Refer, refer);
    }

    /// A number is one of the far end's world: its host is that of the far end's own address.
    fn blind_target(&self, to: &str) -> Option<String> {
        if Uri::read(to).is_some_and(|uri| uri.is_sip()) {
            return Some(to.to_owned());
        }
        let remote = NameAddr::read(&self.with.dialog.remote)?.uri;
        let user = escape(to);
        let host = match remote.host.contains(':') {
            true => format!("[{}]", remote.host),
            false => remote.host,
        };
        Some(match remote.port {
            Some(port) => format!("sip:{user}@{host}:{port}"),
            None => format!("sip:{user}@{host}"),
        })
    }

    /// The other call of this house, as its far end knows it (RFC 3891 section 3).
    fn attended_target(&self, serial: u64) -> Option<String> {
        let dialogs = self.with.core.dialogs();
        let (key, known) = dialogs
            .by_key
            .iter()
            .find(|(_, known)| known.serial == Some(serial))?;
        let remote_tag = known.remote_tag.as_deref()?;
        let replaces = format!("{};to-tag={remote_tag};from-tag={}", key.0, key.1);
        let target = &known.target;
        Some(format!("{target}?Replaces={}", escape(&replaces)))
    }

    /// The answer to our REFER.
    pub fn referred(&mut self, code: u16) {
        if code >= 300 {
            self.transfers.asking = false;
            let outcome = TransferOutcome::Failed(code);
            self.with.rtp.signal(LegSignal::Referred(outcome));
        }
    }

    pub fn on_notify(&mut self, request: &Request, tx: &ServerTx) {
        let event = request.headers.get(name::EVENT).unwrap_or("");
        if event.split(';').next().map(str::trim) != Some("refer") {
            tx.respond(request.reply(489));
            return;
        }
        if !self.transfers.asking {
            tx.respond(request.reply(481));
            return;
        }
        tx.respond(request.reply(200));
        let code = std::str::from_utf8(&request.body)
            .ok()
            .and_then(|text| text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse::<u16>().ok());
        let over = request
            .headers
            .get(name::SUBSCRIPTION_STATE)
            .is_some_and(|state| state.starts_with("terminated"));
        let outcome = match code {
            Some(100) | None if !over => TransferOutcome::Trying,
            Some(101..=199) if !over => TransferOutcome::Ringing,
            Some(200..=299) => TransferOutcome::Done,
            Some(code @ 300..=699) => TransferOutcome::Failed(code),
            _ => TransferOutcome::Failed(480),
        };
        if matches!(outcome, TransferOutcome::Done | TransferOutcome::Failed(_)) {
            self.transfers.asking = false;
        }
        self.with.rtp.signal(LegSignal::Referred(outcome));
    }
}
