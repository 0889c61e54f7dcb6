//! The CRes that shows a screen, drawn by the SDK or a page of ours [P-APP-20..28]: only what its
//! `acsUiType` allows, never an empty text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::{counter, html as page};
use crate::dictionary::Message;
use crate::element::{MessageVersion, TransId};
use crate::flow::challenge::ChallengeContext;
use crate::flow::challenge::page::Note;
use crate::flow::challenge::shown::Shown;
use crate::flow::oob::waits;
use crate::flow::screen::Words;
use crate::flow::transaction::{Asked, ExpectEntry, Interface, Template, Transaction, Via};
use crate::flow::words;
use crate::outgoing;
use crate::profile::ImageSet;

/// Builds and checks the CRes that asks for `entry`
/// [P-APP-26, Req 49, Req 50, Req 51, Req 387, Note 146, Note 172].
///
/// # Errors
/// The defective elements: the message does not leave.
pub(in crate::flow) fn screen(
    transaction: &Transaction,
    entry: &ExpectEntry,
    context: &ChallengeContext<'_>,
    note: Note,
) -> Result<Vec<u8>, String> {
    let app = transaction.app.as_deref().ok_or("no app")?;
    let shown = Shown::of(transaction, entry, context);
    let page = app.rendering.is_some_and(|rendering| rendering.interface == Interface::Html);
    let body = if page { html(&shown, note) } else { native(&shown, note) };
    let wire = Wire {
        message_type: "CRes",
        message_version: transaction.version,
        three_ds_server_trans_id: transaction.three_ds_server_trans_id,
        acs_trans_id: transaction.acs_trans_id,
        sdk_trans_id: app.sdk_trans_id,
        acs_counter_a_to_s: counter(app.sent),
        acs_ui_type: if page {
            page_template(transaction, entry)
        } else {
            template(transaction, entry)
        },
        challenge_completion_ind: "N",
        body,
    };
    let json = serde_json::to_vec(&wire).map_err(|e| e.to_string())?;
    outgoing::check(
        &json,
        Message::CRes,
        transaction.version,
        Some(transaction.channel),
        Some(transaction.category),
    )?;
    Ok(json)
}

/// A screen that the SDK draws; images come with the first
/// [P-APP-25, P-APP-26, Note 144, Note 145, Note 151, Req 429].
fn native<'a>(shown: &Shown<'a>, note: Note) -> Body<'a> {
    let words = shown.words();
    let version = shown.transaction.version;
    let first = shown.is_first();
    let (issuer_image, ps_image) = shown.images();
    let mut body = Body {
        issuer_image: issuer_image.of(version).filter(|_| first),
        ps_image: ps_image.of(version).filter(|_| first),
        challenge_info_text: Some(shown.info_text(note).into()),
        challenge_info_text_indicator: matches!(note, Note::Error(_)).then_some("Y"),
        why_info_label: Some(words.text("why.label", &[])),
        why_info_text: Some(words.text("why.text", &[])),
        ..Body::default()
    };
    body.challenge_info_header = Some(shown.header());
    body.challenge_add_label =
        shown.additional_label().filter(|_| shown.transaction.version >= MessageVersion::V231);
    match template(shown.transaction, shown.entry) {
        Template::Information => body.info_continue_label = Some(shown.continue_label()),
        Template::SingleSelect | Template::MultiSelect => choice(&mut body, shown, &words),
        Template::OutOfBand => out_of_band(&mut body, shown, &words),
        _ => code(&mut body, shown, &words),
    }
    if version < MessageVersion::V231 {
        body.without_bold();
    }
    body
}

/// A page of ours; before 2.3.1 the same page again for whoever comes back from another app
/// [P-APP-23, Note 147].
fn html(shown: &Shown<'_>, note: Note) -> Body<'static> {
    let page = URL_SAFE_NO_PAD.encode(page::page(shown, note));
    let again = shown.transaction.version < MessageVersion::V231;
    Body {
        acs_html_refresh: again.then(|| page.clone()),
        acs_html: Some(page),
        oob_app_url: shown.app_url().map(str::to_owned),
        ..Body::default()
    }
}

/// The screen for what is asked [Req 342].
fn template(transaction: &Transaction, entry: &ExpectEntry) -> Template {
    match entry.asked {
        _ if entry.is_information() => Template::Information,
        Asked::Code | Asked::Notice => Template::Text,
        Asked::Way => transaction.choice_screen(),
        Asked::App => Template::OutOfBand,
    }
}

/// The template of a page: waiting for the issuer's app has one of its own since 2.3.1 [Note 146].
fn page_template(transaction: &Transaction, entry: &ExpectEntry) -> Template {
    if waits(entry) && transaction.version >= MessageVersion::V231 {
        Template::HtmlOutOfBand
    } else {
        Template::Html
    }
}

/// [P-APP-20, Note 141, P-APP-27]
fn code<'a>(body: &mut Body<'a>, shown: &Shown<'a>, words: &Words<'a>) {
    let label = shown.code_label();
    if shown.transaction.version >= MessageVersion::V231 {
        body.challenge_entry_box = Some(entry_box(shown, shown.entry.via, label));
        body.challenge_entry_box_two = shown
            .second_label()
            .zip(shown.entry.second())
            .map(|(label, via)| entry_box(shown, via, label));
    } else {
        body.challenge_info_label = Some(label);
    }
    prompts(body, shown, words);
    body.submit_authentication_label = Some(words.text("code.submit", &[]));
    body.resend_information_label = shown.resend_offered().then(|| words.text("resend", &[]));
    body.expand_info_label = Some(words.text("help.label", &[]));
    body.expand_info_text = Some(words.text("help.text", &[]));
}

