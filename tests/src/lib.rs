//! The harness of the integration tests: imitated providers, a host to call, and a credential to look for.
