//! Giving calls away, and supervisors on calls.

use super::agents::{DESK, desk_call, done};
use super::problem::{Problem, Reply};
use crate::auth::Who;
use crate::call::CallMessage;
use crate::dispatch::{DispatchMessage, state_word};
use crate::house::House;
use crate::line_out::dialled_number;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use sidetone_records::store::Role;
use sidetone_types::*;
use std::sync::Arc;
use tokio::sync::oneshot;

/// `GET /api/transfer-targets`: whom a call can be given to now.
pub async fn targets(State(house): State<Arc<House>>, who: Who) -> Reply<Json<Value>> {
    who.may(&DESK)?;
    let board = house.dispatch.board_now().await;
    let users = house.store.users().await.map_err(Problem::internal)?;
    let others = board
        .agents
        .iter()
        .filter(|one| one.agent.as_str() != who.0.id);
    let agents: Vec<Value> = others
        .map(|one| {
            let user = users.iter().find(|user| user.id == one.agent.as_str());
            let name = |pick: fn(&sidetone_records::store::User) -> &String| {
                user.map_or(one.agent.as_str(), |user| pick(user).as_str())
            };
            json!({
                "agent": one.agent, "display_zh": name(|u| &u.display_zh),
                "display_en": name(|u| &u.display_en), "state": state_word(one.state),
            })
        })
        .collect();
    let queues: Vec<Value> = board
        .queues
        .iter()
        .map(|one| {
            json!({
                "queue": one.queue, "name_zh": one.name_zh, "name_en": one.name_en,
                "waiting": one.waiting, "staffed": one.staffed,
            })
        })
        .collect();
    let met = users.iter().filter(|user| DESK.contains(&user.role));
    let people: Vec<Value> = met
        .map(|user| {
            json!({
                "id": user.id, "display_zh": user.display_zh, "display_en": user.display_en,
            })
        })
        .collect();
    Ok(Json(json!({
        "agents": agents, "queues": queues, "people": people,
        "line_out": house.line_out().is_some(),
    })))
}

/// What can be known to fail is refused before the caller is touched.
pub(super) fn may_go_to(house: &House, who: &Who, to: &Target) -> Reply<()> {
    let board = house.dispatch.board();
    match to {
        Target::Agent { agent } if agent.as_str() == who.0.id => Err(Problem::bad_request(
            "A call can't be given to the one who has it.",
        )
        .hint("Choose a colleague, a queue or a number.")),
        Target::Agent { agent } => match board.agent(agent) {
            None => Err(Problem::not_found("agent")),
            Some(one) if one.state != sidetone_acd::AgentState::Available => Err(Problem::new(
                StatusCode::CONFLICT,
                format!("{agent} is not available ({}).", state_word(one.state)),
            )
            .hint("Choose somebody who is available, or a queue.")),
            Some(_) => Ok(()),
        },
        Target::Queue { queue } => match board.queues.iter().any(|one| one.queue == *queue) {
            true => Ok(()),
            false => Err(Problem::not_found("queue")),
        },
        Target::Number { .. } => Err(Problem::bad_request(
            "A number is not sent as a click, because clicks are kept.",
        )
        .hint("Send it to /api/calls/{call}/transfer-out.")),
    }
}

#[derive(Deserialize)]
pub struct Number {
    number: String,
    #[serde(default)]
    consult: bool,
}

/// `POST /api/calls/{call}/transfer-out`: gives the call to a number outside.
pub async fn transfer_out(
    State(house): State<Arc<House>>,
    who: Who,
    Path(call): Path<String>,
    Json(Number { number, consult }): Json<Number>,
) -> Reply<Json<Value>> {
    let handle = desk_call(&house, &who, &call)?;
    let number = dialled_number(&number).ok_or_else(|| {
        Problem::bad_request("This is not a telephone number.")
            .hint("Use 2 to 18 digits, with + in front for another country.")
    })?;
    let by = AgentId::new(&who.0.id);
    let Some(line) = house.line_out() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "No line out is configured.",
        )
        .hint("Add a trunk to the configuration, or choose an agent or a queue."));
    };
    if let Some(why) = line.denies(&by, &number) {
        tracing::warn!(agent = %by, why, "a call out was not allowed");
        return Err(Problem::forbidden("You may not call this number.").hint(
            "Ask the administrator: telephony.may_call_out and sip.outbound in the configuration.",
        ));
    }
    let number = Heard::new(number);
    done(&handle, |done| CallMessage::TransferOut {
        by,
        number,
        consult,
        done,
    })
    .await
}

#[derive(Deserialize)]
pub struct Supervision {
    sdp: String,
    mode: SuperviseMode,
}

/// `POST /api/calls/{call}/supervise`: a supervisor's leg. Changing how, taking over and leaving are
/// clicks.
pub async fn supervise(
    State(house): State<Arc<House>>,
    who: Who,
    Path(call): Path<String>,
    Json(Supervision { sdp, mode }): Json<Supervision>,
) -> Reply<Json<Value>> {
    who.may(&[Role::Supervisor])?;
    let call = CallId::new(call);
    if house.calls.get(&call).is_none() {
        return Err(Problem::gone_call());
    }
    let (answer, leg) = house.answer(&sdp).await?;
    let (done, heard) = oneshot::channel();
    let supervise = DispatchMessage::Supervise {
        agent: AgentId::new(&who.0.id),
        call: call.clone(),
        mode,
        leg: Box::new(leg),
        done,
    };
    house.dispatch.send(supervise).await;
    if !heard.await.unwrap_or(false) {
        return Err(
            Problem::new(StatusCode::CONFLICT, "You are on a call already.")
                .hint("End it or finish its wrap-up first."),
        );
    }
    let how = format!("{mode:?}").to_lowercase();
    house
        .audit(&who.0.id, "supervise", call.as_str(), &how)
        .await;
    Ok(Json(json!({ "sdp": answer })))
}
