//! Words that leave in messages: one-time passwords, `cardholderInfo`, amounts. Pages have their
//! own catalogue in the host.

use zeroize::Zeroizing;

use super::currency;
use super::transaction::Transaction;
use crate::message::{Merchant, Purchase};
use crate::profile::{IssuerProfile, Locale};

/// Languages that the core speaks; an issuer's locales are a selection of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Japanese,
    English,
}

impl Language {
    pub(super) fn of(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_', ';', ',']).next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("ja") {
            Some(Self::Japanese)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Self::English)
        } else {
            None
        }
    }

    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }
}

/// The language for a browser: its own when the issuer speaks it, else the issuer's first.
pub(super) fn language(wanted: Option<&str>, issuer: &IssuerProfile) -> Language {
    let spoken = |language: &Language| issuer.locales.iter().any(|l| l.tag == language.tag());
    wanted
        .and_then(Language::of)
        .filter(spoken)
        .or_else(|| issuer.locales.first().and_then(|locale| Language::of(&locale.tag)))
        .unwrap_or(Language::English)
}

/// What a one-time password is for.
#[derive(Debug)]
pub(super) struct Occasion<'a> {
    pub(super) issuer: &'a IssuerProfile,
    pub(super) language: Language,
    pub(super) merchant: &'a Merchant,
    pub(super) purchase: Option<&'a Purchase>,
    pub(super) card_last4: &'a str,
    pub(super) life_minutes: u32,
}

impl Occasion<'_> {
    fn issuer_name(&self) -> &str {
        name_in(&self.issuer.locales, self.language)
    }

    /// Shop and amount stand before the code: people who read them spot a fraud.
    pub(super) fn sms(&self, code: &str) -> String {
        let (name_limit, shop_limit) = match self.language {
            Language::Japanese => (8, 12),
            Language::English => (16, 24),
        };
        let issuer = cut(self.issuer_name(), name_limit);
        let shop = self.shop().map(|shop| cut(&shop, shop_limit));
        let amount = self.amount();
        match self.language {
            Language::Japanese => {
                let what = match (shop, amount) {
                    (Some(shop), Some(amount)) => format!("{shop}で{amount}の"),
                    (Some(shop), None) => format!("{shop}での確認の"),
                    (None, Some(amount)) => format!("{amount}の"),
                    (None, None) => String::new(),
                };
                let from = prefix(&issuer, "：");
                format!(
                    "{from}{what}認証コード {code}。誰にも教えないでください。当社も尋ねません。"
                )
            }
            Language::English => {
                let what = match (shop, amount) {
                    (Some(shop), Some(amount)) => format!(" for {amount} at {shop}"),
                    (Some(shop), None) => format!(" for {shop}"),
                    (None, Some(amount)) => format!(" for {amount}"),
                    (None, None) => String::new(),
                };
                let from = prefix(&issuer, ": ");
                format!(
                    "{from}code {code}{what}. Never share it, we never ask for it. Not you? Call \
                     the number on your card."
                )
            }
        }
    }

    /// What the issuer's systems ask the cardholder.
    pub(super) fn question(&self) -> String {
        let card = self.card_last4;
        match (self.shop(), self.amount(), self.language) {
            (Some(shop), Some(amount), Language::Japanese) => {
                format!("{shop}での{amount}のお支払い（カード末尾{card}）を承認しますか？")
            }
            (Some(shop), None, Language::Japanese) => {
                format!("{shop}でのカード（末尾{card}）の確認を承認しますか？")
            }
            (None, Some(amount), Language::Japanese) => {
                format!("{amount}のお支払い（カード末尾{card}）を承認しますか？")
            }
            (None, None, Language::Japanese) => {
                format!("カード（末尾{card}）の確認を承認しますか？")
            }
            (Some(shop), Some(amount), Language::English) => {
                format!("Approve {amount} at {shop} with the card ending {card}?")
            }
            (Some(shop), None, Language::English) => {
                format!("Approve the use of the card ending {card} at {shop}?")
            }
            (None, Some(amount), Language::English) => {
                format!("Approve {amount} with the card ending {card}?")
            }
            (None, None, Language::English) => {
                format!("Approve the use of the card ending {card}?")
            }
        }
    }

    pub(super) fn email(&self, code: &str) -> String {
        let (shop, amount, card, code_label) = match self.language {
            Language::Japanese => ("ご利用店", "金額", "カード末尾", "認証コード"),
            Language::English => ("Merchant", "Amount", "Card ending", "Code"),
        };
        let mut lines = Vec::new();
        if !self.issuer_name().is_empty() {
            lines.extend([self.issuer_name().to_owned(), String::new()]);
        }
        lines.extend(self.shop().map(|text| format!("{shop}: {text}")));
        lines.extend(self.amount().map(|text| format!("{amount}: {text}")));
        lines.push(format!("{card}: {}", self.card_last4));
        lines.push(String::new());
        lines.push(format!("{code_label}: {code}"));
        let minutes = self.life_minutes;
        lines.push(match self.language {
            Language::Japanese => format!(
                "{minutes}分以内に入力してください。誰にも教えないでください。当社も尋ねません。\
                 お店や金額に覚えがないときは、入力せずにキャンセルしてください。"
            ),
            Language::English => format!(
                "Enter it within {minutes} min. Never share it. We will never ask you for it. If \
                 you do not recognise the merchant or amount, do not enter it. Cancel."
            ),
        });
        if !self.issuer.phone.is_empty() {
            lines.push(self.issuer.phone.clone());
        }
        lines.join("\n")
    }

    fn shop(&self) -> Option<String> {
        self.merchant.name.as_deref().map(one_line).filter(|name| !name.is_empty())
    }

    fn amount(&self) -> Option<String> {
        self.purchase.map(|purchase| amount(purchase, self.language))
    }
}

