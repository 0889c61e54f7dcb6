//! The page of an HTML screen: complete in itself, without script and without any reference to the
//! outside; its form goes to the address that SDKs watch for [P-APP-28].

use std::fmt::{self, Write as _};

use super::screen::key;
use crate::flow::challenge::page::Note;
use crate::flow::challenge::shown::Shown;
use crate::flow::transaction::Asked;
use crate::profile::Logo;

/// The page that asks for what the challenge waits for [P-APP-28, Req 160..165, Req 374..378].
pub(super) fn page(shown: &Shown<'_>, note: Note) -> String {
    let (issuer, system) = shown.logos();
    let logos = [issuer, system].into_iter().flatten().map(|logo| logo.image().len());
    let mut html = String::with_capacity(TYPICAL_LENGTH + logos.sum::<usize>());
    // Writing to a String cannot fail.
    let _ = write(&mut html, shown, note);
    html
}

fn write(html: &mut String, shown: &Shown<'_>, note: Note) -> fmt::Result {
    let words = shown.words();
    let header = shown.header();
    write!(
        html,
        "<!DOCTYPE html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{header}</title><style>{CSS}</style>\
         </head><body><main>",
        shown.transaction.language,
        header = Escaped(&header),
    )?;
    brand(html, shown)?;
    write!(html, "<h1>{}</h1>", Escaped(&header))?;
    if let Some(text) = shown.note(note) {
        let (class, role) = match note {
            Note::Error(_) => ("error", "alert"),
            _ => ("news", "status"),
        };
        write!(html, "<p class=\"{class}\" role=\"{role}\">{}</p>", Escaped(&text))?;
    }
    summary(html, shown)?;
    write!(html, "<p>{}</p>", Escaped(&shown.how()))?;
    if shown.is_warned() {
        write!(html, "<p>{}</p>", Escaped(&words.text("warn", &[])))?;
    }
    if shown.waits_for_app() {
        to_the_app(html, shown)?;
    }
    write!(html, "<form method=\"get\" action=\"{TARGET}\">")?;
    match shown.entry.asked {
        _ if shown.entry.is_information() => button(html, "continue", &shown.continue_label())?,
        Asked::Code | Asked::Notice => code(html, shown)?,
        Asked::Way => choice(html, shown)?,
        Asked::App => out_of_band(html, shown)?,
    }
    if let Some(label) = shown.additional_label() {
        button(html, "more", &label)?;
    }
    button(html, "cancel", &words.text("cancel", &[]))?;
    html.write_str("</form>")?;
    let help = match shown.entry.asked {
        Asked::App => ("oob.help.label", "oob.help.text"),
        _ => ("help.label", "help.text"),
    };
    for (label, text) in [help, ("why.label", "why.text")] {
        write!(
            html,
            "<details><summary>{}</summary><p>{}</p></details>",
            Escaped(&words.text(label, &[])),
            Escaped(&words.text(text, &[])),
        )?;
    }
    html.write_str("</main></body></html>")
}

/// Who asks: the issuer's logo or its name, and the payment system's logo [Req 162].
fn brand(html: &mut String, shown: &Shown<'_>) -> fmt::Result {
    let (issuer, system) = shown.logos();
    let name = shown.words().issuer;
    html.write_str("<p class=\"brand\">")?;
    match issuer {
        Some(logo) => picture(html, logo, name)?,
        None => write!(html, "<span>{}</span>", Escaped(name))?,
    }
    if let Some(logo) = system {
        picture(html, logo, logo.words())?;
    }
    html.write_str("</p>")
}

fn picture(html: &mut String, logo: &Logo, words: &str) -> fmt::Result {
    // Nothing in its address would have to be escaped.
    write!(html, "<img src=\"{}\" alt=\"{}\">", logo.image(), Escaped(words))
}

/// Shop, amount, card: what is known of them.
fn summary(html: &mut String, shown: &Shown<'_>) -> fmt::Result {
    let words = shown.words();
    let card = words.text("sum.ending", &[("card", &shown.transaction.card_last4)]);
    html.write_str("<dl>")?;
    for (label, value) in [
        ("sum.merchant", shown.shop()),
        ("sum.amount", shown.amount()),
        ("sum.card", Some(card.into_owned())),
    ] {
        if let Some(value) = value {
            let label = words.text(label, &[]);
            write!(html, "<dt>{}</dt><dd>{}</dd>", Escaped(&label), Escaped(&value))?;
        }
    }
    html.write_str("</dl>")
}

