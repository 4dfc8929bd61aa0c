//! Calls written as a person would tell them, turned into events.

use sidetone_assist::CallView;
use sidetone_types::*;

pub struct Script {
    pub events: Vec<CallEvent>,
    lang: Lang,
    now_ms: u64,
    utterances: u32,
    prompts: u32,
}

impl Script {
    pub fn new(call: &str, lang: Lang) -> Self {
        let mut script = Self {
            events: Vec::new(),
            lang,
            now_ms: 0,
            utterances: 0,
            prompts: 0,
        };
        script.event_of(
            call,
            EventKind::CallStarted {
                // 2026-11-20 12:00 UTC.
                wall_ms: 1_795_176_000_000,
                wire: Wire::WebRtc,
                lang,
                ani: None,
                dnis: None,
                customer: Some("c-wang".into()),
                content: "d1".into(),
            },
        );
        script
    }

    fn event_of(&mut self, call: &str, kind: EventKind) {
        self.events.push(CallEvent {
            seq: self.events.len() as u64,
            at: CallTime::from_ms(self.now_ms),
            call: call.into(),
            kind,
        });
    }

    pub fn event(&mut self, kind: EventKind) -> &mut Self {
        let call = self.events[0].call.to_string();
        self.event_of(&call, kind);
        self
    }

    pub fn wait(&mut self, ms: u64) -> &mut Self {
        self.now_ms += ms;
        self
    }

    fn says(&mut self, leg: LegId, text: &str) -> UtteranceId {
        self.utterances += 1;
        let utterance = UtteranceId(self.utterances);
        let from = CallTime::from_ms(self.now_ms);
        self.event(EventKind::SpeechStarted { leg, utterance });
        self.wait(1000 + 100 * text.chars().count() as u64);
        let to = CallTime::from_ms(self.now_ms);
        self.event(EventKind::SpeechEnded {
            leg,
            utterance,
            span: Span { from, to },
            ended_by: EndedBy::Pause,
        });
        let transcript = Transcript {
            utterance,
            text: Masked::authored(text),
            words: Vec::new(),
            stage: Stage::Final,
            lang: self.lang,
            confidence: 900,
            rejected: false,
        };
        self.wait(200);
        self.event(EventKind::Heard { leg, transcript });
        utterance
    }

    pub fn caller(&mut self, text: &str) -> UtteranceId {
        self.says(LegId::CALLER, text)
    }

    pub fn agent(&mut self, text: &str) -> UtteranceId {
        self.says(LegId::FIRST_AGENT, text)
    }

    pub fn prompt(&mut self, text: &str) -> &mut Self {
        self.prompts += 1;
        let prompt = PromptId(self.prompts);
        let (lang, text) = (self.lang, Masked::authored(text));
        let started = text.clone();
        self.event(EventKind::PromptStarted {
            prompt,
            key: "p".into(),
            text: started,
            lang,
        });
        self.wait(2000);
        self.event(EventKind::PromptEnded {
            prompt,
            played: text,
            interrupted: false,
        })
    }

    /// A connector answers and the assistant says so.
    pub fn answer(&mut self, text: &str) -> &mut Self {
        let request = RequestId(1);
        let reason = String::new();
        self.event(EventKind::ConnectorAnswered {
            request,
            ok: true,
            reason,
        });
        self.prompt(text)
    }

    pub fn intent(&mut self, utterance: UtteranceId, intent: &str, score: u16) -> &mut Self {
        self.event(EventKind::IntentFound {
            utterance,
            best: IntentScore {
                intent: intent.into(),
                score,
            },
            others: Vec::new(),
        })
    }

    pub fn slot(&mut self, flow: &str, slot: &str, shown: &str) -> &mut Self {
        let value = SlotValue {
            shown: Masked::authored(shown),
            secret: None,
        };
        let (flow, slot) = (flow.to_owned(), slot.to_owned());
        self.event(EventKind::SlotFilled {
            flow: flow.clone(),
            slot: slot.clone(),
            value,
            by_key: false,
        });
        self.event(EventKind::SlotConfirmed { flow, slot })
    }

