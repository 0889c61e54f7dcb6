//! The development PKI: a root for the web and one per directory server, with every certificate a
//! demonstration needs [P-TRN-02..05]. Root keys are thrown away: nobody can extend what a browser
//! may have been told to trust.

mod issue;

use std::path::Path;

use crate::new_file::{self, Mode};
use issue::{Authority, Kind, Leaf, Usage};

/// Names of the two directory servers, as in their certificates.
pub const DS_NAMES: [(&str, &str); 2] = [("ds-a", "ds-a.example"), ("ds-b", "ds-b.example")];

/// Writes the whole PKI below `dir`.
///
/// # Errors
/// When a file exists already or cannot be written.
pub fn create(dir: &Path) -> anyhow::Result<()> {
    let web = web(&dir.join("web"))?;
    let mut bundle = web.certificate_pem();
    for (id, name) in DS_NAMES {
        bundle.push_str(&directory_server(&dir.join(id), id, name)?.certificate_pem());
    }
    new_file::write(&dir.join("ca-bundle.pem"), bundle.as_bytes(), Mode::Public)
}

/// What browsers see: our cardholder listener and the shop.
fn web(dir: &Path) -> anyhow::Result<Authority> {
    let root = Authority::root("Development web root")?;
    root.write(dir)?;
    let acs = Leaf { common_name: "localhost", names: &LOCAL, usage: Usage::Server };
    root.issue(&acs, Kind::P256)?.write(dir, "acs-ec")?;
    root.issue(&acs, Kind::Rsa2048)?.write(dir, "acs-rsa")?;
    let shop = Leaf { common_name: "localhost", names: &LOCAL, usage: Usage::Server };
    root.issue(&shop, Kind::P256)?.write(dir, "shop-ec")?;
    Ok(root)
}

/// Everybody who meets under one directory server's root.
fn directory_server(dir: &Path, id: &str, name: &str) -> anyhow::Result<Authority> {
    let root = Authority::root(&format!("Development root of {id}"))?;
    root.write(dir)?;

    let acs = [LOCAL[0], LOCAL[1], ACS];
    let server = Leaf { common_name: ACS, names: &acs, usage: Usage::Server };
    root.issue(&server, Kind::P256)?.write(dir, "acs-server-ec")?;
    root.issue(&server, Kind::Rsa2048)?.write(dir, "acs-server-rsa")?;
    let client = Leaf { common_name: ACS, names: &[ACS], usage: Usage::Client };
    root.issue(&client, Kind::P256)?.write(dir, "acs-client")?;

    let client = Leaf { common_name: name, names: &[name], usage: Usage::Client };
    root.issue(&client, Kind::P256)?.write(dir, "ds-client")?;
    let own = [LOCAL[0], LOCAL[1], name];
    let server = Leaf { common_name: name, names: &own, usage: Usage::Server };
    root.issue(&server, Kind::P256)?.write(dir, "ds-server")?;

    let requestor = ["localhost", "3dss.example"];
    let both = Leaf { common_name: requestor[1], names: &requestor, usage: Usage::Both };
    root.issue(&both, Kind::P256)?.write(dir, "threeds-server")?;

    let other = DS_NAMES.iter().find(|(other, _)| *other != id).map_or(name, |(_, name)| name);
    let impostor = Leaf { common_name: other, names: &[other], usage: Usage::Client };
    root.issue(&impostor, Kind::P256)?.write(dir, "impostor")?;

    let signing = root.intermediate(&format!("Development signing authority of {id}"))?;
    signing.write_pair(dir, "acs-signing-ca")?;
    let signer = Leaf { common_name: ACS, names: &[ACS], usage: Usage::Signing };
    signing.issue(&signer, Kind::P256)?.write(dir, "acs-signing")?;
    Ok(root)
}

const LOCAL: [&str; 2] = ["localhost", "127.0.0.1"];
const ACS: &str = "acs.example";
