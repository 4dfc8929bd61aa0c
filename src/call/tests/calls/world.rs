//! The world around a call, as a value a test holds: a caller who speaks, a recognizer, a classifier,
//! a knowledge base, connectors and a loudspeaker, all on a virtual clock.

use expect_test::Expect as Snapshot;
use serde_json::{Value, json};
use sidetone_call::slots::{self, Day};
use sidetone_call::{Call, CallPolicy, FlowBook, Output, Request};
use sidetone_types::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// The content that ships, read once.
pub fn book() -> Arc<FlowBook> {
    static BOOK: OnceLock<Arc<FlowBook>> = OnceLock::new();
    BOOK.get_or_init(|| {
        Arc::new(FlowBook::parse(&files()).unwrap_or_else(|faults| panic!("{faults:#?}")))
    })
    .clone()
}

/// The files under `prompts/` and the intents, as the server hands them over.
pub fn files() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in [
        "prompts",
        "prompts/flows",
        "prompts/spoken",
        "knowledge/intents",
    ] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ext| ext == "toml") {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                files.push((
                    format!("{folder}/{name}"),
                    std::fs::read_to_string(&path).unwrap(),
                ));
            }
        }
    }
    files.sort();
    files
}

/// A unit of speech (a character, a word) and when it was said.
struct Unit {
    text: String,
    from: CallTime,
}

pub struct World {
    pub call: Call,
    queue: BTreeMap<(CallTime, u64), Happening>,
    order: u64,
    now: CallTime,
    deadline: Option<CallTime>,
    units: BTreeMap<LegId, Vec<Unit>>,
    open: BTreeMap<LegId, (UtteranceId, CallTime)>,
    prompts: BTreeMap<PromptId, (CallTime, u64)>,
    lang: Lang,
    dead: BTreeSet<String>,
    pub log: Vec<String>,
    pub inputs: Vec<(CallTime, CallInput)>,
    pub events: Vec<CallEvent>,
}

enum Happening {
    Input(CallInput),
    Partial(LegId),
    /// Another part of the world dies or comes back.
    Dead(String, bool),
}

fn at(seconds: f64) -> CallTime {
    CallTime((seconds * 1_000_000.0).round() as u64)
}

impl World {
    pub fn new() -> Self {
        Self {
            call: Call::new(book(), CallPolicy::default()),
            queue: BTreeMap::new(),
            order: 0,
            now: CallTime::ZERO,
            deadline: None,
            units: BTreeMap::new(),
            open: BTreeMap::new(),
            prompts: BTreeMap::new(),
            lang: Lang::Zh,
            dead: BTreeSet::new(),
            log: Vec::new(),
            inputs: Vec::new(),
            events: Vec::new(),
        }
    }

    fn put(&mut self, time: CallTime, what: Happening) {
        self.order += 1;
        self.queue.insert((time, self.order), what);
    }

    fn input(&mut self, time: CallTime, input: CallInput) {
        self.put(time, Happening::Input(input));
    }

    /// Reads one line: `3.2 caller: 查一下我的账单`.
    fn line(&mut self, line: &str) -> CallTime {
        let (time, rest) = line.split_once(' ').unwrap_or((line, "end"));
        let time = at(time
            .parse()
            .unwrap_or_else(|_| panic!("no time in {line:?}")));
        let rest = rest.trim();
        if let Some((who, text)) = rest.split_once(": ") {
            let leg = if who == "caller" {
                LegId::CALLER
            } else {
                LegId::FIRST_AGENT
            };
            self.speak(time, leg, text.trim());
            return time;
        }
        let words: Vec<&str> = rest.split_whitespace().collect();
        let input = match words.as_slice() {
            ["start", lang, options @ ..] => {
                self.lang = Lang::parse(lang).unwrap();
                let start = start(self.lang, options);
                self.input(time, CallInput::Start(start));
                let joined = CallInput::LegJoined {
                    leg: LegId::CALLER,
                    party: Party::Caller,
                    wire: Wire::WebRtc,
                };
                self.input(time, joined);
                return time;
            }
            ["noise", seconds] => {
                self.voice(time, LegId::CALLER, 2);
                self.voice(time + length(seconds), LegId::CALLER, 0);
                return time;
            }
            ["keys", keys] => {
                for (index, key) in keys.chars().enumerate() {
                    let at = time + std::time::Duration::from_millis(200 * index as u64);
                    self.input(
                        at,
                        CallInput::Key {
                            leg: LegId::CALLER,
                            key,
                        },
                    );
                }
                return time;
            }
            ["dead", what] => return self.dead(time, what, true),
            ["alive", what] => return self.dead(time, what, false),
            ["end"] => return time,
            other => script_input(other),
        };
        self.input(time, input);
        time
    }

