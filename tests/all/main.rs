//! The integration tests: one binary, so that the harness is compiled and linked once.

mod imitation;
mod tidy;
mod upstream;
