//! Reads the text of a configuration file into a tree whose every value knows its line.

use backstay::config::{BAD_VALUE, DUPLICATE, Fault, Origin, Shape, Value};
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue, Error};

/// One file that is being read.
struct Document<'a> {
    /// The path as faults show it.
    path: &'a str,
    /// Where each line starts, in bytes.
    starts: Vec<usize>,
}

/// Reads TOML; what cannot be read is left out of the tree and becomes a fault.
pub(crate) fn read(path: &str, text: &str) -> (Value, Vec<Fault>) {
    let starts = std::iter::once(0)
        .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1))
        .collect();
    let document = Document { path, starts };
    let (table, errors) = DeTable::parse_recoverable(text);
    let shape = document.table(table.get_ref());
    let tree = Value { shape, origin: document.origin(0) };
    // One slip, such as a missing quote, makes the parser stumble again further down.
    let faults = errors.iter().take(1).map(|error| document.fault(error)).collect();
    (tree, faults)
}

impl Document<'_> {
    fn origin(&self, at: usize) -> Origin {
        let line = self.starts.partition_point(|start| *start <= at);
        Origin::File { path: self.path.to_owned(), line: line as u32 }
    }

    fn fault(&self, error: &Error) -> Fault {
        let place = self.origin(error.span().map_or(0, |span| span.start));
        let message = error.message().replace('\n', ", ");
        let code = if message.contains("duplicate key") { DUPLICATE } else { BAD_VALUE };
        Fault { code, place, path: String::new(), message: format!("not TOML: {message}") }
    }

    fn table(&self, table: &DeTable<'_>) -> Shape {
        let mut entries: Vec<_> = table.iter().collect();
        // The parser sorts by name; people think in the order of their file.
        entries.sort_by_key(|(key, _)| key.span().start);
        let entries = entries.into_iter().map(|(key, value)| {
            // A fault points at the key: for a table that is its header.
            let origin = self.origin(key.span().start);
            (key.get_ref().to_string(), Value { shape: self.shape(value.get_ref()), origin })
        });
        Shape::Table(entries.collect())
    }

    fn shape(&self, value: &DeValue<'_>) -> Shape {
        match value {
            DeValue::String(text) => Shape::Text(text.to_string()),
            DeValue::Integer(number) => whole(number),
            DeValue::Float(number) => number
                .as_str()
                .parse()
                .map_or_else(|_| Shape::Text(number.to_string()), Shape::Number),
            DeValue::Boolean(on) => Shape::Switch(*on),
            DeValue::Datetime(instant) => Shape::Instant(instant.to_string()),
            DeValue::Array(items) => {
                Shape::List(items.iter().map(|item| self.item(item)).collect())
            }
            DeValue::Table(table) => self.table(table),
        }
    }

    fn item(&self, item: &Spanned<DeValue<'_>>) -> Value {
        Value { shape: self.shape(item.get_ref()), origin: self.origin(item.span().start) }
    }
}

/// A number beyond 64 bits stays text, so that its own key refuses it.
fn whole(number: &DeInteger<'_>) -> Shape {
    i64::from_str_radix(number.as_str(), number.radix())
        .map_or_else(|_| Shape::Text(number.to_string()), Shape::Whole)
}
