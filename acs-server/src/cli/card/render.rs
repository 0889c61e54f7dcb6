//! What `acs card` prints. Card numbers and contacts appear masked only.

use std::io::{Result, Write};

use serde_json::{Value, json};

use crate::cards::{BadLines, Imported, state_name};
use crate::storage::sqlite::cards::{Page, StoredCard};

pub(super) fn imported(
    out: &mut impl Write,
    issuer: &str,
    imported: &Imported,
    json: bool,
) -> Result<()> {
    let Imported { lines, cards, replaced, luhn_failures, elapsed, .. } = *imported;
    if json {
        let text = json!({
            "issuer": issuer,
            "lines": lines,
            "cards": cards,
            "replaced": replaced,
            "luhn_failures": luhn_failures,
            "milliseconds": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        });
        return writeln!(out, "{text}");
    }
    let seconds = elapsed.as_secs_f64();
    writeln!(out, "{cards} cards imported for {issuer} in {seconds:.1} s, {replaced} of them")?;
    writeln!(out, "were on record before ({lines} lines read)")?;
    if luhn_failures > 0 {
        writeln!(out, "{luhn_failures} numbers have a wrong check digit: production refuses them")?;
    }
    Ok(())
}

pub(super) fn bad_lines(out: &mut impl Write, bad: &BadLines) -> Result<()> {
    for line in &bad.listed {
        writeln!(out, "{line}")?;
    }
    if bad.unlisted() > 0 {
        writeln!(out, "and {} more", bad.unlisted())?;
    }
    writeln!(out, "{} bad lines, nothing was imported", bad.count)
}

pub(super) fn bad_lines_json(out: &mut impl Write, bad: &BadLines) -> Result<()> {
    let lines: Vec<_> = bad
        .listed
        .iter()
        .map(|line| json!({ "line": line.number, "reason": line.reason.to_string() }))
        .collect();
    writeln!(out, "{}", json!({ "bad": bad.count, "more": bad.unlisted(), "bad_lines": lines }))
}

pub(super) fn list(out: &mut impl Write, page: &Page, json: bool) -> Result<()> {
    let next = page.next.as_ref().map(ToString::to_string);
    if json {
        let cards: Vec<_> = page.cards.iter().map(short).collect();
        return writeln!(out, "{}", json!({ "cards": cards, "next": next }));
    }
    let mut rows =
        vec![["CARD", "EXPIRY", "STATE", "CONTACTS", "OUTCOME", "ISSUER"].map(str::to_owned)];
    rows.extend(page.cards.iter().map(columns));
    table(out, &rows)?;
    if let Some(next) = next {
        writeln!(out, "more: --after {next}")?;
    }
    Ok(())
}

pub(super) fn show(out: &mut impl Write, cards: &[StoredCard], json: bool) -> Result<()> {
    if json {
        let cards: Vec<_> = cards.iter().map(full).collect();
        return writeln!(out, "{}", json!({ "cards": cards }));
    }
    for (index, stored) in cards.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let card = &stored.card;
        for (name, value) in [
            ("card", stored.masked_pan.clone()),
            ("issuer", stored.issuer_id.clone()),
            ("expiry", card.expiry.clone().unwrap_or_else(none)),
            ("state", state(stored).to_owned()),
            ("sms", card.contacts.sms.as_deref().map_or_else(none, mask_phone)),
            ("email", card.contacts.email.as_deref().map_or_else(none, mask_email)),
            ("outcome", outcome(stored).unwrap_or_else(none)),
            ("token", stored.token.clone()),
        ] {
            writeln!(out, "{name:8} {value}")?;
        }
    }
    Ok(())
}

fn short(stored: &StoredCard) -> Value {
    json!({
        "issuer": stored.issuer_id,
        "card": stored.masked_pan,
        "token": stored.token,
        "expiry": stored.card.expiry,
        "state": state(stored),
        "sms": stored.card.contacts.sms.is_some(),
        "email": stored.card.contacts.email.is_some(),
        "outcome": stored.card.outcome,
    })
}

fn full(stored: &StoredCard) -> Value {
    let mut value = short(stored);
    value["sms"] = json!(stored.card.contacts.sms.as_deref().map(mask_phone));
    value["email"] = json!(stored.card.contacts.email.as_deref().map(mask_email));
    value
}

fn columns(stored: &StoredCard) -> [String; 6] {
    let contacts = &stored.card.contacts;
    let contacts = match (contacts.sms.is_some(), contacts.email.is_some()) {
        (true, true) => "sms, email",
        (true, false) => "sms",
        (false, true) => "email",
        (false, false) => "-",
    };
    [
        stored.masked_pan.clone(),
        stored.card.expiry.clone().unwrap_or_else(none),
        state(stored).to_owned(),
        contacts.to_owned(),
        outcome(stored).unwrap_or_else(none),
        stored.issuer_id.clone(),
    ]
}

/// Left-aligned columns, as wide as they need to be.
/// Columns side by side, the first row as their heads.
pub(in crate::cli) fn table<const N: usize>(
    out: &mut impl Write,
    rows: &[[String; N]],
) -> Result<()> {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..N).map(width).collect();
    for row in rows {
        let cells: Vec<_> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn state(stored: &StoredCard) -> &'static str {
    state_name(stored.card.state).unwrap_or("?")
}

fn outcome(stored: &StoredCard) -> Option<String> {
    let outcome = stored.card.outcome.as_ref()?;
    let reason = outcome.reason.as_deref().map_or_else(String::new, |reason| format!(" {reason}"));
    Some(format!("{}{reason}", outcome.status.code()))
}

fn none() -> String {
    "-".to_owned()
}

/// The last two digits.
fn mask_phone(number: &str) -> String {
    let hidden = number.len().saturating_sub(3);
    number
        .chars()
        .enumerate()
        .map(|(place, c)| if (1..=hidden).contains(&place) { '*' } else { c })
        .collect()
}

/// The first character and the host.
fn mask_email(address: &str) -> String {
    let (user, host) = address.split_once('@').unwrap_or((address, ""));
    let first: String = user.chars().take(1).collect();
    format!("{first}***@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_masked() {
        assert_eq!(mask_phone("+819012345678"), "+**********78");
        assert_eq!(mask_phone("+1"), "+1");
        assert_eq!(mask_phone(""), "");
        assert_eq!(mask_email("taro@example.com"), "t***@example.com");
        assert_eq!(mask_email(""), "***@");
    }
}
