//! `WS /api/live`: everything a logged-in page sees as it happens.

use super::problem::Reply;
use crate::auth::{self, Who};
use crate::dispatch::DispatchMessage;
use crate::house::House;
use crate::live::{Audience, LiveMessage, Posted};
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use sidetone_records::store::{Role, User};
use sidetone_types::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

/// Events on their way to one page.
const PAGE_MESSAGES: usize = 512;
/// Calls that one page may watch.
const WATCHES_MAX: usize = 8;
/// The log-in behind an open page is looked at again this often.
const LOGIN_CHECK: Duration = Duration::from_secs(120);

/// What a page may ask.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PageMessage {
    Watch { call: CallId },
    Unwatch { call: CallId },
}

/// `WS /api/live`
pub async fn live(
    State(house): State<Arc<House>>,
    who: Who,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Reply<Response> {
    auth::same_origin(&headers)?;
    let token = auth::cookie(&headers).unwrap_or_default().to_owned();
    Ok(upgrade.on_upgrade(move |socket| async move {
        let agent = AgentId::new(&who.0.id);
        let seats = matches!(who.0.role, Role::Agent | Role::Supervisor);
        if seats {
            let open = DispatchMessage::Page {
                agent: agent.clone(),
                open: true,
            };
            house.dispatch.send(open).await;
        }
        Page::new(house.clone(), who.0).serve(socket, &token).await;
        if seats {
            house
                .dispatch
                .send(DispatchMessage::Page { agent, open: false })
                .await;
        }
    }))
}

/// One open page.
struct Page {
    house: Arc<House>,
    user: User,
    /// Tasks that follow a call for this page.
    following: BTreeMap<CallId, tokio::task::JoinHandle<()>>,
    to_page: mpsc::Sender<LiveMessage>,
    messages: mpsc::Receiver<LiveMessage>,
}

impl Page {
    fn new(house: Arc<House>, user: User) -> Self {
        let (to_page, messages) = mpsc::channel(PAGE_MESSAGES);
        Self {
            house,
            user,
            following: BTreeMap::new(),
            to_page,
            messages,
        }
    }

    async fn serve(mut self, mut socket: WebSocket, token: &str) {
        let mut posted = self.house.hub.listen();
        let mut check = tokio::time::interval(LOGIN_CHECK);
        if let Some(call) = self.own_call() {
            self.follow(call);
        }
        loop {
            let message = tokio::select! {
                posted = posted.recv() => match posted {
                    Ok(posted) => self.posted(&posted),
                    Err(RecvError::Lagged(_)) => Some(LiveMessage::Reload),
                    Err(RecvError::Closed) => break,
                },
                message = self.messages.recv() => message,
                received = socket.recv() => match received {
                    Some(Ok(Message::Text(text))) => {
                        self.asked(&text);
                        None
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => None,
                },
                _ = check.tick() => {
                    let now_ms = self.house.clock.wall_ms();
                    match self.house.store.verify_login(token, now_ms).await {
                        Ok(None) => break,
                        _ => None,
                    }
                }
            };
            let Some(message) = message else { continue };
            let Ok(text) = serde_json::to_string(&message) else {
                continue;
            };
            if socket.send(Message::Text(text.into())).await.is_err() {
                break;
            }
        }
        for (_, task) in self.following {
            task.abort();
        }
    }

    fn own_call(&self) -> Option<CallId> {
        let board = self.house.dispatch.board();
        board.call_of(&AgentId::new(&self.user.id))
    }

    fn posted(&mut self, posted: &Posted) -> Option<LiveMessage> {
        if !self.concerns(&posted.audience) {
            return None;
        }
        if let Some(call) = &posted.follow {
            self.follow(call.clone());
        }
        posted.message.clone()
    }

    fn concerns(&self, audience: &Audience) -> bool {
        let role = self.user.role;
        match audience {
            Audience::Everyone => true,
            Audience::Agent(agent) => agent.as_str() == self.user.id,
            Audience::Supervisors => matches!(role, Role::Supervisor | Role::Qa | Role::Admin),
            Audience::Content => matches!(role, Role::Content | Role::Admin),
        }
    }

    fn asked(&mut self, text: &str) {
        match serde_json::from_str(text) {
            Ok(PageMessage::Watch { call }) => {
                let may = matches!(self.user.role, Role::Supervisor | Role::Qa | Role::Admin);
                if may && self.following.len() < WATCHES_MAX {
                    self.follow(call);
                }
            }
            Ok(PageMessage::Unwatch { call }) => {
                if let Some(task) = self.following.remove(&call) {
                    task.abort();
                }
            }
            Err(error) => tracing::debug!(%error, "a page sent something that is no message"),
        }
    }

    /// Sends all events of a call, from its first, to this page.
    fn follow(&mut self, call: CallId) {
        self.following.retain(|_, task| !task.is_finished());
        if self.following.contains_key(&call) {
            return;
        }
        let Some(handle) = self.house.calls.get(&call) else {
            return;
        };
        let to_page = self.to_page.clone();
        let id = call.clone();
        let task = tokio::spawn(async move {
            let (past, mut feed) = handle.follow();
            drop(handle);
            for event in past {
                let message = LiveMessage::CallEvent {
                    call: id.clone(),
                    event,
                };
                if to_page.send(message).await.is_err() {
                    return;
                }
            }
            loop {
                let message = match feed.recv().await {
                    Ok(event) => LiveMessage::CallEvent {
                        call: id.clone(),
                        event,
                    },
                    Err(RecvError::Lagged(_)) => LiveMessage::Reload,
                    Err(RecvError::Closed) => return,
                };
                if to_page.send(message).await.is_err() {
                    return;
                }
            }
        });
        self.following.insert(call, task);
    }
}
