//! One leg of a call: its line, its ear, and what is heard and said on it.

use super::Calls;
use super::ear::Ear;
use super::second_line::SecondLine;
use sidetone_call::Expect;
use sidetone_edge::LegHandle;
use sidetone_types::*;

/// Sound of one leg that may wait here; more is older than what people say now.
const FRAMES_WAITING_MS_MAX: u64 = 200;

pub(super) struct Leg {
    pub handle: LegHandle,
    pub ear: Ear,
    pub expect: Expect,
    /// Whether words of this leg are written down: the caller's and the agents'.
    pub listens: bool,
    /// Whose device it is, where it is one of the house.
    pub agent: Option<AgentId>,
    /// The far end has put this leg on hold: what it sends is its own music.
    pub held: bool,
    /// The line on which an agent's telephone talks with somebody else meanwhile.
    pub second: Option<SecondLine>,
    /// This frame's sound of the leg.
    pub pcm: Pcm,
}

impl Leg {
    pub fn new(id: LegId, handle: LegHandle) -> Self {
        Self {
            handle,
            ear: Ear::new(id),
            expect: Expect::Open,
            listens: id == LegId::CALLER,
            agent: None,
            held: false,
            second: None,
            pcm: [0; FRAME_SAMPLES],
        }
    }

    /// The next 20 ms; silence where nothing came. A backlog is cut: what was said long ago helps
    /// nobody now.
    pub fn next_frame(&mut self) -> Pcm {
        let first = take_frame(&mut self.handle);
        match &mut self.second {
            Some(second) if !second.held => take_frame(&mut second.handle),
            _ if self.held => [0; FRAME_SAMPLES],
            _ => first,
        }
    }

    /// What this leg hears. A line that is held plays what it likes meanwhile.
    pub fn say(&self, pcm: &Pcm) {
        self.handle.frames_out.push(pcm);
        if let Some(second) = &self.second {
            second.handle.frames_out.push(pcm);
        }
    }

    pub fn close(self, calls: &Calls) {
        let second = self.second.map(|second| second.handle);
        for handle in std::iter::once(self.handle).chain(second) {
            calls.line_leaves(handle.control.serial());
            handle.close();
        }
    }
}

/// The next 20 ms of a line.
pub(super) fn take_frame(handle: &mut LegHandle) -> Pcm {
    while handle.frames_in.stats().waiting_ms > FRAMES_WAITING_MS_MAX {
        let _ = handle.frames_in.try_recv();
    }
    let frame = handle.frames_in.try_recv();
    frame.map_or([0; FRAME_SAMPLES], |frame| frame.pcm)
}