    fn dead(&mut self, time: CallTime, what: &str, dead: bool) -> CallTime {
        self.put(time, Happening::Dead(what.to_owned(), dead));
        time
    }

    fn voice(&mut self, time: CallTime, leg: LegId, level: u8) {
        self.input(time, CallInput::Voice { leg, level });
    }

    /// Speech: `[0.8]` within the text is a pause of so many seconds.
    fn speak(&mut self, from: CallTime, leg: LegId, text: &str) {
        let mut time = from;
        self.voice(time, leg, 2);
        for part in text.split('[') {
            let (pause, said) = match part.split_once(']') {
                Some((pause, said)) => (Some(pause), said),
                None => (None, part),
            };
            if let Some(pause) = pause {
                self.voice(time, leg, 0);
                time = time + length(pause);
                self.voice(time, leg, 2);
            }
            let has_han = slots::has_han(said);
            let pieces: Vec<String> = if has_han {
                said.trim().chars().map(String::from).collect()
            } else {
                said.split_whitespace()
                    .map(|word| format!("{word} "))
                    .collect()
            };
            for piece in pieces {
                let unit = Unit {
                    text: piece,
                    from: time,
                };
                self.units.entry(leg).or_default().push(unit);
                time = time + length(if has_han { "0.16" } else { "0.28" });
                self.put(time + length("0.15"), Happening::Partial(leg));
            }
        }
        self.voice(time, leg, 0);
    }

    /// What a recognizer would make of a stretch of a leg.
    fn heard(&self, leg: LegId, from: CallTime, to: CallTime) -> String {
        let units = self.units.get(&leg).map_or(&[][..], Vec::as_slice);
        let said = units
            .iter()
            .filter(|unit| unit.from >= from && unit.from < to);
        said.map(|unit| unit.text.as_str())
            .collect::<String>()
            .trim()
            .to_owned()
    }

