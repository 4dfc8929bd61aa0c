//! What is found beside the conversation while it runs: mood, compliance, suggestion cards, and the
//! summary at its end. Each goes through the state machine as a fact, so a replay has it too.

use super::CallMessage;
use super::task::CallTask;
use crate::content::Content;
use sidetone_acd::AcdInput;
use sidetone_assist::cards::{CardPolicy, Cards};
use sidetone_assist::compliance::Check;
use sidetone_assist::summary;
use sidetone_assist::view::{CallState, CallView};
use sidetone_inference::llm::{Chat, Message, Role};
use sidetone_types::*;
use std::sync::Arc;
use std::time::Instant;

/// The intent of those who ask for a person.
const PERSON_WISH: &str = "agent-request";
/// Passages looked at for cards.
const PASSAGES_MAX: usize = 6;

/// The folds that follow one call.
pub(super) struct Facts {
    /// The content that the call began with; a file saved in mid-call is for the next one.
    pub content: Arc<Content>,
    pub view: CallView,
    check: Check,
    cards: Cards,
    summary_drafted: bool,
}

impl Facts {
    pub fn new(content: Arc<Content>) -> Self {
        Self {
            check: content.rules.check(),
            cards: Cards::new(CardPolicy::default()),
            view: CallView::default(),
            summary_drafted: false,
            content,
        }
    }

    /// The caller's last mood.
    pub fn caller_mood(&self) -> Option<i8> {
        self.view.mood.now
    }
}

impl CallTask {
    /// Looks at an event that has just happened.
    pub(super) fn observe(&mut self, event: &CallEvent) {
        self.facts.view.apply(event);
        self.facts.cards.apply(event);
        for hit in self.facts.check.apply(event) {
            self.fact(hit);
        }
        match &event.kind {
            EventKind::Heard { leg, transcript } if !transcript.text.is_empty() => {
                self.score_mood(*leg, transcript);
                if *leg == LegId::CALLER {
                    self.suggest(transcript);
                }
            }
            EventKind::LanguageChanged { lang } => self.lang = *lang,
            EventKind::WrapUpEnded { agent, .. } => {
                self.dispatch(AcdInput::WrapUpDone {
                    agent: agent.clone(),
                });
            }
            EventKind::WrapUpStarted { agent } => {
                self.part_from(agent);
                self.summarize();
            }
            // Whoever is asked for sees at the ring what it is about; the draft is made again at
            // the end of the call.
            EventKind::TransferStarted { .. } => self.summarize(),
            EventKind::TransferEnded { by, outcome, .. } => {
                self.facts.summary_drafted = false;
                self.consultation_over(by, *outcome);
            }
            EventKind::Answered { .. } => self.facts.summary_drafted = false,
            EventKind::Seated {
                leg,
                party: Party::Agent { .. },
                ..
            } => {
                if let Some(leg) = self.legs.get_mut(leg) {
                    leg.listens = true;
                }
            }
            EventKind::CallEnded { .. } => self.summarize(),
            _ => {}
        }
    }

    fn score_mood(&mut self, leg: LegId, transcript: &Transcript) {
        let mood = self
            .facts
            .content
            .mood
            .score(&transcript.text, transcript.lang);
        self.fact(EventKind::MoodScored {
            utterance: transcript.utterance,
            leg,
            mood,
        });
    }

    /// Asks the knowledge base for cards, once a person is or will be on the call.
    fn suggest(&mut self, transcript: &Transcript) {
        if self.facts.view.state == CallState::Assistant {
            return;
        }
        let content = self.facts.content.clone();
        let handle = self.handle.clone();
        let transcript = Box::new(transcript.clone());
        tokio::spawn(async move {
            let classified = tokio::task::spawn_blocking(move || {
                let text = transcript.text.as_str();
                let scores = content.classifier.classify(text, transcript.lang);
                CallMessage::Classified { transcript, scores }
            });
            if let Ok(classified) = classified.await {
                handle.send(classified).await;
            }
        });
    }

    /// What was said to a person is classified; it may be worth a look into the knowledge base.
    pub(super) fn look_for_cards(&mut self, transcript: &Transcript, scores: &[IntentScore]) {
        let utterance = transcript.utterance;
        let lang = transcript.lang;
        // Who asks for a person is about to have one; there is nothing to suggest.
        if scores
            .first()
            .is_some_and(|best| best.intent.as_str() == PERSON_WISH)
        {
            return;
        }
        let Some(query) = self.facts.cards.question(transcript, scores.first()) else {
            return;
        };
        let house = self.house.clone();
        let handle = self.handle.clone();
        let began = Instant::now();
        tokio::spawn(async move {
            let passages = house.knowledge.suggest(&query, lang, PASSAGES_MAX).await;
            metrics::histogram!("sidetone_stage_seconds", "stage" => "suggestion")
                .record(began.elapsed().as_secs_f64());
            handle
                .send(CallMessage::Suggested {
                    utterance,
                    passages,
                })
                .await;
        });
    }

    /// Passages for cards arrived.
    pub(super) fn show_cards(&mut self, utterance: UtteranceId, passages: &[Passage]) {
        let cards = self.facts.cards.choose(utterance, passages);
        if !cards.is_empty() {
            self.fact(EventKind::CardsShown { cards });
        }
    }

    /// The summary is drafted when a person's wrap-up begins, or when the assistant's call ends.
    fn summarize(&mut self) {
        if std::mem::replace(&mut self.facts.summary_drafted, true) {
            return;
        }
        let titles = self.facts.content.titles(self.lang);
        let sentences = summary::draft_titled(&self.facts.view, self.lang, &titles);
        if !sentences.is_empty() {
            self.fact(EventKind::SummaryDrafted {
                sentences,
                by: "transcript".into(),
            });
        }
        self.summarize_with_model();
    }

    /// A language model's summary replaces the drawn one where it comes in time, and only those of
    /// its sentences that the transcript bears out.
    fn summarize_with_model(&self) {
        let Some(model) = self.house.models.language_model.clone() else {
            return;
        };
        let handle = self.handle.clone();
        let view = self.facts.view.clone();
        let lang = self.lang;
        tokio::spawn(async move {
            let reply = match model.answer(&chat(&view, lang)).await {
                Ok(reply) => reply,
                Err(error) => {
                    tracing::warn!(call = %handle.call, %error, "no summary from the language model");
                    return;
                }
            };
            let sentences = match summary::parse_reply(&reply, &view) {
                Ok(reply) => reply.kept,
                Err(error) => {
                    tracing::warn!(call = %handle.call, %error, "the language model's summary is no use");
                    return;
                }
            };
            if !sentences.is_empty() {
                let by = model.id().to_owned();
                let event = Box::new(EventKind::SummaryDrafted { sentences, by });
                handle
                    .send(CallMessage::Input(CallInput::Fact { event }))
                    .await;
            }
        });
    }
}

/// The question to a language model: instructions, and the turns as data.
fn chat(view: &CallView, lang: Lang) -> Chat {
    let messages = summary::prompt(view, lang)
        .into_iter()
        .map(|(role, content)| Message {
            role: if role == "system" {
                Role::System
            } else {
                Role::User
            },
            content,
        })
        .collect();
    Chat {
        messages,
        tokens_max: 700,
        temperature: 0.0,
    }
}
