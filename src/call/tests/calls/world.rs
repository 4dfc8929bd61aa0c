//! The world around a call, as a value a test holds: a caller who speaks, a recognizer, a classifier,
//! a knowledge base, connectors and a loudspeaker, all on a virtual clock.

use crate::house::{classify, connector, look_up};
use crate::script::{LAST_DIALLED, candidate, length, script_input, start};
use crate::tell::{describe, describe_request};
use expect_test::Expect as Snapshot;
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
    /// Speech that the recognizer rejects.
    mumbles: Vec<(CallTime, CallTime)>,
    /// When words are said that the recognizer is not sure of.
    faint: Vec<CallTime>,
    dialled: RequestId,
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
            mumbles: Vec::new(),
            faint: Vec::new(),
            dialled: LAST_DIALLED,
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

    /// Reads one line: `3.2 caller: 查一下我的账单`; `caller~:` is hardly heard.
    fn line(&mut self, line: &str) -> CallTime {
        let (time, rest) = line.split_once(' ').unwrap_or((line, "end"));
        let time = at(time
            .parse()
            .unwrap_or_else(|_| panic!("no time in {line:?}")));
        let rest = rest.trim();
        if let Some((who, text)) = rest.split_once(": ") {
            if who == "caller~" {
                self.faint.push(time);
            }
            let leg = if who.starts_with("caller") {
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
            ["mumble", seconds] => {
                let end = time + length(seconds);
                self.voice(time, LegId::CALLER, 2);
                self.voice(end, LegId::CALLER, 0);
                self.mumbles.push((time, end));
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

    fn give(&mut self, mut input: CallInput) {
        if let CallInput::Dialled { request, .. } = &mut input {
            *request = self.dialled;
        }
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
        self.log.push(format!("{seconds:.2} {text}"));
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
            } => self.play(prompt, &text, lang),
            Request::StopSaying { prompt } => self.stop(prompt, soon),
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
            Request::Dial { request, .. } => self.dialled = request,
            Request::Understand { request, text, .. } => {
                let scores = classify(&text);
                let input = CallInput::Understood { request, scores };
                self.unless_dead("classifier", soon, input);
            }
            Request::Ask {
                request,
                query,
                lang,
                ..
            } => {
                let passages = look_up(&query, lang);
                let input = CallInput::Found { request, passages };
                self.unless_dead("knowledge", soon, input);
            }
            Request::Connect {
                request,
                operation,
                slots,
            } => {
                let answer = connector(&operation, &slots);
                let input = CallInput::Connector { request, answer };
                self.unless_dead("connector", soon + length("0.1"), input);
            }
            _ => {}
        }
    }

    /// The loudspeaker: 180 ms a character of Chinese, 60 ms a letter of English.
    fn play(&mut self, prompt: PromptId, text: &str, lang: Lang) {
        if self.dead.contains("synthesizer") {
            return;
        }
        let per = if lang == Lang::Zh { 180 } else { 60 };
        let total_ms = text.chars().count() as u64 * per;
        let started = self.now + length("0.05");
        self.prompts.insert(prompt, (started, total_ms));
        self.input(started, CallInput::PromptStarted { prompt });
        let total = total_ms as u32;
        let ended = CallInput::PromptEnded {
            prompt,
            played_ms: total,
            total_ms: total,
        };
        self.input(started + std::time::Duration::from_millis(total_ms), ended);
    }

    fn stop(&mut self, prompt: PromptId, time: CallTime) {
        let Some((started, total_ms)) = self.prompts.remove(&prompt) else {
            return;
        };
        let played_ms = time.since(started).as_millis().min(u128::from(total_ms)) as u32;
        self.queue.retain(|_, what| match what {
            Happening::Input(
                CallInput::PromptEnded { prompt: other, .. }
                | CallInput::PromptStarted { prompt: other },
            ) => *other != prompt,
            _ => true,
        });
        let total_ms = total_ms as u32;
        let ended = CallInput::PromptEnded {
            prompt,
            played_ms,
            total_ms,
        };
        self.input(time, ended);
    }

    fn unless_dead(&mut self, who: &str, time: CallTime, input: CallInput) {
        if !self.dead.contains(who) {
            self.input(time, input);
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
        let mumbled = |(from, to): &(CallTime, CallTime)| *from < span.to && *to > span.from;
        let rejected = text.is_empty() && self.mumbles.iter().any(mumbled);
        let faint = self
            .faint
            .iter()
            .any(|at| span.from <= *at && *at < span.to);
        let found = slots::parse_on(&text, lang, self.call.expect(), Some(TODAY));
        let candidates = found.into_iter().map(candidate).collect();
        let transcript = Transcript {
            utterance,
            text: Masked::authored(text),
            words: Vec::new(),
            stage: Stage::Final,
            lang,
            confidence: if faint { 100 } else { 900 },
            rejected,
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
