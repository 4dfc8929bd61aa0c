import { describe, expect, it } from 'vitest';
import type { CallEvent, EventKind } from '../api/event';
import { CallFold, emptyView, mainIntent, openCards, speakerOf } from './fold';

/** Folds a script of `[at in ms, event]`, numbered as the journal numbers them. */
function fold(script: [number, EventKind][]): CallFold['view'] {
  const call = new CallFold(emptyView('c1'));
  script.forEach(([ms, kind], seq) => call.apply({ seq, at: ms * 1000, call: 'c1', ...kind } as CallEvent));
  return call.view;
}
const started: [number, EventKind] = [
  0,
  { type: 'call_started', wall_ms: 1_700_000_000_000, wire: 'web_rtc', lang: 'zh', customer: 'c-wang', ani: '170****0001' },
];
const heard = (utterance: number, text: string, leg = 0): EventKind => ({
  type: 'heard',
  leg,
  transcript: {
    utterance,
    text,
    words: text ? [{ text, from: 1_000_000, to: 1_900_000, confidence: 900 }] : [],
    stage: 'final',
    lang: 'zh',
    confidence: 930,
  },
});
const card = (number: number, utterance = 1, score = 800) => ({
  card: number,
  utterance,
  passage: { document: 'd', title: 't', section: 's', text: 'x', score },
});

const sits = (leg: number, agent: string, seat: 'main' | 'consult' | 'away' | 'whisper'): EventKind => ({
  type: 'seated', leg, seat, party: seat === 'whisper' ? { role: 'supervisor', agent } : { role: 'agent', agent },
});

describe('call control', () => {
  const talk: [number, EventKind][] = [
    started,
    [1, { type: 'queue_entered', queue: 'service', priority: 0, skills: [], reason: 'asked' }],
    [2, { type: 'answered', agent: 'mei', leg: 2 }],
    [2, sits(2, 'mei', 'main')],
  ];
  it('shows who is consulted, and who has the call after that', () => {
    const consult: [number, EventKind][] = [
      ...talk,
      [3, { type: 'transfer_started', by: 'mei', to: { to: 'agent', agent: 'jack' }, consult: true }],
      [3, { type: 'hold_started', by: 2 }],
      [4, { type: 'offered', agent: 'jack' }],
      [5, sits(3, 'jack', 'consult')],
    ];
    const asked = fold(consult);
    expect(asked.state).toBe('held');
    expect(asked.transfer).toMatchObject({ by: 'mei', consult: true, agent: 'jack' });
    expect(asked.parties?.map((one) => one.seat)).toEqual(['main', 'consult']);
    const done = fold([
      ...consult,
      [6, { type: 'hold_ended', by: 2 }],
      [6, { type: 'transfer_ended', by: 'mei', outcome: 'completed', reason: '' }],
      [6, sits(3, 'jack', 'main')],
      [6, { type: 'wrap_up_started', agent: 'mei' }],
      [6, { type: 'answered', agent: 'jack', leg: 3 }],
    ]);
    expect(done).toMatchObject({ state: 'talking', agent: 'jack', transfer: null });
    expect(done.parties).toHaveLength(1);
  });
  it('keeps the wrap-up of one who gave the call away apart from the call', () => {
    const blind = fold([
      ...talk,
      [3, { type: 'transfer_started', by: 'mei', to: { to: 'queue', queue: 'aftersales' }, consult: false }],
      [3, { type: 'wrap_up_started', agent: 'mei' }],
      [4, { type: 'wrap_up_ended', agent: 'mei', disposition: 'solved' }],
    ]);
    expect(blind.state).toBe('waiting');
    expect(blind.disposition).toBeUndefined();
  });
  it('keeps the seat of an agent whose line is gone', () => {
    const away = fold([...talk, [3, { type: 'leg_left', leg: 2, reason: 'far_end' }], [3, sits(2, 'mei', 'away')]]);
    expect(away.parties).toMatchObject([{ seat: 'away', agent: 'mei' }]);
    const back = fold([
      ...talk,
      [3, sits(2, 'mei', 'away')],
      [4, { type: 'agent_back', agent: 'mei', leg: 3 }],
      [4, sits(3, 'mei', 'main')],
    ]);
    expect(back.parties).toMatchObject([{ leg: 3, seat: 'main' }]);
  });
});