/// A box for the code that went this way [P-APP-29, Note 150].
fn entry_box<'a>(shown: &Shown<'_>, via: Via, label: Cow<'a, str>) -> EntryBox<'a> {
    let by_message = via == Via::Sms;
    EntryBox {
        keyboard: if shown.alphanumeric() { ALPHANUMERIC } else { NUMERIC },
        autofill: by_message.then_some("Y"),
        autofill_type: by_message.then_some(SMS_CODE),
        length_max: format!("{:02}", shown.entry_length()),
        label,
    }
}

/// Questions for consent [P-APP-17, Note 116, Note 118, Note 119].
fn prompts<'a>(body: &mut Body<'a>, shown: &Shown<'_>, words: &Words<'a>) {
    let newest = shown.transaction.version >= MessageVersion::V231;
    let (trust, bind) = (shown.trust_text(), shown.bind_text());
    if trust {
        let text = Some(words.text("trust", &[]));
        if newest {
            body.trust_list_info_text = text;
        } else {
            body.whitelisting_info_text = text;
        }
    }
    body.device_binding_info_text = bind.then(|| words.text("bind", &[]));
    let above = newest && (trust || bind) && shown.prompts_above();
    body.toggle_position_ind = above.then_some(ABOVE);
}

/// [P-APP-21, Note 142, Note 149]
fn choice<'a>(body: &mut Body<'a>, shown: &Shown<'a>, words: &Words<'a>) {
    body.challenge_info_label = Some(words.text("choose.label", &[]));
    let options =
        shown.ways().into_iter().map(|via| BTreeMap::from([(key(via), shown.option(via))]));
    body.challenge_select_info = Some(options.collect());
    body.submit_authentication_label = Some(words.text("choose.submit", &[]));
}

/// The issuer's app by a link where SDK and issuer have one; the way on is always there
/// [P-APP-22, Note 126, Note 143, Req 401, Req 403].
fn out_of_band<'a>(body: &mut Body<'a>, shown: &Shown<'_>, words: &Words<'a>) {
    if let Some(url) = shown.app_url() {
        body.oob_app_url = Some(url.to_owned());
        body.oob_app_label = Some(words.text("oob.open", &[]));
    }
    body.oob_continue_label = Some(words.text("oob.cont", &[]));
    body.expand_info_label = Some(words.text("oob.help.label", &[]));
    body.expand_info_text = Some(words.text("oob.help.text", &[]));
}

/// The answer that stands for a way [P-APP-14].
pub(in crate::flow) const fn key(via: Via) -> &'static str {
    match via {
        Via::Sms => "sms",
        Via::Email => "mail",
        Via::App => "app",
    }
}

/// The ways of an answer: keys with commas between them, each way once; `None` when there is anything
/// else among them [P-APP-14].
pub(in crate::flow) fn chosen(answer: &str, ways: &[Via]) -> Option<Vec<Via>> {
    let mut chosen = Vec::new();
    for part in answer.split(',') {
        let part = words::one_line(part);
        let via = *ways.iter().find(|via| key(**via) == part)?;
        if !chosen.contains(&via) {
            chosen.push(via);
        }
    }
    Some(chosen)
}

const NUMERIC: &str = "01";
const ALPHANUMERIC: &str = "02";
/// `togglePositionInd`.
const ABOVE: &str = "01";
/// `challengeDataEntryAutofillType`.
const SMS_CODE: &str = "01";

/// [P-APP-29, Note 150]
#[derive(Serialize)]
struct EntryBox<'a> {
    #[serde(rename = "challengeDataEntryKeyboardType")]
    keyboard: &'static str,
    #[serde(rename = "challengeDataEntryAutofill", skip_serializing_if = "Option::is_none")]
    autofill: Option<&'static str>,
    #[serde(rename = "challengeDataEntryAutofillType", skip_serializing_if = "Option::is_none")]
    autofill_type: Option<&'static str>,
    #[serde(rename = "challengeDataEntryLengthMax")]
    length_max: String,
    #[serde(rename = "challengeDataEntryLabel")]
    label: Cow<'a, str>,
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "messageType")]
    message_type: &'static str,
    #[serde(rename = "messageVersion")]
    message_version: MessageVersion,
    #[serde(rename = "threeDSServerTransID")]
    three_ds_server_trans_id: TransId,
    #[serde(rename = "acsTransID")]
    acs_trans_id: TransId,
    #[serde(rename = "sdkTransID")]
    sdk_trans_id: TransId,
    #[serde(rename = "acsCounterAtoS")]
    acs_counter_a_to_s: String,
    #[serde(rename = "acsUiType")]
    acs_ui_type: Template,
    #[serde(rename = "challengeCompletionInd")]
    challenge_completion_ind: &'static str,
    #[serde(flatten)]
    body: Body<'a>,
}

