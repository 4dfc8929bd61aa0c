//! What an agent's page does.

use super::problem::{Problem, Reply};
use crate::auth::Who;
use crate::call::{CallHandle, CallMessage};
use crate::dispatch::{DispatchMessage, state_word};
use crate::house::House;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use sidetone_acd::{AcdInput, AgentState};
use sidetone_assist::view::CallView;
use sidetone_records::store::Role;
use sidetone_types::*;
use std::sync::Arc;
use tokio::sync::oneshot;

/// People who may take calls.
pub(super) const DESK: [Role; 2] = [Role::Agent, Role::Supervisor];

/// `GET /api/agent`
pub async fn own_state(State(house): State<Arc<House>>, who: Who) -> Reply<Json<Value>> {
    who.may(&DESK)?;
    let agent = AgentId::new(&who.0.id);
    let board = house.dispatch.board();
    let now = board.agent(&agent).ok_or_else(|| not_on_the_list(&agent))?;
    let call = now.call.as_ref().and_then(|call| house.calls.get(call));
    Ok(Json(json!({
        "agent": agent,
        "state": state_word(now.state),
        "since_ms": house.clock.wall_of(now.since),
        "call": call.map(|handle| CallView::from_events(&handle.events())),
    })))
}

fn not_on_the_list(agent: &AgentId) -> Problem {
    Problem::forbidden(format!("{agent} is not among the agents of the router."))
        .hint("Add an [[acd.agent]] with this id to the configuration.")
}

#[derive(Deserialize)]
pub struct Wish {
    state: AgentState,
}

/// `POST /api/agent/state`
pub async fn set_state(
    State(house): State<Arc<House>>,
    who: Who,
    Json(Wish { state }): Json<Wish>,
) -> Reply<Json<Value>> {
    who.may(&DESK)?;
    let agent = AgentId::new(&who.0.id);
    if house.dispatch.board().agent(&agent).is_none() {
        return Err(not_on_the_list(&agent));
    }
    house
        .dispatch
        .input(AcdInput::AgentState {
            agent: agent.clone(),
            state,
        })
        .await;
    let board = house.dispatch.board_now().await;
    let now = board.agent(&agent).map(|now| state_word(now.state));
    Ok(Json(json!({ "agent": agent, "state": now })))
}

#[derive(Deserialize)]
pub struct Answer {
    sdp: String,
    /// The agent is on this call already and takes its sound to this page: after a reload, or from
    /// another device.
    #[serde(default)]
    back: bool,
}

/// `POST /api/calls/{call}/accept`
pub async fn accept(
    State(house): State<Arc<House>>,
    who: Who,
    Path(call): Path<String>,
    Json(Answer { sdp, back }): Json<Answer>,
) -> Reply<Json<Value>> {
    who.may(&DESK)?;
    if back {
        return come_back(&house, &who, &call, &sdp).await;
    }
    let (answer, leg) = house.answer(&sdp).await?;
    let (done, heard) = oneshot::channel();
    let agent = AgentId::new(&who.0.id);
    let accept = DispatchMessage::Accept {
        agent,
        call: CallId::new(call),
        leg: Box::new(leg),
        done,
    };
    house.dispatch.send(accept).await;
    if heard.await.unwrap_or(false) {
        return Ok(Json(json!({ "sdp": answer })));
    }
    Err(
        Problem::new(StatusCode::CONFLICT, "The call is no longer ringing here.")
            .hint("The caller has hung up, or somebody else was faster."),
    )
}

async fn come_back(house: &House, who: &Who, call: &str, sdp: &str) -> Reply<Json<Value>> {
    let handle = desk_call(house, who, call)?;
    let (answer, leg) = house.answer(sdp).await?;
    let (done, heard) = oneshot::channel();
    let agent = AgentId::new(&who.0.id);
    let leg = Box::new(leg);
    let back = CallMessage::Returned { agent, leg, done };
    if handle.send(back).await && heard.await.unwrap_or(false) {
        return Ok(Json(json!({ "sdp": answer })));
    }
    Err(
        Problem::new(StatusCode::CONFLICT, "You are not on this call any more.")
            .hint("The call has ended, or has gone to somebody else."),
    )
}

/// `POST /api/calls/{call}/decline`
pub async fn decline(
    State(house): State<Arc<House>>,
    who: Who,
    Path(call): Path<String>,
) -> Reply<Json<Value>> {
    who.may(&DESK)?;
    let agent = AgentId::new(&who.0.id);
    house
        .dispatch
        .input(AcdInput::Decline {
            agent,
            call: CallId::new(call),
        })
        .await;
    Ok(Json(json!({})))
}

