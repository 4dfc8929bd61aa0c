//! When to look for suggestions while people talk, and which of those found are worth showing.

use sidetone_types::*;
use std::collections::BTreeSet;

/// When a card is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardPolicy {
    /// Cards of one utterance.
    pub shown_max: usize,
    /// Passages below this hybrid score (0..=1000) are not shown.
    pub score_min: u16,
    /// A passage this far (of 1000) below the best one of the same question is left out.
    pub below_best_max: u16,
    /// Shorter utterances ask nothing: Chinese characters, or words of other scripts.
    pub han_min: usize,
    pub words_min: usize,
    /// An intent at or above this score (0..=1000) asks even with a short utterance.
    pub intent_min: u16,
}

impl Default for CardPolicy {
    fn default() -> Self {
        Self {
            shown_max: 3,
            score_min: 350,
            below_best_max: 300,
            han_min: 4,
            words_min: 3,
            intent_min: 700,
        }
    }
}

/// The cards of one call. Fold the call's events into it, so that a restart shows none twice.
#[derive(Clone, Debug, Default)]
pub struct Cards {
    policy: CardPolicy,
    /// Document and section of every card shown.
    shown: BTreeSet<(String, String)>,
    next: CardId,
    backchannels: BTreeSet<UtteranceId>,
    asked: BTreeSet<UtteranceId>,
}

impl Cards {
    pub fn new(policy: CardPolicy) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

    /// Takes the call's next event.
    pub fn apply(&mut self, event: &CallEvent) {
        match &event.kind {
            EventKind::CardsShown { cards } => {
                for card in cards {
                    let Passage {
                        document, section, ..
                    } = &card.passage;
                    self.shown.insert((document.clone(), section.clone()));
                    self.next = self.next.max(card.card.next());
                }
            }
            EventKind::Backchannel { utterance } => {
                self.backchannels.insert(*utterance);
            }
            _ => {}
        }
    }

    /// The question for the knowledge base, or `None` where the caller's words ask nothing. The
    /// intent is that of this utterance, once it is known. Answers once for each utterance.
    pub fn question(
        &mut self,
        transcript: &Transcript,
        intent: Option<&IntentScore>,
    ) -> Option<String> {
        let text = transcript.text.as_str().trim();
        if transcript.stage != Stage::Final || self.backchannels.contains(&transcript.utterance) {
            return None;
        }
        let han = text.chars().filter(|c| crate::plain::is_han(*c)).count();
        let tokens = crate::plain::tokens(text).len();
        let long = han >= self.policy.han_min || tokens - han >= self.policy.words_min;
        let clear = intent
            .is_some_and(|found| !found.intent.is_none() && found.score >= self.policy.intent_min);
        let asks = tokens > 0 && (long && !smalltalk(text) || clear);
        (asks && self.asked.insert(transcript.utterance)).then(|| text.to_owned())
    }

    /// The cards to show for what was found, best first; an empty list means none is worth it.
    /// Hand the result to the call as `CardsShown`.
    pub fn choose(&self, utterance: UtteranceId, passages: &[Passage]) -> Vec<Card> {
        let mut found: Vec<&Passage> = passages.iter().collect();
        found.sort_by_key(|passage| std::cmp::Reverse(passage.score));
        let best = found.first().map_or(0, |passage| passage.score);
        let floor = best
            .saturating_sub(self.policy.below_best_max)
            .max(self.policy.score_min);
        let mut here = BTreeSet::new();
        let mut number = self.next;
        let mut cards = Vec::new();
        for passage in found.into_iter().filter(|passage| passage.score >= floor) {
            let place = (passage.document.clone(), passage.section.clone());
            if self.shown.contains(&place) || !here.insert(place) {
                continue;
            }
            cards.push(Card {
                card: number,
                passage: passage.clone(),
                utterance,
            });
            number = number.next();
            if cards.len() == self.policy.shown_max {
                break;
            }
        }
        cards
    }
}

