// The call's events as the engine writes them. Mirrors `src/types/event.rs`; times in µs of call time.

export type Lang = 'zh' | 'en';
export type Wire = 'web_rtc' | 'sip' | 'audio_socket' | 'web_socket' | 'internal';
export type Severity = 'info' | 'warn' | 'critical';
export type CardAction = 'accept' | 'edit' | 'dismiss';
export type SummaryPart = 'issue' | 'fact' | 'done' | 'next';
export type EndReason =
  | 'caller_hung_up'
  | 'agent_hung_up'
  | 'assistant_finished'
  | 'abandoned'
  | 'no_input'
  | 'leg_failed'
  | 'lost'
  | 'shutdown';

export interface Word {
  text: string;
  from: number;
  to: number;
  confidence: number;
}
export interface Transcript {
  utterance: number;
  text: string;
  words: Word[];
  stage: 'partial' | 'final';
  lang: Lang;
  confidence: number;
}
export interface IntentScore {
  intent: string;
  score: number;
}
export interface Passage {
  document: string;
  title: string;
  section: string;
  text: string;
  score: number;
}
export interface Card {
  card: number;
  passage: Passage;
  utterance: number;
}
export interface MoodWord {
  word: string;
  weight: number;
}
export interface Mood {
  score: number;
  because: MoodWord[];
}
export interface SummarySentence {
  text: string;
  part: SummaryPart;
  turns: number[];
}
export interface Ticket {
  number: string;
  subject: string;
  body: string;
  priority: string;
}
export interface WaitRange {
  low_s: number;
  high_s: number;
}
export interface SlotValue {
  shown: string;
  secret?: number;
}
export type Party =
  | { role: 'caller' }
  | { role: 'assistant' }
  | { role: 'agent'; agent: string }
  | { role: 'supervisor'; agent: string }
  | { role: 'outside'; number: string };
/** Where somebody beside the caller stands in a call. */
export type Seat = 'main' | 'consult' | 'away' | 'monitor' | 'whisper' | 'barge';
export type SuperviseMode = 'monitor' | 'whisper' | 'barge';
export type Target =
  | { to: 'agent'; agent: string }
  | { to: 'queue'; queue: string }
  | { to: 'number'; number: SlotValue };
export type TransferOutcome = 'completed' | 'conference' | 'cancelled' | 'failed';

export type EventKind =
  | {
      type: 'call_started';
      wall_ms: number;
      wire: Wire;
      lang: Lang;
      ani?: string | null;
      dnis?: string | null;
      customer?: string | null;
      content?: string;
    }
  | { type: 'leg_joined'; leg: number; party: Party; wire: Wire }
  | { type: 'leg_left'; leg: number; reason: string }
  | { type: 'language_changed'; lang: Lang }
  | { type: 'speech_started'; leg: number; utterance: number }
  | {
      type: 'speech_ended';
      leg: number;
      utterance: number;
      span: { from: number; to: number };
      ended_by: 'pause' | 'complete' | 'length' | 'cut';
    }
  | { type: 'partial'; leg: number; utterance: number; text: string }
  | { type: 'heard'; leg: number; transcript: Transcript }
  | { type: 'intent_found'; utterance: number; best: IntentScore; others: IntentScore[] }
  | { type: 'flow_entered'; flow: string; step: string }
  | { type: 'flow_left'; flow: string; outcome: string }
  | { type: 'slot_filled'; flow: string; slot: string; value: SlotValue; by_key: boolean }
  | { type: 'slot_confirmed'; flow: string; slot: string }
  | { type: 'slot_rejected'; flow: string; slot: string; reason: string }
  | { type: 'prompt_started'; prompt: number; key: string; text: string; lang: Lang }
  | { type: 'prompt_ended'; prompt: number; played: string; interrupted: boolean }
  | { type: 'barge_in'; prompt: number; utterance: number }
  | { type: 'backchannel'; utterance: number }
  | { type: 'key_pressed'; leg: number; key: string }
  | { type: 'no_input'; count: number }
  | { type: 'no_match'; count: number }
  | { type: 'connector_asked'; request: number; operation: string }
  | { type: 'connector_answered'; request: number; ok: boolean; reason: string }
  | { type: 'passages_found'; request: number; passages: Passage[] }
  | { type: 'degraded'; what: string; then: string }
  | { type: 'queue_entered'; queue: string; priority: number; skills: string[]; reason: string }
  | { type: 'wait_announced'; position: number; wait?: WaitRange | null }
  | { type: 'offered'; agent: string }
  | { type: 'offer_ended'; agent: string; outcome: 'accepted' | 'declined' | 'timed_out' | 'revoked' }
  | { type: 'answered'; agent: string; leg: number }
  | { type: 'seated'; leg: number; party: Party; seat: Seat }
  | { type: 'transfer_started'; by: string; to: Target; consult: boolean }
  | { type: 'transfer_ended'; by: string; outcome: TransferOutcome; reason: string }
  | { type: 'agent_away'; agent: string; grace_ms: number }
  | { type: 'agent_back'; agent: string; leg: number }
  | { type: 'taken_over'; by: string; from?: string | null }
  | { type: 'hold_started'; by: number }
  | { type: 'hold_ended'; by: number }
  | { type: 'muted'; leg: number; on: boolean }
  | { type: 'mood_scored'; utterance: number; leg: number; mood: Mood }
  | { type: 'cards_shown'; cards: Card[] }
  | { type: 'card_taken'; card: number; action: CardAction; text?: string | null; by: string }
  | {
      type: 'compliance_hit';
      rule: string;
      severity: Severity;
      utterance?: number | null;
      phrase: string;
      hint: string;
      broken: boolean;
    }
  | { type: 'summary_drafted'; sentences: SummarySentence[]; by: string }
  | { type: 'summary_edited'; sentences: SummarySentence[]; by: string }
  | { type: 'ticket_created'; ticket: Ticket; by: string }
  | { type: 'recording_started'; channels: number }
  | { type: 'recording_failed'; reason: string }
  | { type: 'wrap_up_started'; agent: string }
  | { type: 'wrap_up_ended'; agent: string; disposition: string }
  | { type: 'call_ended'; reason: EndReason }
  | { type: 'took'; stage: string; utterance?: number | null; took_us: number };

export type CallEvent = { seq: number; at: number; call: string } & EventKind;

/** What a person does on the page; mirrors `AgentAction` in `src/types/input.rs`. */
export type AgentAction =
  | { click: 'hold'; on: boolean }
  | { click: 'mute'; on: boolean }
  | { click: 'key'; key: string }
  | { click: 'hang_up' }
  | { click: 'transfer'; to: Target; consult: boolean }
  | { click: 'complete' }
  | { click: 'cancel' }
  | { click: 'conference' }
  | { click: 'drop'; leg: number }
  | { click: 'supervise'; mode: SuperviseMode }
  | { click: 'take_over' }
  | { click: 'card'; card: number; action: CardAction; text: string | null }
  | { click: 'summary'; sentences: SummarySentence[] }
  | { click: 'ticket'; ticket: Ticket }
  | { click: 'wrap_up'; disposition: string };
