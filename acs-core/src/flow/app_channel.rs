//! The app channel of an ARes: what can be shown on the device, and the opening of the encrypted
//! channel [P-APP-01..04, P-ARES-15].

use super::AuthenticateInput;
use super::decide::Answer;
use super::transaction::{AppState, Before, Interface, Rendering, Template, Via};
use crate::Random;
use crate::crypto::ContentKey;
use crate::crypto::key_agreement::EphemeralKey;
use crate::crypto::signed_content::signed_content;
use crate::element::MessageVersion;
use crate::message::{AppData, RenderOptions};
use crate::profile::{CardLookup, Contacts, IssuerProfile, OobFallback};

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

/// A challenge that a device can show.
pub(super) struct AppOffer {
    pub(super) via: Via,
    /// How a code goes out should the issuer's app be of no use, on a screen that the device shows.
    pub(super) fallback: Option<Via>,
    /// What is presented first.
    pub(super) rendering: Rendering,
}

/// The issuer's app where the device shows its screen, else a code.
pub(super) fn offer(
    app: &AppData,
    contacts: &Contacts,
    issuer: &IssuerProfile,
    version: MessageVersion,
) -> Result<AppOffer, NoOffer> {
    let ways = allowed_ways(app, contacts, issuer, version);
    let options = &app.render_options;
    let out_of_band = out_of_band(options, issuer, version);
    let by_app =
        is_asked_in_app(contacts, issuer) && app.takes_method(Via::App.method(issuer, version));
    if let Some(rendering) = out_of_band.filter(|_| by_app) {
        let code = match rendering.interface {
            Interface::Native => Template::Text,
            Interface::Html => Template::Html,
        };
        let may = issuer.oob.fallback != OobFallback::Never && shows(options, code);
        let fallback = ways.ok().and_then(|ways| ways.first().copied()).filter(|_| may);
        return Ok(AppOffer { via: Via::App, fallback, rendering });
    }
    let via = match ways {
        // The app alone, which this SDK cannot wait for.
        Err(NoOffer::NoContact) if is_asked_in_app(contacts, issuer) => {
            return Err(NoOffer::Device);
        }
        ways => ways?[0],
    };
    let (rendering, _) = presented(app, contacts, issuer, version).ok_or(NoOffer::Device)?;
    Ok(AppOffer { via, fallback: None, rendering })
}

/// Whether the issuer's own app asks the holder of these contacts.
pub(super) fn is_asked_in_app(contacts: &Contacts, issuer: &IssuerProfile) -> bool {
    issuer.oob.offered && contacts.app.as_deref().is_some_and(|app| !app.is_empty())
}

/// The screen that waits for the issuer's app. Before 2.3.1 it has no template of its own as a page
/// [P-APP-22, P-APP-24, Note 146].
fn out_of_band(
    options: &RenderOptions,
    issuer: &IssuerProfile,
    version: MessageVersion,
) -> Option<Rendering> {
    let page = match version {
        MessageVersion::V231 => Template::HtmlOutOfBand,
        MessageVersion::V210 | MessageVersion::V220 => Template::Html,
    };
    let of = |interface, template: Template, can: bool| {
        (can && shows(options, template)).then_some(Rendering { interface, template })
    };
    let native = of(Interface::Native, Template::OutOfBand, options.native);
    let html = of(Interface::Html, page, options.html);
    match issuer.app.interface {
        Interface::Native => native.or(html),
        Interface::Html => html.or(native),
    }
}

fn shows(options: &RenderOptions, template: Template) -> bool {
    options.ui_types.iter().any(|code| code == template.code())
}

/// The ways of a code that card and SDK allow, one at least.
fn allowed_ways(
    app: &AppData,
    contacts: &Contacts,
    issuer: &IssuerProfile,
    version: MessageVersion,
) -> Result<Vec<Via>, NoOffer> {
    let ways = ways(contacts);
    if ways.is_empty() {
        return Err(NoOffer::NoContact);
    }
    let allowed = |via: &Via| app.takes_method(via.method(issuer, version));
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
    version: MessageVersion,
) -> Option<(Rendering, Before)> {
    let options = &app.render_options;
    let shows = |template: Template| shows(options, template);
    // There are two ways, so more than one allowed means all of them.
    let several = allowed_ways(app, contacts, issuer, version).is_ok_and(|ways| ways.len() > 1);
    let two = issuer.app.two_codes && several;
    let choices = [
        (issuer.app.choose_several, Template::MultiSelect),
        (issuer.app.choose_contact || issuer.app.choose_several, Template::SingleSelect),
    ];
    let choice = choices.into_iter().find(|(wanted, template)| *wanted && shows(*template));
    let choice = choice.filter(|_| several && !two).map(|(_, template)| template);
    let before = Before {
        notice: issuer.app.notice && shows(Template::Information),
        choice,
        two,
        other: issuer.app.other_contact && several,
    };
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

/// `authenticationMethod` of the second code that a challenge asks for, if it does.
pub(super) fn second_method(input: &AuthenticateInput<'_>) -> Option<&'static str> {
    let (Some(app), CardLookup::Found(card)) = (&input.areq.app, input.card) else { return None };
    let version = input.areq.version;
    let (_, before) = presented(app, &card.contacts, input.issuer, version)?;
    before.two.then(|| Via::Email.method(input.issuer, version))
}

/// Whether the information screen of a decoupled fallback can be shown in the challenge that would be
/// offered, whose interface stays what it is: SDKs draw it as a kind of its own, a page is a page
/// [P-APP-30, P-ARES-15].
pub(super) fn shows_information(
    app: &AppData,
    contacts: &Contacts,
    issuer: &IssuerProfile,
    version: MessageVersion,
) -> bool {
    let Ok(offer) = offer(app, contacts, issuer, version) else { return false };
    let shows = |template| shows(&app.render_options, template);
    match offer.rendering.interface {
        Interface::Native => shows(Template::Information),
        // The page that waits for the issuer's app may be the only one that the SDK shows.
        Interface::Html => offer.via != Via::App || shows(Template::Html),
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
    let signed_content =
        signed_content(signer, url, &pair.public_jwk(), app.sdk_ephem_pub_key.jwk())
            .map_err(|_| "the content could not be signed")?;
    Ok(Channel { signed_content, key })
}

/// What the state keeps of the app.
pub(super) fn state(input: &AuthenticateInput<'_>, answer: &Answer) -> Option<AppState> {
    let app = input.areq.app.as_ref()?;
    let (rendering, code) = match answer {
        Answer::Challenge(offer) => (offer.rendering, offer.via != Via::App),
        _ => (None, false),
    };
    let before = match (code, input.card) {
        (true, CardLookup::Found(card)) => {
            presented(app, &card.contacts, input.issuer, input.areq.version)
        }
        _ => None,
    };
    let before = before.map(|(_, before)| before).unwrap_or_default();
    let device =
        input.device.filter(|_| rendering.is_some() && input.issuer.consents.device_binding);
    Some(AppState::new(app.sdk_trans_id, rendering, app.split_sdk, before, device.cloned()))
}