fn code(html: &mut String, shown: &Shown<'_>) -> fmt::Result {
    let words = shown.words();
    let mode = if shown.alphanumeric() { "text" } else { "numeric" };
    let most = shown.entry_length();
    write!(
        html,
        "<label for=\"code\">{}</label>\
         <input id=\"code\" type=\"text\" name=\"challengeDataEntry\" inputmode=\"{mode}\" \
         autocomplete=\"one-time-code\" autocapitalize=\"off\" spellcheck=\"false\" \
         maxlength=\"{most}\" required>",
        Escaped(&shown.code_label()),
    )?;
    if let Some(label) = shown.second_label() {
        write!(
            html,
            "<label for=\"second\">{}</label><input id=\"second\" type=\"text\" \
             name=\"challengeDataEntryTwo\" inputmode=\"{mode}\" autocomplete=\"off\" \
             autocapitalize=\"off\" spellcheck=\"false\" maxlength=\"{most}\" required>",
            Escaped(&label),
        )?;
    }
    if shown.prompts_above() {
        prompts(html, shown)?;
    }
    button(html, "submit", &words.text("code.submit", &[]))?;
    if shown.resend_offered() {
        button(html, "resend", &words.text("resend", &[]))?;
    }
    if !shown.prompts_above() {
        prompts(html, shown)?;
    }
    Ok(())
}

/// Questions for consent.
fn prompts(html: &mut String, shown: &Shown<'_>) -> fmt::Result {
    let words = shown.words();
    for (name, asked) in [("trust", shown.trust_text()), ("bind", shown.bind_text())] {
        if asked {
            write!(
                html,
                "<label class=\"tick\"><input type=\"checkbox\" name=\"{name}\" value=\"yes\"> {}\
                 </label>",
                Escaped(&words.text(name, &[])),
            )?;
        }
    }
    Ok(())
}

fn choice(html: &mut String, shown: &Shown<'_>) -> fmt::Result {
    let words = shown.words();
    write!(html, "<fieldset><legend>{}</legend>", Escaped(&words.text("choose.label", &[])),)?;
    let kind = if shown.chooses_several() { "checkbox" } else { "radio" };
    let required = if shown.chooses_several() { "" } else { " required" };
    for via in shown.ways() {
        write!(
            html,
            "<label class=\"tick\"><input type=\"{kind}\" name=\"challengeDataEntry\" \
             value=\"{}\"{required}> {}</label>",
            key(via),
            Escaped(&shown.option(via)),
        )?;
    }
    html.write_str("</fieldset>")?;
    button(html, "submit", &words.text("choose.submit", &[]))
}

/// The way on.
fn out_of_band(html: &mut String, shown: &Shown<'_>) -> fmt::Result {
    let action = if shown.app_url().is_some() { "done" } else { "submit" };
    button(html, action, &shown.words().text("oob.cont", &[]))
}

/// The number to find in the issuer's app, and the way there where there is a link
/// [P-APP-24, Req 402].
fn to_the_app(html: &mut String, shown: &Shown<'_>) -> fmt::Result {
    write!(html, "<p class=\"number\">{}</p>", Escaped(&shown.number()))?;
    if shown.app_url().is_none() {
        return Ok(());
    }
    let label = shown.words().text("oob.open", &[]);
    write!(
        html,
        "<form method=\"get\" action=\"{OPEN_APP}\"><button class=\"first\">{}</button></form>",
        Escaped(&label),
    )
}

/// What is not the first thing to do needs no entry.
fn button(html: &mut String, action: &str, label: &str) -> fmt::Result {
    let how =
        if matches!(action, "submit" | "continue") { "class=\"first\"" } else { "formnovalidate" };
    write!(html, "<button name=\"action\" value=\"{action}\" {how}>{}</button>", Escaped(label))
}

/// Text inside an element or a quoted attribute.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bold text is for native screens.
        for c in self.0.replace("**", "").chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The address at which SDKs open `oobAppURL`.
const OPEN_APP: &str = "HTTPS://EMV3DS/openoobApp";
/// The address that SDKs watch for.
const TARGET: &str = "HTTPS://EMV3DS/challenge";
const CSS: &str = include_str!("app.css");
const TYPICAL_LENGTH: usize = 6 * 1024;
