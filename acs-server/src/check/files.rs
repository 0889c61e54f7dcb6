//! Key files, the database, and folders that are written to.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use super::Report;
use crate::config::{Config, Gateway, ds};
use crate::key_file;
use crate::storage::sqlite::{SCHEMA_VERSION, schema_version};
use crate::vault::Vault;

pub(super) fn check(config: &Config, report: &mut Report) {
    if report.take("keys.file", Vault::load(&config.keys.file)).is_some() {
        report.ok(format!("keys.file: {} opens", config.keys.file.display()));
    }
    for ds in &config.ds {
        if let Some(logo) = &ds.logo {
            logo_opens(&format!("ds \"{}\" logo", ds.id), logo.load(), report);
        }
        let ds::AuthenticationValue::HmacSha256 { key_file, .. } = &ds.authentication_value;
        key(&format!("ds \"{}\" authentication_value", ds.id), key_file, report);
    }
    database(&config.storage.path, report);
    for issuer in &config.issuer {
        let name = format!("issuer \"{}\" otp.gateway", issuer.id);
        match &issuer.otp.gateway {
            Gateway::Outbox { file } => writable(&name, file, report),
            Gateway::Webhook { key_file, .. } => key(&name, key_file, report),
        }
    }
    for issuer in &config.issuer {
        if issuer.logo.is_some() {
            logo_opens(&format!("issuer \"{}\" logo", issuer.id), issuer.load_logo(), report);
        }
        if let Some(api) = &issuer.api {
            key(&format!("issuer \"{}\" api", issuer.id), &api.key_file, report);
        }
        if let Some(codes) = &issuer.security_code {
            key(&format!("issuer \"{}\" security_code", issuer.id), &codes.key_file, report);
        }
    }
    if let Some(file) = &config.log.file {
        writable("log.file", file, report);
    }
}

fn logo_opens<T>(name: &str, logo: Result<T, String>, report: &mut Report) {
    if report.take(name, logo).is_some() {
        report.ok(format!("{name}: the file can be shown"));
    }
}

fn key(name: &str, path: &Path, report: &mut Report) {
    if report.take(name, key_file::load(path)).is_some() {
        report.ok(format!("{name}: the key {} can be used", path.display()));
    }
}

fn database(path: &Path, report: &mut Report) {
    let shown = path.display();
    match schema_version(path) {
        Ok(None) => {
            report.ok(format!("storage: {shown} does not exist yet and will be made"));
            writable("storage", path, report);
        }
        Ok(Some(found)) if found > SCHEMA_VERSION => report.fail(format!(
            "storage: {shown} has schema version {found}, this program knows up to \
             {SCHEMA_VERSION}: use the program that wrote it or a newer one"
        )),
        Ok(Some(found)) if found < SCHEMA_VERSION => {
            report.warn(format!(
                "storage: {shown} has schema version {found} and will be brought to \
                 {SCHEMA_VERSION}: make a backup first"
            ));
            writable("storage", path, report);
        }
        Ok(Some(found)) => {
            report.ok(format!("storage: {shown} has schema version {found}"));
            writable("storage", path, report);
        }
        Err(error) => report.fail(format!("storage: {shown}: {error}")),
    }
}

/// Whether a file can be written: itself where it exists, else a new one in its folder.
fn writable(name: &str, path: &Path, report: &mut Report) {
    let tried = if path.exists() {
        OpenOptions::new().append(true).open(path).map(drop)
    } else {
        try_folder(path)
    };
    match tried {
        Ok(()) => report.ok(format!("{name}: {} can be written", path.display())),
        Err(error) => report.fail(format!(
            "{name}: {} cannot be written ({error}): make its folder, or give this user the right",
            path.display()
        )),
    }
}

fn try_folder(path: &Path) -> std::io::Result<()> {
    let name = format!(".acs-check-{}", std::process::id());
    let probe = path.parent().map_or_else(|| PathBuf::from(&name), |folder| folder.join(&name));
    OpenOptions::new().write(true).create_new(true).open(&probe)?;
    std::fs::remove_file(&probe)
}