    pub fn run(&mut self, script: &str) {
        let mut end = CallTime::ZERO;
        for line in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            end = end.max(self.line(line));
        }
        loop {
            let next = self.queue.keys().next().map(|(time, _)| *time);
            let timer = self
                .deadline
                .filter(|timer| next.is_none_or(|next| *timer <= next));
            if let Some(timer) = timer.filter(|timer| *timer <= end) {
                self.deadline = None;
                self.now = timer;
                self.give(CallInput::Deadline);
                continue;
            }
            let Some(key) = self
                .queue
                .keys()
                .next()
                .copied()
                .filter(|(time, _)| *time <= end)
            else {
                return;
            };
            self.now = key.0;
            match self.queue.remove(&key).unwrap() {
                Happening::Input(input) => self.give(input),
                Happening::Partial(leg) => self.partial(leg),
                Happening::Dead(what, true) => {
                    self.dead.insert(what);
                }
                Happening::Dead(what, false) => {
                    self.dead.remove(&what);
                }
            }
        }
    }

    fn partial(&mut self, leg: LegId) {
        let Some((utterance, from)) = self.open.get(&leg).copied() else {
            return;
        };
        let text = Masked::authored(self.heard(leg, from, self.now));
        if !text.is_empty() && !self.dead.contains("recognizer") {
            self.give(CallInput::Partial {
                leg,
                utterance,
                text,
            });
        }
    }

    fn give(&mut self, input: CallInput) {
        self.inputs.push((self.now, input.clone()));
        self.call.handle(self.now, input);
        self.deadline = None;
        while let Some(output) = self.call.poll() {
            match output {
                Output::Event(event) => self.event(event),
                Output::Request(request) => self.answer(request),
                Output::Deadline(time) => self.deadline = Some(time),
            }
        }
    }

    fn event(&mut self, event: CallEvent) {
        assert_eq!(
            event.seq,
            self.events.len() as u64,
            "events are numbered without gaps"
        );
        if let Some(text) = describe(&event.kind) {
            self.note(text);
        }
        self.events.push(event);
    }

    fn note(&mut self, text: String) {
        let seconds = self.now.0 as f64 / 1e6;
        self.log.push(format!("{seconds:6.2} {text}"));
    }

    /// What the house does with a request.
    fn answer(&mut self, request: Request) {
        if let Some(text) = describe_request(&request) {
            self.note(text);
        }
        let soon = self.now + length("0.02");
        match request {
            Request::Say {
                prompt, text, lang, ..
            } => {
                if self.dead.contains("synthesizer") {
                    return;
                }
                let per = if lang == Lang::Zh { 180 } else { 60 };
                let total_ms = text.chars().count() as u64 * per;
                let started = self.now + length("0.05");
                self.prompts.insert(prompt, (started, total_ms));
                self.input(started, CallInput::PromptStarted { prompt });
                let total = total_ms as u32;
                let ended = started + std::time::Duration::from_millis(total_ms);
                self.input(
                    ended,
                    CallInput::PromptEnded {
                        prompt,
                        played_ms: total,
                        total_ms: total,
                    },
                );
            }
            Request::StopSaying { prompt } => {
                if let Some((started, total_ms)) = self.prompts.remove(&prompt) {
                    let played = soon.since(started).as_millis().min(u128::from(total_ms)) as u32;
                    let total_ms = total_ms as u32;
                    self.queue.retain(|_, what| {
                        !matches!(what,
                        Happening::Input(CallInput::PromptEnded { prompt: other, .. }
                            | CallInput::PromptStarted { prompt: other }) if *other == prompt)
                    });
                    self.input(
                        soon,
                        CallInput::PromptEnded {
                            prompt,
                            played_ms: played,
                            total_ms,
                        },
                    );
                }
            }
            Request::BeginUtterance {
                leg,
                utterance,
                from,
            } => {
                self.open.insert(leg, (utterance, from));
            }
            Request::EndUtterance {
                leg,
                utterance,
                span,
            } => self.recognize(leg, utterance, span),
            Request::Understand { request, text, .. } => {
                if !self.dead.contains("classifier") {
                    self.input(
                        soon,
                        CallInput::Understood {
                            request,
                            scores: classify(&text),
                        },
                    );
                }
            }
            Request::Ask {
                request,
                query,
                lang,
                ..
            } => {
                if !self.dead.contains("knowledge") {
                    self.input(
                        soon,
                        CallInput::Found {
                            request,
                            passages: look_up(&query, lang),
                        },
                    );
                }
            }
            Request::Connect {
                request,
                operation,
                slots,
            } => {
                if !self.dead.contains("connector") {
                    let answer = connector(&operation, &slots);
                    self.input(
                        soon + length("0.1"),
                        CallInput::Connector { request, answer },
                    );
                }
            }
            _ => {}
        }
    }

    fn recognize(&mut self, leg: LegId, utterance: UtteranceId, span: Span) {
        self.open.remove(&leg);
        if self.dead.contains("recognizer") {
            let reason = "recognizer down".to_owned();
            self.input(
                self.now + length("0.1"),
                CallInput::Unheard {
                    leg,
                    utterance,
                    reason,
                },
            );
            return;
        }
        let text = self.heard(leg, span.from, span.to);
        let lang = if slots::has_han(&text) {
            Lang::Zh
        } else {
            Lang::En
        };
        let lang = if text.is_empty() { self.lang } else { lang };
        let found = slots::parse_on(&text, lang, self.call.expect(), Some(TODAY));
        let candidates = found.into_iter().map(candidate).collect();
        let transcript = Transcript {
            utterance,
            text: Masked::authored(text),
            words: Vec::new(),
            stage: Stage::Final,
            lang,
            confidence: 900,
        };
        let input = CallInput::Final {
            leg,
            transcript,
            slots: candidates,
        };
        self.input(self.now + length("0.2"), input);
    }
}

const TODAY: Day = Day {
    year: 2026,
    month: 11,
    day: 22,
};

fn length(seconds: &str) -> std::time::Duration {
    std::time::Duration::from_secs_f64(seconds.parse().unwrap())
}

/// What the server does with a parsed value: a phone number goes to the safe, its tail is shown.
fn candidate(slot: slots::ParsedSlot) -> SlotCandidate {
    let personal = slot.kind == SlotKind::PhoneNumber;
    let tail = slot
        .value
        .get(slot.value.len().saturating_sub(4)..)
        .unwrap_or("")
        .to_owned();
    let shown = if personal {
        format!("****{tail}")
    } else {
        slot.value
    };
    SlotCandidate {
        kind: slot.kind,
        value: SlotValue {
            shown: Masked::authored(shown),
            secret: personal.then_some(1),
        },
        valid: slot.valid,
        corrected: slot.corrected,
    }
}

