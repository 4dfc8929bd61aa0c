//! The routing policy as a person writes it, and what is checked before it is used.

use crate::Opening;
use serde::{Deserialize, Serialize};
use sidetone_types::{AgentId, ContentError, IntentId, Lang, QueueId};
use std::collections::{BTreeMap, BTreeSet};

/// Everything the router is told in advance. As a file:
///
/// ```toml
/// wrap_up_s_max = 60
/// tiers = { vip = 100, gold = 20 }
///
/// [weights]
/// intents = { complaint-file = 10 }
/// angry_points = 5
///
/// [[queue]]
/// id = "refunds"
/// name_zh = "退款售后"
/// name_en = "Refunds and returns"
/// skills = ["refunds"]
/// target_s = 20
/// hours = [{ days = ["mon", "tue", "wed", "thu", "fri"], from = "09:00", to = "21:00" }]
/// overflow = { to = "general", after_s = 60 }
///
/// [[agent]]
/// id = "ann"
/// languages = ["zh", "en"]
/// skills = { refunds = 7 }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcdPolicy {
    #[serde(rename = "queue")]
    pub queues: Vec<QueuePolicy>,
    #[serde(rename = "agent", default)]
    pub agents: Vec<AgentPolicy>,
    /// Priority points of the customers' tiers, as the CRM names them.
    #[serde(default)]
    pub tiers: BTreeMap<String, i32>,
    #[serde(default)]
    pub weights: Weights,
    /// The longest wrap-up; after it the agent is available again. 0: none.
    #[serde(default = "wrap_up_s_max")]
    pub wrap_up_s_max: u32,
    /// How long an agent's page may be gone (a reload) before they are offline.
    #[serde(default = "agent_grace_s")]
    pub agent_grace_s: u32,
    /// How long a call that an agent declined is not offered to them again.
    #[serde(default = "decline_rest_s")]
    pub decline_rest_s: u32,
    /// How long those in line wait on when the last agent who could help them has logged off.
    #[serde(default = "nobody_grace_s")]
    pub nobody_grace_s: u32,
}

/// One waiting line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueuePolicy {
    pub id: QueueId,
    pub name_zh: String,
    pub name_en: String,
    /// What an agent must have to be offered calls of this queue.
    #[serde(default)]
    pub skills: Vec<String>,
    /// The lowest level of those skills.
    #[serde(default = "one")]
    pub level_min: u8,
    /// The Y of service level X/Y.
    #[serde(default = "target_s")]
    pub target_s: u32,
    /// How long an agent's page rings.
    #[serde(default = "offer_s")]
    pub offer_s: u32,
    #[serde(default = "waiting_max")]
    pub waiting_max: u32,
    /// The longest anyone waits here; then the call is told that nobody comes.
    #[serde(default = "wait_s_max")]
    pub wait_s_max: u32,
    /// Points for every call of this queue: a priority line.
    #[serde(default)]
    pub priority: i32,
    /// Empty: always open.
    #[serde(default)]
    pub hours: Vec<Opening>,
    #[serde(default)]
    pub overflow: Option<Overflow>,
}

/// After `after_s` the call is offered to another queue's agents too, and keeps its place here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overflow {
    pub to: QueueId,
    pub after_s: u32,
}

/// One person who answers calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentPolicy {
    pub id: AgentId,
    /// The first is the one they speak best.
    pub languages: Vec<Lang>,
    /// Level 1 to 10 of every skill.
    #[serde(default)]
    pub skills: BTreeMap<String, u8>,
}

/// How the inputs weigh against each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Given: a priority point is worth so many seconds of waiting, so that nobody starves. Not
    /// given: higher priority always goes first.
    pub point_is_worth_s: Option<u32>,
    /// Points of an intent, such as 10 for complaints.
    pub intents: BTreeMap<IntentId, i32>,
    /// Callers whose mood is at or below `angry_at` get `angry_points`.
    pub angry_at: i8,
    pub angry_points: i32,
    /// Score of an agent for each skill level above none, averaged over the skills asked for.
    pub skill: u32,
    /// Score of an agent whose best language is the caller's.
    pub language: u32,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            point_is_worth_s: None,
            intents: BTreeMap::new(),
            angry_at: -60,
            angry_points: 0,
            skill: 1,
            language: 3,
        }
    }
}