    pub fn mood(&mut self, utterance: UtteranceId, score: i8, word: &str) -> &mut Self {
        let because = vec![MoodWord {
            word: Masked::authored(word),
            weight: i16::from(score),
        }];
        self.event(EventKind::MoodScored {
            utterance,
            leg: LegId::CALLER,
            mood: Mood { score, because },
        })
    }

    pub fn queue(&mut self, queue: &str) -> &mut Self {
        self.event(EventKind::QueueEntered {
            queue: queue.into(),
            priority: 0,
            skills: Vec::new(),
            reason: "asked".into(),
        })
    }

    pub fn answered(&mut self, agent: &str) -> &mut Self {
        let agent = AgentId::from(agent);
        self.event(EventKind::Offered {
            agent: agent.clone(),
        });
        self.wait(3000);
        let outcome = OfferOutcome::Accepted;
        self.event(EventKind::OfferEnded {
            agent: agent.clone(),
            outcome,
        });
        let leg = LegId::FIRST_AGENT;
        self.event(EventKind::Answered { agent, leg })
    }

    pub fn end(&mut self, reason: EndReason) -> &mut Self {
        self.event(EventKind::CallEnded { reason })
    }

    pub fn wrap_up(&mut self, agent: &str, ms: u64) -> &mut Self {
        let agent = AgentId::from(agent);
        self.event(EventKind::WrapUpStarted {
            agent: agent.clone(),
        });
        self.wait(ms);
        let disposition = "done".to_owned();
        self.event(EventKind::WrapUpEnded { agent, disposition })
    }

    pub fn view(&self) -> CallView {
        CallView::from_events(&self.events)
    }
}

/// A parcel that does not come, a complaint, a promise.
pub fn late_parcel() -> Script {
    let mut call = Script::new("late-parcel", Lang::Zh);
    call.prompt("您好，这里是青禾商城，通话会录音，请问有什么可以帮您？");
    let asked = call.caller("呃，我的快递三天没动了，到底什么时候能到？");
    call.intent(asked, "parcel-track", 930)
        .mood(asked, -30, "没动");
    call.prompt("请说一下订单号。");
    call.caller("二零六一一零一八");
    call.slot("parcel", "order_number", "20611018");
    call.answer("您的包裹11月18日到达上海分拨中心，预计11月23日送达。");
    let angry = call.caller("你们每次都这么说，我要投诉，转人工！");
    call.intent(angry, "complaint-file", 810)
        .mood(angry, -80, "投诉");
    call.queue("general").answered("ann");
    call.agent("您好，我是客服小安，给您添麻烦了，我先帮您查一下。");
    call.caller("嗯，快点。");
    call.agent("已经帮您登记了催件，快递站明天上午会给您打电话。您看可以吗？");
    call.caller("行吧，明天上午再不来我就退货。");
    call.end(EndReason::CallerHungUp).wrap_up("ann", 8000);
    call
}

/// A refund question, answered by the assistant and then by a person.
pub fn late_refund() -> Script {
    let mut call = Script::new("late-refund", Lang::En);
    call.prompt("Hello, this is Greenleaf. This call is recorded. How can I help?");
    let asked =
        call.caller("Um, hi, I sent back a kettle two weeks ago and there's no refund yet.");
    call.intent(asked, "refund-how-long", 880)
        .mood(asked, -20, "no refund");
    call.prompt("What is your order number?");
    call.caller("two oh six one one oh one eight");
    call.slot("refund", "order_number", "20611018");
    call.slot("refund", "amount", "12950");
    call.answer("Your refund of 129.50 yuan was approved on November 19.");
    call.caller("I'd rather talk to a person, please.");
    call.queue("refunds").answered("bo");
    call.agent("Hi, this is Bo. Let me check that for you.");
    call.agent("I've asked the bank to hurry it up. You'll get the 129.50 yuan by Friday.");
    call.caller("Great, thanks, bye.");
    call.end(EndReason::CallerHungUp).wrap_up("bo", 12_000);
    call
}