fn start(lang: Lang, options: &[&str]) -> CallStart {
    let customer = options.contains(&"wang").then(|| CustomerBrief {
        id: "c-wang".into(),
        name: Masked::authored("王芳"),
        tier: "vip".into(),
    });
    CallStart {
        call: "c1".into(),
        wall_ms: 1_795_312_800_000,
        wire: Wire::WebRtc,
        lang,
        ani: None,
        dnis: None,
        customer,
        content: book().digest()[..8].into(),
        speech: !options.contains(&"nospeech"),
        open: !options.contains(&"closed"),
    }
}

fn script_input(words: &[&str]) -> CallInput {
    let agent = || AgentId::from("mei");
    let click = |action| CallInput::Click {
        by: "mei".into(),
        action,
    };
    match words {
        ["waiting", position] => CallInput::Waiting {
            position: position.parse().unwrap(),
            wait: None,
        },
        ["waiting", position, low, high] => CallInput::Waiting {
            position: position.parse().unwrap(),
            wait: Some(WaitRange {
                low_s: low.parse().unwrap(),
                high_s: high.parse().unwrap(),
            }),
        },
        ["offered"] => CallInput::Offered { agent: agent() },
        ["declined"] => CallInput::OfferEnded {
            agent: agent(),
            outcome: OfferOutcome::Declined,
        },
        ["accepted"] => CallInput::Accepted {
            agent: agent(),
            leg: LegId::FIRST_AGENT,
        },
        ["refused"] => CallInput::QueueRefused {
            reason: "nobody logged in".into(),
        },
        ["hold"] => click(AgentAction::Hold { on: true }),
        ["unhold"] => click(AgentAction::Hold { on: false }),
        ["mute"] => click(AgentAction::Mute { on: true }),
        ["agent-hangs-up"] => click(AgentAction::HangUp),
        ["wrap-up", disposition] => click(AgentAction::WrapUp {
            disposition: (*disposition).into(),
        }),
        ["caller-leaves"] => CallInput::LegLeft {
            leg: LegId::CALLER,
            reason: "hung_up".into(),
        },
        ["caller-fails"] => CallInput::LegLeft {
            leg: LegId::CALLER,
            reason: "ice_timeout".into(),
        },
        ["agent-leaves"] => CallInput::LegLeft {
            leg: LegId::FIRST_AGENT,
            reason: "hung_up".into(),
        },
        ["agent-fails"] => CallInput::LegLeft {
            leg: LegId::FIRST_AGENT,
            reason: "ice_timeout".into(),
        },
        ["key", key] => CallInput::Key {
            leg: LegId::CALLER,
            key: key.chars().next().unwrap(),
        },
        ["speech", on] => CallInput::Speech {
            available: *on == "on",
        },
        ["shutdown"] => CallInput::Shutdown,
        other => panic!("no such line: {other:?}"),
    }
}

/// A classifier of keywords, with the doubts a real one has.
fn classify(text: &str) -> Vec<IntentScore> {
    const TABLE: &[(&str, &str, u16)] = &[
        ("账单怎么", "bill-query", 560),
        ("账单", "bill-query", 930),
        ("bill", "bill-query", 930),
        ("退款要多久", "refund-how-long", 900),
        ("how long do refunds take", "refund-how-long", 900),
        ("退款", "refund-request", 900),
        ("refund", "refund-request", 900),
        ("快递", "parcel-track", 910),
        ("parcel", "parcel-track", 910),
        ("订单", "order-status", 880),
        ("order", "order-status", 880),
        ("投诉", "complaint-file", 880),
        ("complain", "complaint-file", 880),
        ("师傅", "appointment-book", 870),
        ("technician", "appointment-book", 870),
        ("somebody in charge", "agent-request", 900),
    ];
    let lower = text.to_lowercase();
    let hits: Vec<IntentScore> = TABLE
        .iter()
        .filter(|(word, _, _)| lower.contains(word))
        .map(|(_, intent, score)| IntentScore {
            intent: (*intent).into(),
            score: *score,
        })
        .collect();
    match hits.first() {
        Some(best) => vec![
            best.clone(),
            IntentScore {
                intent: IntentId::NONE.into(),
                score: 20,
            },
        ],
        None => vec![IntentScore {
            intent: IntentId::NONE.into(),
            score: 950,
        }],
    }
}

