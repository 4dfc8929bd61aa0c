//! What a caller's page does: call, follow the captions, press keys, hang up.

use super::problem::{Problem, Reply};
use crate::auth;
use crate::call::{self, CallHandle, CallMessage, Caller, NewCall};
use crate::house::House;
use axum::Json;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use sidetone_records::store::User;
use sidetone_types::*;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

#[derive(Deserialize)]
pub struct Offer {
    sdp: String,
    lang: Lang,
    /// Demo only: which customer is calling. A real line knows the number.
    #[serde(default)]
    customer: Option<String>,
}

/// `POST /api/calls`
pub async fn start(
    State(house): State<Arc<House>>,
    Json(offer): Json<Offer>,
) -> Reply<Json<Value>> {
    if house.full() {
        return Err(full());
    }
    let caller = match &offer.customer {
        Some(id) if house.config.company.demo => house
            .caller(id)
            .ok_or_else(|| Problem::bad_request(format!("There is no demo customer “{id}”.")))?,
        _ => Caller::default(),
    };
    let (sdp, leg) = house.answer(&offer.sdp).await?;
    let ani = (!caller.number.is_empty()).then(|| Masked::authored(&caller.number));
    let new = NewCall {
        leg,
        lang: offer.lang,
        caller,
        ani,
        dnis: None,
        entry: None,
        assist: None,
    };
    match call::start(&house, new) {
        Ok(handle) => Ok(Json(
            json!({ "call": handle.call, "token": handle.token, "sdp": sdp }),
        )),
        Err(new) => {
            new.leg.close();
            Err(full())
        }
    }
}

fn full() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "All lines are busy.")
        .hint("Call again in a moment.")
        .retry_after(10)
}

#[derive(Deserialize)]
pub struct Token {
    token: String,
}

/// The call, for those who hold its token.
fn own_call(house: &House, call: &str, token: &str) -> Reply<Arc<CallHandle>> {
    house
        .calls
        .get(&CallId::new(call))
        .filter(|handle| auth::same(&handle.token, token))
        .ok_or_else(Problem::gone_call)
}

/// `POST /api/calls/{call}/hangup`
pub async fn hang_up(
    State(house): State<Arc<House>>,
    Path(call): Path<String>,
    Query(token): Query<Token>,
) -> Reply<Json<Value>> {
    own_call(&house, &call, &token.token)?
        .send(CallMessage::CallerHungUp)
        .await;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
pub struct Key {
    key: char,
}

/// `POST /api/calls/{call}/keys`
pub async fn key(
    State(house): State<Arc<House>>,
    Path(call): Path<String>,
    Query(token): Query<Token>,
    Json(Key { key }): Json<Key>,
) -> Reply<Json<Value>> {
    if !"0123456789*#ABCD".contains(key) {
        return Err(Problem::bad_request("A key is one of 0–9, *, # and A–D."));
    }
    let input = CallInput::Key {
        leg: LegId::CALLER,
        key,
    };
    own_call(&house, &call, &token.token)?
        .send(CallMessage::Input(input))
        .await;
    Ok(Json(json!({})))
}

/// `GET /api/calls/{call}/captions`
pub async fn captions(
    State(house): State<Arc<House>>,
    Path(call): Path<String>,
    Query(token): Query<Token>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Reply<Response> {
    auth::same_origin(&headers)?;
    let handle = own_call(&house, &call, &token.token)?;
    let people = house.store.users().await.map_err(Problem::internal)?;
    Ok(upgrade.on_upgrade(move |socket| send_captions(socket, handle, people)))
}

async fn send_captions(mut socket: WebSocket, handle: Arc<CallHandle>, people: Vec<User>) {
    let (past, mut feed) = handle.follow();
    drop(handle);
    for event in past {
        if !send_caption(&mut socket, &event, &people).await {
            return;
        }
    }
    loop {
        tokio::select! {
            event = feed.recv() => match event {
                Ok(event) => {
                    let ended = matches!(event.kind, EventKind::CallEnded { .. });
                    if !send_caption(&mut socket, &event, &people).await || ended {
                        break;
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
    let _ = socket.send(Message::Close(None)).await;
}

async fn send_caption(socket: &mut WebSocket, event: &CallEvent, people: &[User]) -> bool {
    if !for_the_caller(&event.kind) {
        return true;
    }
    let mut caption = json!({ "type": "event", "event": event });
    // The caller is told who answered by the name that the agent shows, not by their log-in.
    if let EventKind::Answered { agent, .. } = &event.kind
        && let Some(user) = people.iter().find(|user| user.id == agent.as_str())
    {
        caption["agent_zh"] = user.display_zh.clone().into();
        caption["agent_en"] = user.display_en.clone().into();
    }
    let text = caption.to_string();
    socket.send(Message::Text(text.into())).await.is_ok()
}

/// Events that a caller may see: the words of both sides and where the call stands. Never what the
/// house thinks of them.
fn for_the_caller(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::CallStarted { .. }
            | EventKind::LanguageChanged { .. }
            | EventKind::PromptStarted { .. }
            | EventKind::PromptEnded { .. }
            | EventKind::SpeechStarted { .. }
            | EventKind::SpeechEnded { .. }
            | EventKind::Partial { .. }
            | EventKind::Heard { .. }
            | EventKind::Backchannel { .. }
            | EventKind::BargeIn { .. }
            | EventKind::KeyPressed { .. }
            | EventKind::WaitAnnounced { .. }
            | EventKind::QueueEntered { .. }
            | EventKind::Answered { .. }
            | EventKind::HoldStarted { .. }
            | EventKind::HoldEnded { .. }
            | EventKind::CallEnded { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_does_not_see_what_the_house_thinks() {
        let mood = Mood {
            score: -80,
            because: Vec::new(),
        };
        let kind = EventKind::MoodScored {
            utterance: UtteranceId(1),
            leg: LegId::CALLER,
            mood,
        };
        assert!(!for_the_caller(&kind));
        assert!(for_the_caller(&EventKind::CallEnded {
            reason: EndReason::CallerHungUp
        }));
    }
}