/// `cardholderInfo`: the issuer did not approve this; at most 128 characters.
pub(super) fn not_approved(issuer: &IssuerProfile, language: Language) -> String {
    let name = name_in(&issuer.locales, language);
    let long = match (language, issuer.phone.as_str()) {
        (Language::Japanese, "") => {
            format!(
                "{name}が今回のお支払いを承認しませんでした。カード裏面の番号へお問い合わせください。"
            )
        }
        (Language::Japanese, phone) => {
            format!("{name}が今回のお支払いを承認しませんでした。お問い合わせ {phone}")
        }
        (Language::English, "") => {
            format!("{name} did not approve this payment. Call the number on your card.")
        }
        (Language::English, phone) => {
            format!("{name} did not approve this payment. Questions: {phone}")
        }
    };
    long.chars().take(MAX_CARDHOLDER_INFO).collect()
}

/// `cardholderInfo` of a decoupled authentication; at most 128 characters.
pub(super) fn will_ask(issuer: &IssuerProfile, language: Language) -> String {
    let name = name_in(&issuer.locales, language);
    let long = match language {
        Language::Japanese => format!("{name}からの確認のご連絡にお答えください。"),
        Language::English => format!("{name} will contact you to confirm. Please answer there."),
    };
    long.chars().take(MAX_CARDHOLDER_INFO).collect()
}

/// An amount for people: `12,800円`, `¥12,800`, `USD 120.50`; the three digits for a currency
/// without letters here.
pub(super) fn amount(purchase: &Purchase, language: Language) -> String {
    let number = grouped(&purchase.amount, purchase.exponent.into());
    match (currency::letters(&purchase.currency), language) {
        (Some("JPY"), Language::Japanese) => format!("{number}円"),
        (Some("JPY"), Language::English) => format!("¥{number}"),
        (letters, _) => format!("{} {number}", letters.unwrap_or(&purchase.currency)),
    }
}

fn grouped(digits: &str, exponent: usize) -> String {
    let digits = digits.trim_start_matches('0');
    let padded = format!("{digits:0>width$}", width = exponent + 1);
    let (whole, fraction) = padded.split_at(padded.len() - exponent);
    let mut out = String::with_capacity(padded.len() * 4 / 3 + 2);
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// What a page may show of a phone number: its last two digits.
pub(super) fn phone_tail(phone: &str) -> String {
    let digits: Vec<char> = phone.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(2)..].iter().collect()
}

/// What a page may show of an address: its first letter and its host.
pub(super) fn masked_address(address: &str) -> String {
    let address = Zeroizing::new(one_line(address));
    match address.rsplit_once('@') {
        Some((name, host)) => {
            let first: String = name.chars().take(1).collect();
            format!("{first}***@{host}")
        }
        None => "***".to_owned(),
    }
}

/// Who asks, on one line: the merchant, and how many others a challenge is for [P-231-05].
pub(super) fn shop(transaction: &Transaction, language: Language) -> Option<String> {
    let name =
        transaction.merchant.name.as_deref().map(one_line).filter(|name| !name.is_empty())?;
    let more = match (transaction.other_merchants.count, language) {
        (0, _) => return Some(name),
        (count, Language::Japanese) => format!(" ほか{count}店"),
        (count, Language::English) => format!(" and {count} more"),
    };
    let room = LONGEST_SHOP.saturating_sub(more.chars().count());
    Some(name.chars().take(room).collect::<String>() + &more)
}

/// Characters of `merchantName`, which texts have room for.
const LONGEST_SHOP: usize = 40;

