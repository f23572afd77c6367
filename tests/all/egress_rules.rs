//! The rules of the way out, through the real server: targets, headers, redirects, addresses, limits, and the seal.

mod address;
mod echoes;
mod grants;
mod headers;
mod limits;
mod redirects;
mod sealing;
mod targets;
