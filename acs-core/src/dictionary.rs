//! The EMV 3DS data dictionary as compiled tables: which elements a message has in a version, when
//! they must be there, and what they may hold. `build.rs` makes the tables from the facts in
//! `dictionary/data-elements.json`, as seen by an ACS: AReq on the hop from the directory server,
//! RReq on the hop to it.

mod name_hash;

use crate::element::{DeviceChannel, MessageCategory, MessageVersion};

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// The messages of the dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Message {
    AReq,
    ARes,
    CReq,
    /// The app's response while the challenge goes on.
    CRes,
    /// The last one, for app and browser; its messageType is `CRes`.
    CResFinal,
    RReq,
    RRes,
    /// 2.3.1 only: empty in earlier versions.
    OReq,
    /// 2.3.1 only: empty in earlier versions.
    ORes,
    Erro,
}

impl Message {
    /// The text of `messageType`.
    #[must_use]
    pub const fn message_type(self) -> &'static str {
        match self {
            Self::AReq => "AReq",
            Self::ARes => "ARes",
            Self::CReq => "CReq",
            Self::CRes | Self::CResFinal => "CRes",
            Self::RReq => "RReq",
            Self::RRes => "RRes",
            Self::OReq => "OReq",
            Self::ORes => "ORes",
            Self::Erro => "Erro",
        }
    }
}

/// The elements of a message or of a nested object.
#[derive(Debug)]
pub struct Table {
    /// Sorted by name.
    pub elements: &'static [Element],
    /// Indices into `elements` by [`NameId`]; `u8::MAX` is none.
    by_name: &'static [u8],
    /// By cell; the last is for messages whose cell is not known.
    columns: [Column; 7],
    /// Elements that have [`Element::required_if`].
    pub(crate) required_if: u128,
    /// Currencies and the exponents that come with them [P-GEN-12].
    pub(crate) exponents: &'static [(u8, u8)],
    /// Describes every member of an object whose names are free.
    pub any: Option<&'static Element>,
}

/// Presence of a table's elements in one cell, as bits by position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) foreign: u128,
    pub(crate) required: u128,
}

/// A name of the dictionary, whatever messages and objects have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameId(u16);

/// An element in one version.
#[derive(Debug)]
pub struct Element {
    pub name: &'static str,
    /// By [`Cell`].
    pub presence: [Presence; 6],
    /// When true, the element must be there.
    pub required_if: Option<&'static Expr>,
    /// When true, it must not.
    pub absent_if: Option<&'static Expr>,
    pub kind: Kind,
}

/// A column of the presence tables: channel and category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub channel: DeviceChannel,
    pub category: MessageCategory,
}

/// Inclusion of an element in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Not foreseen there: dropped when it arrives, never sent [P-GEN-05].
    Foreign,
    Required,
    /// Required when its condition holds, as far as the message shows it.
    Conditional,
    Optional,
}

/// JSON type and bounds of an element.
#[derive(Debug)]
pub enum Kind {
    Text(Text),
    Boolean {
        /// `false` is not foreseen.
        only_true: bool,
    },
    Object {
        /// `None`: any members.
        table: Option<&'static Table>,
        /// Most characters of its JSON text; 0 = no bound.
        max: u32,
    },
    Array {
        item: &'static Self,
        min: u16,
        /// 0 = no bound.
        max: u16,
    },
    TextOrObject {
        max: u32,
    },
    /// The list of message extensions [P-GEN-13].
    Extensions,
}

/// Bounds of a string.
#[derive(Debug)]
pub struct Text {
    /// Length in characters.
    pub min: u32,
    /// 0 = no bound.
    pub max: u32,
    pub pattern: Pattern,
    pub format: Format,
    /// Range of the number that the digits make.
    pub number: Option<(u32, u32)>,
    pub codes: Option<&'static Codes>,
}

/// Coded values of one version. Numbers of two digits are bits.
#[derive(Debug)]
pub struct Codes {
    /// Values that are no numbers of two digits.
    pub words: &'static [&'static str],
    pub numbers: u128,
    /// Reserved for EMVCo.
    pub emvco: u128,
    /// What a directory server may agree on.
    pub ds: u128,
}

/// Patterns of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    Any,
    Digits {
        min: u8,
        max: u8,
    },
    SignedDigits,
    OneToNinetyNine,
    /// YYMM
    YearMonth,
    /// YYYYMMDD
    Date,
    /// YYYYMMDDHHMM
    Minute,
    /// YYYYMMDDHHMMSS
    Second,
    Uuid,
    /// `n.n.n`
    Version,
    ThreeCapitals,
    /// 28 characters of base64, 20 or 21 bytes.
    AuthenticationValue,
    Base64Url,
    Jwe,
    Jws,
}

/// What a string means beyond its pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Plain,
    Url,
    Ip,
    Email,
    /// ISO 4217 numeric.
    Currency,
    /// ISO 3166-1 numeric.
    Country,
}

