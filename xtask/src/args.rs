//! Options of a command: flags, and options with a value as `--name value` or `--name=value`.

use std::str::FromStr;

use anyhow::{Result, bail};

/// The words after the command, taken one by one; [`Args::end`] complains about the rest.
#[derive(Debug)]
pub(crate) struct Args {
    words: Vec<String>,
}

impl Args {
    pub(crate) const fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    /// Whether the flag is there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    pub(crate) fn wants_help(&mut self) -> bool {
        let long = self.flag("--help");
        self.flag("-h") || long
    }

    /// The values of an option that may be repeated.
    pub(crate) fn values(&mut self, name: &str) -> Result<Vec<String>> {
        let mut values = Vec::new();
        let mut rest = Vec::new();
        let mut words = std::mem::take(&mut self.words).into_iter();
        while let Some(word) = words.next() {
            if word == name {
                match words.next() {
                    Some(value) => values.push(value),
                    None => bail!("{name} needs a value"),
                }
            } else if let Some(value) = word.strip_prefix(name).and_then(|v| v.strip_prefix('=')) {
                values.push(value.to_owned());
            } else {
                rest.push(word);
            }
        }
        self.words = rest;
        Ok(values)
    }

    /// The value of an option, parsed; the last one wins.
    pub(crate) fn value<T: FromStr>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.values(name)?.pop() else { return Ok(None) };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => bail!("{name}: {text:?} is not what it takes; see --help"),
        }
    }

    /// Complains about what nobody took.
    pub(crate) fn end(self) -> Result<()> {
        match self.words.first() {
            Some(word) => bail!("{word:?} is not an option of this command; see --help"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Args {
        Args::new(text.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn options_are_taken_in_both_spellings() {
        let mut args = args("--once --dir a --base-port=9000 --dir b");
        assert!(args.flag("--once"));
        assert!(!args.flag("--release"));
        assert_eq!(args.values("--dir").unwrap(), ["a", "b"]);
        assert_eq!(args.value::<u16>("--base-port").unwrap(), Some(9000));
        args.end().unwrap();
    }

    #[test]
    fn bad_values_and_leftovers_are_named() {
        assert!(args("--n").value::<u16>("--n").unwrap_err().to_string().contains("--n needs"));
        assert!(args("--n x").value::<u16>("--n").unwrap_err().to_string().contains("\"x\""));
        assert!(args("--huh").end().unwrap_err().to_string().contains("--huh"));
    }
}
