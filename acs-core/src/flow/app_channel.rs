//! The app channel of an ARes: what can be shown on the device, and the opening of the encrypted
//! channel [P-APP-01..04, P-ARES-15].

use super::AuthenticateInput;
use super::decide::Answer;
use super::transaction::{AppState, Before, Interface, Rendering, Template, Via};
use crate::Random;
use crate::crypto::ContentKey;
use crate::crypto::key_agreement::EphemeralKey;
use crate::crypto::signed_content::signed_content;
use crate::message::AppData;
use crate::profile::{CardLookup, Contacts, IssuerProfile};

/// Why a device gets no challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoOffer {
    /// The card has no contact for a code.
    NoContact,
    /// The SDK shows nothing of what this ACS can present.
    Device,
}

/// The channel of one transaction: our key pair is gone, what it led to is here.
pub(super) struct Channel {
    pub(super) signed_content: String,
    pub(super) key: ContentKey,
}

/// How a code goes out and what is presented first.
pub(super) fn offer(
    app: &AppData,
    contacts: &Contacts,
    issuer: &IssuerProfile,
) -> Result<(Via, Rendering), NoOffer> {
    let via = allowed_ways(app, contacts)?[0];
    let (rendering, _) = presented(app, contacts, issuer).ok_or(NoOffer::Device)?;
    Ok((via, rendering))
}

/// The ways of a code that card and SDK allow, one at least.
fn allowed_ways(app: &AppData, contacts: &Contacts) -> Result<Vec<Via>, NoOffer> {
    let ways = ways(contacts);
    if ways.is_empty() {
        return Err(NoOffer::NoContact);
    }
    let types = &app.render_options.authentication_types;
    let allowed = |via: &Via| types.is_empty() || types.iter().any(|code| code == via.method());
    let ways: Vec<_> = ways.into_iter().filter(allowed).collect();
    if ways.is_empty() { Err(NoOffer::Device) } else { Ok(ways) }
}

/// SMS before e-mail.
pub(super) fn ways(contacts: &Contacts) -> Vec<Via> {
    let given = |contact: &Option<String>| contact.as_ref().is_some_and(|text| !text.is_empty());
    let ways = [(Via::Sms, given(&contacts.sms)), (Via::Email, given(&contacts.email))];
    ways.into_iter().filter(|(_, given)| *given).map(|(via, _)| via).collect()
}

/// The first screen and what else comes before the code: within what the SDK shows [P-ARES-15].
fn presented(
    app: &AppData,
    contacts: &Contacts,
    issuer: &IssuerProfile,
) -> Option<(Rendering, Before)> {
    let options = &app.render_options;
    let shows = |template: Template| options.ui_types.iter().any(|code| code == template.code());
    // There are two ways, so more than one allowed means all of them.
    let several = allowed_ways(app, contacts).is_ok_and(|ways| ways.len() > 1);
    let choice = (issuer.app.choose_contact && several).then_some(Template::SingleSelect);
    let choice = choice.filter(|template| shows(*template));
    let before = Before { notice: issuer.app.notice && shows(Template::Information), choice };
    let first = match before {
        Before { notice: true, .. } => Template::Information,
        Before { choice: Some(choice), .. } => choice,
        Before { .. } => Template::Text,
    };
    let native = (options.native && shows(Template::Text))
        .then_some(Rendering { interface: Interface::Native, template: first });
    let special = (first != Template::Text).then_some(first);
    let html = special
        .into_iter()
        .chain([Template::Html, Template::Text])
        .find(|template| options.html && shows(*template))
        .map(|template| Rendering { interface: Interface::Html, template });
    let rendering = match issuer.app.interface {
        Interface::Native => native.or(html),
        Interface::Html => html.or(native),
    };
    rendering.map(|rendering| (rendering, before))
}

/// Whether the information screen of a decoupled fallback can be shown: SDKs draw it as a kind of its
/// own, a page is a page.
pub(super) fn shows_information(
    app: &AppData,
    contacts: &Contacts,
    issuer: &IssuerProfile,
) -> bool {
    let native = |rendering: Rendering| rendering.interface == Interface::Native;
    let code = Template::Information.code();
    let drawn = app.render_options.ui_types.iter().any(|shown| shown == code);
    presented(app, contacts, issuer).is_some_and(|(rendering, _)| drawn || !native(rendering))
}

/// Whether an answer opens a channel.
pub(super) const fn is_needed(answer: &Answer) -> bool {
    matches!(answer, Answer::Challenge(offer) if offer.rendering.is_some())
}

/// Makes a key pair, agrees on the content key and signs; the pair is wiped on return
/// [P-APP-04, Note 76].
///
/// # Errors
/// What failed, for the audit event.
pub(super) fn open(
    input: &AuthenticateInput<'_>,
    random: &mut dyn Random,
) -> Result<Channel, &'static str> {
    let app = input.areq.app.as_ref().ok_or("no SDK")?;
    let signer = input.signer.ok_or("no signing key")?;
    let pair = EphemeralKey::generate(random);
    let key = pair
        .agree(&app.sdk_ephem_pub_key, &app.sdk_reference_number)
        .map_err(|_| "the SDK's key is not a point of P-256")?;
    let url = &input.issuer.app.challenge_url;
    let signed_content = signed_content(signer, url, &pair.public_jwk(), &app.sdk_ephem_pub_key)
        .map_err(|_| "the content could not be signed")?;
    Ok(Channel { signed_content, key })
}

/// What the state keeps of the app.
pub(super) fn state(input: &AuthenticateInput<'_>, answer: &Answer) -> Option<AppState> {
    let app = input.areq.app.as_ref()?;
    let rendering = match answer {
        Answer::Challenge(offer) => offer.rendering,
        _ => None,
    };
    let before = match (rendering, input.card) {
        (Some(_), CardLookup::Found(card)) => presented(app, &card.contacts, input.issuer),
        _ => None,
    };
    let before = before.map(|(_, before)| before).unwrap_or_default();
    let device =
        input.device.filter(|_| rendering.is_some() && input.issuer.consents.device_binding);
    Some(AppState::new(app.sdk_trans_id, rendering, app.split_sdk, before, device.cloned()))
}
