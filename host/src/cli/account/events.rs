//! `gloveport account events`: what happened to an account, the latest first.

use clap::Args as ClapArgs;

use super::super::list;
use super::super::remote::Remote;
use super::super::table::Column;
use super::super::{CliError, Session};

/// Events that are shown if nothing else is asked for: what fits on a screen.
const SHOWN: usize = 20;

/// Which account.
#[derive(ClapArgs, Debug)]
pub(super) struct Events {
    /// Its id, such as acc_….
    id: String,
    /// Show at most so many.
    #[arg(long, value_name = "N", default_value_t = SHOWN)]
    limit: usize,
}

const COLUMNS: &[Column] = &[("AT", "/at"), ("WHAT", "/kind"), ("DETAIL", "/detail")];

pub(super) async fn run(remote: &Remote, events: &Events, session: &mut Session<'_>) -> Result<(), CliError> {
    let most = events.limit.max(1);
    let list = list::fetch(&remote.client(session)?, &["v1", "accounts", &events.id, "events"], &[], most).await?;
    list.show(session, remote.json, COLUMNS, "Nothing is remembered of this account.")
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{Fake, run_at};

    #[tokio::test]
    async fn the_latest_are_shown() {
        let body = r#"{"items": [{"seq": 2, "kind": "state_changed", "detail": "active to expired",
            "at": "2026-11-21T10:00:00.000Z"}, {"seq": 1, "kind": "created", "detail": null,
            "at": "2026-11-21T09:00:00.000Z"}], "next_cursor": null, "total_size": 2}"#;
        let fake = Fake::answering(200, body).await;
        let ran = run_at(&fake, "account events acc_1 --limit 5", "").await;
        let table = "\
AT                        WHAT           DETAIL
2026-11-21T10:00:00.000Z  state_changed  active to expired
2026-11-21T09:00:00.000Z  created        -
";
        assert_eq!((ran.code, ran.out.as_str()), (0, table));
        assert_eq!(fake.request().target, "/v1/accounts/acc_1/events?limit=5");
    }
}
