//! `ds-sim pay --channel`: where the cardholder is; arguments of an app and its screens on the
//! terminal.

use std::sync::Arc;

use anyhow::Result;
use clap::{Args, ValueEnum};
use ds_simulator::sdk::device::DsKeyKind;
use ds_simulator::sdk::keys::Encryption;
use ds_simulator::sdk::play::{self, Prompt};
use ds_simulator::sdk::screen::Screen;
use ds_simulator::sdk::{Act, Interface, Script, Sdk};
use ds_simulator::{CodeSource, Simulator};

use crate::{say, say_error};

/// How a payment in an app is made.
#[derive(Debug, Args)]
pub(crate) struct InApp {
    /// Pay in a browser or in an app, or without the cardholder
    #[arg(long, value_enum, default_value = "browser")]
    channel: Channel,
    /// What the SDK can show
    #[arg(long, value_enum, default_value = "both")]
    ui: Ui,
    /// Encryption of the SDK's messages
    #[arg(long, value_enum, default_value = "gcm")]
    enc: Enc,
    /// Key of the directory server that device data is encrypted for
    #[arg(long, value_enum, default_value = "ec")]
    ds_key: DsKey,
    /// The cardholder presses cancel on the first screen
    #[arg(long)]
    sdk_cancel: bool,
    /// The cardholder agrees to what screens ask for
    #[arg(long)]
    agree: bool,
    /// Show each screen and ask what to do
    #[arg(long, short)]
    interactive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Channel {
    #[value(alias = "brw")]
    Browser,
    App,
    #[value(name = "3ri")]
    ThreeRi,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Ui {
    Native,
    Html,
    Both,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Enc {
    Gcm,
    Cbc,
}

impl From<Enc> for Encryption {
    fn from(enc: Enc) -> Self {
        match enc {
            Enc::Gcm => Self::A128Gcm,
            Enc::Cbc => Self::A128CbcHs256,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DsKey {
    Ec,
    Rsa,
}

impl InApp {
    /// Whether the payment is made in an app.
    pub(crate) fn is_chosen(&self) -> bool {
        self.channel == Channel::App
    }

    /// `deviceChannel`.
    pub(crate) fn code(&self) -> &'static str {
        match self.channel {
            Channel::App => "01",
            Channel::Browser => "02",
            Channel::ThreeRi => "03",
        }
    }

    /// The SDK these arguments describe.
    pub(crate) fn sdk(&self, simulator: &Simulator) -> Result<Sdk> {
        let mut sdk = simulator.sdk(&simulator.network().name)?;
        sdk.interface = match self.ui {
            Ui::Native => Interface::Native,
            Ui::Html => Interface::Html,
            Ui::Both => Interface::Both,
        };
        sdk.encryption = self.enc.into();
        sdk.ds_key = match self.ds_key {
            DsKey::Ec => DsKeyKind::Ec,
            DsKey::Rsa => DsKeyKind::Rsa,
        };
        Ok(sdk)
    }

    /// Who acts; screens are shown unless `quiet`.
    pub(crate) fn script(&self, steps: &[String], codes: CodeSource, quiet: bool) -> Script {
        let mut steps: Vec<_> = steps.iter().map(|word| play::Step::parse(word)).collect();
        if self.sdk_cancel {
            steps.insert(0, play::Step::Do(Act::Cancel));
        }
        let interactive = self.interactive;
        Script {
            codes,
            steps,
            consents: self.agree,
            prompt: (interactive || !quiet).then(|| -> Prompt {
                Arc::new(move |screen| {
                    show(screen);
                    interactive.then(ask).flatten()
                })
            }),
        }
    }
}

fn show(screen: &Screen) {
    let _ = say("          +---- the app shows");
    for line in screen.lines() {
        let _ = say(&format!("          | {line}"));
    }
    let _ = say("          +----");
}

/// One line from the person at the terminal; nothing leaves it to the script, which does what the
/// screen asks for.
fn ask() -> Option<play::Step> {
    loop {
        say_error(
            "Enter does what is asked, with the code that was sent; or type an entry; ? helps:",
        );
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).ok()?;
        match line.trim() {
            "?" | "help" => say_error(WORDS),
            word => return Some(word).filter(|word| !word.is_empty()).map(play::Step::parse),
        }
    }
}

/// What a person can say to a screen.
const WORDS: &str = "  code          the code that was sent
  choose:KEY    a choice, or several: choose:KEY,KEY
  both:ONE,TWO  two entries
  nothing       submit without an entry
  resend        another code
  more          the additional button
  continue      on an information screen, or back from the bank's app by hand
  back          back from the bank's app by its link (2.3.1)
  cancel        give up
  timeout       the SDK's own time is over
  leave         close the app without a word
anything else is typed and submitted";
