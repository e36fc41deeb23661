//! The tree is sound, help ends with examples, short forms work, and foreign words are answered.

use super::*;

/// Runs `look` on every command that can be typed, with its full name.
fn each(command: &clap::Command, name: &str, look: &mut impl FnMut(&clap::Command, &str)) {
    look(command, name);
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        each(below, &format!("{name} {}", below.get_name()), look);
    }
}

/// The lines below the heading; behind a blank one a command may say more.
fn examples(help: &str) -> impl Iterator<Item = &str> {
    help.lines().skip(1).take_while(|line| !line.is_empty())
}

#[test]
fn the_tree_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_help_ends_with_two_examples_of_its_own_command() {
    each(&Cli::command(), "backstay", &mut |command, name| {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: Vec<&str> = examples(&help).collect();
        assert!(help.starts_with("Examples:\n"), "{name} has no examples");
        assert_eq!(examples.len(), 2, "{name}");
        let own = |line: &&str| line.trim_start().starts_with(name);
        assert!(examples.iter().all(own), "{name}: {help}");
    });
}

#[test]
fn the_examples_can_be_typed() {
    each(&Cli::command(), "backstay", &mut |command, _| {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in examples(&help) {
            // What follows two blanks explains; what follows a sign of the shell is the shell's.
            let typed = line.trim_start().split("  ").next().unwrap_or_default();
            let ours = typed.split(['>', '&']).next().unwrap_or_default();
            parse(words(ours)).unwrap_or_else(|error| panic!("{typed}: {error}"));
        }
    });
}

/// Splits as a shell does, as far as the examples need it.
fn words(typed: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for c in typed.trim().chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => words.last_mut().expect("there is always a last word").push(c),
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == ' ' => words.push(String::new()),
            None => words.last_mut().expect("there is always a last word").push(c),
        }
    }
    assert_eq!(quote, None, "{typed}");
    words
}

#[test]
fn every_flag_and_argument_is_explained() {
    each(&Cli::command(), "backstay", &mut |command, name| {
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{name} {}", argument.get_id());
        }
    });
}

#[test]
fn an_unambiguous_beginning_is_enough() {
    assert!(matches!(parse(["backstay", "ver"]).unwrap().command, Command::Version));
    assert!(matches!(parse(["backstay", "conf", "sh"]).unwrap().command, Command::Config(_)));
    let ambiguous = parse(["backstay", "c"]).unwrap_err();
    assert!(ambiguous.use_stderr());
}

#[test]
fn a_word_from_elsewhere_is_answered_with_ours() {
    for (word, ours) in [
        ("retry", "backstay dead revive ID"),
        ("kill", "backstay jobs cancel ID"),
        ("requeue", "backstay dead revive ID"),
        ("list", "backstay jobs list"),
    ] {
        let error = parse(["backstay", word, "5"]).unwrap_err().to_string();
        assert!(error.contains(&format!("there is no `{word}` here")), "{error}");
        assert!(error.contains(ours), "{error}");
    }
    let slip = parse(["backstay", "chek"]).unwrap_err().to_string();
    assert!(slip.contains("check"), "{slip}");
}

#[test]
fn flags_that_everybody_takes_stand_anywhere() {
    let cli = parse(["backstay", "--json", "check", "--config", "x.toml", "-vv"]).unwrap();
    assert!(cli.globals.wishes().json);
    assert_eq!(cli.globals.wishes().verbose, 2);
    assert_eq!(cli.globals.sources().config, Some("x.toml".into()));
    let cli = parse(["backstay", "check", "--database-url", "postgres://h/d"]).unwrap();
    let sources = cli.globals.sources();
    assert_eq!(
        (sources.flags[0].flag, sources.flags[0].text.as_str()),
        ("--database-url", "postgres://h/d")
    );
}
