//! Ports, and waiting for a plain HTTP path to answer.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::children::Started;

/// Waits until `GET http://127.0.0.1:port/path` answers 200, or the server ends, or time is up.
pub(crate) fn until_ok(port: u16, path: &str, server: &Started, patience: Duration) -> Result<()> {
    let end = Instant::now() + patience;
    loop {
        server.check()?;
        let answer = get(port, path).unwrap_or_default();
        if answer.starts_with("HTTP/1.1 200") {
            return Ok(());
        }
        if Instant::now() > end {
            let seconds = patience.as_secs();
            let said = answer.lines().last().unwrap_or("no answer").to_owned();
            bail!(
                "{} is not ready at port {port} after {seconds} s ({said}):\n{}",
                server.name,
                server.last_words()
            );
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The ports of a demo: defaults, or counted from a base.
pub(crate) fn ports(base: Option<u16>) -> Result<Vec<u16>> {
    let Some(base) = base else {
        return Ok(vec![8443, 8444, 8446, 8448, 7443, 7444, 7445, 7446, 7447, 7448]);
    };
    let last = base.checked_add(19).context("--base-port: ports end at 65535")?;
    if base < 1024 {
        bail!("--base-port: {base} is a privileged port; take one from 1024");
    }
    Ok((base..=last).collect())
}

/// The plain port of `/livez`, `/readyz` and `/metrics`.
pub(crate) fn ops_port(base: Option<u16>) -> u16 {
    base.map_or(8446, |base| base + 2)
}

/// An error that names the first port somebody else holds.
pub(crate) fn all_free(ports: &[u16]) -> Result<()> {
    match ports.iter().find(|port| !is_free(**port)) {
        Some(port) => {
            bail!("port {port} is taken (another demo?): stop what holds it, or use --base-port N")
        }
        None => Ok(()),
    }
}

/// The first of a run of free ports.
pub(crate) fn free_base() -> Result<u16> {
    let mut bases = (20_000..32_000).step_by(20);
    bases.find(|base| (*base..*base + 20).all(is_free)).context("no 20 free ports in a row")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
