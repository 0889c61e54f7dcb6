//! Lines of a file, each of bounded length, in one buffer that is wiped.

use std::io::{BufRead, Result};

use zeroize::Zeroizing;

/// A line without its line feed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Text(&'a [u8]),
    /// Longer than [`MAX_LINE`]; it was passed over.
    TooLong,
}

/// Reads lines and counts them.
pub(super) struct Lines<R> {
    input: R,
    buffer: Zeroizing<Vec<u8>>,
    count: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        // Never grows, so that no copy stays behind unwiped.
        Self { input, buffer: Zeroizing::new(Vec::with_capacity(MAX_LINE)), count: 0 }
    }

    /// Lines read so far.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The next line with its number, counted from 1.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Line<'_>)>> {
        self.buffer.clear();
        let mut too_long = false;
        let mut any = false;
        loop {
            let found = match self.input.fill_buf() {
                Ok(found) => found,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if found.is_empty() {
                break;
            }
            any = true;
            let end = found.iter().position(|byte| *byte == b'\n');
            let part = &found[..end.unwrap_or(found.len())];
            too_long |= self.buffer.len() + part.len() > MAX_LINE;
            if !too_long {
                self.buffer.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        self.count += 1;
        let line = if too_long { Line::TooLong } else { Line::Text(self.text()) };
        Ok(Some((self.count, line)))
    }

    /// The buffer; a byte order mark before the first line is none of it.
    fn text(&self) -> &[u8] {
        let mark = if self.count == 1 { BYTE_ORDER_MARK } else { b"" };
        self.buffer.strip_prefix(mark).unwrap_or(&self.buffer)
    }
}

/// Longest line, bytes.
pub(super) const MAX_LINE: usize = 8192;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8], buffer: usize) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::new(std::io::BufReader::with_capacity(buffer, input));
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            found.push(match line {
                Line::Text(text) => Some(text.to_vec()),
                Line::TooLong => None,
            });
            assert_eq!(number, found.len() as u64);
        }
        found
    }

    #[test]
    fn lines_are_split_whatever_the_reads_bring() {
        let text = |text: &[u8]| Some(text.to_vec());
        for buffer in [1, 2, 3, 100] {
            assert!(all(b"", buffer).is_empty());
            assert_eq!(all(b"\n", buffer), [text(b"")]);
            assert_eq!(all(b"a\nbc", buffer), [text(b"a"), text(b"bc")]);
            assert_eq!(all(b"a\n\nbc\n", buffer), [text(b"a"), text(b""), text(b"bc")]);
            assert_eq!(all(b"\xef\xbb\xbfa\nb", buffer), [text(b"a"), text(b"b")]);
        }
    }

    #[test]
    fn a_line_too_long_is_passed_over() {
        let fits = vec![b'x'; MAX_LINE];
        let input = [&fits[..], b"\nx", &fits, b"\nb\n", b"x", &fits].concat();
        for buffer in [10, MAX_LINE, 1 << 20] {
            assert_eq!(all(&input, buffer), [Some(fits.clone()), None, Some(b"b".to_vec()), None]);
        }
    }
}
