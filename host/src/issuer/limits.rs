//! How long, how many and how much, each with the reason for its number.

use std::time::Duration;

/// How long a request waits for the application and then for its user: time to sign in there and to read one page.
pub(super) const REQUEST_LIFE: Duration = Duration::from_secs(15 * 60);

/// How long a code is good. Its client is waiting for it; a minute forgives a slow network.
pub(super) const CODE_LIFE: Duration = Duration::from_secs(60);

/// How long an access token is good: what tokens of this host's own clients have.
pub const ACCESS_LIFE: Duration = Duration::from_secs(15 * 60);

/// How long a grant lies idle before it ends: whoever comes back from a month's leave says yes once more.
pub(super) const GRANT_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Requests that wait for their users on all hosts together. Anybody can begin one, each is a kilobyte or two, and nobody has
/// so many users who consent in one quarter of an hour.
pub(super) const MAX_WAITING: u32 = 10_000;

/// Clients that registered by themselves: some programs do so at each start. Where there are as many, the oldest that nobody
/// ever used makes room, and those that nobody uses any more are forgotten after a month.
pub(super) const MAX_CLIENTS: u32 = 10_000;

/// Bytes of a client's identifier that is a URL, and of a redirect URI: what every browser and proxy takes.
pub(super) const MAX_URL: usize = 1_024;

/// Bytes of a client's `state`: signed ones have a few hundred.
pub(super) const MAX_STATE: usize = 2_048;

/// Redirect URIs of one client: those that publish one for each of their editors have a dozen.
pub(super) const MAX_REDIRECTS: usize = 32;

/// Characters of a client's name that are shown: more does not fit on a small screen, and hides what follows.
pub(super) const MAX_NAME: usize = 60;

/// Bytes of a client's document: those that are published have one to three kilobytes.
pub(super) const MAX_DOCUMENT: usize = 16 * 1024;

/// Time for a client's document. Somebody looks at an empty page meanwhile.
pub(super) const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a document is taken as it was read: a user who begins again does not wait again, and a client that changes its
/// redirect URIs waits five minutes.
pub(super) const DOCUMENT_FRESH: Duration = Duration::from_secs(5 * 60);

/// Documents that are kept, each of some kilobytes; what is not kept is read again.
pub(super) const MAX_DOCUMENTS: usize = 256;

/// Documents that are fetched at the same time: anybody can have one fetched, and nobody shall have many.
pub(super) const MAX_FETCHES: usize = 8;
