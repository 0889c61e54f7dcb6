//! How far an import is, on standard error.

use std::io::Write;
use std::time::Duration;

use crate::cards::Progress;

/// One line written over and over on a terminal; elsewhere a line every few seconds.
pub(super) struct ProgressLine {
    terminal: bool,
    shown: Option<Duration>,
}

impl ProgressLine {
    pub(super) const fn new(terminal: bool) -> Self {
        Self { terminal, shown: None }
    }

    /// Shows `progress` when it is time to.
    pub(super) fn show(&mut self, progress: Progress, out: &mut impl Write) {
        let pause = if self.terminal { TERMINAL_PAUSE } else { FILE_PAUSE };
        if progress.elapsed < self.shown.unwrap_or_default() + pause {
            return;
        }
        self.shown = Some(progress.elapsed);
        let text = text(progress);
        // Progress that cannot be shown is no reason to stop.
        let _ = if self.terminal {
            write!(out, "\r{text}\u{1b}[K").and_then(|()| out.flush())
        } else {
            writeln!(out, "{text}")
        };
    }

    /// Takes the line off a terminal.
    pub(super) fn clear(&self, out: &mut impl Write) {
        if self.terminal && self.shown.is_some() {
            let _ = write!(out, "\r\u{1b}[K");
        }
    }
}

fn text(progress: Progress) -> String {
    let Progress { lines, bad, elapsed, finishing, .. } = progress;
    let rate = u128::from(lines) * 1000 / elapsed.as_millis().max(1);
    let mut text = format!("{lines} lines, {rate} per second");
    if bad > 0 {
        text.push_str(&format!(", {bad} bad"));
    }
    if finishing {
        text.push_str(", making them visible");
    }
    text
}

const TERMINAL_PAUSE: Duration = Duration::from_millis(200);
const FILE_PAUSE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(terminal: bool) -> String {
        let mut out = Vec::new();
        let mut line = ProgressLine::new(terminal);
        for (lines, millis, bad) in [(500, 100, 0), (1000, 250, 0), (30_000, 5_000, 2)] {
            let elapsed = Duration::from_millis(millis);
            line.show(Progress { lines, bad, elapsed, finishing: false }, &mut out);
        }
        line.clear(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_file_gets_a_line_every_five_seconds() {
        assert_eq!(shown(false), "30000 lines, 6000 per second, 2 bad\n");
    }

    #[test]
    fn a_terminal_gets_one_line_written_over() {
        let all = "\r1000 lines, 4000 per second\u{1b}[K\
                   \r30000 lines, 6000 per second, 2 bad\u{1b}[K\r\u{1b}[K";
        assert_eq!(shown(true), all);
    }
}
