//! What is asked of OAuth clients and tried with MCP, and which tests ask it: each is looked for, so none goes unnoticed.

use std::path::Path;

/// A point of a list, and the tests of it: `file::test`, below `tests/all/api` or in the host itself.
struct Point {
    what: &'static str,
    tests: &'static [&'static str],
}

const fn point(what: &'static str, tests: &'static [&'static str]) -> Point {
    Point { what, tests }
}

/// RFC 9700 (BCP 240) and what it builds on, as far as it is about a client of many providers.
const RFC_9700: [Point; 16] = [
    point(
        "codes only: no implicit grant, no password grant (2.1.2, 2.4)",
        &[
            "pages/attacks::tokens_in_the_front_channel_are_not_taken",
            "declared_auth::grants_of_others_are_not_declared",
        ],
    ),
    point(
        "PKCE with S256 for every authorization, fresh for each (2.1.1)",
        &[
            "pages/oauth::a_user_authorizes_an_account_at_the_provider",
            "pages/oauth::nothing_is_used_twice",
            "pages/oauth::a_vendor_may_refuse_pkce",
            "tokens/setup::codes_that_do_not_fit_are_not_exchanged",
        ],
    ),
    point(
        "`state`: once, unguessable, of one browser, connector and project, for a short time (4.7)",
        &[
            "pages/attacks::an_answer_without_its_state_is_not_taken",
            "pages/attacks::an_answer_is_taken_once",
            "pages/attacks::an_answer_in_another_browser_ends_the_attempt",
            "pages/refusals::an_answer_that_comes_late_is_not_taken",
        ],
    ),
    point(
        "mix-up: an address for each connector, `iss` compared, the token endpoint of the pattern (4.4)",
        &[
            "pages/attacks::an_answer_by_another_connectors_address_is_thrown_away",
            "pages/attacks::an_answer_of_another_issuer_is_thrown_away",
        ],
    ),
    point(
        "exact redirect URIs, and no open redirector (4.1, 4.11)",
        &[
            "pages/oauth::a_user_authorizes_an_account_at_the_provider",
            "pages/attacks::no_parameter_says_where_a_browser_goes",
            "pages/verification::only_named_applications_are_sent_browsers",
        ],
    ),
    point(
        "303 and never 307; no referrer, nothing from elsewhere, no code in sight or in a log (4.2, 4.12)",
        &["pages/attacks::pages_with_a_code_are_left_at_once", "pages/form::pages_have_strict_headers"],
    ),
    point(
        "code injection: PKCE and one live record (4.5)",
        &[
            "pages/attacks::a_code_of_another_attempt_is_refused",
            "pages/first_version::answers_of_others_are_not_taken",
        ],
    ),
    point(
        "tokens in the header, elsewhere only where a manifest says so, and in no log (4.3)",
        &[
            "tokens/life::fifty_calls_on_an_expired_token_refresh_once",
            "signed::each_pattern_signs_what_leaves_and_nothing_comes_back",
        ],
    ),
    point(
        "refresh tokens: sealed, one asks at a time, stored before use, kept where none comes (2.2.2, 4.14)",
        &[
            "tokens/life::fifty_calls_on_an_expired_token_refresh_once",
            "tokens/life::refresh_tokens_rotate_and_are_kept",
            "tokens/life::a_provider_that_is_down_ends_no_account",
            "tokens/life::a_caller_who_goes_away_loses_no_token",
            "tokens/hosts::two_hosts_refresh_once",
            "tokens/hosts::a_host_that_ends_before_it_stores_a_token",
        ],
    ),
    point(
        "revocation when an account goes, tried again, and in nobody's way (RFC 7009)",
        &[
            "tokens/leaving::tokens_end_with_their_account",
            "tokens/leaving::a_provider_that_is_out_of_order_is_told_again",
            "tokens/leaving::what_cannot_be_revoked_is_given_up",
        ],
    ),
    point(
        "clients authenticate as they are registered, form-encoded in `Basic` (2.5)",
        &[
            "tokens/setup::clients_authenticate_as_the_pattern_says",
            "tokens/direct::assertions_are_signed_anew_for_each_token",
        ],
    ),
    point(
        "least privilege: what is asked for, what was granted, and what is missing (2.3)",
        &[
            "tokens/setup::scopes_are_asked_for_and_recorded_as_granted",
            "tokens/scopes::missing_scopes_are_named_before_anything_is_sent",
            "pages/mending::missing_scopes_are_asked_for_by_the_link",
        ],
    ),
    point(
        "a link is of one browser, and the application says who it was (draft-ietf-oauth-security-topics-update)",
        &[
            "pages/attacks::an_answer_in_another_browser_ends_the_attempt",
            "pages/verification::another_user_ends_the_attempt",
            "pages/browser::another_browser_does_not_go_on",
        ],
    ),
    point(
        "TLS; no redirects followed; size, time and media type of answers; no private addresses",
        &[
            "tokens/attacks::redirects_of_the_token_endpoint_are_not_followed",
            "tokens/attacks::answers_that_are_none_give_no_token",
            "tokens/attacks::endpoints_inside_of_a_network_are_not_reached",
            "declared_auth::endpoints_without_tls_are_not_declared",
        ],
    ),
    point(
        "a token goes to the hosts that it was given for (what stands in for DPoP, which is optional)",
        &["tokens/attacks::tokens_stay_with_their_hosts"],
    ),
    point(
        "metadata of issuers: who it says it is, kept for a time, and nowhere else (RFC 8414 section 3.3)",
        &["callers/keys::metadata_leads_nowhere_else", "callers/keys::an_issuer_rotates_its_keys"],
    ),
];

/// What somebody may try.
const ATTACKS: [Point; 12] = [
    point("a forged `state`", &["pages/attacks::an_answer_without_its_state_is_not_taken"]),
    point("a replayed one", &["pages/attacks::an_answer_is_taken_once"]),
    point("a swapped one, and an injected code", &["pages/attacks::a_code_of_another_attempt_is_refused"]),
    point("none", &["pages/attacks::an_answer_without_its_state_is_not_taken"]),
    point("two issuers mixed up", &["pages/attacks::an_answer_of_another_issuer_is_thrown_away"]),
    point("open redirects", &["pages/attacks::no_parameter_says_where_a_browser_goes"]),
    point("a link that another person opens", &["pages/verification::another_user_ends_the_attempt"]),
    point("a token endpoint that redirects", &["tokens/attacks::redirects_of_the_token_endpoint_are_not_followed"]),
    point(
        "metadata and endpoints at private addresses",
        &["tokens/attacks::endpoints_inside_of_a_network_are_not_reached", "callers/keys::metadata_leads_nowhere_else"],
    ),
    point("token answers that are too long, or no JSON", &["tokens/attacks::answers_that_are_none_give_no_token"]),
    point("clocks that differ", &["tokens/life::clocks_that_differ_cost_a_refresh_and_no_call"]),
    point("a refresh that answers 200 with an error", &["tokens/attacks::answers_that_are_none_give_no_token"]),
];

/// What may be tried with the Model Context Protocol, as clients and servers of it.
const MCP: [Point; 14] = [
    point("DNS rebinding: a name that points here, and pages of others", &["mcp/attacks::other_sites_stay_outside"]),
    point(
        "a token of another audience",
        &["callers/mcp::a_token_is_good_where_it_says", "issuer/attacks::a_token_is_for_one_url"],
    ),
    point(
        "a token passed on",
        &["callers/mcp::no_token_is_passed_through", "upstream_mcp/oauth::users_sign_in_where_the_server_says"],
    ),
    point(
        "the instance URL of another user, and one that has ended",
        &["mcp/attacks::a_url_is_of_one_user", "mcp/calls::a_url_ends", "mcp/configs::a_url_is_nowhere_else"],
    ),
    point("headers that say otherwise than the body", &["mcp/attacks::headers_cannot_say_otherwise"]),
    point(
        "a state that is forged, of another call, or of another caller",
        &["mcp/asked::a_state_is_of_one_call_and_one_caller", "mcp/connecting::a_client_that_opens_links_comes_back"],
    ),
    point("a state that is replayed", &["mcp/asked::a_question_is_a_form"]),
    point(
        "metadata at private addresses, by names and by redirects",
        &[
            "upstream_mcp/oauth::metadata_of_somebody_else_is_refused",
            "issuer/documents::documents_are_not_looked_for_inside",
        ],
    ),
    point(
        "two issuers mixed up",
        &[
            "upstream_mcp/oauth::an_answer_of_another_issuer_is_not_taken",
            "upstream_mcp/oauth::another_authorization_server_waits_for_an_operator",
        ],
    ),
    point("events and answers without end", &["upstream_mcp/attacks::odd_answers_are_the_servers_fault"]),
    point(
        "those who send slowly, and those who say nothing",
        &[
            "mcp/attacks::a_slow_sender_holds_nobody_up",
            "host/src/server/connections::nobody_is_waited_for_who_says_nothing",
            "upstream_mcp/attacks::a_server_that_trickles_is_given_up",
        ],
    ),
    point(
        "ten thousand idle subscriptions",
        &[
            "mcp/listening::idle_streams_are_capped",
            "mcp/idle::ten_thousand_streams_cost_little_and_no_more_are_opened",
        ],
    ),
    point(
        "a server that changes what its tools say",
        &[
            "upstream_mcp/changes::changed_and_new_tools_wait_until_they_are_accepted",
            "upstream_mcp/changes::nothing_is_accepted_that_nobody_has_seen",
        ],
    ),
    point("a tool with the name of another connector's", &["upstream_mcp/attacks::a_tool_shadows_no_other"]),
];

#[test]
fn each_point_has_its_tests() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    for Point { what, tests } in RFC_9700.iter().chain(&ATTACKS).chain(&MCP) {
        assert!(!tests.is_empty(), "{what}");
        for test in *tests {
            let (file, name) = test.split_once("::").unwrap();
            let folder = if file.starts_with("host/") { own.join("..") } else { own.join("all/api") };
            let text = std::fs::read_to_string(folder.join(format!("{file}.rs")));
            let text = text.unwrap_or_else(|error| panic!("{what}: {file}: {error}"));
            assert!(text.contains(&format!("fn {name}()")), "{what}: there is no test `{test}`");
        }
    }
}
