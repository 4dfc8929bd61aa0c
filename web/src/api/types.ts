// What the engine's HTTP API gives and takes. Times in ms since 1970 unless the name says otherwise.

import type {
  CallEvent,
  CardAction,
  EndReason,
  Lang,
  MoodWord,
  Party,
  Passage,
  Seat,
  Severity,
  SummarySentence,
  Target,
  Ticket,
  Wire,
  Word,
} from './event';

export type Role = 'agent' | 'supervisor' | 'qa' | 'content' | 'admin';
export interface User {
  id: string;
  name: string;
  role: Role;
  display_zh: string;
  display_en: string;
}
export interface DemoLogin {
  name: string;
  password: string;
  role: Role;
  title_zh: string;
  title_en: string;
}
export interface DemoCustomer {
  id: string;
  name: string;
  name_en?: string;
  tier?: string;
}
export interface Company {
  name_zh: string;
  name_en: string;
  hours_zh: string;
  hours_en: string;
  demo: boolean;
  logins?: DemoLogin[];
  /** Who the demo caller may pretend to be; absent where the engine does not say. */
  customers?: DemoCustomer[];
}

export interface Cue {
  /** `prompt`: when the assistant has finished; `start`: at once; a number: ms after the start. */
  after: 'prompt' | 'start' | number;
  from_ms: number;
  to_ms: number;
  text: string;
  /** Speak into the next prompt, this long after it began. */
  barge_after_ms?: number | null;
}
export interface RecordedCaller {
  id: string;
  lang: Lang;
  title_zh: string;
  title_en: string;
  about_zh: string;
  about_en: string;
  customer?: string | null;
  seconds: number;
  audio: string;
  cues: Cue[];
}

export type AgentState = 'available' | 'ringing' | 'busy' | 'wrap_up' | 'break' | 'offline';
export type ChosenState = 'available' | 'break' | 'offline';
export type CallState = 'assistant' | 'waiting' | 'ringing' | 'talking' | 'held' | 'wrap_up' | 'ended';
export type Speaker = 'caller' | 'assistant' | 'agent';

export interface TurnMood {
  score: number;
  because: MoodWord[];
}
export interface Turn {
  utterance?: number | null;
  prompt?: number | null;
  speaker: Speaker;
  from_us: number;
  to_us: number;
  text: string;
  final: boolean;
  interrupted: boolean;
  backchannel?: boolean;
  confidence?: number | null;
  intent?: string | null;
  mood?: TurnMood | null;
  words: Word[];
}
export interface Slot {
  flow: string;
  slot: string;
  shown: string;
  confirmed: boolean;
}
export interface ShownCard {
  card: number;
  passage: Passage;
  utterance: number;
  taken?: CardAction | null;
}
export interface ComplianceHit {
  rule: string;
  severity: Severity;
  phrase: string;
  hint: string;
  broken: boolean;
  utterance?: number | null;
  at_us: number;
}
export interface MoodPoint {
  at_us: number;
  score: number;
  speaker: Speaker;
}
export interface FoundIntent {
  utterance?: number;
  intent: string;
  score: number;
}
export type CallParty = Party & { leg: number; seat: Seat; muted: boolean; wire?: Wire };
export type CallTransfer = Target & { by: string; consult: boolean };
/** Whom a call can be given to now. */
export interface TransferTargets {
  agents: { agent: string; display_zh: string; display_en: string; state: AgentState }[];
  queues: { queue: string; name_zh: string; name_en: string; waiting: number; staffed: number }[];
  line_out: boolean;
  /** Everybody who may be met on a call. */
  people: { id: string; display_zh: string; display_en: string }[];
}
export interface CallView {
  call: string;
  lang: Lang;
  wire?: Wire | null;
  started_ms: number;
  customer?: { id: string } | null;
  ani?: string | null;
  state: CallState;
  agent?: string | null;
  queue?: string | null;
  position?: number | null;
  /** Everybody beside the caller who has a seat in the call. */
  parties?: CallParty[];
  /** By leg, of those whose joining was seen. */
  wires?: Record<number, Wire>;
  /** Somebody is being fetched or consulted. */
  transfer?: CallTransfer | null;
  /** How the last transfer ended, and why. */
  transferEnded?: { outcome: string; reason: string } | null;
  ended?: { reason: EndReason; at_us: number } | null;
  duration_us: number;
  turns: Turn[];
  intents: FoundIntent[];
  slots: Slot[];
  flow?: string | null;
  cards: ShownCard[];
  compliance: ComplianceHit[];
  mood: { now?: number | null; mean?: number | null; points: MoodPoint[] };
  summary: SummarySentence[];
  summary_edited: boolean;
  ticket?: Ticket | null;
  disposition?: string | null;
  /** `label` is in the call's language. */
  events: { at_us: number; label: string; zh?: string; en?: string }[];
}