fn look_up(query: &str, lang: Lang) -> Vec<Passage> {
    let known = query.contains("多久") || query.contains("how long") || query.contains("几点");
    let text = match lang {
        Lang::Zh => "收到退货后五个工作日内到账。**银行卡**可能再晚一两天。",
        Lang::En => "The money is back within five working days. Banks may take a day longer.",
    };
    vec![Passage {
        document: "refunds/how-long".into(),
        title: "退款多久到账".into(),
        section: String::new(),
        text: text.into(),
        score: if known { 800 } else { 120 },
    }]
}

/// The demo data, as far as these calls need it.
fn connector(operation: &str, slots: &BTreeMap<String, SlotValue>) -> ConnectorAnswer {
    let slot = |name: &str| slots.get(name).map_or("", |value| value.shown.as_str());
    let fields = match (operation, slot("order"), slot("customer")) {
        ("customer.by_phone", _, _) if slots["phone"].secret.is_some() => {
            json!({"customer": "c-li", "name": "李强", "name_en": "Li Qiang", "tier": "standard"})
        }
        ("customer.orders", _, "c-wang") => {
            json!({"order": "20611018", "item_zh": "女士羽绒服", "item_en": "women's down jacket"})
        }
        ("bill.latest", _, "c-wang" | "c-li") => json!({
            "month": "2026-10", "total_cents": 48374, "due": "2026-11-25", "paid": false,
            "lines": [{"zh": "分期手续费", "en": "Instalment fee", "amount_cents": 1374}],
        }),
        ("order.status", "20611018", _) => json!({
            "order": "20611018", "status": "shipped", "placed": "2026-11-18", "total_cents": 96700,
            "item_zh": "女士羽绒服", "item_en": "women's down jacket", "items": 2, "eta": "2026-11-22",
        }),
        ("parcel.track", "20611018", _) => json!({
            "order": "20611018", "parcel": "QH2026117707", "status": "delayed", "eta": "2026-11-22",
            "carrier": "x", "place_zh": "上海徐汇站", "place_en": "Xuhui station, Shanghai",
            "last_zh": "", "last_en": "", "last_at": "",
        }),
        ("refund.start", "20611018", _) => json!({
            "order": "20611018", "amount_cents": 96700, "status": "requested", "expected": "",
            "already": false, "order_status": "shipped", "item_zh": "女士羽绒服",
            "item_en": "women's down jacket", "days": 5,
        }),
        ("appointment.slots", _, _) => json!({"city": "上海", "slots": [
            {"id": "s-002", "day": "2026-11-23", "from": "11:00", "to": "13:00"},
            {"id": "s-001", "day": "2026-11-23", "from": "14:00", "to": "16:00"},
        ]}),
        ("appointment.book", _, _) if slot("slot") == "s-001" => json!({
            "slot": "s-001", "day": "2026-11-23", "from": "14:00", "to": "16:00", "city": "上海",
        }),
        ("complaint.file", _, _) => json!({"ticket": "482913"}),
        _ => return ConnectorAnswer::NotFound,
    };
    match fields {
        Value::Object(fields) => ConnectorAnswer::Ok {
            fields: fields.into_iter().collect(),
        },
        _ => ConnectorAnswer::NotFound,
    }
}

fn name(leg: LegId) -> &'static str {
    match leg {
        LegId::CALLER => "caller",
        _ => "agent",
    }
}

