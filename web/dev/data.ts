// Made-up answers for the addresses that do not change while one looks.

import type * as T from '../src/api/types';

const NOW = Date.now();
const DAY = 86_400_000;
const day = (back: number) => new Date(NOW - back * DAY).toISOString().slice(0, 10);

export const company: T.Company = {
  name_zh: '青禾商城', name_en: 'Greenfield', hours_zh: '每天 9:00–21:00', hours_en: 'every day, 9 am to 9 pm', demo: true,
  logins: [
    { name: 'chen', password: 'demo-chen', role: 'agent', title_zh: '坐席 陈晓', title_en: 'Agent Chen Xiao' },
    { name: 'ann', password: 'demo-ann', role: 'agent', title_zh: '英语坐席 Ann', title_en: 'English agent Ann' },
    { name: 'lin', password: 'demo-lin', role: 'supervisor', title_zh: '班长 林悦', title_en: 'Supervisor Lin Yue' },
    { name: 'qa', password: 'demo-qa', role: 'qa', title_zh: '质检 周敏', title_en: 'Quality Zhou Min' },
    { name: 'writer', password: 'demo-writer', role: 'content', title_zh: '内容编辑', title_en: 'Content editor' },
    { name: 'admin', password: 'demo-admin', role: 'admin', title_zh: '管理员', title_en: 'Administrator' },
  ],
  customers: [
    { id: 'c-wang', name: '王芳', name_en: 'Wang Fang', tier: 'vip' },
    { id: 'c-li', name: '李强', name_en: 'Li Qiang', tier: 'standard' },
    { id: 'c-smith', name: 'Emma Smith', name_en: 'Emma Smith', tier: 'gold' },
    { id: 'c-jones', name: 'Tom Jones', name_en: 'Tom Jones', tier: 'standard' },
  ],
};
export const users: Record<string, T.User> = Object.fromEntries(
  (company.logins ?? []).map((one) => [one.name, { id: one.name, name: one.name, role: one.role, display_zh: one.title_zh.split(' ').at(-1) ?? '', display_en: one.title_en.replace(/^\w+ /, '') }]),
);

const wav = (id: string) => `/api/recorded-callers/${id}.wav`;
const cue = (from_ms: number, to_ms: number, text: string, more: Partial<T.Cue> = {}): T.Cue => ({ after: 'prompt', from_ms, to_ms, text, ...more });
export const recorded: T.RecordedCaller[] = [
  { id: 'zh-bill', lang: 'zh', title_zh: '查账单', title_en: 'Asks for the bill', about_zh: '李先生想知道这个月要付多少。', about_en: 'Mr Li wants to know what he owes this month.', customer: 'c-li', seconds: 9, audio: wav('zh-bill'), cues: [cue(0, 2400, '查一下这个月的账单'), cue(2400, 4600, '八零二三')] },
  { id: 'zh-angry', lang: 'zh', title_zh: '很生气', title_en: 'Angry', about_zh: '快递三天没动，一上来就发火，要找人工。', about_en: 'A parcel has not moved for three days; she wants a person.', customer: 'c-wang', seconds: 14, audio: wav('zh-angry'), cues: [cue(0, 4200, '我的快递三天没动了'), cue(4200, 7000, '二零六一一零一八'), cue(7000, 11000, '太气人了，我要找人工')] },
  { id: 'zh-silent', lang: 'zh', title_zh: '一声不吭', title_en: 'Says nothing', about_zh: '接通后一直不说话，看助手怎么办。', about_en: 'Never speaks. See what the assistant does.', customer: null, seconds: 0, audio: wav('zh-silent'), cues: [] },
  { id: 'zh-agent', lang: 'zh', title_zh: '直接要人工', title_en: 'Wants a person', about_zh: '第一句话就要转人工。', about_en: 'Asks for a person with the first words.', customer: 'c-li', seconds: 4, audio: wav('zh-agent'), cues: [cue(0, 2000, '转人工')] },
  { id: 'en-barge', lang: 'en', title_zh: '打断助手', title_en: 'Interrupts', about_zh: '不等问候说完就开口。', about_en: 'Does not wait for the greeting to end.', customer: 'c-smith', seconds: 8, audio: wav('en-barge'), cues: [cue(0, 3000, 'where is my parcel', { barge_after_ms: 1800 })] },
  { id: 'en-none', lang: 'en', title_zh: '问无关的事', title_en: 'Asks the wrong shop', about_zh: '想订一张去伦敦的机票。', about_en: 'Would like a flight to London.', customer: 'c-jones', seconds: 6, audio: wav('en-none'), cues: [cue(0, 3500, 'I would like to book a flight to London')] },
];

