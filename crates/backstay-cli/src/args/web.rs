//! `backstay serve`, and the tokens of those who ask it.

use std::time::Duration;

use backstay::tokens::Scope;
use clap::{Args, Subcommand};

use super::value::span;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Listen there instead of at web.listen; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Only show: nobody changes anything here, whatever their token allows elsewhere
    #[arg(long)]
    pub(crate) read_only: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// Make a token; it is shown once
    #[command(after_help = "\
Examples:
  backstay tokens create --name deploy --scope operate --expires-in 30d
  backstay tokens create --name shop --scope enqueue:reports,read --reason \"ticket 12\"")]
    Create(TokensCreateArgs),
    /// List tokens, with the day on which each was used last
    #[command(after_help = "\
Examples:
  backstay tokens list
  backstay tokens list --json")]
    List,
    /// End a token at once
    #[command(after_help = "\
Examples:
  backstay tokens revoke 4f1c09ab
  backstay tokens revoke 4f1c09ab --reason \"ana has left\"")]
    Revoke(TokensRevokeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TokensCreateArgs {
    /// Who or what will use it; the audit says so
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// What it allows: read, operate, admin, audit, enqueue, enqueue:QUEUE
    #[arg(long, value_name = "A,B", value_delimiter = ',', required = true)]
    pub(crate) scope: Vec<Scope>,
    /// How long it is valid, up to 104w [default: 90d]
    #[arg(long, value_name = "DURATION", value_parser = span, allow_hyphen_values = true)]
    pub(crate) expires_in: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct TokensRevokeArgs {
    /// The eight characters after bst_, as the list shows them
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}
