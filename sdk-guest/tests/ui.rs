//! Mistakes of authors are compile errors at their place, all at once.

#[test]
fn mistakes_are_told_where_they_were_made() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
