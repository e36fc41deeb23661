//! What the macro refuses, and with which words.

#[test]
fn a_mistake_is_told_at_its_place() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
