//! Content that must not reach a call.

use crate::world::files;
use expect_test::{Expect, expect};
use sidetone_call::FlowBook;

/// Replaces text in one file and lists the faults.
fn faults(path: &str, from: &str, to: &str, expected: Expect) {
    let mut files = files();
    let file = files
        .iter_mut()
        .find(|(name, _)| name == path)
        .expect("a file of ours");
    assert!(file.1.contains(from), "{path} does not have {from:?}");
    file.1 = file.1.replacen(from, to, 1);
    let faults = FlowBook::parse(&files).err().unwrap_or_default();
    let text: String = faults.iter().map(|fault| format!("{fault}\n")).collect();
    expected.assert_eq(&text);
}

#[test]
fn what_ships_is_without_fault() {
    let book = FlowBook::parse(&files()).unwrap();
    assert!(book.flows().count() >= 7);
    assert_eq!(book.digest().len(), 64);
    assert!(
        book.fixed_texts()
            .iter()
            .any(|(key, _, _)| key == "goodbye")
    );
}

#[test]
fn a_misspelled_step() {
    faults(
        "prompts/flows/bill.toml",
        "not_found = \"no-bill\"",
        "not_found = \"nobill\"",
        expect![[r#"
            prompts/flows/bill.toml:25: the step `look-up` leads to `nobill`, which this flow does not have (name a step of the same file)
        "#]],
    );
}

#[test]
fn a_missing_language() {
    faults(
        "prompts/spoken/bill.toml",
        "en = \"There's no bill on your account yet.\"",
        "",
        expect![[r#"
            prompts/spoken/bill.toml:17: the prompt `bill-none` has no text in `en` (every prompt is spoken in both languages: add the missing line)
        "#]],
    );
}

#[test]
fn broken_toml() {
    faults(
        "prompts/flows/refund.toml",
        "do = \"ask\"",
        "do = \"ask",
        expect![[r#"
            prompts/flows/refund.toml:73: invalid basic string, expected `"` (correct the TOML at this line; the last good version keeps serving)
        "#]],
    );
}

#[test]
fn an_unknown_field() {
    faults(
        "prompts/flows/pick-order.toml",
        "read_back",
        "readback",
        expect![[r#"
            prompts/flows/pick-order.toml:56: unknown field `readback`, expected one of `id`, `do`, `prompt`, `then`, `slot`, `kind`, `count`, `reprompt`, `invalid`, `keypad`, `read_back`, `operation`, `params`, `ok`, `not_found`, `failed`, `on`, `cases`, `otherwise`, `list`, `value`, `item`, `max`, `none`, `queue`, `skills`, `reason`, `flow` (correct the TOML at this line; the last good version keeps serving)
        "#]],
    );
}

#[test]
fn an_unknown_operation_and_parameter() {
    faults(
        "prompts/flows/bill.toml",
        "operation = \"bill.latest\"\nparams = { customer = \"customer\" }",
        "operation = \"bill.newest\"\nparams = { customer = \"customer\" }",
        expect![[r#"
            prompts/flows/bill.toml:22: the step `look-up` asks for `bill.newest`, which no connector does (use one of the operations of the connectors)
            prompts/flows/bill.toml:31: the step `paid-or-not` uses `paid`, which nothing in the flow sets (name a slot of an `ask` or `choose`, or a field of a connector's answer)
            prompts/flows/bill.toml:38: the prompt `bill-open` uses `due`, which the flow `bill` does not have (set it in a step before, or take it out)
            prompts/flows/bill.toml:38: the prompt `bill-open` uses `month`, which the flow `bill` does not have (set it in a step before, or take it out)
            prompts/flows/bill.toml:38: the prompt `bill-open` uses `total_cents`, which the flow `bill` does not have (set it in a step before, or take it out)
            prompts/flows/bill.toml:44: the prompt `bill-paid` uses `month`, which the flow `bill` does not have (set it in a step before, or take it out)
            prompts/flows/bill.toml:44: the prompt `bill-paid` uses `total_cents`, which the flow `bill` does not have (set it in a step before, or take it out)
            prompts/flows/bill.toml:67: the prompt `bill-lines` uses `lines`, which the flow `bill` does not have (set it in a step before, or take it out)
        "#]],
    );
    faults(
        "prompts/flows/bill.toml",
        "params = { customer = \"customer\" }",
        "params = { client = \"custmer\" }",
        expect![[r#"
            prompts/flows/bill.toml:22: `bill.latest` takes no `client` (step `look-up`) (take it out or correct its name)
            prompts/flows/bill.toml:22: the step `look-up` does not give `customer` to `bill.latest` (add it under `params`)
            prompts/flows/bill.toml:23: the step `look-up` uses `custmer`, which nothing in the flow sets (name a slot of an `ask` or `choose`, or a field of a connector's answer)
        "#]],
    );
}

#[test]
fn a_prompt_with_a_wrong_variable_or_filter() {
    faults(
        "prompts/spoken/bill.toml",
        "{{ due|date }}",
        "{{ dew|date }}",
        expect![[r#"
            prompts/flows/bill.toml:38: the prompt `bill-open` uses `dew`, which the flow `bill` does not have (set it in a step before, or take it out)
        "#]],
    );
    faults(
        "prompts/spoken/bill.toml",
        "{{ due|date }}",
        "{{ due|dte }}",
        expect![[r#"
            prompts/spoken/bill.toml:2: the prompt `bill-open` is no valid template: unknown filter: filter dte is unknown (in <string>:1) (filters are digits, money, date, month, clock and count)
        "#]],
    );
}

#[test]
fn a_flow_in_a_circle() {
    faults(
        "prompts/flows/complaint.toml",
        "[[step]]\nid = \"story\"",
        "[[step]]\nid = \"first\"\ndo = \"flow\"\nflow = \"parcel\"\nthen = \"story\"\n\n[[step]]\nid = \"story\"",
        expect![[r#"
            prompts/flows/complaint.toml:8: the flow `complaint` leads more than 3 levels deep, or back into itself (callers get lost below three levels: take a level out)
            prompts/flows/parcel.toml:8: the flow `parcel` leads more than 3 levels deep, or back into itself (callers get lost below three levels: take a level out)
        "#]],
    );
}

#[test]
fn a_step_nobody_reaches() {
    faults(
        "prompts/flows/bill.toml",
        "cases = { yes = \"lines\" }",
        "cases = { yes = \"done\" }",
        expect![[r#"
            prompts/flows/bill.toml:65: no step leads to `lines` (lead a step there or take it out)
        "#]],
    );
}

#[test]
fn a_menu_key_that_is_taken() {
    faults(
        "prompts/menu.toml",
        "[key.1]",
        "[key.0]",
        expect![[r#"
        prompts/menu.toml:17: `0` cannot be an entry of the menu (use 1 to 9; 0 is always a person, * the menu, # repeats)
    "#]],
    );
}
