//! What happened beside the words, as one line of the time line, in both languages.

use sidetone_types::*;

/// Chinese and English; `None` for events that are words or too small for the time line.
pub(crate) fn label(kind: &EventKind) -> Option<(String, String)> {
    let both = |zh: &str, en: &str| Some((zh.to_owned(), en.to_owned()));
    match kind {
        EventKind::CallStarted { .. } => both("通话开始", "Call started"),
        EventKind::LanguageChanged { lang: Lang::Zh } => both("改用中文", "Changed to Chinese"),
        EventKind::LanguageChanged { lang: Lang::En } => both("改用英文", "Changed to English"),
        EventKind::BargeIn { .. } => both("客户打断了播报", "Caller interrupted the prompt"),
        EventKind::NoInput { count } => Some((
            format!("没有听到声音（第 {count} 次）"),
            format!("Nothing was said (attempt {count})"),
        )),
        EventKind::NoMatch { count } => Some((
            format!("没有听懂（第 {count} 次）"),
            format!("Not understood (attempt {count})"),
        )),
        EventKind::FlowEntered { flow, .. } => Some((
            format!("进入流程：{flow}"),
            format!("Entered the flow “{flow}”"),
        )),
        EventKind::ConnectorAnswered { ok: false, .. } => both("系统查询失败", "Look-up failed"),
        EventKind::Degraded { what, .. } if what.starts_with("queue") => {
            both("暂时没有人工可以接听", "No person can be had at the moment")
        }
        EventKind::Degraded { what, then } => Some((
            format!("部分功能暂不可用（{what}），已改用备用方式"),
            format!("{what} is unavailable; {then} instead"),
        )),
        EventKind::HoldStarted { .. } => both("通话保持", "On hold"),
        EventKind::HoldEnded { .. } => both("恢复通话", "Off hold"),
        EventKind::TicketCreated { ticket, .. } => Some((
            format!("已建工单 {}", ticket.number),
            format!("Ticket {} created", ticket.number),
        )),
        EventKind::RecordingStarted { .. } => both("开始录音", "Recording started"),
        EventKind::RecordingFailed { .. } => {
            both("录音失败，通话继续", "Recording failed; the call goes on")
        }
        EventKind::WrapUpStarted { .. } => both("开始话后处理", "Wrap-up started"),
        EventKind::WrapUpEnded { .. } => both("话后处理完成", "Wrap-up done"),
        EventKind::CallEnded { reason } => both(ended_zh(*reason), ended_en(*reason)),
        kind => routing(kind),
    }
}

fn routing(kind: &EventKind) -> Option<(String, String)> {
    match kind {
        EventKind::QueueEntered { queue, .. } => Some((
            format!("进入队列 {queue}"),
            format!("Entered the queue {queue}"),
        )),
        EventKind::WaitAnnounced { position, .. } => Some((
            format!("已告知排在第 {position} 位"),
            format!("Told the place in line: {position}"),
        )),
        EventKind::Offered { agent } => {
            Some((format!("{agent} 振铃"), format!("Ringing at {agent}")))
        }
        EventKind::OfferEnded { agent, outcome } => match outcome {
            OfferOutcome::Accepted => None,
            OfferOutcome::Declined => Some((format!("{agent} 拒接"), format!("{agent} declined"))),
            OfferOutcome::TimedOut => {
                Some((format!("{agent} 无应答"), format!("No answer from {agent}")))
            }
            OfferOutcome::Revoked => Some((
                format!("停止向 {agent} 振铃"),
                format!("Ringing at {agent} taken back"),
            )),
        },
        EventKind::Answered { agent, .. } => {
            Some((format!("{agent} 接听"), format!("{agent} answered")))
        }
        kind => control(kind),
    }
}

/// Transfers, pages that went away, supervisors.
fn control(kind: &EventKind) -> Option<(String, String)> {
    match kind {
        EventKind::TransferStarted { by, to, consult } => Some(transfer(by, to, *consult)),
        EventKind::TransferEnded { outcome, .. } => {
            let (zh, en) = match outcome {
                TransferOutcome::Completed => ("转接完成", "Transfer done"),
                TransferOutcome::Conference => ("三方通话开始", "Three-way call started"),
                TransferOutcome::Cancelled => ("转接已取消", "Transfer taken back"),
                TransferOutcome::Failed => ("转接未成功", "Nobody took the transfer"),
            };
            Some((zh.to_owned(), en.to_owned()))
        }
        EventKind::AgentAway { agent, .. } => Some((
            format!("{agent} 的线路断了，等待重新接入"),
            format!("{agent}'s line is gone; the seat is kept"),
        )),
        EventKind::AgentBack { agent, .. } => Some((
            format!("{agent} 已重新接入"),
            format!("{agent} is back on the line"),
        )),
        EventKind::TakenOver { by, .. } => Some((
            format!("{by} 接管了通话"),
            format!("{by} took the call over"),
        )),
        EventKind::Seated {
            party: Party::Supervisor { agent },
            seat,
            ..
        } => {
            let (zh, en) = match seat {
                Seat::Whisper => ("正在耳语指导", "whispers to the agent"),
                Seat::Barge => ("加入了通话", "has barged in"),
                _ => ("正在监听", "listens"),
            };
            Some((format!("{agent} {zh}"), format!("{agent} {en}")))
        }
        _ => None,
    }
}

fn transfer(by: &AgentId, to: &Target, consult: bool) -> (String, String) {
    let to = match to {
        Target::Agent { agent } => agent.to_string(),
        Target::Queue { queue } => queue.to_string(),
        Target::Number { number } => number.shown.to_string(),
    };
    if consult {
        (
            format!("{by} 向 {to} 咨询，客户保持等待"),
            format!("{by} consults {to}; the caller is on hold"),
        )
    } else {
        (
            format!("{by} 把通话转给 {to}"),
            format!("{by} gives the call to {to}"),
        )
    }
}

/// Why a call ended, in Chinese.
pub fn ended_zh(reason: EndReason) -> &'static str {
    match reason {
        EndReason::CallerHungUp => "客户挂断",
        EndReason::AgentHungUp => "坐席挂断",
        EndReason::AssistantFinished => "智能助理办理完毕",
        EndReason::Abandoned => "客户在排队中挂断",
        EndReason::NoInput => "客户一直没有出声，通话结束",
        EndReason::LegFailed => "线路中断",
        EndReason::Lost => "系统中断，通话丢失",
        EndReason::Shutdown => "系统停机，通话结束",
    }
}

/// Why a call ended, in English.
pub fn ended_en(reason: EndReason) -> &'static str {
    match reason {
        EndReason::CallerHungUp => "Caller hung up",
        EndReason::AgentHungUp => "Agent hung up",
        EndReason::AssistantFinished => "Finished by the assistant",
        EndReason::Abandoned => "Caller hung up while waiting",
        EndReason::NoInput => "Nothing was said; the call was ended",
        EndReason::LegFailed => "The line failed",
        EndReason::Lost => "Lost: the engine stopped during the call",
        EndReason::Shutdown => "Ended by a shutdown of the engine",
    }
}
