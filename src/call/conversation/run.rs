//! Walks a flow: from step to step until the caller or the outside is needed.

use super::Call;
use super::state::*;
use crate::flow::{Act, Step};
use crate::request::Request;
use serde_json::Value as Json;
use sidetone_types::*;
use std::collections::BTreeMap;

/// Steps without waiting for anybody; a flow that goes round in circles ends at a person.
const STEPS_MAX: usize = 100;
/// Levels of flows within flows.
pub(crate) const DEPTH_MAX: usize = 3;

impl Call {
    /// Starts a task.
    pub(super) fn enter_flow(&mut self, flow: &str) {
        self.leave_flow("left");
        self.pending = None;
        let Some(first) = self
            .book
            .flows
            .get(flow)
            .and_then(|flow| flow.steps.first())
        else {
            self.misunderstood();
            return;
        };
        let step = first.id.clone();
        self.emit(EventKind::FlowEntered {
            flow: flow.to_owned(),
            step,
        });
        self.run = Some(Run {
            stack: vec![(flow.to_owned(), 0)],
            ..Run::default()
        });
        self.walk();
    }

    /// Drops the flow in progress.
    pub(super) fn leave_flow(&mut self, outcome: &str) {
        let Some(run) = self.run.take() else {
            return;
        };
        if matches!(self.pending, Some(Pending::Connect { .. })) {
            self.pending = None;
        }
        for (flow, _) in run.stack.into_iter().rev() {
            self.emit(EventKind::FlowLeft {
                flow,
                outcome: outcome.to_owned(),
            });
        }
    }

    /// The step that the flow stands on.
    pub(super) fn step(&self) -> Option<Step> {
        let (flow, index) = self.run.as_ref()?.stack.last()?;
        self.book.flows.get(flow)?.steps.get(*index).cloned()
    }

    pub(super) fn flow_id(&self) -> String {
        let run = self.run.as_ref();
        run.and_then(|run| run.stack.last())
            .map_or(String::new(), |(flow, _)| flow.clone())
    }

    /// Moves to a step of the present flow.
    pub(super) fn go_to(&mut self, target: usize) {
        if let Some(run) = &mut self.run {
            run.fails = 0;
            if let Some((_, step)) = run.stack.last_mut() {
                *step = target;
            }
        }
    }

    /// Does steps until one has to wait.
    pub(super) fn walk(&mut self) {
        self.awaiting = Awaiting::Nothing;
        for _ in 0..STEPS_MAX {
            let Some(step) = self.step() else {
                self.leave_flow("failed");
                self.ask_more();
                return;
            };
            if !self.do_step(step) {
                return;
            }
        }
        self.leave_flow("failed");
        self.seek_person("failed");
    }

    /// True when the next step can be done at once.
    fn do_step(&mut self, step: Step) -> bool {
        match step.act {
            Act::Say { prompt, then } => {
                self.say(&prompt);
                self.go_to(then);
                true
            }
            Act::Ask(ask) => self.begin_ask(&ask),
            Act::Connect {
                operation, params, ..
            } => {
                self.connect(operation, &params);
                false
            }
            Act::Branch {
                on,
                cases,
                otherwise,
            } => {
                let value = self.value_of(&on);
                let target = cases.get(&value).copied().unwrap_or(otherwise);
                self.go_to(target);
                true
            }
            Act::Choose(choose) => self.begin_choose(&choose),
            Act::Queue {
                prompt,
                queue,
                skills,
                reason,
            } => {
                if let Some(prompt) = prompt {
                    self.say(&prompt);
                }
                let queue = queue.unwrap_or_else(|| self.policy.queue.clone());
                self.hand_over(queue, skills, &reason);
                false
            }
            Act::Flow { flow, .. } => self.enter_sub_flow(flow),
            Act::More { prompt } => self.task_done(prompt),
            Act::End { prompt } => {
                let prompt = prompt.unwrap_or_else(|| "goodbye".into());
                self.leave_flow("done");
                self.say(&prompt);
                self.ending = Some(EndReason::AssistantFinished);
                false
            }
        }
    }

    fn enter_sub_flow(&mut self, flow: String) -> bool {
        let first = self
            .book
            .flows
            .get(&flow)
            .and_then(|flow| flow.steps.first());
        let step = first.map(|step| step.id.clone());
        let (Some(run), Some(step)) = (&mut self.run, step) else {
            return true;
        };
        if run.stack.len() >= DEPTH_MAX {
            self.leave_flow("failed");
            self.seek_person("failed");
            return false;
        }
        run.stack.push((flow.clone(), 0));
        run.fails = 0;
        self.emit(EventKind::FlowEntered { flow, step });
        true
    }

