//! A request under construction.

use std::fmt::Display;

use serde::Serialize;

use super::{Error, Part, Path, Response};
use crate::bindings::gloveport::connector::http as wire;
use crate::{Failure, host};

/// A request. The first mistake made while building it is what [`Request::send`] answers.
#[derive(Debug)]
pub struct Request {
    wire: wire::Request,
    failure: Option<Failure>,
}

impl Request {
    /// A request with any method.
    pub fn new(method: impl Into<String>, path: impl Into<Path>) -> Self {
        let (target, failure) = match path.into().into_target() {
            Ok(target) => (target, None),
            Err(failure) => (String::new(), Some(failure)),
        };
        let wire =
            wire::Request { method: method.into(), target, query: vec![], headers: vec![], body: wire::Body::None };
        Self { wire, failure }
    }

    /// `GET`
    pub fn get(path: impl Into<Path>) -> Self {
        Self::new("GET", path)
    }

    /// `HEAD`
    pub fn head(path: impl Into<Path>) -> Self {
        Self::new("HEAD", path)
    }

    /// `POST`
    pub fn post(path: impl Into<Path>) -> Self {
        Self::new("POST", path)
    }

    /// `PUT`
    pub fn put(path: impl Into<Path>) -> Self {
        Self::new("PUT", path)
    }

    /// `PATCH`
    pub fn patch(path: impl Into<Path>) -> Self {
        Self::new("PATCH", path)
    }

    /// `DELETE`
    pub fn delete(path: impl Into<Path>) -> Self {
        Self::new("DELETE", path)
    }

    /// Adds a query parameter; the host encodes it. Names may repeat.
    pub fn query(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.wire.query.push((name.into(), value.to_string()));
        self
    }

    /// Adds a query parameter if there is a value.
    pub fn query_opt(self, name: impl Into<String>, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Adds a header. The host refuses `host`, `cookie`, hop-by-hop headers and whatever carries the credential.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.wire.headers.push((name.into(), value.into()));
        self
    }

    /// JSON as body.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(text) => self.wire.body = wire::Body::Json(text),
            Err(error) => {
                self.failure.get_or_insert_with(|| Failure::internal(format!("body of the request: {error}")));
            }
        }
        self
    }

    /// JSON text as body, unread.
    pub fn json_text(mut self, body: impl Into<String>) -> Self {
        self.wire.body = wire::Body::Json(body.into());
        self
    }

    /// `application/x-www-form-urlencoded` as body, in this order; names may repeat.
    pub fn form<N: Into<String>, V: Display>(mut self, fields: impl IntoIterator<Item = (N, V)>) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value.to_string())).collect();
        self.wire.body = wire::Body::Form(fields);
        self
    }

    /// Bytes as body: `application/octet-stream`, unless a `content-type` header says otherwise.
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.wire.body = wire::Body::Bytes(body.into());
        self
    }

    /// `multipart/form-data` as body.
    pub fn multipart(mut self, parts: Vec<Part>) -> Self {
        self.wire.body = wire::Body::Multipart(parts);
        self
    }

    /// Sends it. An HTTP error status is a response; see [`Response::error_for_status`].
    ///
    /// # Errors
    ///
    /// The first mistake in building it, or what [`Error`] becomes as a [`Failure`].
    pub fn send(self) -> Result<Response, Failure> {
        Ok(self.try_send()??)
    }

    /// Sends it, for connectors which go on when there is no response.
    ///
    /// # Errors
    ///
    /// The first mistake in building it; within, why there is no response.
    pub fn try_send(self) -> Result<Result<Response, Error>, Failure> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(host::send(&self.wire).map(Response::from)),
        }
    }
}

/// Sends all at once and answers in the order of the requests.
///
/// # Errors
///
/// The first mistake in building any of them, and then none is sent; within, why there is no response to one.
pub fn send_all(requests: Vec<Request>) -> Result<Vec<Result<Response, Error>>, Failure> {
    let mut wires = Vec::with_capacity(requests.len());
    for request in requests {
        match request.failure {
            Some(failure) => return Err(failure),
            None => wires.push(request.wire),
        }
    }
    Ok(host::send_all(&wires).into_iter().map(|reply| reply.map(Response::from)).collect())
}