/// Greetings, thanks and listening noises, whatever their length.
fn smalltalk(text: &str) -> bool {
    const ZH: [&str; 14] = [
        "好的",
        "谢谢",
        "你好",
        "您好",
        "可以",
        "知道了",
        "明白了",
        "没事",
        "再见",
        "对",
        "嗯",
        "是的",
        "行",
        "哦",
    ];
    const EN: [&str; 22] = [
        "ok", "okay", "yes", "yeah", "no", "thanks", "thank", "you", "hello", "hi", "bye", "right",
        "sure", "fine", "great", "good", "alright", "uh", "um", "mm", "hm", "i see",
    ];
    let plain = crate::plain::plain(text);
    let mut rest = plain.as_str().trim();
    'next: while !rest.is_empty() {
        for word in ZH {
            if let Some(after) = rest.strip_prefix(word) {
                rest = after.trim_start_matches(['的', '了', '啊', '吧', '呢', '您', '你', ' ']);
                continue 'next;
            }
        }
        for word in EN {
            let after = rest.strip_prefix(word);
            if let Some(after) = after.filter(|after| after.is_empty() || after.starts_with(' ')) {
                rest = after.trim_start();
                continue 'next;
            }
        }
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(utterance: u32, text: &str) -> Transcript {
        Transcript {
            utterance: UtteranceId(utterance),
            text: Masked::authored(text),
            words: Vec::new(),
            stage: Stage::Final,
            lang: Lang::Zh,
            confidence: 900,
            rejected: false,
        }
    }

    fn passage(document: &str, score: u16) -> Passage {
        Passage {
            document: document.into(),
            title: document.into(),
            section: "1".into(),
            text: "…".into(),
            score,
        }
    }

    #[test]
    fn only_words_that_ask_something_are_looked_up() {
        let mut cards = Cards::default();
        for small in [
            "嗯",
            "好的好的，谢谢你啊",
            "Okay, thank you. Bye!",
            "知道了，谢谢您",
            "…",
            "",
        ] {
            assert_eq!(cards.question(&said(1, small), None), None, "{small}");
        }
        let asking = ["退款什么时候到账", "where is my parcel", "好的那发票怎么开"];
        for (utterance, asks) in (10..).zip(asking) {
            assert!(
                cards.question(&said(utterance, asks), None).is_some(),
                "{asks}"
            );
            assert!(
                cards.question(&said(utterance, asks), None).is_none(),
                "asked twice"
            );
        }
        let intent = |intent: &str, score| IntentScore {
            intent: intent.into(),
            score,
        };
        assert!(
            cards
                .question(&said(2, "发票"), Some(&intent("invoice-request", 900)))
                .is_some()
        );
        assert!(
            cards
                .question(&said(3, "发票"), Some(&intent("invoice-request", 300)))
                .is_none()
        );
        assert!(
            cards
                .question(&said(4, "月亮"), Some(&intent("none", 990)))
                .is_none()
        );
        let mut partial = said(5, "退款什么时候到账");
        partial.stage = Stage::Partial;
        assert!(cards.question(&partial, None).is_none());
    }

    #[test]
    fn at_most_three_cards_and_none_twice() {
        let mut cards = Cards::default();
        let found = [
            passage("weak", 349),
            passage("b", 800),
            passage("a", 900),
            passage("a", 890),
            passage("c", 700),
            passage("d", 650),
            passage("far", 590),
        ];
        let first = cards.choose(UtteranceId(7), &found);
        let names = |cards: &[Card]| {
            let names = cards
                .iter()
                .map(|c| format!("{}:{}", c.card, c.passage.document));
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&first), "0:a 1:b 2:c");
        cards.apply(&CallEvent {
            seq: 0,
            at: CallTime::ZERO,
            call: "c".into(),
            kind: EventKind::CardsShown { cards: first },
        });
        assert_eq!(names(&cards.choose(UtteranceId(8), &found)), "3:d");
        assert_eq!(names(&cards.choose(UtteranceId(9), &found[..1])), "");
    }
}
