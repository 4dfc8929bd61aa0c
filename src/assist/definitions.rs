//! What every number on a page means, in both languages. The only place that says so.

use serde::Serialize;
use std::collections::BTreeMap;

/// One number's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Definition {
    pub zh: &'static str,
    pub en: &'static str,
}

/// Field name → meaning, for the wallboard, the report and the call list.
pub fn definitions() -> BTreeMap<&'static str, Definition> {
    let all = WALLBOARD.iter().chain(&REPORT);
    all.map(|(field, zh, en)| (*field, Definition { zh, en }))
        .collect()
}

type Row = (&'static str, &'static str, &'static str);

const WALLBOARD: [Row; 16] = [
    (
        "offered",
        "来电数：当天开始的所有来电，进行中的也算。",
        "Offered: every call that began that day, those still running included.",
    ),
    (
        "answered",
        "人工接听：有坐席接起的来电。",
        "Answered: calls that a person picked up.",
    ),
    (
        "assistant_finished",
        "智能助理办结：没有进过人工队列，并且由助理结束通话，或者客户在助理给出答复之后挂断。",
        "Finished by the assistant: the call was in no queue, and the assistant ended it or the caller hung up after it had given an answer.",
    ),
    (
        "abandoned",
        "放弃：客户在排队等人工时挂断。",
        "Abandoned: the caller hung up while waiting for a person.",
    ),
    (
        "unserved",
        "未能转接：客户要人工，但队列关闭、已满或无人值班，通话就此结束。",
        "Unserved: a person was wanted and none could be had (queue closed, full or nobody on duty).",
    ),
    (
        "left_early",
        "提前离开：没有排过队，助理也还没有给出答复，客户就挂断了，或者一直没有出声。",
        "Left early: never in a queue, and the caller hung up before the assistant had answered anything, or said nothing.",
    ),
    (
        "failed",
        "中断：线路或系统故障导致通话结束，之前没有人工接听。",
        "Failed: the line or the engine ended the call before a person had answered.",
    ),
    (
        "running",
        "进行中：此刻还没有结束的来电。",
        "Running: calls that have not ended yet.",
    ),
    (
        "answer_rate",
        "接通率：（人工接听＋智能助理办结）÷ 已结束的来电。两部分分别列出。",
        "Answer rate: (answered by a person + finished by the assistant) ÷ calls that have ended. Both parts are shown.",
    ),
    (
        "service_level",
        "服务水平：目标时间内人工接起的来电 ÷（人工接起＋排队中放弃）。放弃的来电一律计入分母。",
        "Service level: calls answered by a person within the target ÷ (answered + abandoned). Every abandoned call counts against it.",
    ),
    (
        "service_target_s",
        "服务水平的目标时间，从进入队列算起，单位秒。",
        "Target of the service level, from entering the queue, in seconds.",
    ),
    (
        "asa_s",
        "平均应答速度：人工接听的来电从进入队列到接起的平均秒数，放弃的不算。",
        "Average speed of answer: mean seconds from entering the queue to the answer, over answered calls; abandoned ones are not counted.",
    ),
    (
        "aht_s",
        "平均处理时长：人工接听的来电从接起到通话结束（含保持），加上话后处理，取平均，单位秒。",
        "Average handling time: mean seconds from the answer to the end of speech, hold included, plus wrap-up, over answered calls.",
    ),
    (
        "waiting",
        "排队数：此刻在队列中还没有被接起的来电，正在振铃的也算。",
        "Waiting: calls in the queue that nobody has picked up yet, ringing ones included.",
    ),
    (
        "longest_wait_s",
        "最长等待：此刻排队的来电里等得最久的一通，从进入队列算起，单位秒。",
        "Longest wait: of the calls waiting now, the one that has waited longest, from entering the queue, in seconds.",
    ),
    (
        "wait",
        "预计等待：按最近 50 通的平均处理时长、排队位置和在岗人数推算的区间，大约十次里有八次落在其中；不足 10 通时显示“未知”。",
        "Expected wait: a range from the mean handling time of the last 50 calls, the place in line and the agents at work, meant to hold eight times in ten; “unknown” under 10 calls.",
    ),
];

const REPORT: [Row; 10] = [
    (
        "mood",
        "情绪：−100（愤怒）到 100（非常满意），只看客户说的话。一通电话取各轮按说话时长加权的平均，多通电话再按通话时长加权。",
        "Mood: −100 (angry) to 100 (delighted), from the caller's words only. A call's is the mean of its turns weighted by how long each was spoken; several calls' is weighted by their length.",
    ),
    (
        "wait_kept",
        "等待预报准确率：报过预计等待并由人工接起的来电里，实际等待落在预报区间内的比例。",
        "Announced waits kept: of the answered calls that were told a wait, the share whose wait lay within the range they were told.",
    ),
    (
        "duration_s",
        "通话时长：从来电开始到说话结束，不含话后处理，单位秒。",
        "Duration: from the start of the call to the end of speech, without wrap-up, in seconds.",
    ),
    (
        "keyword_hits",
        "违规数：这通电话违反的规则条数，同一条规则只算一次。",
        "Rules broken: how many rules this call broke, each counted once.",
    ),
    (
        "keyword_broken",
        "违规：说了禁语，或者该说的没有说，每通电话每条规则算一次。",
        "Broken: a forbidden phrase was said or a required one was missed, once per call and rule.",
    ),
    (
        "keyword_kept",
        "合规：该说的话按要求说到了，每通电话每条规则算一次。",
        "Kept: a required phrase was said in time, once per call and rule.",
    ),
    (
        "cards_shown",
        "推荐话术：通话中展示给坐席的话术条数。",
        "Cards shown: suggestions shown to the agent during calls.",
    ),
    (
        "cards_taken",
        "采纳：坐席直接采用或修改后采用的话术条数。",
        "Cards taken: suggestions the agent accepted as they were or edited.",
    ),
    (
        "calls",
        "来电数：这一行所指的坐席、意图或规则涉及的来电。坐席一行只算最后接听的人。",
        "Calls: those of the agent, intent or rule of the row. An agent's row counts calls they were the last to answer.",
    ),
    (
        "finished_by_assistant",
        "助理办结：这个意图的来电里由智能助理办结的数量，口径同“智能助理办结”。",
        "Finished by the assistant: of the calls of this intent, those finished by the assistant as defined there.",
    ),
];
