//! What the screens of an app challenge say, native or HTML.

use std::borrow::Cow;

use super::page::Note;
use super::{ChallengeContext, entry, oob, otp};
use crate::element::MessageVersion;
use crate::flow::app_channel;
use crate::flow::oob::{Oob, waits};
use crate::flow::screen::{INFO, MAIL, Words, at_most};
use crate::flow::transaction::{Asked, ExpectEntry, Interface, Route, Template, Transaction, Via};
use crate::flow::words::{self, Language};
use crate::profile::{Images, Logo};

/// What the additional button of a screen does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::flow) enum Additional {
    /// Leaves the challenge for a decoupled authentication [P-DEC-07].
    Later,
    /// A code takes the place of the issuer's app.
    Code,
    /// Has a new code sent this way.
    Other(Via),
}

/// A challenge as its screens see it.
pub(in crate::flow) struct Shown<'a> {
    pub(in crate::flow) transaction: &'a Transaction,
    pub(in crate::flow) entry: &'a ExpectEntry,
    context: &'a ChallengeContext<'a>,
    language: Language,
}

impl<'a> Shown<'a> {
    pub(in crate::flow) fn of(
        transaction: &'a Transaction,
        entry: &'a ExpectEntry,
        context: &'a ChallengeContext<'a>,
    ) -> Self {
        let language = Language::of(&transaction.language).unwrap_or(Language::English);
        Self { transaction, entry, context, language }
    }

