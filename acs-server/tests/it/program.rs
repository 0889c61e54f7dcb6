//! The program itself: what its commands print and how they end.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::support::Installation;

fn acs(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_acs"));
    command.args(arguments).env_remove("ACS_LOG").env_remove("ACS_DEV_CRASH_AT");
    command
}

fn output(arguments: &[&str]) -> Output {
    acs(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn init_check_and_serve_follow_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("acs");
    let dir = dir.to_str().unwrap();
    let made = output(&["init", "--dir", dir, "--dev"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let file = format!("{dir}/acs.toml");
    assert!(text(&made.stdout).contains(&file));

    let again = output(&["init", "--dir", dir, "--dev"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("is not overwritten"), "{}", text(&again.stderr));

    let checked = output(&["check", "--config", &file]);
    assert!(checked.status.success(), "{}", text(&checked.stdout));
    assert!(text(&checked.stdout).contains("OK    ds \"ds-a\" client_ca"));
}

#[test]
fn check_lists_every_finding_and_fails() {
    let made = Installation::new();
    rewrite(&made.file, |text| {
        text.replace("movable = true", "").replace("\"development\"", "\"production\"")
    });
    let checked = output(&["check", "--config", made.file.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(1));
    let lines = text(&checked.stdout);
    assert!(lines.lines().all(|line| line.starts_with("FAIL  ")), "{lines}");
    for part in ["allow_software_keys", "outbox", "scripted", "loopback"] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
}

#[test]
fn serve_says_where_and_stops_on_sigterm() {
    let made = Installation::new();
    free_ports(&made.file);
    let mut serving = serve(&made);
    let mut log = BufReader::new(serving.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut listening = Vec::new();
    while listening.len() < 5 {
        let line = log.next().expect("five listeners are announced");
        if line.contains("listening") {
            listening.push(line);
        }
    }
    assert!(listening[0].contains("ds=\"ds-a\"") && listening[0].contains("https://127.0.0.1:"));
    assert!(listening[4].contains("listener=\"ops\"") && listening[4].contains("http://"));
    signal(&serving, "TERM");
    let rest: Vec<String> = log.collect();
    assert!(serving.wait().unwrap().success(), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("stopped")), "{rest:?}");

    let database = made.file.with_file_name("acs.sqlite");
    assert_eq!(database.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn serve_does_not_start_on_a_failed_check_or_an_unknown_crash_point() {
    let made = Installation::new();
    free_ports(&made.file);
    let file = made.file.to_str().unwrap();
    let crash = acs(&["serve", "--config", file]).env("ACS_DEV_CRASH_AT", "nowhere").output();
    let crash = crash.unwrap();
    assert_eq!(crash.status.code(), Some(1));
    assert!(text(&crash.stderr).contains("unknown point"), "{}", text(&crash.stderr));

    std::fs::remove_file(made.pki().join("ds-b/acs-client.key")).unwrap();
    let refused = output(&["serve", "--config", file]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("FAIL  ds \"ds-b\" client_cert"));
}

#[test]
fn help_shows_examples() {
    for command in ["init", "check", "serve"] {
        let help = output(&[command, "--help"]);
        assert!(text(&help.stdout).contains(&format!("acs {command} --")), "{command}");
    }
}

fn serve(made: &Installation) -> Child {
    acs(&["serve", "--config", made.file.to_str().unwrap()]).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
}

/// Lets the system choose the ports.
fn free_ports(file: &Path) {
    rewrite(file, |text| {
        (20_000..20_005)
            .fold(text, |text, port| text.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:0"))
    });
}

fn rewrite(file: &Path, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, change(text)).unwrap();
}