export const customers: Record<string, T.Customer> = {
  'c-wang': {
    id: 'c-wang', name: '王芳', name_en: 'Wang Fang', phone: '170****0001', tier: 'vip', since: '2019-03-12', city: '上海', notes: '喜欢晚上收货；去年底换过一次热水器。',
    orders: [
      { id: '20611406', placed: day(1), status: 'packing', total_cents: 89900, items: [{ name_zh: '手持吸尘器', name_en: 'cordless vacuum cleaner', quantity: 1 }] },
      { id: '20611018', placed: day(4), status: 'shipped', total_cents: 96700, parcel: { id: 'QH2026117707', status: 'out-for-delivery', last_place_zh: '上海徐汇站', last_place_en: 'Xuhui station, Shanghai' }, items: [{ name_zh: '女士羽绒服', name_en: "women's down jacket" }, { name_zh: '龙井茶礼盒', name_en: 'Longjing tea gift box' }] },
      { id: '20609152', placed: day(20), status: 'delivered', total_cents: 15900, items: [{ name_zh: '静音加湿器', name_en: 'quiet humidifier' }] },
      { id: '20604880', placed: day(47), status: 'returned', total_cents: 32900, items: [{ name_zh: '透气跑步鞋', name_en: 'running shoes' }] },
    ],
    bills: [{ month: '2026-10', total_cents: 48374, due: '2026-11-25', paid: false }, { month: '2026-09', total_cents: 47174, due: '2026-10-25', paid: true }],
    contacts: [
      { call: 'call-3', at_ms: NOW - DAY, intent: 'parcel-track', outcome: 'assistant_finished', summary: '查询包裹，被告知当日送达。' },
      { call: 'call-9', at_ms: NOW - 39 * DAY, intent: 'refund-how-long', outcome: 'answered', summary: '询问跑步鞋退款进度，已说明 3 个工作日到账。' },
    ],
  },
};
customers['c-smith'] = { ...(customers['c-wang'] as T.Customer), id: 'c-smith', name: 'Emma Smith', name_en: 'Emma Smith', phone: '+1555***0001', tier: 'gold', since: '2021-09-30', notes: 'Lives in Shanghai, speaks English only. Prefers deliveries left with the building guard.' };

export const intents: T.IntentTitle[] = [
  { intent: 'parcel-track', title_zh: '查快递', title_en: 'Track a parcel' },
  { intent: 'bill-query', title_zh: '查账单', title_en: 'Check the bill' },
  { intent: 'agent-request', title_zh: '转人工', title_en: 'Talk to a person' },
  { intent: 'refund-how-long', title_zh: '退款多久到账', title_en: 'How long a refund takes' },
  { intent: 'complaint-file', title_zh: '投诉', title_en: 'File a complaint' },
  { intent: 'appointment-book', title_zh: '预约上门', title_en: 'Book a visit' },
];

const SUMMARY = ['客户投诉包裹三天没有更新，已申请优先派送。', '客户查询本月账单，已告知金额与到期日。', 'Asked how long a refund takes; told 1 to 3 working days.', '预约周一下午上门维修热水器。', ''];
const NAMES = ['王芳', '李强', 'Emma Smith', 'Tom Jones', null];
const OUTCOMES = ['answered', 'assistant_finished', 'answered', 'assistant_finished', 'abandoned', 'left_early'];
export const rows: T.CallRow[] = Array.from({ length: 64 }, (_, i) => ({
  call: `call-${i + 1}`, started_ms: NOW - i * 37 * 60_000 - 120_000, duration_s: 40 + ((i * 67) % 380), lang: i % 3 === 2 ? 'en' : 'zh', wire: i % 5 === 4 ? 'sip' : 'web_rtc',
  customer_name: NAMES[i % 5] ?? null, tier: ['vip', 'standard', 'gold', 'standard', null][i % 5] ?? null, intent: intents[i % intents.length]?.intent ?? null,
  agent: i % 3 === 1 ? null : ['chen', 'ann', 'zhao'][i % 2] ?? null, outcome: OUTCOMES[i % OUTCOMES.length] ?? 'lost', mood: i % 7 === 6 ? null : Math.round(70 * Math.sin(i * 1.7)),
  keyword_hits: (i * 3) % 4, has_recording: i % 9 !== 8, summary: SUMMARY[i % 5] ?? null,
}));

