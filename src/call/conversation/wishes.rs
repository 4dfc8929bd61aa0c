//! From words to an intent or an answer of the knowledge base.

use super::Call;
use super::state::*;
use super::turn::PERSON_WISH;
use crate::policy::ms;
use crate::request::Request;
use crate::rules;
use serde_json::Value as Json;
use sidetone_types::*;
use std::collections::BTreeMap;

/// Room for the beginning of a passage, in characters.
const PASSAGE_CHARS_ZH: usize = 90;
const PASSAGE_CHARS_EN: usize = 260;

impl Call {
    /// The caller says what they want.
    pub(super) fn wish(&mut self, turn: CallerTurn) {
        if let Some(flow) = self.menu_word(&turn.text) {
            self.enter_flow(&flow);
            return;
        }
        if rules::is_bare_answer(&turn.text) {
            self.misunderstood();
            return;
        }
        self.awaiting = Awaiting::Nothing;
        let whole = self.understand(&turn, turn.text.clone());
        let parts = match rules::two_wishes(&turn.text, self.lang) {
            Some((first, second)) => {
                vec![
                    self.understand(&turn, first),
                    self.understand(&turn, second),
                ]
            }
            None => Vec::new(),
        };
        self.pending = Some(Pending::Understand {
            whole,
            parts,
            scores: BTreeMap::new(),
            turn,
            detour: false,
            deadline: self.after(self.policy.understand_ms_max),
        });
    }

    /// The words were no answer to the flow's question. Perhaps they are another wish.
    pub(super) fn detour(&mut self, turn: CallerTurn) {
        let whole = self.understand(&turn, turn.text.clone());
        self.pending = Some(Pending::Understand {
            whole,
            parts: Vec::new(),
            scores: BTreeMap::new(),
            turn,
            detour: true,
            deadline: self.after(self.policy.understand_ms_max),
        });
    }

    /// Leaves the flow for a wish that is sure and another one; asks again otherwise.
    fn decide_detour(&mut self, scores: Vec<IntentScore>, turn: CallerTurn) {
        let here = self.run.as_ref().and_then(|run| run.stack.first());
        let here = here.map_or(String::new(), |(flow, _)| flow.clone());
        let wish = scores.first().filter(|best| {
            let intent = best.intent.as_str();
            let elsewhere = match self.book.flow_of(intent) {
                Some(there) => there.id != here,
                None => self.book.article_of(intent).is_some(),
            };
            !best.intent.is_none() && best.score >= self.policy.intent_sure && elsewhere
        });
        match wish.cloned() {
            Some(best) => {
                self.emit(EventKind::IntentFound {
                    utterance: turn.utterance,
                    best: best.clone(),
                    others: scores.into_iter().skip(1).take(4).collect(),
                });
                self.act_on(best.intent);
            }
            None => self.no_answer(),
        }
    }

    fn understand(&mut self, turn: &CallerTurn, text: String) -> RequestId {
        let request = self.new_request();
        self.request(Request::Understand {
            request,
            utterance: turn.utterance,
            text,
            lang: self.lang,
        });
        request
    }

    /// The caller talks with a person. What they want is for the person's page; nothing is done.
    pub(super) fn overhear(&mut self, transcript: &Transcript) {
        if transcript.text.is_empty() || rules::is_hum(transcript.text.as_str()) {
            return;
        }
        let turn = CallerTurn {
            utterance: transcript.utterance,
            ..CallerTurn::default()
        };
        let request = self.understand(&turn, transcript.text.as_str().to_owned());
        // Only the newest words count: an answer that comes after them is dropped.
        self.overheard = Some((request, transcript.utterance));
    }

    fn understood_beside(&mut self, utterance: UtteranceId, scores: Vec<IntentScore>) {
        let sure = |best: &&IntentScore| {
            !best.intent.is_none()
                && best.intent.as_str() != PERSON_WISH
                && best.score >= self.policy.intent_sure
        };
        if let Some(best) = scores.first().filter(sure).cloned() {
            let others = scores.into_iter().skip(1).take(4).collect();
            self.emit(EventKind::IntentFound {
                utterance,
                best,
                others,
            });
        }
    }

