//! The smallest useful connector: one tool, one API key.

use gloveport_sdk::http::Request;
use gloveport_sdk::{Failure, path};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Current weather of a city.
#[gloveport_sdk::connector(
    name = "weather",
    title = "Weather",
    publisher = "Example Ltd",
    categories = ["weather"],
    base_url = "https://api.weather.example",
    hosts = ["api.weather.example"],
    imports = ["http"],
    auth = [api_key(
        name = "api_key",
        title = "API key",
        location = "query",
        parameter = "appid",
        fields = [password(name = "key", label = "API key", hint = "Account → API keys")],
    )],
    test = current({ "city": "Bern" }),
    tools = [current],
)]
pub struct Weather;

/// Which city.
#[derive(Deserialize, JsonSchema)]
pub struct Current {
    /// Name of the city, for example `Bern`.
    city: String,
}

/// What the sky does.
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Report {
    /// Temperature in degrees Celsius.
    celsius: f64,
    /// A few words.
    sky: String,
}

/// Tells the current weather of a city: temperature and a few words.
#[gloveport_sdk::tool(title = "Current weather", effect = read, routes = ["GET /v1/cities/{city}/current"])]
pub fn current(input: Current) -> Result<Report, Failure> {
    Request::get(path!("/v1/cities/{input.city}/current")).query("units", "metric").send()?.error_for_status()?.json()
}