/// The call this agent is on, or reviews as a supervisor.
pub(super) fn desk_call(house: &House, who: &Who, call: &str) -> Reply<Arc<CallHandle>> {
    who.may(&DESK)?;
    let call = CallId::new(call);
    let handle = house.calls.get(&call).ok_or_else(Problem::gone_call)?;
    let agent = AgentId::new(&who.0.id);
    if house.dispatch.board().call_of(&agent).as_ref() != Some(&call) {
        return Err(Problem::forbidden("This is not your call."));
    }
    Ok(handle)
}

/// `POST /api/calls/{call}/click`
pub async fn click(
    State(house): State<Arc<House>>,
    who: Who,
    Path(call): Path<String>,
    Json(action): Json<AgentAction>,
) -> Reply<Json<Value>> {
    let handle = desk_call(&house, &who, &call)?;
    if let AgentAction::Transfer { to, .. } = &action {
        super::control::may_go_to(&house, &who, to)?;
    }
    let how = match &action {
        AgentAction::Supervise { mode } => Some(format!("{mode:?}").to_lowercase()),
        AgentAction::TakeOver => Some("take_over".to_owned()),
        _ => None,
    };
    if let Some(how) = how {
        house.audit(&who.0.id, "supervise", &call, &how).await;
    }
    let by = AgentId::new(&who.0.id);
    let action = house.with_ticket_number(action);
    done(&handle, |done| CallMessage::Click { by, action, done }).await
}

/// Sends what a click means and waits until it is on the disk.
pub(super) async fn done(
    handle: &CallHandle,
    message: impl FnOnce(oneshot::Sender<Result<(), String>>) -> CallMessage,
) -> Reply<Json<Value>> {
    let (done, heard) = oneshot::channel();
    if !handle.send(message(done)).await {
        return Err(Problem::gone_call());
    }
    match heard.await {
        Ok(Ok(())) => Ok(Json(json!({ "ok": true }))),
        Ok(Err(reason)) => Err(Problem::internal(reason)),
        // Done with the call's last breath: a wrap-up ends the task that would have told.
        Err(_) => Ok(Json(json!({ "ok": true }))),
    }
}

/// `GET /api/calls/{call}/ticket-draft`
pub async fn ticket_draft(
    State(house): State<Arc<House>>,
    who: Who,
    Path(call): Path<String>,
) -> Reply<Json<Ticket>> {
    let handle = desk_call(&house, &who, &call)?;
    let view = CallView::from_events(&handle.events());
    let titles = house.content.snapshot().titles(view.lang);
    let tier = Some(handle.caller.tier.as_str()).filter(|tier| !tier.is_empty());
    Ok(Json(sidetone_assist::ticket::draft_titled(
        &view, tier, &titles,
    )))
}

/// `GET /api/customers/{id}`
pub async fn customer(
    State(house): State<Arc<House>>,
    who: Who,
    Path(id): Path<String>,
) -> Reply<Json<Value>> {
    who.may(&[Role::Agent, Role::Supervisor, Role::Qa])?;
    let data = house.company_data();
    let customer = data
        .customer(&id)
        .ok_or_else(|| Problem::not_found("customer"))?;
    let contacts = house
        .store
        .contacts_of(&CustomerId::new(&id), 10)
        .await
        .map_err(Problem::internal)?;
    let contacts: Vec<Value> = contacts
        .iter()
        .map(|row| {
            json!({
                "call": row.call, "at_ms": row.started_ms, "intent": row.intent,
                "outcome": row.outcome, "summary": row.summary,
            })
        })
        .collect();
    Ok(Json(json!({
        "id": customer.id, "name": customer.name, "name_en": customer.name_en,
        "phone": crate::house::masked_phone(&customer.phone), "tier": customer.tier,
        "since": customer.since, "city": customer.city, "notes": customer.notes,
        "orders": data.orders_of(&id).iter().map(|order| with_parcel(&data, order)).collect::<Vec<_>>(),
        "bills": data.bills_of(&id), "contacts": contacts,
    })))
}

fn with_parcel(data: &crate::company::CompanyData, order: &crate::company::Order) -> Value {
    let mut shown = serde_json::to_value(order).unwrap_or_default();
    shown["parcel"] = serde_json::to_value(data.parcel_of(&order.id)).unwrap_or_default();
    shown
}
