//! The demo company's customers, orders, parcels and bills, read from `knowledge/company/`.

use crate::config::toml_error;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sidetone_types::ContentError;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    pub id: String,
    pub name: String,
    pub name_en: String,
    pub phone: String,
    pub lang: String,
    pub tier: String,
    pub since: String,
    pub city: String,
    #[serde(default)]
    pub notes: String,
    #[serde(default)]
    pub card_last4: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub id: String,
    pub customer: String,
    pub placed: String,
    pub status: String,
    pub items: Vec<Item>,
    pub total_cents: i64,
    #[serde(default)]
    pub parcel: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub name_zh: String,
    pub name_en: String,
    pub quantity: u32,
    pub price_cents: i64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Parcel {
    pub id: String,
    pub order: String,
    pub carrier: String,
    pub status: String,
    #[serde(default)]
    pub eta: String,
    #[serde(default)]
    pub last_place_zh: String,
    #[serde(default)]
    pub last_place_en: String,
    #[serde(default)]
    pub history: Vec<Stop>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    pub at: String,
    pub zh: String,
    pub en: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bill {
    pub customer: String,
    pub month: String,
    pub total_cents: i64,
    pub due: String,
    pub paid: bool,
    #[serde(default)]
    pub lines: Vec<BillLine>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BillLine {
    pub zh: String,
    pub en: String,
    pub cents: i64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    pub order: String,
    pub amount_cents: i64,
    pub status: String,
    pub expected: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    pub id: String,
    pub day: String,
    pub from: String,
    pub to: String,
    pub city: String,
    pub free: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Appointment {
    pub id: String,
    pub customer: String,
    pub slot: String,
    #[serde(default)]
    pub service_zh: String,
    #[serde(default)]
    pub service_en: String,
}

/// Everything the demo CRM and ERP know.
#[derive(Clone, Debug, Default)]
pub struct CompanyData {
    pub customers: Vec<Customer>,
    pub orders: Vec<Order>,
    pub parcels: Vec<Parcel>,
    pub bills: Vec<Bill>,
    pub refunds: Vec<Refund>,
    pub slots: Vec<Slot>,
    pub appointments: Vec<Appointment>,
}

impl CompanyData {
    /// Reads the folder. Every broken file is reported; rows of the good ones are kept.
    pub fn load(folder: &Path) -> (Self, Vec<ContentError>) {
        let mut errors = Vec::new();
        let mut read = |name: &str| read_tables(&folder.join(name), &mut errors);
        let mut customers = read("customers.toml");
        let mut orders = read("orders.toml");
        let mut parcels = read("parcels.toml");
        let mut bills = read("bills.toml");
        let mut appointments = read("appointments.toml");
        let mut all = BTreeMap::new();
        for tables in [
            &mut customers,
            &mut orders,
            &mut parcels,
            &mut bills,
            &mut appointments,
        ] {
            for (key, (file, rows)) in std::mem::take(tables) {
                all.entry(key)
                    .or_insert_with(|| (file, Vec::new()))
                    .1
                    .extend(rows);
            }
        }
        let data = Self {
            customers: rows(&mut all, "customer", &mut errors),
            orders: rows(&mut all, "order", &mut errors),
            parcels: rows(&mut all, "parcel", &mut errors),
            bills: rows(&mut all, "bill", &mut errors),
            refunds: rows(&mut all, "refund", &mut errors),
            slots: rows(&mut all, "slot", &mut errors),
            appointments: rows(&mut all, "appointment", &mut errors),
        };
        for (kind, (file, _)) in all {
            errors.push(ContentError {
                file,
                line: None,
                reason: format!("[[{kind}]] is not a table this folder knows"),
                hint: "use customer, order, parcel, bill, refund, slot or appointment".into(),
            });
        }
        (data, errors)
    }

    pub fn customer(&self, id: &str) -> Option<&Customer> {
        self.customers.iter().find(|c| c.id == id)
    }
    pub fn customer_by_phone(&self, phone: &str) -> Option<&Customer> {
        let digits = |text: &str| {
            text.chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
        };
        let wanted = digits(phone);
        // A caller says the national part; the record has the country code before it.
        (wanted.len() >= 7)
            .then(|| {
                self.customers
                    .iter()
                    .find(|c| digits(&c.phone).ends_with(&wanted))
            })
            .flatten()
    }
    pub fn order(&self, id: &str) -> Option<&Order> {
        self.orders.iter().find(|o| o.id == id)
    }
    pub fn parcel_of(&self, order: &str) -> Option<&Parcel> {
        self.parcels.iter().find(|p| p.order == order)
    }
    /// The customer's orders, newest first.
    pub fn orders_of(&self, customer: &str) -> Vec<&Order> {
        let mut orders: Vec<_> = self
            .orders
            .iter()
            .filter(|o| o.customer == customer)
            .collect();
        orders.sort_by(|a, b| b.placed.cmp(&a.placed).then(a.id.cmp(&b.id)));
        orders
    }
    /// The customer's bills, newest first.
    pub fn bills_of(&self, customer: &str) -> Vec<&Bill> {
        let mut bills: Vec<_> = self
            .bills
            .iter()
            .filter(|b| b.customer == customer)
            .collect();
        bills.sort_by(|a, b| b.month.cmp(&a.month));
        bills
    }
}

type Tables = BTreeMap<String, (String, Vec<toml::Value>)>;

fn read_tables(path: &Path, errors: &mut Vec<ContentError>) -> Tables {
    let file = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) => {
            errors.push(ContentError {
                file,
                line: None,
                reason: format!("can't be read: {e}"),
                hint: "put the file back, or set connectors.demo_data = false".into(),
            });
            return Tables::new();
        }
    };
    match toml::from_str::<BTreeMap<String, Vec<toml::Value>>>(&text) {
        Ok(tables) => tables
            .into_iter()
            .map(|(kind, rows)| (kind, (file.clone(), rows)))
            .collect(),
        Err(e) => {
            errors.push(toml_error(&e, &text, &file));
            Tables::new()
        }
    }
}

fn rows<T: DeserializeOwned>(
    tables: &mut Tables,
    kind: &str,
    errors: &mut Vec<ContentError>,
) -> Vec<T> {
    let Some((file, values)) = tables.remove(kind) else {
        return Vec::new();
    };
    let mut good = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        match value.try_into::<T>() {
            Ok(row) => good.push(row),
            Err(e) => errors.push(ContentError {
                file: file.clone(),
                line: None,
                reason: format!("[[{kind}]] number {}: {}", index + 1, e.message()),
                hint: "compare it with the rows around it".into(),
            }),
        }
    }
    good
}
