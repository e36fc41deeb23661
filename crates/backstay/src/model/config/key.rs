//! How one setting is described: name, form, bound, default, help; the only place that knows them.

/// Describes one setting: everything the file reader, `config show` and the reference need.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The key within its section, such as `slots`.
    pub name: &'static str,
    /// What may be written, with its bound.
    pub form: Form,
    /// The built-in value as TOML; empty where nothing is set unless somebody does.
    pub default: &'static str,
    /// What the setting does, in one sentence without a full stop.
    pub help: &'static str,
}

/// What may be written for a setting.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// Any text; also `{ env = "NAME" }` or `{ file = "/path" }`.
    Text,
    /// A text that is never shown.
    Secret,
    /// A name of a kind or queue.
    Name,
    /// One of these words.
    Words(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A whole number from the first to the second.
    Whole(i64, i64),
    /// A number from the first to the second, both in hundredths.
    Hundredths(i64, i64),
    /// A duration from the first to the second.
    Span(&'static str, &'static str),
    /// A duration, or `forever`.
    Keep,
    /// A size from the first to the second.
    Size(&'static str, &'static str),
    /// This word, or the other form.
    Either(&'static str, &'static Form),
    /// A list of texts.
    Texts,
    /// A program and its arguments, one text each.
    Command,
    /// A table or another form that is described by the sentence here.
    Other(&'static str),
}

impl Key {
    /// Says in words what may be written, such as `100ms to 1m` or `ride | kill`.
    #[must_use]
    pub fn bound(&self) -> String {
        self.form.bound()
    }
}

impl Form {
    pub(super) fn bound(&self) -> String {
        match *self {
            Form::Text | Form::Secret => "text, { env = \"NAME\" } or { file = \"/path\" }".into(),
            Form::Name => "1 to 128 of A-Z a-z 0-9 _ . : -".into(),
            Form::Words(words) => words.join(" | "),
            Form::Switch => "true | false".into(),
            Form::Whole(least, most) => format!("{least} to {most}"),
            Form::Hundredths(least, most) => {
                format!("{:.2} to {:.2}", least as f64 / 100.0, most as f64 / 100.0)
            }
            Form::Span(least, most) | Form::Size(least, most) => format!("{least} to {most}"),
            Form::Either(word, form) => format!("{word}, or {}", form.bound()),
            Form::Keep => "a duration, or forever".into(),
            Form::Texts => "a list of texts".into(),
            Form::Command => "a list: the program, then its arguments".into(),
            Form::Other(words) => words.into(),
        }
    }
}

/// Describes one setting, in the order in which people read it.
pub(super) const fn key(
    name: &'static str,
    form: Form,
    default: &'static str,
    help: &'static str,
) -> Key {
    Key { name, form, default, help }
}

/// The keys of one section: those that work, and those that are named but not there yet.
#[derive(Debug, Clone, Copy)]
pub struct Keys {
    /// The settings of this version.
    pub now: &'static [Key],
    /// Names that are refused with "not available in this version", rather than as a slip.
    pub later: &'static [&'static str],
    /// Names that belong elsewhere, each with the sentence that says where.
    pub moved: &'static [(&'static str, &'static str)],
}

impl Keys {
    pub(super) fn named(&self, name: &str) -> &'static Key {
        self.now.iter().find(|key| key.name == name).expect("only described keys are asked for")
    }

    /// Lists every name, for finding the nearest to a slip.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.now.iter().map(|key| key.name).chain(self.later.iter().copied())
    }
}