    pub(super) fn on_understood(&mut self, request: RequestId, mut scores: Vec<IntentScore>) {
        scores.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.intent.cmp(&b.intent)));
        if let Some((_, utterance)) = self.overheard.take_if(|(own, _)| *own == request) {
            if self.phase == Phase::Talking {
                self.understood_beside(utterance, scores);
            }
            return;
        }
        let Some(Pending::Understand {
            whole,
            parts,
            scores: have,
            ..
        }) = &mut self.pending
        else {
            return;
        };
        if request != *whole && !parts.contains(&request) {
            return;
        }
        have.insert(request, scores);
        if have.len() < 1 + parts.len() {
            return;
        }
        let Some(Pending::Understand {
            whole,
            parts,
            mut scores,
            turn,
            detour,
            ..
        }) = self.pending.take()
        else {
            return;
        };
        if detour {
            self.decide_detour(scores.remove(&whole).unwrap_or_default(), turn);
            return;
        }
        self.decide(whole, &parts, &scores, turn);
    }

    fn decide(
        &mut self,
        whole: RequestId,
        parts: &[RequestId],
        scores: &BTreeMap<RequestId, Vec<IntentScore>>,
        turn: CallerTurn,
    ) {
        let known = |request: &RequestId| -> Option<IntentScore> {
            let best = scores.get(request)?.first()?;
            (!best.intent.is_none() && best.score >= self.policy.intent_unsure)
                .then(|| best.clone())
        };
        let halves: Vec<IntentScore> = parts.iter().filter_map(known).collect();
        if let [first, second] = &halves[..]
            && !turn.doubtful
            && first.intent != second.intent
            && self.is_doable(first)
            && self.is_doable(second)
        {
            let (first, second) = (first.clone(), second.clone());
            self.later.push_back(second.intent.clone());
            self.emit(EventKind::IntentFound {
                utterance: turn.utterance,
                best: first.clone(),
                others: vec![second],
            });
            self.take_intent(first, turn);
            return;
        }
        let all = scores.get(&whole).cloned().unwrap_or_default();
        let Some(best) = all.first().cloned() else {
            self.look_up(turn, None);
            return;
        };
        self.emit(EventKind::IntentFound {
            utterance: turn.utterance,
            best: best.clone(),
            others: all.into_iter().skip(1).take(4).collect(),
        });
        self.take_intent(best, turn);
    }

    fn is_doable(&self, score: &IntentScore) -> bool {
        let intent = score.intent.as_str();
        self.book.flow_of(intent).is_some() || self.book.article_of(intent).is_some()
    }

    fn take_intent(&mut self, best: IntentScore, turn: CallerTurn) {
        let none = best.intent.is_none() || best.score < self.policy.intent_unsure;
        if none {
            // A search for words that were hardly heard finds something that nobody asked for.
            if turn.doubtful {
                self.misunderstood();
            } else {
                self.look_up(turn, None);
            }
            return;
        }
        let article = self
            .book
            .article_of(best.intent.as_str())
            .map(str::to_owned);
        let has_flow = self.book.flow_of(best.intent.as_str()).is_some();
        let sure = best.score >= self.policy.intent_sure && !turn.doubtful;
        if !has_flow && !turn.doubtful {
            self.intent = Some(best.intent);
            self.look_up(turn, article);
        } else if has_flow && sure {
            self.act_on(best.intent);
        } else {
            self.confirm_intent(best.intent);
        }
    }

    /// "I understood: …. Is that right?"
    pub(super) fn confirm_intent(&mut self, intent: IntentId) {
        let title = self
            .book
            .title_of(intent.as_str(), self.lang)
            .unwrap_or("")
            .to_owned();
        let mut facts = self.facts();
        facts.insert("title".into(), Json::from(title));
        self.question("confirm-intent", &facts, Awaiting::IntentConfirm(intent));
    }

    /// The intent is certain: its flow, or its article.
    pub(super) fn act_on(&mut self, intent: IntentId) {
        self.no_match = 0;
        let flow = self
            .book
            .flow_of(intent.as_str())
            .map(|flow| flow.id.clone());
        let article = self.book.article_of(intent.as_str()).map(str::to_owned);
        let title = self
            .book
            .title_of(intent.as_str(), self.lang)
            .unwrap_or("")
            .to_owned();
        self.intent = Some(intent);
        match flow {
            Some(flow) => self.enter_flow(&flow),
            None => {
                self.leave_flow("left");
                let turn = CallerTurn {
                    text: title,
                    ..CallerTurn::default()
                };
                self.look_up(turn, article);
            }
        }
    }

    /// Asks the knowledge base.
    fn look_up(&mut self, turn: CallerTurn, article: Option<String>) {
        let request = self.new_request();
        self.awaiting = Awaiting::Nothing;
        self.request(Request::Ask {
            request,
            query: turn.text.clone(),
            lang: self.lang,
            article: article.clone(),
        });
        self.pending = Some(Pending::Ask {
            request,
            turn,
            article,
            deadline: self.after(self.policy.understand_ms_max),
        });
    }

    pub(super) fn on_found(&mut self, request: RequestId, passages: Vec<Passage>) {
        let article = match &self.pending {
            Some(Pending::Ask {
                request: asked,
                article,
                ..
            }) if *asked == request => article.clone(),
            _ => return,
        };
        self.pending = None;
        self.emit(EventKind::PassagesFound {
            request,
            passages: passages.clone(),
        });
        let named = article.as_deref().and_then(|article| {
            passages
                .iter()
                .filter(|passage| passage.document == article)
                .max_by_key(|passage| passage.score)
        });
        // An article that the intent names needs less of the search's approval.
        let enough =
            |passage: &&Passage, share: u16| passage.score >= self.policy.passage_min / 4 * share;
        let best = passages.iter().reduce(|best, passage| {
            if passage.score > best.score {
                passage
            } else {
                best
            }
        });
        let chosen = named
            .filter(|p| enough(p, 2))
            .or(best.filter(|p| enough(p, 4)));
        match chosen.map(|passage| first_sentences(&passage.text, self.lang)) {
            Some(text) if !text.is_empty() => self.speak_passage(text),
            _ => self.misunderstood(),
        }
    }

    fn speak_passage(&mut self, text: String) {
        self.no_match = 0;
        let before = self.lines.len();
        self.say_text("passage", text);
        let facts = self.facts();
        self.say_with("did-that-help", &facts);
        self.asked_from(before, Awaiting::Helped);
    }

    /// The models and connectors that did not answer in time.
    pub(super) fn pending_timers(&mut self) {
        let now = self.now;
        let Some(pending) = &mut self.pending else {
            return;
        };
        if let Pending::Connect {
            deadline, filler, ..
        } = pending
            && filler.is_some_and(|at| now >= at)
            && now < *deadline
        {
            *filler = None;
            if !self.is_talking() {
                self.say("one-moment");
            }
            return;
        }
        if now < pending.deadline() {
            return;
        }
        match self.pending.take() {
            Some(Pending::Understand { detour: true, .. }) => self.no_answer(),
            Some(Pending::Understand { .. }) => {
                self.degrade("classifier", "keypad menu");
                self.offer_keys("understanding-lost");
            }
            Some(Pending::Ask { .. }) => {
                self.degrade("knowledge", "no match");
                self.misunderstood();
            }
            Some(Pending::Connect { request, .. }) => {
                self.degrade(
                    "connector",
                    "the caller hears that it cannot be looked up now",
                );
                let reason = "no answer in time".to_owned();
                self.connector_answered(request, ConnectorAnswer::Failed { reason });
            }
            None => {}
        }
    }

    pub(super) fn filler_at(&self) -> CallTime {
        self.now + ms(self.policy.connector_filler_ms)
    }
}

