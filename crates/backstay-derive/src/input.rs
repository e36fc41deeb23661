//! Reads the item under the macro: its name, and what its `job` attribute says.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// Longest name of a kind in bytes; the doors refuse a longer one.
const NAME_BYTES: usize = 128;

/// What the macro needs to know.
pub(crate) struct Input {
    pub(crate) name: String,
    /// The kind as a text literal, quotes included.
    pub(crate) kind: String,
}

/// What is wrong, and where the compiler shall point.
pub(crate) struct Problem {
    span: Span,
    message: String,
}

impl Problem {
    fn at(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }

    /// Makes `::core::compile_error!{"..."}` that points at the place.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let colon = |spacing| TokenTree::Punct(Punct::new(':', spacing));
        let text = TokenTree::Literal(Literal::string(&self.message));
        let tokens = [
            colon(Spacing::Joint),
            colon(Spacing::Alone),
            TokenTree::Ident(Ident::new("core", self.span)),
            colon(Spacing::Joint),
            colon(Spacing::Alone),
            TokenTree::Ident(Ident::new("compile_error", self.span)),
            TokenTree::Punct(Punct::new('!', Spacing::Alone)),
            TokenTree::Group(Group::new(Delimiter::Brace, text.into())),
        ];
        let pointed = tokens.into_iter().map(|mut token| {
            token.set_span(self.span);
            token
        });
        pointed.collect()
    }
}

/// Reads attributes, then `struct Name` or `enum Name`; what follows is serde's business.
pub(crate) fn read(item: TokenStream) -> Result<Input, Problem> {
    let mut tokens = item.into_iter();
    let mut kind = None;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(hash) if hash.as_char() == '#' => {
                let Some(TokenTree::Group(attribute)) = tokens.next() else { continue };
                let found = job_attribute(&attribute)?;
                if found.is_some() && kind.is_some() {
                    return Err(Problem::at(attribute.span(), "the kind is given twice"));
                }
                kind = kind.or(found);
            }
            TokenTree::Ident(word) if is_one_of(&word, &["struct", "enum"]) => {
                let Some(TokenTree::Ident(name)) = tokens.next() else { break };
                refuse_parameters(tokens.next())?;
                return finish(&name, kind);
            }
            _ => {}
        }
    }
    Err(Problem::at(Span::call_site(), "`Job` is derived for a struct or an enum"))
}

fn refuse_parameters(after_name: Option<TokenTree>) -> Result<(), Problem> {
    match after_name {
        Some(TokenTree::Punct(open)) if open.as_char() == '<' => Err(Problem::at(
            open.span(),
            "a kind of job has no parameters: its args are read back from the database, where only \
             the name of the kind stands",
        )),
        _ => Ok(()),
    }
}

fn is_one_of(word: &Ident, words: &[&str]) -> bool {
    words.contains(&word.to_string().as_str())
}

fn finish(name: &Ident, kind: Option<String>) -> Result<Input, Problem> {
    let name_text = name.to_string();
    match kind {
        Some(kind) => Ok(Input { name: name_text, kind: format!("\"{kind}\"") }),
        None => {
            let example = snake(name_text.trim_start_matches("r#"));
            let message =
                format!("name the kind: write `#[job(kind = \"{example}\")]` under the derive");
            Err(Problem::at(name.span(), message))
        }
    }
}

/// `HTTPReport` becomes `httpreport`, `BigReport` becomes `big_report`: only a proposal.
fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut lower_before = false;
    for c in name.chars() {
        if c.is_uppercase() && lower_before {
            out.push('_');
        }
        lower_before = c.is_lowercase() || c.is_ascii_digit();
        out.extend(c.to_lowercase());
    }
    out
}

/// The kind, if this is `[job(...)]`; nothing for the attributes of others.
fn job_attribute(attribute: &Group) -> Result<Option<String>, Problem> {
    let mut tokens = attribute.stream().into_iter();
    match tokens.next() {
        Some(TokenTree::Ident(word)) if word.to_string() == "job" => {}
        _ => return Ok(None),
    }
    let inside = match tokens.next() {
        Some(TokenTree::Group(inside)) if inside.delimiter() == Delimiter::Parenthesis => inside,
        _ => return Err(Problem::at(attribute.span(), "write `#[job(kind = \"...\")]`")),
    };
    let parts: Vec<TokenTree> = inside.stream().into_iter().collect();
    kind(&parts, inside.span()).map(Some)
}

/// Reads `kind = "..."`, with or without a comma behind it.
fn kind(parts: &[TokenTree], span: Span) -> Result<String, Problem> {
    let (key, value) = match parts {
        [TokenTree::Ident(key), TokenTree::Punct(equals), value] if equals.as_char() == '=' => {
            (key, value)
        }
        [TokenTree::Ident(key), TokenTree::Punct(equals), value, TokenTree::Punct(comma)]
            if equals.as_char() == '=' && comma.as_char() == ',' =>
        {
            (key, value)
        }
        [TokenTree::Ident(key), ..] if key.to_string() != "kind" => (key, &parts[0]),
        _ => return Err(Problem::at(span, "write `kind = \"...\"`, and nothing else")),
    };
    if key.to_string() != "kind" {
        let message = format!(
            "`{key}` is not known here; only `kind` is: for queue, timeout and the like write \
             `impl Job` with a `contract`"
        );
        return Err(Problem::at(key.span(), message));
    }
    let text = value.to_string();
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(name) => check_name(name, value.span()),
        None => Err(Problem::at(value.span(), "the kind is a text in quotes, such as \"digest\"")),
    }
}

fn check_name(name: &str, span: Span) -> Result<String, Problem> {
    let lawful = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    if name.is_empty() {
        return Err(Problem::at(span, "the kind has no name"));
    }
    if let Some(wrong) = name.chars().find(|c| !lawful(*c)) {
        let message =
            format!("the kind may not hold `{wrong}`: letters, digits and `_ . : -` only");
        return Err(Problem::at(span, message));
    }
    if name.len() > NAME_BYTES {
        return Err(Problem::at(span, format!("the kind is longer than {NAME_BYTES} bytes")));
    }
    Ok(name.to_owned())
}
