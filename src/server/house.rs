//! Everything that is running, in one place that every task and route can reach.

use crate::api::problem::{Problem, Reply};
use crate::call::{Caller, Calls};
use crate::clock::Clock;
use crate::company::CompanyData;
use crate::config::Config;
use crate::connectors::{Connectors, DemoConnector};
use crate::content::ContentHouse;
use crate::dispatch::Dispatch;
use crate::knowledge::Knowledge;
use crate::line_out::LineOut;
use crate::live::Hub;
use crate::models::Models;
use crate::rows;
use axum::http::StatusCode;
use metrics_exporter_prometheus::PrometheusHandle;
use sidetone_assist::view::CallView;
use sidetone_call::CallPolicy;
use sidetone_call::slots::Day;
use sidetone_edge::dialects::AudioSocketServer;
use sidetone_edge::sip::SipEdge;
use sidetone_edge::{EdgeError, LegHandle, WebRtcEdge};
use sidetone_records::journal::JournalWriter;
use sidetone_records::store::Store;
use sidetone_records::vault::Vault;
use sidetone_types::*;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// The running engine.
pub struct House {
    pub config: Config,
    pub clock: Clock,
    pub store: Store,
    pub journal: JournalWriter,
    pub vault: Vault,
    pub models: Models,
    pub content: ContentHouse,
    pub knowledge: Knowledge,
    pub connectors: Connectors,
    pub demo: Option<Arc<DemoConnector>>,
    pub dispatch: Dispatch,
    pub calls: Arc<Calls>,
    pub hub: Hub,
    pub edge: WebRtcEdge,
    pub call_policy: CallPolicy,
    pub metrics: PrometheusHandle,
    pub draining: AtomicBool,
    pub tickets: AtomicU32,
    /// Set once, by whoever owns a trunk.
    pub lines_out: OnceLock<Arc<dyn LineOut>>,
    /// Set once, where Asterisk may connect with AudioSocket.
    pub audiosocket: OnceLock<AudioSocketServer>,
    /// Set once, where there are telephones.
    pub phones: OnceLock<SipEdge>,
}

impl House {
    /// Whether the house takes no new calls because it is closing.
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub fn full(&self) -> bool {
        self.draining() || self.calls.count() >= self.config.media.calls_max
    }

    /// The way to numbers outside, where there is one.
    pub fn line_out(&self) -> Option<Arc<dyn LineOut>> {
        self.lines_out.get().cloned()
    }

    /// Whether this agent may call numbers outside.
    pub fn may_call_out(&self, by: Option<&AgentId>) -> bool {
        by.is_some_and(|by| self.config.telephony.may_call_out.contains(by))
    }

    /// Whom somebody means who dials `to`: an agent's telephone, a queue, or a number outside.
    pub fn target_of(&self, to: &str) -> Option<Target> {
        let accounts = self.config.sip.iter().flat_map(|sip| &sip.accounts);
        if let Some(account) = accounts.into_iter().find(|one| one.user == to) {
            let agent = account.agent.clone();
            return Some(Target::Agent { agent });
        }
        let agent = AgentId::new(to);
        if self.dispatch.board().agent(&agent).is_some() {
            return Some(Target::Agent { agent });
        }
        let mut queues = self.config.acd.queues.iter();
        if let Some(queue) = queues.find(|one| one.id.as_str() == to) {
            let queue = queue.id.clone();
            return Some(Target::Queue { queue });
        }
        let number = crate::line_out::dialled_number(to)?;
        let shown = Masked::authored(number);
        Some(Target::Number {
            number: SlotValue {
                shown,
                secret: None,
            },
        })
    }

    /// The customer with this telephone number as the caller of a call.
    pub fn caller_by_number(&self, number: &str) -> Caller {
        let data = self.company_data();
        let known = data.customer_by_phone(number).map(|one| one.id.clone());
        known
            .and_then(|id| self.caller(&id))
            .unwrap_or_else(|| Caller {
                number: crate::line_out::shown_number(number),
                ..Caller::default()
            })
    }

    /// Answers a browser's offer.
    pub async fn answer(&self, sdp: &str) -> Reply<(String, LegHandle)> {
        self.edge.answer(sdp).await.map_err(|error| match error {
            EdgeError::Description { .. } => Problem::bad_request(error.to_string())
                .hint("Send the SDP of an RTCPeerConnection that has an audio track."),
            EdgeError::NoPort { .. } => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry_after(10)
            }
            other => Problem::internal(other),
        })
    }

    /// The company's date, for "tomorrow".
    pub fn today(&self) -> Day {
        let now = self.clock.local();
        Day {
            year: now.year().into(),
            month: now.month() as u8,
            day: now.day() as u8,
        }
    }

    /// Whether any queue is open now.
    pub fn open_now(&self) -> bool {
        let router = sidetone_acd::Acd::new(self.config.acd.clone());
        let now = self.clock.minute_of_week();
        self.config
            .acd
            .queues
            .iter()
            .any(|queue| router.is_open(&queue.id, now))
    }

    /// The Y of the service level X/Y that the pages show: the first queue's.
    pub fn target_s(&self) -> u32 {
        self.config
            .acd
            .queues
            .first()
            .map_or(20, |queue| queue.target_s)
    }

    pub fn company_data(&self) -> CompanyData {
        self.demo
            .as_ref()
            .map(|demo| demo.snapshot())
            .unwrap_or_default()
    }

    /// A known customer as the caller of a call.
    pub fn caller(&self, id: &str) -> Option<Caller> {
        let data = self.company_data();
        let customer = data.customer(id)?;
        Some(Caller {
            customer: Some(CustomerId::new(&customer.id)),
            name: if customer.lang == "en" {
                &customer.name_en
            } else {
                &customer.name
            }
            .clone(),
            tier: customer.tier.clone(),
            number: masked_phone(&customer.phone),
        })
    }

    /// Tickets get their number here; what the page sent for it is not trusted.
    pub fn with_ticket_number(&self, action: AgentAction) -> AgentAction {
        match action {
            AgentAction::Ticket { mut ticket } => {
                let count = self.tickets.fetch_add(1, Ordering::Relaxed) % 100;
                let now = self.clock.local().strftime("%y%m%d-%H%M%S").to_string();
                ticket.number = format!("T{now}-{count:02}");
                AgentAction::Ticket { ticket }
            }
            other => other,
        }
    }

    /// Writes what the lists show of a call; a failure is logged, the journal has it all.
    pub async fn keep_row(&self, events: &[CallEvent], view: &CallView) {
        let Some(derived) = rows::derive(events, view, &self.company_data()) else {
            return;
        };
        if let Err(error) = self.store.upsert_derived(&derived).await {
            tracing::error!(call = %derived.record.call, %error, "a call's row was not written");
        }
    }

    /// Notes in the audit log who did what.
    pub async fn audit(&self, actor: &str, action: &str, subject: &str, detail: &str) {
        let at_ms = self.clock.wall_ms();
        if let Err(error) = self
            .store
            .audit(at_ms, actor, action, subject, detail)
            .await
        {
            tracing::error!(%error, action, "the audit log was not written");
        }
    }
}

/// `+86 •••• 0001`: enough to tell two callers apart.
pub fn masked_phone(phone: &str) -> String {
    let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
    let ending: String = digits[digits.len().saturating_sub(4)..].iter().collect();
    format!("•••• {ending}")
}