describe('call fold', () => {
  it('knows who is on which leg', () => {
    expect([0, 1, 2, 7].map(speakerOf)).toEqual(['caller', 'assistant', 'agent', 'agent']);
  });

  it('grows a partial and replaces it by the final text', () => {
    const open = fold([started, [900, { type: 'speech_started', leg: 0, utterance: 1 }], [1200, { type: 'partial', leg: 0, utterance: 1, text: '查一' }]]);
    expect(open.turns).toMatchObject([{ text: '查一', final: false, speaker: 'caller', from_us: 900_000 }]);
    const done = fold([
      started,
      [900, { type: 'speech_started', leg: 0, utterance: 1 }],
      [1200, { type: 'partial', leg: 0, utterance: 1, text: '查一' }],
      [2000, heard(1, '查一下账单')],
      [2010, { type: 'partial', leg: 0, utterance: 1, text: '迟到的' }],
    ]);
    expect(done.turns).toMatchObject([{ text: '查一下账单', final: true, confidence: 930 }]);
  });

  it('does not keep an utterance in which nothing was said', () => {
    const view = fold([started, [900, { type: 'speech_started', leg: 0, utterance: 1 }], [1500, heard(1, ' ')]]);
    expect(view.turns).toEqual([]);
  });

  it('keeps of an interrupted prompt what was played', () => {
    const view = fold([
      started,
      [100, { type: 'prompt_started', prompt: 3, key: 'greeting', text: '您好，这里是青禾商城，请问有什么可以帮您？', lang: 'zh' }],
      [1500, { type: 'prompt_ended', prompt: 3, played: '您好，这里是', interrupted: true }],
    ]);
    expect(view.turns).toMatchObject([{ speaker: 'assistant', text: '您好，这里是', interrupted: true, final: true, to_us: 1_500_000 }]);
  });

  it('follows a call from the assistant over the queue to wrap-up', () => {
    const states: string[] = [];
    const call = new CallFold(emptyView('c1'));
    const script: EventKind[] = [
      started[1],
      { type: 'queue_entered', queue: 'service', priority: 5, skills: ['zh'], reason: 'asked' },
      { type: 'wait_announced', position: 2, wait: { low_s: 30, high_s: 60 } },
      { type: 'offered', agent: 'ann' },
      { type: 'offer_ended', agent: 'ann', outcome: 'declined' },
      { type: 'offered', agent: 'bo' },
      { type: 'offer_ended', agent: 'bo', outcome: 'accepted' },
      { type: 'answered', agent: 'bo', leg: 2 },
      { type: 'hold_started', by: 2 },
      { type: 'hold_ended', by: 2 },
      { type: 'call_ended', reason: 'caller_hung_up' },
      { type: 'wrap_up_started', agent: 'bo' },
      { type: 'wrap_up_ended', agent: 'bo', disposition: 'solved' },
    ];
    script.forEach((kind, seq) => {
      call.apply({ seq, at: seq * 1_000_000, call: 'c1', ...kind } as CallEvent);
      states.push(call.view.state);
    });
    expect(states).toEqual([
      'assistant', 'waiting', 'waiting', 'ringing', 'waiting', 'ringing', 'ringing', 'talking', 'held', 'talking', 'ended', 'wrap_up', 'ended',
    ]);
    expect(call.view).toMatchObject({ agent: 'bo', queue: 'service', disposition: 'solved', duration_us: 10_000_000, position: null });
    expect(call.view.ended).toEqual({ reason: 'caller_hung_up', at_us: 10_000_000 });
  });

  it('fills, corrects and confirms slots', () => {
    const filled = (shown: string): EventKind => ({ type: 'slot_filled', flow: 'bill', slot: 'card', value: { shown }, by_key: false });
    const view = fold([started, [1, filled('4417')], [2, { type: 'slot_confirmed', flow: 'bill', slot: 'card' }], [3, filled('4418')]]);
    expect(view.slots).toEqual([{ flow: 'bill', slot: 'card', shown: '4418', confirmed: false }]);
    const rejected = fold([started, [1, filled('4417')], [2, { type: 'slot_rejected', flow: 'bill', slot: 'card', reason: 'check' }]]);
    expect(rejected.slots).toEqual([]);
  });

  it('weighs mood by how long the caller spoke and leaves the agent out', () => {
    const mood = (utterance: number, leg: number, score: number): EventKind => ({ type: 'mood_scored', utterance, leg, mood: { score, because: [] } });
    const view = fold([
      started,
      [10, heard(1, '好好好好好好')],
      [10, { type: 'speech_ended', leg: 0, utterance: 1, span: { from: 0, to: 3_000_000 }, ended_by: 'pause' }],
      [11, mood(1, 0, -60)],
      [20, heard(2, '嗯嗯')],
      [20, { type: 'speech_ended', leg: 0, utterance: 2, span: { from: 4_000_000, to: 5_000_000 }, ended_by: 'pause' }],
      [21, mood(2, 0, 20)],
      [30, heard(3, '您好', 2)],
      [31, mood(3, 2, 90)],
    ]);
    expect(view.mood.now).toBe(20);
    expect(view.mood.mean).toBe(Math.round((-60 * 3 + 20 * 1) / 4));
    expect(view.mood.points.map((one) => one.speaker)).toEqual(['caller', 'caller', 'agent']);
    expect(view.turns[0]?.mood?.score).toBe(-60);
  });

  it('offers three cards that nobody decided on, of the latest question first, then the best', () => {
    const view = fold([
      started,
      [1, { type: 'cards_shown', cards: [card(1), card(2, 1, 990), card(3, 1, 850)] }],
      [2, { type: 'card_taken', card: 2, action: 'dismiss', by: 'ann' }],
      [3, { type: 'cards_shown', cards: [card(3), card(4, 2, 300), card(5, 1, 700)] }],
    ]);
    expect(openCards(view).map((one) => one.card)).toEqual([4, 3, 1]);
    expect(view.cards.find((one) => one.card === 2)?.taken).toBe('dismiss');
  });

  it('does not let a late draft overwrite what the agent wrote', () => {
    const sentence = (text: string) => [{ text, part: 'issue' as const, turns: [1] }];
    const view = fold([
      started,
      [1, { type: 'summary_drafted', sentences: sentence('a'), by: 'rules' }],
      [2, { type: 'summary_edited', sentences: sentence('b'), by: 'ann' }],
      [3, { type: 'summary_drafted', sentences: sentence('c'), by: 'model' }],
    ]);
    expect(view.summary[0]?.text).toBe('b');
    expect(view.summary_edited).toBe(true);
  });

  it('drops what a reconnected socket sends again', () => {
    const call = new CallFold(emptyView('c1'));
    const event = { seq: 4, at: 1, call: 'c1', type: 'cards_shown', cards: [card(1)] } as CallEvent;
    expect(call.apply(event)).toBe(true);
    expect(call.apply(event)).toBe(false);
    expect(call.apply({ ...event, seq: 3 })).toBe(false);
    expect(call.view.cards).toHaveLength(1);
  });

  it('names what the call is about, not the wish for a person', () => {
    const intent = (name: string): EventKind => ({ type: 'intent_found', utterance: 1, best: { intent: name, score: 900 }, others: [] });
    expect(mainIntent(fold([started, [1, intent('bill-query')], [2, intent('none')]]))).toBe('bill-query');
    expect(mainIntent(fold([started, [1, intent('bill-query')], [2, intent('agent-request')]]))).toBe('bill-query');
    expect(mainIntent(fold([started, [1, intent('agent-request')]]))).toBe('agent-request');
    expect(mainIntent(fold([started]))).toBeUndefined();
  });
});
