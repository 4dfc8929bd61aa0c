//! `sidetone call`: a recorded caller or a WAV file against a running engine, through the same wire
//! as a browser; the conversation is printed as it happens.

use crate::config::Config;
use crate::recorded;
use anyhow::{Context as _, bail};
use clap::Args;
use sidetone_edge::{WebRtcCaller, WebRtcConfig};
use sidetone_sim::bench::percentile;
use sidetone_sim::call::{CallReport, Seen, Turn, place};
use sidetone_sim::client::Engine;
use sidetone_sim::recorded::{RecordedCaller, Voice};
use sidetone_sim::script::Patience;
use sidetone_types::*;
use std::io::{IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

#[derive(Args)]
pub struct CallArgs {
    /// A recorded caller; --list names them
    #[arg(long, required_unless_present_any = ["list", "wav"], conflicts_with = "wav")]
    caller: Option<String>,
    /// List the recorded callers
    #[arg(long)]
    list: bool,
    /// A WAV file instead: each stretch of speech in it is a turn
    #[arg(long, value_name = "FILE")]
    wav: Option<PathBuf>,
    /// Language of the WAV file
    #[arg(long, value_enum, default_value = "zh")]
    lang: super::Tongue,
    /// Who is calling, in the demo data (such as c-wang)
    #[arg(long)]
    customer: Option<String>,
    /// The engine
    #[arg(long, default_value = "http://localhost:8080")]
    url: String,
    /// Keep the call as a WAV file: own sound left, what was heard right
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Seconds to stay in the queue or with a person once everything is said
    #[arg(long, default_value_t = 20)]
    stay: u64,
}

pub async fn run(config: &Config, args: CallArgs) -> anyhow::Result<()> {
    let folder = &config.paths.recorded_callers;
    let callers = recorded::load(folder)?;
    if args.list {
        list(&callers);
        return Ok(());
    }
    let mut voice = match (&args.wav, &args.caller) {
        (Some(file), _) => recorded::voice_of_file(file, args.lang.into())?,
        (None, Some(id)) => {
            let found = callers.into_iter().find(|caller| caller.id == *id);
            let caller = found.with_context(|| {
                format!(
                    "there is no recorded caller “{id}” in {}; `sidetone call --list` names them",
                    folder.display()
                )
            })?;
            recorded::voice(folder, caller)?
        }
        (None, None) => bail!("name a recorded caller (--list shows them) or a WAV file"),
    };
    if args.customer.is_some() {
        voice.caller.customer.clone_from(&args.customer);
    }
    // The file is opened first: a call is not made to find out that it can't be kept.
    let save = match &args.save {
        Some(path) => Some(
            std::fs::File::create(path)
                .with_context(|| format!("{} can't be written", path.display()))?,
        ),
        None => None,
    };
    let report = call(&args, &voice).await?;
    summary(&report);
    if let (Some(file), Some(path)) = (save, &args.save) {
        report
            .track
            .write(std::io::BufWriter::new(file))
            .with_context(|| format!("{} can't be written", path.display()))?;
        println!("kept in {}", path.display());
    }
    Ok(())
}

fn list(callers: &[RecordedCaller]) {
    for caller in callers {
        println!(
            "{:<15} {}  {} · {}\n{:19} {}\n{:19} {}",
            caller.id,
            caller.lang,
            caller.title_zh,
            caller.title_en,
            "",
            caller.about_zh,
            "",
            caller.about_en
        );
    }
}

async fn call(args: &CallArgs, voice: &Voice) -> anyhow::Result<CallReport> {
    let engine = Engine::at(&args.url)?;
    let bind_ip = match engine.is_here() {
        true => IpAddr::V4(Ipv4Addr::LOCALHOST),
        false => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let line = WebRtcCaller::new(WebRtcConfig {
        bind_ip,
        ..WebRtcConfig::default()
    });
    let patience = Patience {
        person_ms: args.stay.saturating_mul(1000),
        ..Patience::default()
    };
    let mut paper = Paper {
        terminal: std::io::stdout().is_terminal(),
        lang: voice.caller.lang,
        partial: false,
    };
    Ok(place(&engine, &line, voice, patience, &mut |at, seen| {
        paper.print(at, &seen)
    })
    .await?)
}

/// Where the conversation is printed. On a terminal a growing text overwrites itself.
struct Paper {
    terminal: bool,
    lang: Lang,
    /// The last line is a partial text.
    partial: bool,
}

impl Paper {
    fn print(&mut self, at_ms: u64, seen: &Seen<'_>) {
        if let Seen::Event(CallEvent {
            kind: EventKind::Partial { leg, text, .. },
            ..
        }) = seen
        {
            if self.terminal {
                print!("\r\x1b[K{} {} … {text}", clock(at_ms), self.who(*leg));
                let _ = std::io::stdout().flush();
                self.partial = true;
            }
            return;
        }
        let Some(line) = self.line(seen) else { return };
        if std::mem::take(&mut self.partial) {
            print!("\r\x1b[K");
        }
        println!("{} {line}", clock(at_ms));
    }

    fn say(&self, zh: &'static str, en: &'static str) -> &'static str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    fn who(&self, leg: LegId) -> &'static str {
        match leg {
            LegId::CALLER => self.say("来电者", "caller"),
            LegId::ASSISTANT => self.say("助手", "assistant"),
            _ => self.say("客服", "agent"),
        }
    }

    fn line(&self, seen: &Seen<'_>) -> Option<String> {
        Some(match seen {
            Seen::Connected => self.say("已接通", "connected").to_owned(),
            Seen::Saying("") => return None,
            Seen::Saying(text) => {
                let says = self.say("（录音开始说）", "(the recording begins to say)");
                format!("{says} {text}")
            }
            Seen::HungUp => self.say("来电者挂断", "the caller hangs up").to_owned(),
            Seen::Event(event) => self.event(&event.kind)?,
        })
    }

    fn event(&self, kind: &EventKind) -> Option<String> {
        let assistant = self.who(LegId::ASSISTANT);
        Some(match kind {
            EventKind::PromptStarted { text, .. } => format!("{assistant}: {text}"),
            EventKind::PromptEnded {
                played,
                interrupted: true,
                ..
            } => {
                let cut = self.say("被打断，只说到", "was cut off after");
                format!("{assistant} {cut} “{played}”")
            }
            EventKind::Heard { leg, transcript } if transcript.text.is_empty() => {
                let nothing = self.say("（没有听出话来）", "(nothing was made out)");
                format!("{}: {nothing}", self.who(*leg))
            }
            EventKind::Heard { leg, transcript } => {
                let sure = u32::from(transcript.confidence) / 10;
                format!("{}: {}  [{sure}%]", self.who(*leg), transcript.text)
            }
            EventKind::BargeIn { .. } => self.say("来电者插话", "the caller barges in").to_owned(),
            EventKind::Backchannel { .. } => self
                .say(
                    "来电者在听，助手继续",
                    "the caller is listening; the assistant goes on",
                )
                .to_owned(),
            EventKind::LanguageChanged { lang } => {
                format!("{} {lang}", self.say("语言改为", "the language is now"))
            }
            EventKind::KeyPressed { key, .. } => format!("{} {key}", self.say("按键", "key")),
            EventKind::QueueEntered { queue, .. } => {
                format!("{} {queue}", self.say("进入队列", "enters the queue"))
            }
            EventKind::WaitAnnounced { position, .. } => {
                format!("{} {position}", self.say("排位", "place in the queue:"))
            }
            EventKind::Answered { agent, .. } => {
                format!("{} {agent}", self.say("接听的客服：", "answered by"))
            }
            EventKind::HoldStarted { .. } => self.say("保持", "on hold").to_owned(),
            EventKind::HoldEnded { .. } => self.say("保持结束", "off hold").to_owned(),
            EventKind::CallEnded { reason } => {
                let reason = serde_json::to_value(reason).unwrap_or_default();
                let ended = self.say("通话结束：", "the call ended:");
                format!("{ended} {}", reason.as_str().unwrap_or_default())
            }
            _ => return None,
        })
    }
}

fn clock(at_ms: u64) -> String {
    format!(
        "{:>2}:{:02}.{}",
        at_ms / 60_000,
        at_ms / 1000 % 60,
        at_ms / 100 % 10
    )
}

/// One line for every turn: what was said, what was heard, and how long each step took.
fn summary(report: &CallReport) {
    println!("\ncall {}", report.call);
    if !report.turns.is_empty() {
        println!("from the end of speech:  text ms  reply ms   said → heard");
    }
    for turn in &report.turns {
        let ms = |value: Option<u64>| value.map_or("-".into(), |ms| ms.to_string());
        let reply = turn.answered.and_then(|answered| answered.reply_ms);
        println!(
            "                        {:>8} {:>9}   {} → {}",
            ms(turn.text_ms),
            ms(reply),
            said(turn),
            turn.heard.join(" / ")
        );
    }
    let mut replies: Vec<u64> = report.reply_ms().collect();
    replies.sort_unstable();
    if let (Some(half), Some(longest)) = (percentile(&replies, 50), replies.last()) {
        println!("first reply audio, on the sound: p50 {half} ms, longest {longest} ms");
    }
    if report.lost_frames > 0 {
        println!("lost frames: {}", report.lost_frames);
    }
}

fn said(turn: &Turn) -> &str {
    match turn.said.as_str() {
        "" => "(speech)",
        text => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(clock(0), " 0:00.0");
        assert_eq!(clock(75_960), " 1:15.9");
    }

    #[test]
    fn what_a_caller_may_read() {
        let paper = Paper {
            terminal: false,
            lang: Lang::En,
            partial: false,
        };
        let event = CallEvent {
            seq: 0,
            at: CallTime::ZERO,
            call: "c".into(),
            kind: EventKind::PromptEnded {
                prompt: PromptId(1),
                played: Masked::authored("Your bill"),
                interrupted: true,
            },
        };
        assert_eq!(
            paper.line(&Seen::Event(&event)).as_deref(),
            Some("assistant was cut off after “Your bill”")
        );
        assert_eq!(paper.line(&Seen::Saying("")), None);
    }
}
