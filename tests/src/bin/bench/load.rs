//! A closed loop of clients: each sends its next request when its last one was answered.

use std::time::{Duration, Instant};

use bytes::Bytes;

/// A request that is sent again and again.
#[derive(Clone, Debug)]
pub(crate) struct Shot {
    /// Where to.
    pub(crate) url: String,
    /// Headers besides those that HTTP needs.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// A JSON body; `GET` when there is none.
    pub(crate) body: Option<Bytes>,
}

/// What came out of one measurement.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Figures {
    /// What was measured.
    pub(crate) name: String,
    /// Connections that were used at the same time.
    pub(crate) connections: usize,
    /// Requests that were measured.
    pub(crate) requests: usize,
    /// Requests a second, over all connections.
    pub(crate) per_second: f64,
    /// Half of the requests took at most this long.
    pub(crate) p50_us: f64,
    /// 99 of 100 took at most this long.
    pub(crate) p99_us: f64,
}

/// Requests of each connection that are not measured: they open connections, fill pools and caches.
const WARM_UP: usize = 50;

/// Sends `requests` in all over `connections`, and measures them.
///
/// # Errors
///
/// When an answer does not come or its status is not 200: a failed request is quick, and would make a fine figure.
pub(crate) async fn measure(name: &str, shot: &Shot, connections: usize, requests: usize) -> Result<Figures, String> {
    let each = requests.div_ceil(connections);
    run(shot, connections, WARM_UP).await?;
    let started = Instant::now();
    let mut times = run(shot, connections, each).await?;
    let took = started.elapsed();
    times.sort_unstable();
    Ok(Figures {
        name: name.into(),
        connections,
        requests: times.len(),
        per_second: times.len() as f64 / took.as_secs_f64(),
        p50_us: percentile(&times, 50),
        p99_us: percentile(&times, 99),
    })
}

async fn run(shot: &Shot, connections: usize, each: usize) -> Result<Vec<Duration>, String> {
    let loops: Vec<_> = (0..connections).map(|_| tokio::spawn(one_loop(shot.clone(), each))).collect();
    let mut times = Vec::with_capacity(connections * each);
    for one in loops {
        times.extend(one.await.map_err(|error| error.to_string())??);
    }
    Ok(times)
}

async fn one_loop(shot: Shot, requests: usize) -> Result<Vec<Duration>, String> {
    // A client of its own: exactly one connection for each loop.
    let client = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
    let mut times = Vec::with_capacity(requests);
    for _ in 0..requests {
        let started = Instant::now();
        fire(&client, &shot).await?;
        times.push(started.elapsed());
    }
    Ok(times)
}

/// Sends it once, and gives the answer.
///
/// # Errors
///
/// When there is none, or its status is not 200.
pub(crate) async fn fire(client: &reqwest::Client, shot: &Shot) -> Result<Bytes, String> {
    let mut request = match &shot.body {
        Some(body) => client.post(&shot.url).header("content-type", "application/json").body(body.clone()),
        None => client.get(&shot.url),
    };
    for (name, value) in &shot.headers {
        request = request.header(*name, value);
    }
    let response = request.send().await.map_err(|error| format!("{}: {error:?}", shot.url))?;
    let status = response.status();
    let body = response.bytes().await.map_err(|error| format!("{}: {error:?}", shot.url))?;
    if status != 200 {
        return Err(format!("{}: {status}: {}", shot.url, String::from_utf8_lossy(&body)));
    }
    Ok(body)
}

/// The time that `percent` of the sorted times do not exceed, in microseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::percentile;

    #[test]
    fn percentiles_are_measured_values() {
        let times: Vec<_> = (1..=100).map(Duration::from_micros).collect();
        for (percent, expected) in [(1, 1.0), (50, 50.0), (99, 99.0), (100, 100.0)] {
            assert!((percentile(&times, percent) - expected).abs() < 1e-6);
        }
        assert!((percentile(&times[..1], 50) - 1.0).abs() < 1e-6);
        assert!(percentile(&[], 50).abs() < 1e-6);
    }
}