/// The first sentences of a passage, without Markdown, as far as they can be listened to.
pub(super) fn first_sentences(text: &str, lang: Lang) -> String {
    let plain = without_markdown(text);
    let room = match lang {
        Lang::Zh => PASSAGE_CHARS_ZH,
        Lang::En => PASSAGE_CHARS_EN,
    };
    let mut out = String::new();
    for sentence in sentences(&plain) {
        let length = out.chars().count() + sentence.chars().count();
        if !out.is_empty() && length > room {
            break;
        }
        out.push_str(sentence);
    }
    out.trim().to_owned()
}

fn sentences(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next_blank = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        let ends =
            matches!(c, '。' | '！' | '？' | '；') || (matches!(c, '.' | '!' | '?') && next_blank);
        if ends {
            let end = at + c.len_utf8();
            out.push(&text[start..end]);
            start = end;
        }
    }
    out.push(&text[start..]);
    out
}

fn without_markdown(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = line.trim().trim_start_matches(['#', '>', '*', '-', ' ']);
        if line.is_empty() || line.starts_with('|') {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        let mut in_address = false;
        for c in line.chars() {
            match c {
                '(' if out.ends_with(']') => in_address = true,
                ')' if in_address => in_address = false,
                '*' | '`' | '_' => {}
                _ if in_address => {}
                _ => out.push(c),
            }
        }
    }
    out.replace(['[', ']'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_short_enough_to_listen_to() {
        let text = "退款一般在**三个工作日**内到账。银行卡可能更久。".to_owned()
            + &"很长的一句话。".repeat(30);
        let said = first_sentences(&text, Lang::Zh);
        assert!(said.starts_with("退款一般在三个工作日内到账。银行卡可能更久。"));
        assert!(said.chars().count() <= PASSAGE_CHARS_ZH);
        assert_eq!(
            first_sentences(
                "## Head\nPay by [card](https://x.y) or 3.5 yuan. Done.",
                Lang::En
            ),
            "Head Pay by card or 3.5 yuan. Done."
        );
    }
}