/// A condition over the elements beside the one it belongs to.
#[derive(Debug)]
pub enum Expr {
    Present(Reference),
    In(Reference, &'static [Literal]),
    /// One of `APP`, `BRW` and `3RI`.
    Channel(&'static [Literal]),
    /// One of `PA` and `NPA`.
    Category(&'static [Literal]),
    And(&'static [Self]),
    Or(&'static [Self]),
    Not(&'static Self),
}

/// What a condition looks at.
#[derive(Debug)]
pub enum Reference {
    /// An element of the same object, by its position in the table.
    Own(u8),
    /// An element one level down.
    Child(u8, &'static str),
    /// An element that this version does not have.
    Nothing,
    /// An element of an earlier message of the transaction: cannot be decided from this one.
    Earlier,
}

/// A value in a condition.
#[derive(Debug)]
pub enum Literal {
    Text(&'static str),
    Boolean(bool),
}

impl Table {
    /// The index of the element called `name`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.position_of(name_id(name))
    }

    pub(crate) fn position_of(&self, name: NameId) -> Option<usize> {
        let at = self.by_name[name.index()];
        (at != u8::MAX).then_some(at.into())
    }

    /// Presence in `cell`; see [`Element::presence_in`].
    pub(crate) fn column(&self, cell: Option<Cell>) -> &Column {
        &self.columns[cell.map_or(6, Cell::index)]
    }

    /// The element called `name`; for free names the one that describes all.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Element> {
        self.position(name).map(|at| &self.elements[at]).or(self.any)
    }
}

impl NameId {
    /// No name of the dictionary.
    pub(crate) const UNKNOWN: Self = Self(0);
    /// How many there are, with the unknown.
    pub(crate) const COUNT: usize = NAMES.len();

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Finds a name.
#[inline]
pub(crate) fn name_id(name: &str) -> NameId {
    let mut slot = name_hash::of(name) & (NAME_SLOTS.len() - 1);
    // At most a quarter of the slots are taken, so an empty one ends the search.
    loop {
        let id = NAME_SLOTS[slot];
        if id == 0 || NAMES[usize::from(id)] == name {
            return NameId(id);
        }
        slot = (slot + 1) & (NAME_SLOTS.len() - 1);
    }
}

impl Element {
    /// Presence in `cell`; where channel or category are not known, only what all cells agree on
    /// is required, and nothing is foreign that some cell foresees.
    #[must_use]
    pub fn presence_in(&self, cell: Option<Cell>) -> Presence {
        if let Some(cell) = cell {
            return self.presence[cell.index()];
        }
        let all = |p| self.presence.iter().all(|own| *own == p);
        if all(Presence::Required) {
            Presence::Required
        } else if all(Presence::Foreign) {
            Presence::Foreign
        } else {
            Presence::Optional
        }
    }
}

impl Cell {
    const fn index(self) -> usize {
        let channel = match self.channel {
            DeviceChannel::App => 0,
            DeviceChannel::Browser => 2,
            DeviceChannel::ThreeRi => 4,
        };
        channel + matches!(self.category, MessageCategory::NonPayment) as usize
    }
}

impl Codes {
    /// The bit of `value`; none when it has not two digits.
    pub(crate) fn bit(value: &str) -> u128 {
        match value.as_bytes() {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
                1 << (u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_as_long_as_the_facts_say() {
        let counts = [
            (Message::AReq, [80, 87, 114]),
            (Message::ARes, [21, 24, 34]),
            (Message::CReq, [13, 16, 22]),
            (Message::CRes, [28, 29, 33]),
            (Message::CResFinal, [9, 9, 9]),
            (Message::RReq, [17, 19, 23]),
            (Message::RRes, [8, 8, 8]),
            (Message::OReq, [0, 0, 11]),
            (Message::ORes, [0, 0, 9]),
            (Message::Erro, [11, 11, 11]),
        ];
        for (message, counts) in counts {
            for (version, count) in MessageVersion::ALL.into_iter().zip(counts) {
                let elements = table(message, version).elements;
                assert_eq!(elements.len(), count, "{message:?} {version}");
                assert!(elements.is_sorted_by(|a, b| a.name < b.name), "{message:?} {version}");
                let found = |at: usize| table(message, version).position(elements[at].name);
                assert!((0..count).all(|at| found(at) == Some(at)), "{message:?} {version}");
                assert_eq!(table(message, version).position("none of these"), None);
                assert_eq!(table(message, version).position(""), None);
            }
        }
    }

    #[test]
    fn columns_are_the_presence_of_the_elements() {
        let channels = [DeviceChannel::App, DeviceChannel::Browser, DeviceChannel::ThreeRi];
        let categories = [MessageCategory::Payment, MessageCategory::NonPayment];
        let cell = |channel| categories.map(|category| Some(Cell { channel, category }));
        for version in MessageVersion::ALL {
            let areq = table(Message::AReq, version);
            for cell in channels.into_iter().flat_map(cell).chain([None]) {
                let column = areq.column(cell);
                for (at, element) in areq.elements.iter().enumerate() {
                    let has = |bits: u128| bits >> at & 1 == 1;
                    let presence = element.presence_in(cell);
                    assert_eq!(has(column.foreign), presence == Presence::Foreign);
                    assert_eq!(has(column.required), presence == Presence::Required);
                    assert_eq!(has(areq.required_if), element.required_if.is_some());
                }
            }
        }
    }

    #[test]
    fn few_names_share_a_slot() {
        let slot = |name: &&str| name_hash::of(name) & (NAME_SLOTS.len() - 1);
        let taken: std::collections::HashSet<_> = NAMES[1..].iter().map(slot).collect();
        assert!(taken.len() * 10 > NAMES.len() * 8, "{} of {}", taken.len(), NAMES.len());
    }

    #[test]
    fn the_hop_from_the_directory_server_is_compiled_in() {
        let areq = table(Message::AReq, MessageVersion::V220);
        let cell = |channel| Some(Cell { channel, category: MessageCategory::Payment });
        let presence = |name, channel| areq.find(name).unwrap().presence_in(cell(channel));
        assert_eq!(presence("dsTransID", DeviceChannel::Browser), Presence::Required);
        assert_eq!(presence("sdkEncData", DeviceChannel::App), Presence::Foreign);
        assert_eq!(presence("deviceInfo", DeviceChannel::App), Presence::Required);
        assert_eq!(presence("deviceInfo", DeviceChannel::Browser), Presence::Foreign);
    }
}