impl AcdPolicy {
    /// Reads and checks a policy. `file` is what the errors name.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<ContentError>> {
        let policy: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_at(text, span.start));
            vec![fault(
                file,
                line,
                error.message().trim().replace('\n', "; "),
                "correct the field; every queue needs id, name_zh and name_en, every agent id and languages",
            )]
        })?;
        policy.check(text, file)?;
        Ok(policy)
    }

    /// What the grammar cannot say. `text` may be empty; it is searched for line numbers only.
    pub fn check(&self, text: &str, file: &str) -> Result<(), Vec<ContentError>> {
        let mut found = Vec::new();
        let mut say = |about: &str, reason: String, hint: &str| {
            found.push(fault(file, line_of(text, about), reason, hint));
        };
        if self.queues.is_empty() {
            say(
                "",
                "no queue is defined".into(),
                "write at least one [[queue]]",
            );
        }
        self.check_queues(&mut say);
        self.check_agents(&mut say);
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    fn check_queues(&self, say: &mut impl FnMut(&str, String, &str)) {
        let ids: BTreeSet<_> = self.queues.iter().map(|queue| &queue.id).collect();
        let mut seen = BTreeSet::new();
        for queue in &self.queues {
            let id = queue.id.as_str();
            if !seen.insert(id) {
                say(
                    id,
                    format!("queue `{id}` is defined twice"),
                    "rename one of them",
                );
            }
            if let Some(overflow) = &queue.overflow
                && (!ids.contains(&overflow.to) || overflow.to == queue.id)
            {
                let to = &overflow.to;
                let reason = format!("queue `{id}` overflows to `{to}`, which is no other queue");
                say(id, reason, "name another queue of this file");
            }
            if !(1..=10).contains(&queue.level_min) {
                let reason = format!("queue `{id}`: level_min {} is not 1 to 10", queue.level_min);
                say(id, reason, "levels go from 1 (beginner) to 10 (best)");
            }
            if queue.offer_s == 0 || queue.wait_s_max == 0 || queue.waiting_max == 0 {
                let reason =
                    format!("queue `{id}`: offer_s, wait_s_max and waiting_max must be above 0");
                say(id, reason, "leave the field out for the default");
            }
            let known = |skill: &&String| self.agents.iter().any(|a| a.skills.contains_key(*skill));
            for skill in queue.skills.iter().filter(|skill| !known(skill)) {
                let reason = format!("queue `{id}` asks for the skill `{skill}`, which nobody has");
                say(id, reason, "give an agent the skill, or correct its name");
            }
        }
    }

    fn check_agents(&self, say: &mut impl FnMut(&str, String, &str)) {
        let mut seen = BTreeSet::new();
        for agent in &self.agents {
            let id = agent.id.as_str();
            if !seen.insert(id) {
                say(
                    id,
                    format!("agent `{id}` is defined twice"),
                    "remove one of them",
                );
            }
            if agent.languages.is_empty() {
                let reason = format!("agent `{id}` speaks no language");
                say(id, reason, "write languages = [\"zh\"], [\"en\"] or both");
            }
            for (skill, level) in agent.skills.iter().filter(|(_, l)| !(1..=10).contains(*l)) {
                let reason = format!("agent `{id}`: level {level} of `{skill}` is not 1 to 10");
                say(id, reason, "levels go from 1 (beginner) to 10 (best)");
            }
        }
    }
}

fn fault(file: &str, line: Option<u32>, reason: String, hint: &str) -> ContentError {
    ContentError {
        file: file.to_owned(),
        line,
        reason,
        hint: hint.to_owned(),
    }
}

fn line_at(text: &str, offset: usize) -> u32 {
    let newlines = text.bytes().take(offset).filter(|byte| *byte == b'\n');
    u32::try_from(newlines.count() + 1).unwrap_or(u32::MAX)
}

/// The first line that gives the quoted name as an id.
fn line_of(text: &str, id: &str) -> Option<u32> {
    let quoted = format!("\"{id}\"");
    let is_it = |line: &str| line.trim_start().starts_with("id") && line.contains(&quoted);
    let at = text.lines().position(is_it)?;
    u32::try_from(at + 1).ok()
}

fn one() -> u8 {
    1
}
fn target_s() -> u32 {
    20
}
fn offer_s() -> u32 {
    20
}
fn waiting_max() -> u32 {
    100
}
fn wait_s_max() -> u32 {
    900
}
fn wrap_up_s_max() -> u32 {
    60
}
fn agent_grace_s() -> u32 {
    15
}
fn decline_rest_s() -> u32 {
    30
}
fn nobody_grace_s() -> u32 {
    30
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn errors(text: &str) -> String {
        let found = AcdPolicy::parse(text, "acd.toml").expect_err("a bad policy was taken");
        let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn a_policy_says_where_it_is_wrong() {
        let text = "[[queue]]\nid = \"a\"\nname_zh = \"甲\"\nname_en = \"A\"\ntarget = 3\n";
        expect![[r#"acd.toml:5: unknown field `target`, expected one of `id`, `name_zh`, `name_en`, `skills`, `level_min`, `target_s`, `offer_s`, `waiting_max`, `wait_s_max`, `priority`, `hours`, `overflow` (correct the field; every queue needs id, name_zh and name_en, every agent id and languages)"#]]
        .assert_eq(&errors(text));
        let text = r#"
[[queue]]
id = "a"
name_zh = "甲"
name_en = "A"
skills = ["tax"]
overflow = { to = "b", after_s = 5 }
[[agent]]
id = "ann"
languages = []
skills = { refunds = 11 }
"#;
        expect![[r#"
            acd.toml:3: queue `a` overflows to `b`, which is no other queue (name another queue of this file)
            acd.toml:3: queue `a` asks for the skill `tax`, which nobody has (give an agent the skill, or correct its name)
            acd.toml:9: agent `ann` speaks no language (write languages = ["zh"], ["en"] or both)
            acd.toml:9: agent `ann`: level 11 of `refunds` is not 1 to 10 (levels go from 1 (beginner) to 10 (best))"#]]
        .assert_eq(&errors(text));
    }

    #[test]
    fn hours_are_read_as_a_person_writes_them() {
        let text = r#"
[[queue]]
id = "a"
name_zh = "甲"
name_en = "A"
hours = [{ days = ["mon", "sun"], from = "09:00", to = "18:30" }]
"#;
        let policy = AcdPolicy::parse(text, "acd.toml").unwrap();
        assert_eq!(policy.queues[0].hours[0].to, 18 * 60 + 30);
        let bad = text.replace("18:30", "25:00");
        assert!(
            errors(&bad).contains("`25:00` is no time of day"),
            "{}",
            errors(&bad)
        );
        let bad = text.replace("sun", "sonntag");
        assert!(
            errors(&bad).contains("`sonntag` is no day"),
            "{}",
            errors(&bad)
        );
    }
}
