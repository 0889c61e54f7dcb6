//! The app channel of an ARes: what can be shown on the device, and the opening of the encrypted
//! channel [P-APP-01..04, P-ARES-15].

use super::AuthenticateInput;
use super::decide::Answer;
use super::transaction::{AppState, Interface, Rendering, Template, Via};
use crate::Random;
use crate::crypto::ContentKey;
use crate::crypto::key_agreement::EphemeralKey;
use crate::crypto::signed_content::signed_content;
use crate::message::{AppData, RenderOptions};
use crate::profile::{Contacts, IssuerProfile};

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
    let ways = ways(contacts);
    if ways.is_empty() {
        return Err(NoOffer::NoContact);
    }
    let options = &app.render_options;
    let allowed = |via: &Via| {
        let types = &options.authentication_types;
        types.is_empty() || types.iter().any(|code| code == via.method())
    };
    let ways: Vec<_> = ways.into_iter().filter(allowed).collect();
    let via = *ways.first().ok_or(NoOffer::Device)?;
    // There are two ways, so more than one allowed means all of them.
    let choice = issuer.app.choose_contact && ways.len() > 1;
    let rendering = rendering(options, issuer, choice).ok_or(NoOffer::Device)?;
    Ok((via, rendering))
}

/// SMS before e-mail.
pub(super) fn ways(contacts: &Contacts) -> Vec<Via> {
    let given = |contact: &Option<String>| contact.as_ref().is_some_and(|text| !text.is_empty());
    let ways = [(Via::Sms, given(&contacts.sms)), (Via::Email, given(&contacts.email))];
    ways.into_iter().filter(|(_, given)| *given).map(|(via, _)| via).collect()
}

/// The first screen for a code: within what the SDK shows [P-ARES-15].
fn rendering(options: &RenderOptions, issuer: &IssuerProfile, choice: bool) -> Option<Rendering> {
    let shows = |template: Template| options.ui_types.iter().any(|code| code == template.code());
    let first = if choice && shows(Template::SingleSelect) {
        Template::SingleSelect
    } else {
        Template::Text
    };
    let native = (options.native && shows(Template::Text))
        .then_some(Rendering { interface: Interface::Native, template: first });
    let choice = (first == Template::SingleSelect).then_some(first);
    let html = choice
        .into_iter()
        .chain([Template::Html, Template::Text])
        .find(|template| options.html && shows(*template))
        .map(|template| Rendering { interface: Interface::Html, template });
    match issuer.app.interface {
        Interface::Native => native.or(html),
        Interface::Html => html.or(native),
    }
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
    Some(AppState::new(app.sdk_trans_id, rendering, app.split_sdk))
}