    /// The present flow is done: back to the one that called it, or "anything else?".
    fn task_done(&mut self, prompt: Option<String>) -> bool {
        let depth = self.run.as_ref().map_or(0, |run| run.stack.len());
        if let Some(prompt) = prompt {
            self.say(&prompt);
        }
        if depth <= 1 {
            self.leave_flow("done");
            self.ask_more();
            return false;
        }
        let left = self.run.as_mut().and_then(|run| run.stack.pop());
        if let Some((flow, _)) = left {
            self.emit(EventKind::FlowLeft {
                flow,
                outcome: "done".into(),
            });
        }
        if let Some(Step {
            act: Act::Flow { then, .. },
            ..
        }) = self.step()
        {
            self.go_to(then);
        }
        true
    }

    /// The value of a variable as a branch compares it; `missing` when there is none.
    fn value_of(&self, name: &str) -> String {
        match self.facts().get(name) {
            None | Some(Json::Null) => "missing".into(),
            Some(Json::String(text)) if text.is_empty() => "missing".into(),
            Some(Json::String(text)) => text.clone(),
            Some(Json::Array(list)) if list.is_empty() => "missing".into(),
            Some(other) => other.to_string(),
        }
    }

    fn connect(&mut self, operation: String, params: &BTreeMap<String, String>) {
        let facts = self.facts();
        let slots: BTreeMap<String, SlotValue> = params
            .iter()
            .filter_map(|(param, name)| {
                let slot = self.run.as_ref().and_then(|run| run.slots.get(name));
                let value = slot.cloned().or_else(|| {
                    let shown = match facts.get(name)? {
                        Json::String(text) if text.is_empty() => return None,
                        Json::Null => return None,
                        Json::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    Some(SlotValue {
                        shown: Masked::authored(shown),
                        secret: None,
                    })
                })?;
                Some((param.clone(), value))
            })
            .collect();
        let request = self.new_request();
        self.emit(EventKind::ConnectorAsked {
            request,
            operation: operation.clone(),
        });
        self.request(Request::Connect {
            request,
            operation,
            slots,
        });
        self.pending = Some(Pending::Connect {
            request,
            deadline: self.after(self.policy.connector_ms_max),
            filler: Some(self.filler_at()),
        });
    }

    pub(super) fn on_connector(&mut self, request: RequestId, answer: ConnectorAnswer) {
        let asked = matches!(&self.pending, Some(Pending::Connect { request: asked, .. }) if *asked == request);
        if asked {
            self.pending = None;
            self.connector_answered(request, answer);
        }
    }

    pub(super) fn connector_answered(&mut self, request: RequestId, answer: ConnectorAnswer) {
        let reason = match &answer {
            ConnectorAnswer::Ok { .. } => String::new(),
            ConnectorAnswer::NotFound => "not found".into(),
            ConnectorAnswer::Failed { reason } => reason.clone(),
        };
        self.emit(EventKind::ConnectorAnswered {
            request,
            ok: matches!(answer, ConnectorAnswer::Ok { .. }),
            reason,
        });
        let Some(Step {
            act:
                Act::Connect {
                    ok,
                    not_found,
                    failed,
                    ..
                },
            ..
        }) = self.step()
        else {
            return;
        };
        match answer {
            ConnectorAnswer::Ok { fields } => {
                self.learn_fields(fields);
                self.go_to(ok);
            }
            ConnectorAnswer::NotFound => self.go_to(not_found),
            ConnectorAnswer::Failed { .. } => self.go_to(failed),
        }
        self.walk();
    }

    /// The fields become variables; who the caller is stays known for the whole call.
    fn learn_fields(&mut self, fields: BTreeMap<String, Json>) {
        if let Some(Json::String(id)) = fields.get("customer") {
            self.customer = Some(CustomerId::new(id.clone()));
            for (field, place) in [("name", &mut self.customer_name), ("tier", &mut self.tier)] {
                if let Some(Json::String(text)) = fields.get(field) {
                    place.clone_from(text);
                }
            }
        }
        if let Some(run) = &mut self.run {
            run.vars.extend(fields);
        }
    }
}
