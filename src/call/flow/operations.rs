//! What a connector can be asked, and what it answers with.
//!
//! This table is the contract with the connectors: the lint checks flows against it.

/// One operation of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    pub name: &'static str,
    /// Parameters that must be given.
    pub required: &'static [&'static str],
    pub optional: &'static [&'static str],
    /// Fields of the answer that prompts may use. Lists are arrays of objects with the fields named
    /// after the dot.
    pub fields: &'static [&'static str],
}

/// All operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "customer.by_phone",
        required: &["phone"],
        optional: &[],
        fields: &["customer", "name", "name_en", "tier"],
    },
    Operation {
        // The newest order of a customer.
        name: "customer.orders",
        required: &["customer"],
        optional: &[],
        fields: &["order", "item_zh", "item_en"],
    },
    Operation {
        name: "bill.latest",
        required: &["customer"],
        optional: &["month"],
        fields: &[
            "month",
            "total_cents",
            "due",
            "paid",
            "lines",
            "lines.zh",
            "lines.en",
            "lines.amount_cents",
        ],
    },
    Operation {
        // status: placed, paid, packing, shipped, delivered, returned, cancelled.
        name: "order.status",
        required: &["order"],
        optional: &[],
        fields: &[
            "order",
            "status",
            "placed",
            "total_cents",
            "item_zh",
            "item_en",
            "items",
            "eta",
        ],
    },
    Operation {
        // status: in-transit, out-for-delivery, at-pickup-point, delayed, delivery-failed, delivered,
        // returned.
        name: "parcel.track",
        required: &["order"],
        optional: &[],
        fields: &[
            "order", "parcel", "status", "eta", "carrier", "place_zh", "place_en", "last_zh",
            "last_en", "last_at",
        ],
    },
    Operation {
        name: "refund.start",
        required: &["order"],
        optional: &[],
        fields: &[
            "order",
            "amount_cents",
            "status",
            "expected",
            "already",
            "order_status",
            "item_zh",
            "item_en",
            "days",
        ],
    },
    Operation {
        // Not found: no refund was asked for.
        name: "refund.status",
        required: &["order"],
        optional: &[],
        fields: &["order", "amount_cents", "status", "expected"],
    },
    Operation {
        // At most three; not found: none is free.
        name: "appointment.slots",
        required: &[],
        optional: &["city", "customer"],
        fields: &[
            "slots",
            "slots.id",
            "slots.day",
            "slots.from",
            "slots.to",
            "city",
        ],
    },
    Operation {
        // Not found: somebody else took it.
        name: "appointment.book",
        required: &["slot"],
        optional: &["customer"],
        fields: &["slot", "day", "from", "to", "city"],
    },
    Operation {
        name: "complaint.file",
        required: &["text"],
        optional: &["order", "customer"],
        fields: &["ticket"],
    },
];

/// The operation of a name.
pub(crate) fn operation(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}
