//! Where RReqs may go: a dsURL is a stranger's text, so it is compared as a parsed URL, by origin
//! and whole path segments.

use std::fmt;

use serde::Deserialize;
use url::{Host, Url};

/// The allowed targets of one DS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct RReqTargets(Vec<Target>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// Same host and port, and a path at or below this one.
    Below { host: Host<String>, port: u16, segments: Vec<String> },
    /// Any port of this machine (development only).
    Loopback,
}

/// An entry of `rreq_targets` that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadTarget {
    entry: String,
    cause: &'static str,
}

impl RReqTargets {
    /// Reads the entries of a configuration file.
    ///
    /// # Errors
    /// [`BadTarget`] for the first entry that is not an https URL of origin and path alone.
    pub fn new<T: AsRef<str>>(entries: &[T]) -> Result<Self, BadTarget> {
        entries.iter().map(|entry| Target::read(entry.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an RReq may be sent to `url`.
    #[must_use]
    pub fn allows(&self, url: &Url) -> bool {
        is_plain_https(url) && self.0.iter().any(|target| target.covers(url))
    }

    /// [`Self::allows`] for a dsURL as received.
    #[must_use]
    pub fn allows_text(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.allows(&url))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any port of this machine is allowed.
    #[must_use]
    pub fn allows_loopback(&self) -> bool {
        self.0.contains(&Target::Loopback)
    }
}

impl Target {
    fn read(entry: &str) -> Result<Self, BadTarget> {
        let bad = |cause| BadTarget { entry: entry.to_owned(), cause };
        if entry == LOOPBACK {
            return Ok(Self::Loopback);
        }
        let url = Url::parse(entry).map_err(|_| bad("is not a URL"))?;
        if !is_plain_https(&url) {
            return Err(bad("must be https, without user name or escaped path separators"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("must not have a query or fragment"));
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(bad("has no host"));
        };
        let mut segments = segments(&url);
        if segments.last().is_some_and(String::is_empty) {
            segments.pop();
        }
        Ok(Self::Below { host: host.to_owned(), port, segments })
    }

    fn covers(&self, url: &Url) -> bool {
        match self {
            Self::Loopback => is_loopback(url),
            Self::Below { host, port, segments: prefix } => {
                url.host().is_some_and(|other| other.to_owned() == *host)
                    && url.port_or_known_default() == Some(*port)
                    && segments(url).starts_with(prefix)
            }
        }
    }
}

/// Whether `url` names this machine itself.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// https, nobody's name in it, and no escape in the path that a later reader could take for a
/// separator or a dot.
fn is_plain_https(url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    url.scheme() == "https"
        && url.username().is_empty()
        && url.password().is_none()
        && !["%2f", "%5c", "%2e", "%25", "%00"].iter().any(|escape| path.contains(escape))
}

fn segments(url: &Url) -> Vec<String> {
    url.path_segments().into_iter().flatten().map(str::to_owned).collect()
}

impl TryFrom<Vec<String>> for RReqTargets {
    type Error = BadTarget;

    fn try_from(entries: Vec<String>) -> Result<Self, BadTarget> {
        Self::new(&entries)
    }
}

impl fmt::Display for BadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rreq target \"{}\" {}", self.entry, self.cause)
    }
}

impl std::error::Error for BadTarget {}

/// The entry that stands for any port of this machine.
const LOOPBACK: &str = "https://loopback";
