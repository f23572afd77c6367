//! What tests share.
#![expect(clippy::expect_used, reason = "a harness that cannot go on fails its test")]

pub mod postgres;