const def = (zh: string, en: string) => ({ zh, en });
export const definitions: T.Wallboard['definitions'] = {
  offered: def('今天打进来的电话，包括助手办结的。', 'Calls that came in today, those finished by the assistant included.'),
  answered: def('由坐席接起的电话。', 'Calls answered by an agent.'),
  assistant_finished: def('没有转人工、由助手办完的电话。', 'Calls the assistant finished without a person.'),
  abandoned: def('排队时挂断的电话；等待不到 5 秒的不计。', 'Callers who hung up while waiting; waits under 5 s are not counted.'),
  answer_rate: def('（坐席接起 + 助手办结）÷ 打进来的。', '(answered by a person + finished by the assistant) ÷ offered.'),
  service_level: def('20 秒内接起 ÷（接起 + 放弃）。', 'Answered within 20 s ÷ (answered + abandoned).'),
  asa_s: def('从进入队列到坐席接起的平均时间。', 'Mean time from entering the queue to the agent’s answer.'),
  aht_s: def('通话、保持与整理的平均时间之和。', 'Mean of talk, hold and wrap-up together.'),
  waiting: def('此刻在队列里的人数。', 'Callers in the queue right now.'),
  longest_wait_s: def('此刻等得最久的人已等的时间。', 'How long the caller who has waited longest has waited.'),
};

export function wallboard(): T.Wallboard {
  const wobble = (n: number, by: number) => Math.max(0, Math.round(n + by * Math.sin(Date.now() / 9000 + n)));
  const agent = (id: string, zh: string, en: string, state: T.AgentState, back_s: number, call?: string): T.BoardAgent => ({ agent: id, display_zh: zh, display_en: en, state, since_ms: NOW - back_s * 1000, call, skills: id === 'ann' ? ['en'] : ['zh'] });
  return {
    at_ms: Date.now(),
    agents: [
      agent('chen', '陈晓', 'Chen Xiao', 'busy', 190, 'live-call'), agent('ann', 'Ann Brown', 'Ann Brown', 'available', 420), agent('zhao', '赵磊', 'Zhao Lei', 'wrap_up', 35),
      agent('sun', '孙倩', 'Sun Qian', 'busy', 611, 'call-2'), agent('wu', '吴桐', 'Wu Tong', 'break', 500), agent('he', '何静', 'He Jing', 'ringing', 6), agent('ma', '马超', 'Ma Chao', 'offline', 9000),
    ],
    queues: [
      { queue: 'service', name_zh: '客户服务', name_en: 'Customer service', waiting: wobble(3, 2), longest_wait_s: wobble(48, 20), calls: [] },
      { queue: 'english', name_zh: '英语服务', name_en: 'English service', waiting: wobble(1, 1), longest_wait_s: wobble(12, 8), calls: [] },
      { queue: 'complaints', name_zh: '投诉', name_en: 'Complaints', waiting: 0, longest_wait_s: 0, calls: [] },
    ],
    today: { offered: 418 + Math.floor(Date.now() / 20000) % 50, answered: 167, assistant_finished: 231, abandoned: 12, answer_rate: 0.952, service_level: wobble(86, 4) / 100, service_target_s: 20, asa_s: wobble(14, 4), aht_s: 276 },
    definitions,
  };
}

export function report(): T.Report {
  const days = Array.from({ length: 14 }, (_, i) => {
    const offered = 340 + Math.round(90 * Math.sin(i * 1.1)) + i * 6;
    return { day: day(13 - i), offered, answered: Math.round(offered * 0.39), assistant_finished: Math.round(offered * (0.5 + i * 0.006)), abandoned: Math.round(offered * 0.04), service_level: 0.78 + 0.1 * Math.sin(i), asa_s: 14 + 6 * Math.sin(i * 2), aht_s: 260 + 25 * Math.sin(i), mood: Math.round(8 + 14 * Math.sin(i * 0.8)) };
  });
  const agent = (id: string, zh: string, en: string, calls: number, mood: number, broken: number): T.ReportAgent => ({ agent: id, display_zh: zh, display_en: en, calls, aht_s: 220 + calls, mood, keyword_broken: broken, keyword_kept: calls - broken, cards_shown: calls * 2, cards_taken: Math.round(calls * 1.2) });
  return {
    days,
    agents: [agent('chen', '陈晓', 'Chen Xiao', 96, 14, 3), agent('ann', 'Ann Brown', 'Ann Brown', 71, 22, 0), agent('zhao', '赵磊', 'Zhao Lei', 88, -9, 11), agent('sun', '孙倩', 'Sun Qian', 64, 3, 2)],
    keywords: [
      { rule: 'hello', kind: 'required', hint_zh: '第一句要问候“您好”', hint_en: 'Greet in the first turn', hits: 2, kept: 302, calls: ['call-1', 'call-3'] },
      { rule: 'no-promise', kind: 'forbidden', hint_zh: '不能承诺送达时间', hint_en: 'Never promise a delivery time', hits: 16, calls: ['call-1', 'call-7', 'call-13', 'call-19'] },
      { rule: 'no-private-pay', kind: 'forbidden', hint_zh: '不得引导私下转账', hint_en: 'Never ask for a private transfer', hits: 0, calls: [] },
    ],
    intents: intents.map((one, i) => ({ ...one, calls: 240 - i * 38, finished_by_assistant: Math.round((240 - i * 38) * (one.intent === 'agent-request' ? 0 : 0.72 - i * 0.08)) })),
  };
}

