//! Lines for the operator: bounded in number and length by the host. Never put user data into them.
//!
//! ```
//! # let host = gloveport_sdk::fake_host::FakeHost::new();
//! # host.run(|| {
//! gloveport_sdk::log::info!("page {} of the issues", 2);
//! # });
//! assert_eq!(host.lines(), ["info: page 2 of the issues"]);
//! ```

pub use crate::bindings::gloveport::connector::log::Level;
pub use crate::{__debug as debug, __error as error, __info as info, __warn as warn};

/// Writes one line.
pub fn write(level: Level, message: &str) {
    crate::host::write(level, message);
}

/// For whoever develops the connector.
#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($($format:tt)+) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($format)+)) };
}

/// Worth knowing.
#[doc(hidden)]
#[macro_export]
macro_rules! __info {
    ($($format:tt)+) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($format)+)) };
}

/// Worth looking at.
#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($format:tt)+) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($format)+)) };
}

/// Broken.
#[doc(hidden)]
#[macro_export]
macro_rules! __error {
    ($($format:tt)+) => { $crate::log::write($crate::log::Level::Error, &::std::format!($($format)+)) };
}