/// A stranger's text on one line: no control, bidi or zero-width characters, single blanks.
pub(super) fn one_line(text: &str) -> String {
    let visible = |c: &char| {
        !matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}')
    };
    let stays = |c: char| (c == ' ' || !c.is_whitespace()) && !c.is_control() && visible(&c);
    if text.chars().all(stays) && text.trim_matches(' ') == text && !text.contains("  ") {
        return text.to_owned();
    }
    let spaced: String = text
        .chars()
        .map(|c| if c.is_whitespace() || c.is_control() { ' ' } else { c })
        .filter(visible)
        .collect();
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

pub(super) fn name_in(locales: &[Locale], language: Language) -> &str {
    locales
        .iter()
        .find(|locale| locale.tag == language.tag())
        .or_else(|| locales.first())
        .map_or("", |locale| locale.name.as_str())
}

fn prefix(name: &str, separator: &str) -> String {
    if name.is_empty() { String::new() } else { format!("{name}{separator}") }
}

pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(2)).collect();
    format!("{}..", kept.trim_end())
}

const MAX_CARDHOLDER_INFO: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::tests::harness;

    fn purchase(amount: &str, exponent: u8, currency: &str) -> Purchase {
        let (amount, currency) = (amount.to_owned(), currency.to_owned());
        Purchase { amount, currency, exponent, date: None }
    }

    #[test]
    fn amounts_read_as_people_write_them() {
        for (digits, exponent, currency, ja, en) in [
            ("12800", 0, "392", "12,800円", "¥12,800"),
            ("999", 0, "392", "999円", "¥999"),
            ("0", 0, "392", "0円", "¥0"),
            ("1280000", 2, "392", "12,800.00円", "¥12,800.00"),
            ("12050", 2, "840", "USD 120.50", "USD 120.50"),
            ("5", 2, "978", "EUR 0.05", "EUR 0.05"),
            ("0001234567", 3, "414", "KWD 1,234.567", "KWD 1,234.567"),
            ("100", 2, "000", "000 1.00", "000 1.00"),
        ] {
            let purchase = purchase(digits, exponent, currency);
            assert_eq!(amount(&purchase, Language::Japanese), ja);
            assert_eq!(amount(&purchase, Language::English), en);
        }
    }

    #[test]
    fn a_message_fits_one_sms() {
        let mut issuer = harness::issuer();
        for locale in &mut issuer.locales {
            locale.name = if locale.tag == "ja" { "あ" } else { "W" }.repeat(40);
        }
        let merchant = |name: &str| Merchant { name: Some(name.repeat(40)), ..Merchant::default() };
        let purchase = purchase("99999999", 0, "392");
        for (language, name, limit) in
            [(Language::Japanese, "店", 70), (Language::English, "W", 160)]
        {
            let occasion = Occasion {
                issuer: &issuer,
                language,
                merchant: &merchant(name),
                purchase: Some(&purchase),
                card_last4: "1091",
                life_minutes: 5,
            };
            let text = occasion.sms("123456");
            assert!(text.encode_utf16().count() <= limit, "{text}");
            assert!(text.contains("123456"));
        }
    }

    #[test]
    fn strangers_texts_become_one_harmless_line() {
        assert_eq!(one_line(" a\u{202e}b\r\n\tc \u{200b}\u{3000} d "), "ab c d");
        assert_eq!(one_line("\u{feff}\u{2066}"), "");
        for one in ["みどり書店 Midori Books", "a", ""] {
            assert_eq!(one_line(one), one);
        }
        for (two, one) in [("a  b", "a b"), (" a", "a"), ("a ", "a"), ("a\u{a0}b", "a b")] {
            assert_eq!(one_line(two), one);
        }
    }

    #[test]
    fn contacts_are_shown_in_part() {
        assert_eq!(phone_tail("+81 90-1234-5689"), "89");
        assert_eq!(phone_tail("7"), "7");
        assert_eq!(masked_address("taro@mail.example"), "t***@mail.example");
        assert_eq!(masked_address("@"), "***@");
        assert_eq!(masked_address("none"), "***");
    }

    #[test]
    fn cardholder_information_is_short_enough() {
        let mut issuer = harness::issuer();
        for locale in &mut issuer.locales {
            locale.name = "あ".repeat(200);
        }
        for language in [Language::Japanese, Language::English] {
            assert_eq!(not_approved(&issuer, language).chars().count(), MAX_CARDHOLDER_INFO);
        }
    }

    #[test]
    fn languages_are_those_of_the_issuer() {
        let mut issuer = harness::issuer();
        for (wanted, spoken) in [
            (Some("en-GB"), "en"),
            (Some("ja"), "ja"),
            (Some("JA-jp,en;q=0.5"), "ja"),
            (Some("fr"), "ja"),
            (Some(""), "ja"),
            (None, "ja"),
        ] {
            assert_eq!(language(wanted, &issuer).tag(), spoken, "{wanted:?}");
        }
        issuer.locales.remove(0);
        assert_eq!(language(Some("ja"), &issuer).tag(), "en");
    }
}
