// Two scripted calls with the events a real one would have, for looking at the pages.

import type { CallEvent, EventKind, Lang, MoodWord, Passage } from '../src/api/event';

export type Step = [at_ms: number, kind: EventKind];

interface Said {
  zh: string;
  en: string;
}
const pick = (said: Said, lang: Lang) => said[lang];

class Writer {
  steps: Step[] = [];
  at = 0;
  #utterance = 0;
  #prompt = 0;
  constructor(readonly lang: Lang) {}

  add(kind: EventKind, wait_ms = 0): this {
    this.at += wait_ms;
    this.steps.push([this.at, kind]);
    return this;
  }
  prompt(key: string, said: Said, stop_ms?: number): this {
    const text = pick(said, this.lang);
    const length = text.length * (this.lang === 'zh' ? 190 : 62);
    const prompt = (this.#prompt += 1);
    this.add({ type: 'prompt_started', prompt, key, text, lang: this.lang }, 500);
    const played = stop_ms ? text.slice(0, Math.floor((text.length * stop_ms) / length)) : text;
    this.add({ type: 'prompt_ended', prompt, played, interrupted: !!stop_ms }, stop_ms ?? length);
    return this;
  }
  say(leg: number, said: Said, more: { mood?: number; because?: MoodWord[]; intent?: string; score?: number } = {}): number {
    const text = pick(said, this.lang);
    const utterance = (this.#utterance += 1);
    const parts = this.lang === 'zh' ? [...text] : text.split(' ');
    const each = this.lang === 'zh' ? 190 : 290;
    this.add({ type: 'speech_started', leg, utterance }, 650);
    const start = this.at;
    for (let n = 3; n < parts.length; n += 3) {
      this.add({ type: 'partial', leg, utterance, text: parts.slice(0, n).join(this.lang === 'zh' ? '' : ' ') }, each * 3);
    }
    const end = start + parts.length * each;
    this.at = end;
    this.add({ type: 'speech_ended', leg, utterance, span: { from: start * 1000, to: end * 1000 }, ended_by: 'pause' }, 300);
    const words = parts.map((part, i) => ({ text: part, from: (start + i * each) * 1000, to: (start + (i + 1) * each) * 1000, confidence: 900 }));
    this.add({ type: 'heard', leg, transcript: { utterance, text, words, stage: 'final', lang: this.lang, confidence: 930 } }, 140);
    if (more.mood !== undefined) this.add({ type: 'mood_scored', utterance, leg, mood: { score: more.mood, because: more.because ?? [] } }, 10);
    if (more.intent) this.add({ type: 'intent_found', utterance, best: { intent: more.intent, score: more.score ?? 930 }, others: [] }, 5);
    return utterance;
  }
}

const words = (lang: Lang, list: [string, string, number][]): MoodWord[] =>
  list.map(([zh, en, weight]) => ({ word: lang === 'zh' ? zh : en, weight }));

const PASSAGES: Record<string, { zh: Passage; en: Passage }> = {
  late: {
    zh: { document: 'parcels/late', title: '包裹迟到', section: '超过预计送达时间', text: '包裹超过预计送达时间 24 小时的，可以为客户申请优先派送；超过 72 小时的，补偿 20 元运费券，并登记物流投诉工单，两个工作日内回复。', score: 912 },
    en: { document: 'parcels/late', title: 'Late parcels', section: 'Past the expected day', text: 'If a parcel is more than 24 hours late, ask for priority delivery. Past 72 hours, give a ¥20 delivery voucher and file a courier complaint; we answer within two working days.', score: 912 },
  },
  sorry: {
    zh: { document: 'complaints/how-to-apologise', title: '处理投诉', section: '先道歉，再说办法', text: '先为耽误道歉，再说清楚现在在哪一步、下一步是什么、最晚什么时候有结果。不要承诺具体到几点。', score: 744 },
    en: { document: 'complaints/how-to-apologise', title: 'Handling complaints', section: 'Apologise, then say what happens', text: 'Apologise for the delay first, then say where things stand, what comes next and by when. Never promise an exact hour.', score: 744 },
  },
  refund: {
    zh: { document: 'refunds/how-long', title: '退款多久到账', section: '原路退回', text: '退款同意后 1 到 3 个工作日原路退回；信用卡可能要到下一个账单日才显示。', score: 655 },
    en: { document: 'refunds/how-long', title: 'How long a refund takes', section: 'Back the way it came', text: 'Once agreed, a refund goes back the way it came within 1 to 3 working days; a credit card may show it on the next statement only.', score: 655 },
  },
};

/** A late parcel: the assistant looks it up, the caller wants a person, an agent solves it. */
export function parcelCall(lang: Lang, started_ms: number): Step[] {
  const w = new Writer(lang);
  const passage = (name: string) => (PASSAGES[name] as { zh: Passage; en: Passage })[lang];
  const wang = lang === 'zh';
  w.add({ type: 'call_started', wall_ms: started_ms, wire: 'web_rtc', lang, customer: wang ? 'c-wang' : 'c-smith', ani: wang ? '170****0001' : '+1555***0001' });
  w.add({ type: 'recording_started', channels: 2 }, 5);
  w.prompt('greeting', { zh: '您好，这里是青禾商城。为了改进服务，通话会录音。请问您要办什么？', en: 'Hello, this is Greenfield. Calls are recorded to improve our service. What can I do for you?' });
  const first = w.say(0, { zh: '我的快递三天没动了，到底什么时候能到', en: 'my parcel has not moved for three days when will it get here' },
    { mood: -34, because: words(lang, [['三天没动', 'not moved', -24], ['到底', 'three days', -10]]), intent: 'parcel-track' });
  w.add({ type: 'flow_entered', flow: 'parcel', step: 'order_number' }, 20);
  w.prompt('parcel.ask', { zh: '我来查。请说一下八位订单号，或者用键盘输入。', en: 'Let me look. Please say the eight digits of the order number, or key them in.' }, wang ? 2600 : 2200);
  w.add({ type: 'barge_in', prompt: 2, utterance: 2 }, 5);
  const number = w.say(0, { zh: '二零六一一零一八', en: 'two zero six zero seven nine zero nine' });
  w.add({ type: 'slot_filled', flow: 'parcel', slot: 'order_number', value: { shown: wang ? '20611018' : '20607909' }, by_key: false }, 10);
  w.add({ type: 'slot_confirmed', flow: 'parcel', slot: 'order_number' }, 10);
  w.prompt('parcel.status', { zh: '订单二零六一一零一八的包裹在上海徐汇站，正在派送，预计今天送到。', en: 'The parcel of that order is at the Xuhui station in Shanghai and out for delivery, expected today.' });
  const again = w.say(0, { zh: '昨天你们也是这么说的，太气人了，我要找人工', en: 'you said the same yesterday this is ridiculous I want to talk to a person' },
    { mood: -68, because: words(lang, [['太气人了', 'ridiculous', -45], ['昨天你们也是这么说', 'the same yesterday', -23]]), intent: 'agent-request', score: 985 });
  w.add({ type: 'flow_left', flow: 'parcel', outcome: 'person' }, 10);
  w.add({ type: 'queue_entered', queue: 'service', priority: 30, skills: [lang], reason: 'asked' }, 10);
  w.prompt('queue.wait', { zh: '好的，马上为您转接。您是第一位，预计等待不到一分钟。', en: 'Of course. You are first in line, and the wait is under a minute.' });
  w.add({ type: 'wait_announced', position: 1, wait: { low_s: 20, high_s: 50 } }, 10);
  w.add({ type: 'offered', agent: 'chen' }, 3000);
  w.add({ type: 'offer_ended', agent: 'chen', outcome: 'accepted' }, 4000);
  w.add({ type: 'answered', agent: 'chen', leg: 2 }, 100);
  const hello = w.say(2, { zh: '您好，王女士，我是小陈，真的很抱歉让您等了三天', en: 'Hello Ms Smith this is Chen I am really sorry you have been waiting for three days' }, { mood: 22 });
  w.add({ type: 'compliance_hit', rule: 'hello', severity: 'info', utterance: hello, phrase: wang ? '您好' : 'Hello', hint: wang ? '开头已问候' : 'Greeted in the first turn', broken: false }, 20);
  w.add({ type: 'cards_shown', cards: [{ card: 1, passage: passage('late'), utterance: first }, { card: 2, passage: passage('sorry'), utterance: again }, { card: 3, passage: passage('refund'), utterance: again }] }, 150);
  w.say(0, { zh: '这件羽绒服我出差要穿的，今天不到就没用了', en: 'I need that bedding for guests if it is not here today it is no use' }, { mood: -41, because: words(lang, [['没用了', 'no use', -41]]), intent: 'parcel-track', score: 870 });
  const promise = w.say(2, { zh: '我保证今天一定送到，我现在就帮您申请优先派送', en: 'I guarantee it will arrive today and I am asking for priority delivery right now' });
  w.add({ type: 'compliance_hit', rule: 'no-promise', severity: 'critical', utterance: promise, phrase: wang ? '保证今天一定送到' : 'guarantee it will arrive today', hint: wang ? '不能承诺送达时间，可以说“会优先安排”' : 'Never promise a delivery time; say it will be given priority', broken: true }, 60);
  const voucher = w.say(2, { zh: '另外因为超过七十二小时，给您补二十元运费券', en: 'and because it is over seventy two hours late you get a twenty yuan voucher' }, { mood: 30 });
  const thanks = w.say(0, { zh: '行吧，那谢谢你，有消息给我打电话', en: 'all right thank you then please call me when you know more' }, { mood: 38, because: words(lang, [['谢谢', 'thank you', 38]]) });
  const bye = w.say(2, { zh: '好的，两个工作日内一定给您回复，祝您愉快', en: 'we will answer within two working days have a good day' }, { mood: 40 });
  w.add({ type: 'call_ended', reason: 'caller_hung_up' }, 1200);
  w.add({ type: 'wrap_up_started', agent: 'chen' }, 20);
  w.add({ type: 'summary_drafted', by: 'rules', sentences: [
    { part: 'issue', turns: [first, again], text: wang ? '客户投诉包裹三天没有更新，要求人工处理。' : 'The caller complained that a parcel had not moved for three days and asked for a person.' },
    { part: 'fact', turns: [number], text: wang ? '订单 20611018，包裹在上海徐汇站派送中。' : 'Order 20607909; the parcel is out for delivery from the Xuhui station.' },
    { part: 'done', turns: [promise, voucher], text: wang ? '已申请优先派送，并补 20 元运费券。' : 'Priority delivery was asked for and a ¥20 voucher given.' },
    { part: 'next', turns: [thanks, bye], text: wang ? '两个工作日内电话回复客户。' : 'Call the customer back within two working days.' },
  ] }, 900);
  return w.steps;
}

/** A bill question that the assistant finishes alone. */
export function billCall(lang: Lang, started_ms: number): Step[] {
  const w = new Writer(lang);
  w.add({ type: 'call_started', wall_ms: started_ms, wire: 'web_rtc', lang, customer: lang === 'zh' ? 'c-li' : 'c-jones', ani: '170****0002' });
  w.prompt('greeting', { zh: '您好，这里是青禾商城，请问您要办什么？', en: 'Hello, this is Greenfield. What can I do for you?' });
  w.say(0, { zh: '查一下这个月的账单', en: 'check my bill for this month please' }, { mood: 4, intent: 'bill-query' });
  w.add({ type: 'flow_entered', flow: 'bill', step: 'card' }, 20);
  w.prompt('bill.card', { zh: '请说银行卡后四位。', en: 'Please say the last four digits of your card.' });
  w.say(0, { zh: '八零二三', en: 'eight zero two three' });
  w.add({ type: 'slot_filled', flow: 'bill', slot: 'card_ending', value: { shown: '8023' }, by_key: false }, 10);
  w.add({ type: 'slot_confirmed', flow: 'bill', slot: 'card_ending' }, 10);
  w.prompt('bill.say', { zh: '十月账单六百七十七元，十一月二十五日到期。还需要别的吗？', en: 'Your October bill is 677 yuan, due on the 25th of November. Anything else?' });
  w.say(0, { zh: '不用了，谢谢', en: 'no thank you' }, { mood: 35, because: words(lang, [['谢谢', 'thank you', 35]]) });
  w.prompt('bye', { zh: '感谢来电，再见。', en: 'Thank you for calling. Goodbye.' });
  w.add({ type: 'summary_drafted', by: 'rules', sentences: [{ part: 'issue', turns: [1], text: lang === 'zh' ? '客户查询本月账单。' : 'The caller asked about this month’s bill.' }, { part: 'done', turns: [2], text: lang === 'zh' ? '已告知金额与到期日。' : 'Amount and due date were given.' }] }, 100);
  w.add({ type: 'call_ended', reason: 'assistant_finished' }, 300);
  return w.steps;
}

export function events(call: string, steps: Step[]): CallEvent[] {
  return steps.map(([ms, kind], seq) => ({ seq, at: ms * 1000, call, ...kind }) as CallEvent);
}