export interface Order {
  id: string;
  placed?: string;
  status: string;
  items?: { name_zh?: string; name_en?: string; quantity?: number }[];
  total_cents?: number;
  parcel?: { id: string; status: string; last_place_zh?: string; last_place_en?: string } | null;
}
export interface Bill {
  month: string;
  total_cents: number;
  due?: string;
  paid: boolean;
}
export interface PastContact {
  call: string;
  at_ms: number;
  intent?: string | null;
  outcome?: string | null;
  summary?: string | null;
}
export interface Customer {
  id: string;
  name: string;
  name_en?: string;
  phone?: string;
  tier: string;
  since?: string;
  city?: string;
  notes?: string;
  orders: Order[];
  bills: Bill[];
  contacts: PastContact[];
}

export interface BoardAgent {
  agent: string;
  display_zh: string;
  display_en: string;
  state: AgentState;
  since_ms: number;
  call?: string | null;
  skills: string[] | Record<string, number>;
}
export interface BoardQueue {
  queue: string;
  name_zh: string;
  name_en: string;
  waiting: number;
  longest_wait_s: number;
  calls: (string | { call: string; waited_s?: number })[];
}
export interface Today {
  offered: number;
  answered: number;
  assistant_finished: number;
  abandoned: number;
  answer_rate: number | null;
  service_level: number | null;
  service_target_s: number;
  asa_s: number | null;
  aht_s: number | null;
}
export interface Wallboard {
  at_ms: number;
  agents: BoardAgent[];
  queues: BoardQueue[];
  today: Today;
  definitions: Record<string, { zh: string; en: string }>;
}

export interface CallRow {
  call: string;
  started_ms: number;
  duration_s: number;
  lang: Lang;
  wire?: Wire | null;
  customer_name?: string | null;
  tier?: string | null;
  intent?: string | null;
  agent?: string | null;
  outcome: string;
  mood?: number | null;
  keyword_hits: number;
  has_recording: boolean;
  summary?: string | null;
}
export interface CallFilter {
  from?: string;
  to?: string;
  agent?: string;
  intent?: string;
  mood?: '' | 'low' | 'mid' | 'high';
  lang?: '' | Lang;
  outcome?: string;
  q?: string;
  cursor?: string;
  limit?: number;
}
export interface Peaks {
  seconds: number;
  left: number[];
  right: number[];
}

export interface ReportDay {
  day: string;
  offered: number;
  answered: number;
  assistant_finished: number;
  abandoned: number;
  service_level: number | null;
  asa_s: number | null;
  aht_s: number | null;
  mood: number | null;
}
export interface ReportAgent {
  agent: string;
  display_zh: string;
  display_en: string;
  calls: number;
  aht_s: number | null;
  mood: number | null;
  keyword_broken: number;
  keyword_kept: number;
  cards_shown: number;
  cards_taken: number;
}
export interface ReportKeyword {
  rule: string;
  kind: 'required' | 'forbidden';
  hint_zh: string;
  hint_en: string;
  /** Calls in which the rule was broken, and those calls. */
  hits: number;
  calls: string[];
  /** Calls in which a required phrase was said in time. */
  kept?: number;
}
export interface IntentTitle {
  intent: string;
  title_zh: string;
  title_en: string;
}
export interface ReportIntent extends IntentTitle {
  calls: number;
  finished_by_assistant: number;
}
export interface Report {
  days: ReportDay[];
  agents: ReportAgent[];
  keywords: ReportKeyword[];
  intents: ReportIntent[];
}

export type FileKind = 'article' | 'intents' | 'flow' | 'prompts' | 'compliance' | 'company';
export interface ContentFile {
  path: string;
  kind: FileKind;
  title: string;
  lang?: Lang | null;
  ok: boolean;
  line?: number | null;
  reason?: string | null;
  loaded_ms: number;
  serving_old: boolean;
}
export interface ContentStatus {
  files: ContentFile[];
  loaded_ms: number;
}
export interface AskResult {
  document: string;
  section: string;
  title: string;
  text: string;
  score: number;
  dense: number;
  lexical: number;
  terms: string[];
}
export interface AskAnswer {
  took_us: number;
  intent: (IntentTitle & { score: number })[];
  weight_dense: number;
  results: AskResult[];
}
export interface Gap {
  question: string;
  count: number;
  last_ms: number;
  call?: string | null;
}
export interface ModelStatus {
  name: string;
  task: string;
  ok: boolean;
  detail: string;
}

export interface RingFrom {
  name?: string | null;
  tier?: string | null;
  number?: string | null;
}
export type LiveMessage =
  | { type: 'agent_state'; agent: string; state: AgentState; since_ms: number; call?: string | null }
  | {
      type: 'ringing';
      call: string;
      from: RingFrom;
      queue: string;
      queue_zh?: string;
      queue_en?: string;
      /** A colleague gives the call away, or wants to ask something. */
      transfer?: { by: string; consult: boolean } | null;
      lang: Lang;
      intent?: string | null;
      waited_s: number;
      expires_ms: number;
    }
  | { type: 'ring_ended'; call: string; outcome: string }
  | { type: 'call_event'; call: string; event: CallEvent }
  | { type: 'wallboard'; board: Wallboard }
  | { type: 'content'; status: ContentStatus }
  /** The page fell behind and must load its state again. */
  | { type: 'reload' };
export type Ringing = Extract<LiveMessage, { type: 'ringing' }>;