/// An event in a line; `None` for what would only be noise in a script's result.
fn describe(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::Heard { leg, transcript } => {
            format!("{} said {:?}", name(*leg), transcript.text.as_str())
        }
        EventKind::SpeechStarted { .. }
        | EventKind::SpeechEnded {
            ended_by: EndedBy::Pause,
            ..
        }
        | EventKind::Partial { .. }
        | EventKind::LegJoined { .. }
        | EventKind::ConnectorAsked { .. }
        | EventKind::PromptEnded {
            interrupted: false, ..
        } => return None,
        EventKind::SpeechEnded { ended_by, .. } => format!("utterance ended: {ended_by:?}"),
        EventKind::CallStarted { lang, customer, .. } => match customer {
            Some(customer) => format!("call started {lang} {customer}"),
            None => format!("call started {lang}"),
        },
        EventKind::PromptStarted { key, text, .. } => format!("say {key}: {text}"),
        EventKind::PromptEnded { played, .. } => format!("stopped after {:?}", played.as_str()),
        EventKind::BargeIn { .. } => "barge-in".into(),
        EventKind::Backchannel { .. } => "backchannel".into(),
        EventKind::KeyPressed { key, .. } => format!("key {key}"),
        EventKind::IntentFound { best, others, .. } => {
            let others: Vec<String> = others
                .iter()
                .filter(|other| other.score >= 400)
                .map(|other| format!(" also {} {}", other.intent, other.score))
                .collect();
            format!("intent {} {}{}", best.intent, best.score, others.concat())
        }
        EventKind::FlowEntered { flow, step } => format!("flow {flow} at {step}"),
        EventKind::FlowLeft { flow, outcome } => format!("flow {flow} {outcome}"),
        EventKind::SlotFilled {
            slot,
            value,
            by_key,
            ..
        } => {
            format!(
                "slot {slot} = {}{}",
                value.shown,
                if *by_key { " by keys" } else { "" }
            )
        }
        EventKind::SlotConfirmed { slot, .. } => format!("slot {slot} confirmed"),
        EventKind::SlotRejected { slot, reason, .. } => format!("slot {slot} rejected: {reason}"),
        EventKind::NoInput { count } => format!("no input {count}"),
        EventKind::NoMatch { count } => format!("no match {count}"),
        EventKind::ConnectorAnswered { ok, reason, .. } => match ok {
            true => "connector ok".into(),
            false => format!("connector: {reason}"),
        },
        EventKind::PassagesFound { passages, .. } => {
            format!("passages, best {}", passages[0].score)
        }
        EventKind::Degraded { what, then } => format!("degraded: {what} → {then}"),
        EventKind::QueueEntered {
            queue,
            reason,
            priority,
            ..
        } => {
            format!("queue {queue} priority {priority} because {reason}")
        }
        EventKind::WaitAnnounced { position, wait } => {
            format!(
                "wait announced: {position}, {:?}",
                wait.map(|wait| (wait.low_s, wait.high_s))
            )
        }
        EventKind::Offered { agent } => format!("offered to {agent}"),
        EventKind::OfferEnded { outcome, .. } => format!("offer {outcome:?}"),
        EventKind::Answered { agent, .. } => format!("answered by {agent}"),
        EventKind::HoldStarted { .. } => "hold".into(),
        EventKind::HoldEnded { .. } => "hold ended".into(),
        EventKind::Muted { on, .. } => format!("muted {on}"),
        EventKind::LanguageChanged { lang } => format!("language {lang}"),
        EventKind::LegLeft { leg, reason } => format!("{} left: {reason}", name(*leg)),
        EventKind::WrapUpStarted { .. } => "wrap-up".into(),
        EventKind::WrapUpEnded { disposition, .. } => format!("wrap-up ended: {disposition}"),
        EventKind::CallEnded { reason } => format!("call ended: {reason:?}"),
        other => format!("{other:?}"),
    })
}

fn describe_request(request: &Request) -> Option<String> {
    Some(match request {
        Request::Enqueue(enqueue) => {
            let intent = enqueue
                .intent
                .as_ref()
                .map_or("-", |intent| intent.as_str());
            format!(
                "→ enqueue {} tier {:?} {} intent {intent}",
                enqueue.queue, enqueue.tier, enqueue.lang
            )
        }
        Request::LeaveQueue => "→ leave queue".into(),
        Request::Bridge { .. } => "→ bridge".into(),
        Request::Unbridge => "→ unbridge".into(),
        Request::Music { on } => format!("→ music {}", if *on { "on" } else { "off" }),
        Request::Hold { on } => format!("→ hold {on}"),
        Request::HangUp { leg } => format!("→ hang up {}", name(*leg)),
        Request::Finish => "→ finish".into(),
        Request::Keep { secret, .. } => format!("→ keep secret {secret:#x}"),
        _ => return None,
    })
}

/// Plays a script and compares what happened. The inputs that reached the machine are then given to
/// a fresh one, which must say the same.
pub fn check(script: &str, expected: Snapshot) {
    let mut world = World::new();
    world.run(script);
    let mut text = world.log.join("\n");
    text.push('\n');
    expected.assert_eq(&text);
    assert_eq!(replay(&world.inputs), world.events, "the replay differs");
}

pub fn replay(inputs: &[(CallTime, CallInput)]) -> Vec<CallEvent> {
    let mut call = Call::new(book(), CallPolicy::default());
    let mut events = Vec::new();
    for (time, input) in inputs {
        call.handle(*time, input.clone());
        while let Some(output) = call.poll() {
            if let Output::Event(event) = output {
                events.push(event);
            }
        }
    }
    events
}
