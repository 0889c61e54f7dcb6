//! From bytes to a [`Document`].

use super::{Cell, DECODED, Document, Sort, Span};
use crate::dictionary::{NameId, name_id};

pub(super) fn parse(bytes: &[u8]) -> Option<Document<'_>> {
    let text = std::str::from_utf8(bytes).ok()?;
    if text.len() >= DECODED as usize {
        return None;
    }
    let mut parser = Parser {
        bytes,
        at: 0,
        document: Document {
            text,
            decoded: String::new(),
            cells: Vec::with_capacity(bytes.len() / USUAL_MEMBER + 4),
            first: vec![0; NameId::COUNT],
            repeats: false,
        },
    };
    parser.skip_space();
    (parser.peek()? == b'{').then_some(())?;
    parser.value(Span::default(), NameId::UNKNOWN, 0)?;
    parser.skip_space();
    (parser.at == bytes.len()).then_some(parser.document)
}

/// Whether a text stands in JSON as it is.
pub(super) fn is_plain(text: &str) -> bool {
    plain_until(text.as_bytes(), 0) == text.len()
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    document: Document<'a>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Reads a value that is inside `depth` others.
    fn value(&mut self, name: Span, id: NameId, depth: u8) -> Option<()> {
        match self.peek()? {
            b'"' => {
                let value = self.string()?;
                self.push(Cell { name, value, after: 0, id, sort: Sort::Text });
            }
            b'{' => self.container(name, id, Sort::Object, depth)?,
            b'[' => self.container(name, id, Sort::Array, depth)?,
            b't' => self.word(name, id, Sort::True, b"true")?,
            b'f' => self.word(name, id, Sort::False, b"false")?,
            b'n' => self.word(name, id, Sort::Null, b"null")?,
            _ => {
                let value = self.number()?;
                self.push(Cell { name, value, after: 0, id, sort: Sort::Number });
            }
        }
        Some(())
    }

    fn push(&mut self, cell: Cell) {
        let after = self.count() + 1;
        self.document.cells.push(Cell { after, ..cell });
    }

    fn count(&self) -> u32 {
        // Fewer than bytes, whose number fits.
        u32::try_from(self.document.cells.len()).unwrap_or(u32::MAX)
    }

    fn word(&mut self, name: Span, id: NameId, sort: Sort, word: &[u8]) -> Option<()> {
        let start = self.at;
        self.bytes[start..].starts_with(word).then_some(())?;
        self.at += word.len();
        self.push(Cell { name, value: span(start, self.at), after: 0, id, sort });
        Some(())
    }

    fn container(&mut self, name: Span, id: NameId, sort: Sort, depth: u8) -> Option<()> {
        (depth < MOST_DEPTH).then_some(())?;
        let (start, own) = (self.at, self.document.cells.len());
        self.push(Cell { name, value: Span::default(), after: 0, id, sort });
        self.at += 1;
        match sort {
            Sort::Object => self.members(own, depth)?,
            _ => self.items(depth)?,
        }
        let (value, after) = (span(start, self.at), self.count());
        let cell = &mut self.document.cells[own];
        (cell.value, cell.after) = (value, after);
        Some(())
    }

    /// Whether another part follows, behind a comma unless it is the first.
    fn another(&mut self, first: bool, close: u8) -> Option<bool> {
        self.skip_space();
        let byte = self.peek()?;
        if byte == close {
            self.at += 1;
            return Some(false);
        }
        if !first {
            self.take(b',')?;
            self.skip_space();
        }
        Some(true)
    }

    fn items(&mut self, depth: u8) -> Option<()> {
        let mut first = true;
        while self.another(first, b']')? {
            self.value(Span::default(), NameId::UNKNOWN, depth + 1)?;
            first = false;
        }
        Some(())
    }

    /// The members of the object whose cell is `own`.
    fn members(&mut self, own: usize, depth: u8) -> Option<()> {
        let mut seen = [0_u64; NameId::COUNT.div_ceil(64)];
        let (mut first, mut strangers) = (true, 0);
        while self.another(first, b'}')? {
            first = false;
            (self.peek()? == b'"').then_some(())?;
            let name = self.string()?;
            let id = name_id(self.document.slice(name));
            self.skip_space();
            self.take(b':')?;
            self.skip_space();
            let (word, bit) = (id.index() / 64, 1 << (id.index() % 64));
            if id == NameId::UNKNOWN {
                strangers += 1;
            } else if seen[word] & bit != 0 {
                self.document.repeats = true;
            } else if own == 0 {
                self.document.first[id.index()] = self.count();
            }
            seen[word] |= bit;
            self.value(name, id, depth + 1)?;
        }
        if strangers > 1 && !self.document.repeats {
            self.document.repeats = self.strangers_repeat(own);
        }
        Some(())
    }

    /// Whether two members with names that the dictionary does not know have the same one.
    fn strangers_repeat(&self, own: usize) -> bool {
        let (cells, mut at) = (&self.document.cells, own + 1);
        let mut names = Vec::new();
        while let Some(cell) = cells.get(at) {
            if cell.id == NameId::UNKNOWN {
                names.push(self.document.slice(cell.name));
            }
            at = cell.after as usize;
        }
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// A string whose opening quote is next.
    fn string(&mut self) -> Option<Span> {
        let start = self.at + 1;
        self.at = plain_until(self.bytes, start);
        match self.peek()? {
            b'"' => {
                let span = span(start, self.at);
                self.at += 1;
                Some(span)
            }
            b'\\' => self.escaped(start),
            _ => None,
        }
    }

    /// A string with escapes; the first is next.
    #[cold]
    fn escaped(&mut self, mut start: usize) -> Option<Span> {
        let begin = self.document.decoded.len();
        loop {
            self.document.decoded.push_str(self.document.text.get(start..self.at)?);
            self.at += 1;
            match self.bytes[self.at - 1] {
                b'"' => break,
                b'\\' => {
                    let character = self.escape()?;
                    self.document.decoded.push(character);
                }
                _ => return None,
            }
            start = self.at;
            self.at = plain_until(self.bytes, start);
            self.peek()?;
        }
        let span = span(begin, self.document.decoded.len());
        Some(Span { length: span.length | DECODED, ..span })
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        Some(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return None,
        })
    }

    /// Four digits, or twice four as a surrogate pair.
    fn unicode(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            // The second half of a pair alone is no character.
            return char::from_u32(first);
        }
        self.take(b'\\')?;
        self.take(b'u')?;
        let second = self.four_digits().filter(|low| (0xdc00..0xe000).contains(low))?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |value, byte| Some(value * 16 + char::from(*byte).to_digit(16)?))
    }

    fn number(&mut self) -> Option<Span> {
        let start = self.at;
        self.at += usize::from(self.peek()? == b'-');
        match self.peek()? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        // A short one is not too large, whatever it holds.
        let text = self.document.text.get(start..self.at)?;
        let fits = text.len() <= 4 || text.parse::<f64>().is_ok_and(f64::is_finite);
        fits.then(|| span(start, self.at))
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

/// The first byte from `at` on that is a quote, a backslash or a control character; the end when
/// there is none. Eight bytes at a time: a byte that is zero, or less than a space, borrows.
fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGHEST: u64 = EACH << 7;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        let zero_where = |byte: u8| {
            let word = word ^ (EACH * u64::from(byte));
            word.wrapping_sub(EACH) & !word
        };
        let control = word.wrapping_sub(EACH * 0x20) & !word;
        let found = (zero_where(b'"') | zero_where(b'\\') | control) & HIGHEST;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let plain = |byte: &u8| !matches!(*byte, b'"' | b'\\' | 0..=0x1f);
    at + bytes.get(at..).unwrap_or_default().iter().take_while(|byte| plain(byte)).count()
}

/// Lengths fit: [`parse`] bounds the input, and what is decoded is shorter.
#[expect(clippy::cast_possible_truncation, reason = "the input is shorter than 2 GiB")]
const fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, length: (end - start) as u32 }
}

/// Bytes of a member as they usually are, to reserve room.
const USUAL_MEMBER: usize = 28;
/// Containers inside each other, as many as serde_json takes.
const MOST_DEPTH: u8 = 127;
