use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Top {
    #[command(flatten)]
    card: CardArgs,
}

#[test]
fn the_commands_are_well_formed() {
    use clap::CommandFactory as _;
    Top::command().debug_assert();
    Top::try_parse_from(["card", "import", "--config", "a", "--issuer", "b", "-"]).unwrap();
    Top::try_parse_from(["card", "list", "--config", "a", "--limit", "5"]).unwrap();
    Top::try_parse_from(["card", "show", "--config", "a", "-"]).unwrap();
    Top::try_parse_from(["card", "list", "--config", "a", "--limit", "0"]).unwrap_err();
    Top::try_parse_from(["card", "import", "--config", "a", "-"]).unwrap_err();
}

#[test]
fn a_number_is_read_from_the_argument_or_from_input() {
    let read = |argument: &str, input: &str| {
        read_number(Zeroizing::new(argument.to_owned()), &mut input.as_bytes()).unwrap().to_string()
    };
    assert_eq!(read("1091", "ignored"), "1091");
    assert_eq!(read("-", " 4000000000001091\r\nmore\n"), "4000000000001091");
    assert_eq!(read("-", ""), "");
}
