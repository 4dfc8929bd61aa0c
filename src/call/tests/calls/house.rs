//! What the house knows in these scripts: intents, one article, the demo data.

use serde_json::{Value, json};
use sidetone_types::*;
use std::collections::BTreeMap;

/// A classifier of keywords, with the doubts a real one has.
pub fn classify(text: &str) -> Vec<IntentScore> {
    const TABLE: &[(&str, &str, u16)] = &[
        ("账单怎么", "bill-query", 560),
        ("账单", "bill-query", 930),
        ("bill", "bill-query", 930),
        ("退款要多久", "refund-how-long", 900),
        ("how long do refunds take", "refund-how-long", 900),
        ("退款", "refund-request", 900),
        ("refund", "refund-request", 900),
        ("快递", "parcel-track", 910),
        ("parcel", "parcel-track", 910),
        ("订单", "order-status", 880),
        ("order", "order-status", 880),
        ("投诉", "complaint-file", 880),
        ("complain", "complaint-file", 880),
        ("师傅", "appointment-book", 870),
        ("technician", "appointment-book", 870),
        ("somebody in charge", "agent-request", 900),
    ];
    let lower = text.to_lowercase();
    let hits: Vec<IntentScore> = TABLE
        .iter()
        .filter(|(word, _, _)| lower.contains(word))
        .map(|(_, intent, score)| IntentScore {
            intent: (*intent).into(),
            score: *score,
        })
        .collect();
    match hits.first() {
        Some(best) => vec![
            best.clone(),
            IntentScore {
                intent: IntentId::NONE.into(),
                score: 20,
            },
        ],
        None => vec![IntentScore {
            intent: IntentId::NONE.into(),
            score: 950,
        }],
    }
}

pub fn look_up(query: &str, lang: Lang) -> Vec<Passage> {
    let known = ["多久", "几点", "how long", "How long"];
    let known = known.iter().any(|part| query.contains(part));
    let text = match lang {
        Lang::Zh => "收到退货后五个工作日内到账。**银行卡**可能再晚一两天。",
        Lang::En => "The money is back within five working days. Banks may take a day longer.",
    };
    vec![Passage {
        document: "refunds/how-long".into(),
        title: "退款多久到账".into(),
        section: String::new(),
        text: text.into(),
        score: if known { 800 } else { 120 },
    }]
}

/// The demo data, as far as these calls need it.
pub fn connector(operation: &str, slots: &BTreeMap<String, SlotValue>) -> ConnectorAnswer {
    let slot = |name: &str| slots.get(name).map_or("", |value| value.shown.as_str());
    let fields = match (operation, slot("order"), slot("customer")) {
        ("customer.by_phone", _, _) if slots["phone"].secret.is_some() => {
            json!({"customer": "c-li", "name": "李强", "name_en": "Li Qiang", "tier": "standard"})
        }
        ("customer.orders", _, "c-wang") => {
            json!({"order": "20611018", "item_zh": "女士羽绒服", "item_en": "women's down jacket"})
        }
        ("bill.latest", _, "c-wang" | "c-li") => json!({
            "month": "2026-10", "total_cents": 48374, "due": "2026-11-25", "paid": false,
            "lines": [{"zh": "分期手续费", "en": "Instalment fee", "amount_cents": 1374}],
        }),
        ("order.status", "20611018", _) => json!({
            "order": "20611018", "status": "shipped", "placed": "2026-11-18", "total_cents": 96700,
            "item_zh": "女士羽绒服", "item_en": "women's down jacket", "items": 2, "eta": "2026-11-22",
        }),
        ("parcel.track", "20611018", _) => json!({
            "order": "20611018", "parcel": "QH2026117707", "status": "delayed", "eta": "2026-11-22",
            "carrier": "x", "place_zh": "上海徐汇站", "place_en": "Xuhui station, Shanghai",
            "last_zh": "", "last_en": "", "last_at": "",
        }),
        ("refund.start", "20611018", _) => json!({
            "order": "20611018", "amount_cents": 96700, "status": "requested", "expected": "",
            "already": false, "order_status": "shipped", "item_zh": "女士羽绒服",
            "item_en": "women's down jacket", "days": 5,
        }),
        ("appointment.slots", _, _) => json!({"city": "上海", "slots": [
            {"id": "s-002", "day": "2026-11-23", "from": "11:00", "to": "13:00"},
            {"id": "s-001", "day": "2026-11-23", "from": "14:00", "to": "16:00"},
        ]}),
        ("appointment.book", _, _) if slot("slot") == "s-001" => json!({
            "slot": "s-001", "day": "2026-11-23", "from": "14:00", "to": "16:00", "city": "上海",
        }),
        ("complaint.file", _, _) => json!({"ticket": "482913"}),
        _ => return ConnectorAnswer::NotFound,
    };
    match fields {
        Value::Object(fields) => ConnectorAnswer::Ok {
            fields: fields.into_iter().collect(),
        },
        _ => ConnectorAnswer::NotFound,
    }
}
