//! This side's log-in at a trunk (RFC 3261 section 10.2).

use super::api::SipEvent;
use super::client::ask;
use super::config::{SipTrunk, TrunkLogin};
use super::core::{Core, fresh_tag};
use super::digest;
use super::message::{Method, Request, Response, name};
use super::net::Flow;
use super::outgoing::Way;
use super::uri::{NameAddr, Uri, escape};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const RETRY_S_MIN: u64 = 15;
const RETRY_S_MAX: u64 = 300;

/// Keeps the log-in alive until the edge stops, then takes it back.
pub(crate) async fn keep(core: Arc<Core>, trunk: SipTrunk) {
    let Some(login) = trunk.register.clone() else {
        return;
    };
    core.logged_in.fetch_add(1, Ordering::AcqRel);
    let mut stopping = core.stopping.subscribe();
    let mut retry_s = RETRY_S_MIN;
    let mut was_up = None;
    let mut number = 1;
    let call_id = format!("{:032x}", rand::random::<u128>());
    loop {
        let registered = register(&core, &login, login.expires_s, &call_id, &mut number).await;
        let (wait_s, up, why) = match registered {
            Ok(granted_s) => {
                retry_s = RETRY_S_MIN;
                // Early enough for a try that fails.
                (
                    u64::from(granted_s)
                        .saturating_sub(30)
                        .max(u64::from(granted_s) / 2)
                        .max(1),
                    true,
                    String::new(),
                )
            }
            Err(why) => {
                let wait_s = retry_s;
                retry_s = (retry_s * 2).min(RETRY_S_MAX);
                (wait_s, false, why)
            }
        };
        if was_up != Some(up) {
            was_up = Some(up);
            let name = trunk.name.clone();
            let _ = core.event(SipEvent::Trunk { name, up, why });
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(wait_s)) => {}
            _ = stopping.wait_for(|stop| *stop) => break,
        }
    }
    if was_up == Some(true) {
        let bye = register(&core, &login, 0, &call_id, &mut number);
        let _ = tokio::time::timeout(Duration::from_secs(2), bye).await;
    }
    core.logged_in.fetch_sub(1, Ordering::AcqRel);
}

/// One log-in; for how many seconds it is good.
async fn register(
    core: &Arc<Core>,
    login: &TrunkLogin,
    expires_s: u32,
    call_id: &str,
    number: &mut u32,
) -> Result<u32, String> {
    let server = Uri::read(&login.server)
        .filter(Uri::is_sip)
        .ok_or_else(|| format!("\"{}\" is not a SIP address", login.server))?;
    let way = Way::Resolve(server.clone());
    let flow = way.open(core).await.ok_or("the server cannot be reached")?;
    let mut expires_s = expires_s;
    let mut authorization = None;
    for _ in 0..4 {
        *number += 1;
        let request = request(
            core,
            login,
            &server,
            &flow,
            (expires_s, call_id, *number),
            authorization.as_ref(),
        );
        let uri = request.uri.clone();
        let response = ask(core, &flow, request)
            .await
            .ok_or("the server does not answer")?;
        match response.code {
            200..300 => return Ok(granted(&response, core, &flow).unwrap_or(expires_s)),
            423 => {
                let min = response.headers.number(name::MIN_EXPIRES);
                expires_s = min
                    .filter(|s| *s > expires_s && *s <= 604_800)
                    .ok_or("423 without Min-Expires")?;
            }
            code @ (401 | 407) if authorization.is_none() => {
                let (asked, answer) = if code == 401 {
                    (name::WWW_AUTHENTICATE, name::AUTHORIZATION)
                } else {
                    (name::PROXY_AUTHENTICATE, name::PROXY_AUTHORIZATION)
                };
                let cnonce = fresh_tag();
                let secret = login.secret.expose();
                let line = digest::answer(
                    response.headers.all(asked),
                    [&login.user, secret],
                    ["REGISTER", &uri],
                    &cnonce,
                );
                authorization = Some((answer, line.ok_or("its log-in is of an unknown kind")?));
            }
            code => return Err(format!("the server answered {code} {}", response.phrase)),
        }
    }
    Err("the server asks again and again".to_owned())
}

fn request(
    core: &Core,
    login: &TrunkLogin,
    server: &Uri,
    flow: &Flow,
    (expires_s, call_id, number): (u32, &str, u32),
    authorization: Option<&(&'static str, String)>,
) -> Request {
    let host = match server.host.contains(':') {
        true => format!("[{}]", server.host),
        false => server.host.clone(),
    };
    let user = escape(&login.user);
    let mut request = Request::new(Method::Register, format!("sip:{host}"));
    let headers = &mut request.headers;
    headers.push(
        name::FROM,
        format!("<sip:{user}@{host}>;tag={}", fresh_tag()),
    );
    headers.push(name::TO, format!("<sip:{user}@{host}>"));
    headers.push(name::CALL_ID, call_id);
    headers.push(name::CSEQ, format!("{number} REGISTER"));
    let contact = core
        .contact(flow)
        .replacen("<sip:", &format!("<sip:{user}@"), 1);
    headers.push(name::CONTACT, contact);
    headers.push(name::EXPIRES, expires_s.to_string());
    if let Some((name, line)) = authorization {
        headers.push(*name, line.clone());
    }
    request
}

/// What the server gave to our Contact (it lists all of the account's).
fn granted(response: &Response, core: &Core, flow: &Flow) -> Option<u32> {
    let ours = core.contact(flow);
    let ours = NameAddr::read(&ours)?.uri;
    response
        .headers
        .list(name::CONTACT)
        .filter_map(NameAddr::read)
        .find(|contact| contact.uri.host == ours.host && contact.uri.port == ours.port)
        .and_then(|contact| contact.param("expires")?.parse().ok())
        .or_else(|| response.headers.number(name::EXPIRES))
}