const ago = (s: number) => NOW - s * 1000;
export const content: T.ContentStatus = {
  loaded_ms: ago(40),
  files: [
    { path: 'knowledge/zh-CN/refunds/how-long.md', kind: 'article', title: '退款多久到账', lang: 'zh', ok: true, loaded_ms: ago(4000), serving_old: false },
    { path: 'knowledge/en/refunds/how-long.md', kind: 'article', title: 'How long a refund takes', lang: 'en', ok: true, loaded_ms: ago(4000), serving_old: false },
    { path: 'knowledge/zh-CN/parcels/late.md', kind: 'article', title: '包裹迟到', lang: 'zh', ok: false, line: 3, reason: 'updated = "昨天" 不是日期，请写成 2026-11-22', loaded_ms: ago(40), serving_old: true },
    { path: 'knowledge/intents/parcel-track.toml', kind: 'intents', title: '查快递', ok: true, loaded_ms: ago(9000), serving_old: false },
    { path: 'prompts/flows/parcel.toml', kind: 'flow', title: '查快递流程', ok: true, loaded_ms: ago(9000), serving_old: false },
    { path: 'prompts/zh-CN.toml', kind: 'prompts', title: '提示语（中文）', lang: 'zh', ok: true, loaded_ms: ago(9000), serving_old: false },
    { path: 'prompts/compliance.toml', kind: 'compliance', title: '合规词', ok: true, loaded_ms: ago(9000), serving_old: false },
    { path: 'knowledge/company/customers.toml', kind: 'company', title: '演示客户', ok: true, loaded_ms: ago(9000), serving_old: false },
  ],
};
export const fileText = (path: string) => path.endsWith('.md')
  ? '+++\nid = "parcels/late"\nupdated = "昨天"\ntitle = "包裹迟到"\nowner = "物流组"\nreview_by = "2027-03-01"\naudience = "caller"\n+++\n\n## 超过预计送达时间\n\n包裹超过预计送达时间 24 小时的，可以为客户申请优先派送。\n\n## 补偿\n\n超过 72 小时的，补偿 20 元运费券。\n'
  : 'id = "parcel-track"\ntitle_zh = "查快递"\ntitle_en = "Track a parcel"\n\nzh = [\n  "我的快递到哪了",\n  "包裹怎么还没到",\n]\n';
export const gaps: T.Gap[] = [
  { question: '能不能用数字人民币付款', count: 9, last_ms: ago(3600), call: 'call-4' },
  { question: 'do you deliver to Hong Kong', count: 6, last_ms: ago(7300), call: 'call-8' },
  { question: '老人机怎么下单', count: 2, last_ms: ago(90000), call: null },
];
export const answer = (question: string): T.AskAnswer => ({
  took_us: 4210, weight_dense: 0.62,
  intent: [{ ...(intents[3] as T.IntentTitle), score: 871 }, { ...(intents[4] as T.IntentTitle), score: 64 }, { intent: 'none', title_zh: '以上都不是', title_en: 'None of these', score: 31 }],
  results: [
    { document: 'refunds/how-long', section: '原路退回', title: '退款多久到账', text: '退款同意后 1 到 3 个工作日原路退回；信用卡可能要到下一个账单日才显示。微信、支付宝一般当天到账。', score: 902, dense: 884, lexical: 931, terms: ['退款', '到账', ...question.split(/\s+/).slice(0, 2)] },
    { document: 'refunds/partial', section: '只退一部分', title: '部分退款', text: '订单里只退一件的，按实际付的价钱退，运费不退。', score: 611, dense: 702, lexical: 462, terms: ['退'] },
    { document: 'parcels/late', section: '补偿', title: '包裹迟到', text: '超过 72 小时的，补偿 20 元运费券。', score: 233, dense: 341, lexical: 56, terms: [] },
  ],
});
