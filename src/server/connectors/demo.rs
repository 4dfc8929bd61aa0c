//! The demo company's CRM and ERP, over the data of `knowledge/company/`.

use super::Question;
use crate::company::{CompanyData, Order, Refund};
use serde_json::{Value, json};
use sidetone_types::ConnectorAnswer;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Answers every operation of the demo flows. Bookings and refunds last as long as the process.
pub struct DemoConnector {
    data: Mutex<CompanyData>,
}

impl DemoConnector {
    pub fn new(data: CompanyData) -> Self {
        Self {
            data: Mutex::new(data),
        }
    }

    /// A copy of the rows, for the pages.
    pub fn snapshot(&self) -> CompanyData {
        self.lock().clone()
    }

    /// New content of the folder replaces what was there.
    pub fn replace(&self, data: CompanyData) {
        *self.lock() = data;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, CompanyData> {
        self.data
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Answers one question.
    pub fn ask(&self, question: &Question) -> ConnectorAnswer {
        let slot = |name: &str| {
            question
                .slots
                .get(name)
                .map(String::as_str)
                .unwrap_or_default()
        };
        let mut data = self.lock();
        let found = match question.operation.as_str() {
            "customer.by_phone" => customer_by_phone(&data, slot("phone")),
            "customer.orders" => latest_order(&data, slot("customer")),
            "bill.latest" => bill(&data, slot("customer"), slot("month")),
            "order.status" => order_status(&data, slot("order")),
            "parcel.track" => parcel(&data, slot("order")),
            "refund.start" => start_refund(&mut data, slot("order")),
            "refund.status" => refund_status(&data, slot("order")),
            "appointment.slots" => slots(&data, slot("city"), slot("customer")),
            "appointment.book" => book(&mut data, slot("slot")),
            "complaint.file" => Some(json!({ "ticket": ticket_number(slot("text")) })),
            other => {
                return ConnectorAnswer::Failed {
                    reason: format!("the demo data has no operation {other}"),
                };
            }
        };
        match found {
            Some(Value::Object(fields)) => ConnectorAnswer::Ok {
                fields: fields.into_iter().collect::<BTreeMap<_, _>>(),
            },
            _ => ConnectorAnswer::NotFound,
        }
    }
}

fn customer_by_phone(data: &CompanyData, phone: &str) -> Option<Value> {
    let customer = data.customer_by_phone(phone)?;
    Some(json!({
        "customer": customer.id, "name": customer.name, "name_en": customer.name_en,
        "tier": customer.tier,
    }))
}

fn latest_order(data: &CompanyData, customer: &str) -> Option<Value> {
    let order = *data.orders_of(customer).first()?;
    Some(
        json!({ "order": order.id, "item_zh": first_item(order).0, "item_en": first_item(order).1 }),
    )
}

fn bill(data: &CompanyData, customer: &str, month: &str) -> Option<Value> {
    let bills = data.bills_of(customer);
    let bill = if month.is_empty() {
        *bills.first()?
    } else {
        bills.iter().copied().find(|b| b.month == month)?
    };
    let lines: Vec<Value> = bill
        .lines
        .iter()
        .map(|line| json!({ "zh": line.zh, "en": line.en, "amount_cents": line.cents }))
        .collect();
    Some(json!({
        "month": bill.month, "total_cents": bill.total_cents, "due": bill.due,
        "paid": bill.paid, "lines": lines,
    }))
}

fn first_item(order: &Order) -> (&str, &str) {
    order
        .items
        .first()
        .map_or(("", ""), |item| (&item.name_zh, &item.name_en))
}

fn order_status(data: &CompanyData, order: &str) -> Option<Value> {
    let order = data.order(order)?;
    let (item_zh, item_en) = first_item(order);
    let eta = data
        .parcel_of(&order.id)
        .map_or("", |parcel| parcel.eta.as_str());
    Some(json!({
        "order": order.id, "status": order.status, "placed": order.placed,
        "total_cents": order.total_cents, "item_zh": item_zh, "item_en": item_en,
        "items": order.items.len(), "eta": eta,
    }))
}

fn parcel(data: &CompanyData, order: &str) -> Option<Value> {
    let parcel = data.parcel_of(order)?;
    let last = parcel.history.last();
    Some(json!({
        "order": order, "parcel": parcel.id, "status": parcel.status, "eta": parcel.eta,
        "carrier": parcel.carrier,
        "place_zh": parcel.last_place_zh, "place_en": parcel.last_place_en,
        "last_zh": last.map_or("", |stop| stop.zh.as_str()),
        "last_en": last.map_or("", |stop| stop.en.as_str()),
        "last_at": last.map_or("", |stop| stop.at.as_str()),
    }))
}

fn start_refund(data: &mut CompanyData, order: &str) -> Option<Value> {
    let found = data.order(order)?;
    let (amount_cents, status) = (found.total_cents, found.status.clone());
    let (item_zh, item_en) = first_item(found);
    let (item_zh, item_en) = (item_zh.to_owned(), item_en.to_owned());
    let known = data
        .refunds
        .iter()
        .find(|refund| refund.order == order)
        .cloned();
    let already = known.is_some();
    let refund = known.unwrap_or_else(|| {
        let refund = Refund {
            order: order.to_owned(),
            amount_cents,
            status: "requested".into(),
            // The refund articles promise five working days after the goods are back.
            expected: String::new(),
        };
        data.refunds.push(refund.clone());
        refund
    });
    Some(json!({
        "order": order, "amount_cents": refund.amount_cents, "status": refund.status,
        "expected": refund.expected, "already": already, "order_status": status,
        "item_zh": item_zh, "item_en": item_en, "days": 5,
    }))
}

fn refund_status(data: &CompanyData, order: &str) -> Option<Value> {
    let refund = data.refunds.iter().find(|refund| refund.order == order)?;
    Some(json!({
        "order": order, "amount_cents": refund.amount_cents, "status": refund.status,
        "expected": refund.expected,
    }))
}

fn slots(data: &CompanyData, city: &str, customer: &str) -> Option<Value> {
    let city = match city {
        "" => data
            .customer(customer)
            .map_or("", |customer| customer.city.as_str()),
        named => named,
    };
    let free: Vec<Value> = data
        .slots
        .iter()
        .filter(|slot| slot.free && (city.is_empty() || slot.city == city))
        .take(3)
        .map(|slot| {
            json!({ "slot": slot.id, "id": slot.id, "day": slot.day, "from": slot.from, "to": slot.to })
        })
        .collect();
    (!free.is_empty()).then(|| json!({ "slots": free, "city": city }))
}

fn book(data: &mut CompanyData, id: &str) -> Option<Value> {
    let slot = data
        .slots
        .iter_mut()
        .find(|slot| slot.id == id && slot.free)?;
    slot.free = false;
    Some(
        json!({ "slot": slot.id, "day": slot.day, "from": slot.from, "to": slot.to, "city": slot.city }),
    )
}

/// A help-desk number that callers can write down: same words, same number.
fn ticket_number(text: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(text.as_bytes());
    let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % 900_000;
    format!("{}", 100_000 + number)
}
