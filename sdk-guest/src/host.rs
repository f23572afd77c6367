//! The imports: the host's in a component, those of `fake_host` in a native test.

#[cfg(target_arch = "wasm32")]
mod served {
    use crate::bindings::gloveport::connector;

    pub(crate) use connector::account::{field, setting};
    pub(crate) use connector::clock::now;
    pub(crate) use connector::http::{send, send_all};
    pub(crate) use connector::input::request;
    pub(crate) use connector::log::write;
    pub(crate) use connector::progress::report;
    pub(crate) use connector::random::bytes;
    pub(crate) use connector::tools::{call, call_all};
}

#[cfg(not(target_arch = "wasm32"))]
mod served {
    pub(crate) use crate::fake_host::served::{
        bytes, call, call_all, field, now, report, request, send, send_all, setting, write,
    };
}

pub(crate) use served::{bytes, call, call_all, field, now, report, request, send, send_all, setting, write};
