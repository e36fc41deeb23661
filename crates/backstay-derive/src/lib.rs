//! `#[derive(Job)]`: the name of a kind, written where its args are.

mod input;

use proc_macro::TokenStream;

/// Implements `backstay::Job` for a struct or enum with the kind that `#[job(kind = "...")]` names.
///
/// The name is 1 to 128 of `[A-Za-z0-9_.:-]` and is checked by the compiler. It is never taken from
/// the type's name: renaming a type must not orphan the jobs that wait. A kind with a contract
/// implements the trait by hand.
#[proc_macro_derive(Job, attributes(job))]
pub fn derive_job(item: TokenStream) -> TokenStream {
    match input::read(item) {
        Ok(input) => {
            let input::Input { name, kind } = input;
            let written = format!(
                "#[automatically_derived] impl ::backstay::Job for {name} {{ \
                     const KIND: &'static str = {kind}; }}"
            );
            written.parse().expect("a name and a checked text make an impl")
        }
        Err(problem) => problem.into_tokens(),
    }
}