/// What differs by screen.
#[derive(Default, Serialize)]
struct Body<'a> {
    #[serde(rename = "issuerImage", skip_serializing_if = "Option::is_none")]
    issuer_image: Option<ImageSet<'a>>,
    #[serde(rename = "psImage", skip_serializing_if = "Option::is_none")]
    ps_image: Option<ImageSet<'a>>,
    #[serde(rename = "challengeInfoHeader", skip_serializing_if = "Option::is_none")]
    challenge_info_header: Option<Cow<'a, str>>,
    #[serde(rename = "challengeInfoLabel", skip_serializing_if = "Option::is_none")]
    challenge_info_label: Option<Cow<'a, str>>,
    #[serde(rename = "challengeInfoText", skip_serializing_if = "Option::is_none")]
    challenge_info_text: Option<Cow<'a, str>>,
    #[serde(rename = "challengeInfoTextIndicator", skip_serializing_if = "Option::is_none")]
    challenge_info_text_indicator: Option<&'static str>,
    #[serde(rename = "challengeEntryBox", skip_serializing_if = "Option::is_none")]
    challenge_entry_box: Option<EntryBox<'a>>,
    #[serde(rename = "challengeEntryBoxTwo", skip_serializing_if = "Option::is_none")]
    challenge_entry_box_two: Option<EntryBox<'a>>,
    #[serde(rename = "challengeSelectInfo", skip_serializing_if = "Option::is_none")]
    challenge_select_info: Option<Vec<BTreeMap<&'static str, Cow<'a, str>>>>,
    #[serde(rename = "submitAuthenticationLabel", skip_serializing_if = "Option::is_none")]
    submit_authentication_label: Option<Cow<'a, str>>,
    #[serde(rename = "resendInformationLabel", skip_serializing_if = "Option::is_none")]
    resend_information_label: Option<Cow<'a, str>>,
    #[serde(rename = "challengeAddLabel", skip_serializing_if = "Option::is_none")]
    challenge_add_label: Option<Cow<'a, str>>,
    #[serde(rename = "oobAppLabel", skip_serializing_if = "Option::is_none")]
    oob_app_label: Option<Cow<'a, str>>,
    #[serde(rename = "oobAppURL", skip_serializing_if = "Option::is_none")]
    oob_app_url: Option<String>,
    #[serde(rename = "oobContinueLabel", skip_serializing_if = "Option::is_none")]
    oob_continue_label: Option<Cow<'a, str>>,
    #[serde(rename = "whyInfoLabel", skip_serializing_if = "Option::is_none")]
    why_info_label: Option<Cow<'a, str>>,
    #[serde(rename = "whyInfoText", skip_serializing_if = "Option::is_none")]
    why_info_text: Option<Cow<'a, str>>,
    #[serde(rename = "expandInfoLabel", skip_serializing_if = "Option::is_none")]
    expand_info_label: Option<Cow<'a, str>>,
    #[serde(rename = "expandInfoText", skip_serializing_if = "Option::is_none")]
    expand_info_text: Option<Cow<'a, str>>,
    #[serde(rename = "whitelistingInfoText", skip_serializing_if = "Option::is_none")]
    whitelisting_info_text: Option<Cow<'a, str>>,
    #[serde(rename = "infoContinueLabel", skip_serializing_if = "Option::is_none")]
    info_continue_label: Option<Cow<'a, str>>,
    #[serde(rename = "deviceBindingInfoText", skip_serializing_if = "Option::is_none")]
    device_binding_info_text: Option<Cow<'a, str>>,
    #[serde(rename = "togglePositionInd", skip_serializing_if = "Option::is_none")]
    toggle_position_ind: Option<&'static str>,
    #[serde(rename = "trustListInfoText", skip_serializing_if = "Option::is_none")]
    trust_list_info_text: Option<Cow<'a, str>>,
    #[serde(rename = "acsHTML", skip_serializing_if = "Option::is_none")]
    acs_html: Option<String>,
    #[serde(rename = "acsHTMLRefresh", skip_serializing_if = "Option::is_none")]
    acs_html_refresh: Option<String>,
}

impl Body<'_> {
    /// Asterisks are plain text before 2.3.1 [Req 445, Note 148].
    fn without_bold(&mut self) {
        let texts =
            [&mut self.challenge_info_text, &mut self.why_info_text, &mut self.expand_info_text];
        for text in texts.into_iter().flatten().filter(|text| text.contains("**")) {
            *text = text.replace("**", "").into();
        }
    }
}