    pub(in crate::flow) fn words(&self) -> Words<'a> {
        let issuer = self.context.issuer;
        Words {
            texts: &issuer.app.texts,
            language: self.language,
            issuer: words::name_in(&issuer.locales, self.language),
            phone: &issuer.phone,
        }
    }

    pub(in crate::flow) fn code_length(&self) -> u8 {
        otp::length(&self.context.issuer.otp)
    }

    /// Characters that a box for a code takes: room for the blanks that people type between groups, and
    /// no more, as each full-width one is nine in the query string of a page, which has 256
    /// [P-APP-15, P-APP-29].
    pub(in crate::flow) fn entry_length(&self) -> u8 {
        (self.code_length() + 2).min(LONGEST_ENTRY)
    }

    pub(in crate::flow) const fn alphanumeric(&self) -> bool {
        self.context.issuer.otp.alphanumeric
    }

    pub(in crate::flow) fn resend_offered(&self) -> bool {
        entry::offers_resend(self.entry, self.context.issuer)
    }

    /// Whether nothing was shown yet.
    pub(in crate::flow) fn is_first(&self) -> bool {
        self.transaction.app.as_deref().is_none_or(|app| app.sent == 0)
    }

    /// The logos of issuer and payment system.
    pub(in crate::flow) const fn images(&self) -> (&'a Images, &'a Images) {
        (&self.context.issuer.app.images, &self.context.ds.images)
    }

    /// The same logos on pages.
    pub(in crate::flow) fn logos(&self) -> (Option<&'a Logo>, Option<&'a Logo>) {
        (self.context.issuer.logo.as_ref(), self.context.ds.logo.as_ref())
    }

    /// Whether the trust list is asked for.
    pub(in crate::flow) fn trust_text(&self) -> bool {
        self.entry.trust_text_shown(self.transaction.version)
    }

    /// Whether the binding of the device is asked for.
    pub(in crate::flow) fn bind_text(&self) -> bool {
        self.entry.bind_text_shown(self.transaction.version)
    }

    /// Whether the questions for consent stand above the buttons [Note 119].
    pub(in crate::flow) const fn prompts_above(&self) -> bool {
        self.context.issuer.app.prompts_above
    }

    /// What more can be done here than what every screen of its kind has.
    pub(in crate::flow) fn additional(&self) -> Option<Additional> {
        if self.waits_for_app() && oob::offers_code(self.transaction, self.context) {
            return Some(Additional::Code);
        }
        if self.transaction.falls_back && !self.entry.is_information() {
            return Some(Additional::Later);
        }
        let app = self.transaction.app.as_deref()?;
        let one = self.entry.asks_code() && self.entry.also.is_none();
        let offered = app.before.other && one && self.resend_offered();
        let others = self.ways().into_iter().filter(|via| *via != self.entry.via);
        others.take(usize::from(offered)).map(Additional::Other).next()
    }

    /// The label of the additional button.
    pub(in crate::flow) fn additional_label(&self) -> Option<Cow<'a, str>> {
        self.additional().map(|button| match button {
            Additional::Later => self.words().text("later.do", &[]),
            Additional::Code => self.words().text("oob.code", &[]),
            Additional::Other(Via::Sms) => {
                self.words().text("other.sms", &[("tail", &self.contact(Via::Sms))])
            }
            Additional::Other(_) => self.words().text("other.mail", &[]),
        })
    }

    pub(in crate::flow) fn header(&self) -> Cow<'a, str> {
        let key = match (self.entry.informed, self.entry.asked) {
            (true, _) => "header.later",
            (_, Asked::Notice) => "header.notice",
            (_, Asked::Code) => "header.code",
            (_, Asked::Way) => "header.choose",
            (_, Asked::App) => "header.oob",
        };
        self.words().text(key, &[])
    }

    /// The label of an information screen's button.
    pub(in crate::flow) fn continue_label(&self) -> Cow<'a, str> {
        let key = if self.entry.informed { "continue.later" } else { "continue.notice" };
        self.words().text(key, &[])
    }

    /// The label of the box for the code, or for both where the screen has one box only.
    pub(in crate::flow) fn code_label(&self) -> Cow<'a, str> {
        if self.entry.second().is_some() {
            let key = if self.has_second_box() { "code.label.sms" } else { "code.label.two" };
            return self.words().text(key, &[("len", &self.code_length().to_string())]);
        }
        let key = if self.alphanumeric() { "code.label.alphanumeric" } else { "code.label" };
        self.words().text(key, &[("len", &self.code_length().to_string())])
    }

    /// The label of the box for the second code, where the screen has one.
    pub(in crate::flow) fn second_label(&self) -> Option<Cow<'a, str>> {
        let asked = self.entry.second().is_some() && self.has_second_box();
        let length = self.code_length().to_string();
        asked.then(|| self.words().text("code.label.mail", &[("len", &length)]))
    }

    /// Native screens have one since 2.3.1 only.
    fn has_second_box(&self) -> bool {
        let rendering = self.transaction.app.as_deref().and_then(|app| app.rendering);
        let page = rendering.is_some_and(|rendering| rendering.interface == Interface::Html);
        page || self.transaction.version >= MessageVersion::V231
    }

    /// Whether more than one way may be chosen.
    pub(in crate::flow) fn chooses_several(&self) -> bool {
        self.transaction.choice_screen() == Template::MultiSelect
    }

    /// The ways a code can go, the strongest first.
    pub(in crate::flow) fn ways(&self) -> Vec<Via> {
        app_channel::ways(self.context.contacts)
    }

    /// A way as a choice; never a whole number or address.
    pub(in crate::flow) fn option(&self, via: Via) -> Cow<'a, str> {
        let contact = self.contact(via);
        match via {
            Via::Sms => self.words().text("choose.sms", &[("tail", &contact)]),
            Via::Email | Via::App => self.words().text("choose.mail", &[("mail", &contact)]),
        }
    }

    /// `challengeInfoText`: what is confirmed, what to do, a warning; an error or news stand first
    /// and take the warning's place where room is short.
    pub(in crate::flow) fn info_text(&self, note: Note) -> String {
        let first = self.note(note);
        if self.waits_for_app() {
            return self.oob_text(first);
        }
        let mut parts = vec![self.what(), self.how()];
        let warned = self.is_warned();
        if warned {
            parts.push(self.words().text("warn", &[]));
        }
        while fits(first.as_deref(), &parts) > INFO && parts.len() > 1 {
            parts.pop();
        }
        let text: Vec<_> = first.into_iter().chain(parts).collect();
        at_most(INFO, text.join("\n"))
    }

    /// Whether the screen warns of who asks for codes.
    pub(in crate::flow) fn is_warned(&self) -> bool {
        !self.entry.informed && !matches!(self.entry.asked, Asked::Way | Asked::App)
    }

    /// The error or the news of this screen.
    pub(in crate::flow) fn note(&self, note: Note) -> Option<Cow<'a, str>> {
        let key =
            match note {
                Note::None => return None,
                Note::Error("err.form") if self.entry.asked == Asked::Way => {
                    if self.chooses_several() { "err.several" } else { "err.choose" }
                }
                Note::Error("err.form") if self.entry.second().is_some() => "err.form.two",
                Note::Error("err.form") if self.alphanumeric() => "err.form.alphanumeric",
                Note::Error(key) | Note::Status(key) => key,
            };
        let settings = &self.context.issuer.otp;
        let left = match self.entry.oob.as_deref() {
            Some(oob) if self.entry.asked == Asked::App => {
                self.context.issuer.oob.max_continues.saturating_sub(oob.continues)
            }
            _ => settings.max_attempts.saturating_sub(self.entry.counter),
        };
        let resend_at = self.entry.sent.plus_seconds(settings.resend_interval_seconds);
        let wait = (resend_at.0 - self.context.now.0).max(0);
        let values = [
            ("n", left.to_string()),
            ("len", self.code_length().to_string()),
            ("s", ((wait + 999) / 1000).to_string()),
        ];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        Some(self.words().text(key, &values))
    }

    /// What is being confirmed.
    pub(in crate::flow) fn what(&self) -> Cow<'a, str> {
        let shop = self.shop();
        let amount = self.amount();
        let key = match (&shop, &amount) {
            (Some(_), Some(_)) => "what.pay",
            (Some(_), None) => "what.npa",
            (None, _) => "what.card",
        };
        let values = [
            ("merchant", shop.as_deref().unwrap_or_default()),
            ("amount", amount.as_deref().unwrap_or_default()),
            ("card", &self.transaction.card_last4),
        ];
        self.words().text(key, &values)
    }

    /// What to do.
    pub(in crate::flow) fn how(&self) -> Cow<'a, str> {
        let plain = match (self.entry.informed, self.entry.asked) {
            (true, _) => Some("how.later"),
            (_, Asked::Notice) => Some("how.notice"),
            (_, Asked::Way) if self.chooses_several() => Some("how.several"),
            (_, Asked::Way) => Some("how.choose"),
            (_, Asked::Code | Asked::App) => None,
        };
        if let Some(key) = plain {
            return self.words().text(key, &[]);
        }
        let minutes = self.context.issuer.otp.life_seconds.div_ceil(60).to_string();
        let number = self.number();
        let key = match self.entry.route() {
            Route::One(Via::Sms) => "how.sms",
            Route::One(Via::Email) => "how.mail",
            Route::One(Via::App) => "how.oob",
            Route::Both => "how.both",
            Route::Two => "how.two",
        };
        let (tail, mail) = (self.contact(Via::Sms), self.contact(Via::Email));
        self.words()
            .text(key, &[("tail", &tail), ("mail", &mail), ("min", &minutes), ("num", &number)])
    }

    /// The number to find in the issuer's app.
    pub(in crate::flow) fn number(&self) -> String {
        self.entry.oob.as_deref().map(Oob::number).unwrap_or_default()
    }

    /// The link to the issuer's app, where the SDK opens it [P-APP-22, Note 126, Req 401].
    pub(in crate::flow) fn app_url(&self) -> Option<&'a str> {
        let newest = self.transaction.version >= MessageVersion::V231;
        let links = self.entry.oob.as_deref().is_some_and(Oob::links);
        let url = Some(self.context.issuer.oob.app_url.as_str()).filter(|url| !url.is_empty());
        url.filter(|_| newest && links && self.waits_for_app())
    }

    /// Whether the screen waits for the issuer's app.
    pub(in crate::flow) fn waits_for_app(&self) -> bool {
        waits(self.entry)
    }

    /// The number has to stay on the screen: everything else gives way to it.
    fn oob_text(&self, first: Option<Cow<'a, str>>) -> String {
        let number = self.number();
        let how = self.words().text("how.oob", &[("num", &number)]);
        let mut parts: Vec<_> = first
            .into_iter()
            .chain([self.what(), how, self.words().text("oob.back", &[])])
            .collect();
        while fits(None, &parts) > INFO && parts.len() > 1 {
            // First the hint at the end, then what stands before the number.
            let last = parts.len() - 1;
            let gives_way = if parts[last].contains(&number) { last - 1 } else { last };
            parts.remove(gives_way);
        }
        at_most(INFO, parts.join("\n"))
    }

    /// A stranger's text; asterisks in a row would be bold to an SDK.
    pub(in crate::flow) fn shop(&self) -> Option<String> {
        let name = words::shop(self.transaction, self.language)?;
        let plain = name.replace("**", "*");
        (!plain.is_empty()).then(|| plain.chars().take(40).collect())
    }

    pub(in crate::flow) fn amount(&self) -> Option<String> {
        self.transaction.purchase.as_ref().map(|purchase| words::amount(purchase, self.language))
    }

    /// The last digits of the phone, or the masked address.
    fn contact(&self, via: Via) -> String {
        let contacts = self.context.contacts;
        let shown = match via {
            Via::Sms => contacts.sms.as_deref().map(words::phone_tail),
            Via::Email => contacts.email.as_deref().map(words::masked_address),
            Via::App => None,
        };
        // Asterisks in a row would be bold to an SDK.
        words::cut(&shown.unwrap_or_default().replace('*', "•"), MAIL)
    }
}

/// `challengeDataEntry`
const LONGEST_ENTRY: u8 = 45;

/// Characters of a text with these parts.
fn fits(first: Option<&str>, parts: &[Cow<'_, str>]) -> usize {
    let lengths = first.into_iter().chain(parts.iter().map(AsRef::as_ref));
    lengths.map(|part| part.chars().count() + 1).sum::<usize>().saturating_sub(1)
}
