//! A closed loop of clients: each sends its next request when its last one was answered.
//!
//! Loads take turns, a round each, so that what else the machine does meanwhile comes to all of them alike.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};

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
    /// Processor time of a request, over all cores: the host's, and that of its client and of its upstream.
    pub(crate) cpu_us: f64,
}

/// Requests of each connection that are not measured: they open connections, fill pools and caches.
const WARM_UP: usize = 50;

/// How often each load has its turn. Each turn has a write or more of the database's log into its file.
const ROUNDS: usize = 20;

/// One request over so many connections, and how long its answers took.
struct Load<'a> {
    name: &'a str,
    shot: &'a Shot,
    /// One connection each.
    clients: Vec<reqwest::Client>,
    times: Vec<Duration>,
    took: Duration,
    cpu: Duration,
}

/// Sends each of `shots` `requests` times in all over `connections`, and measures them.
///
/// # Errors
///
/// When an answer does not come or its status is not 200: a failed request is quick, and would make a fine figure.
pub(crate) async fn measure(
    shots: &[(&str, &Shot)],
    connections: usize,
    requests: usize,
) -> Result<Vec<Figures>, String> {
    let each = requests.div_ceil(connections * ROUNDS);
    let mut loads = Vec::with_capacity(shots.len());
    for (name, shot) in shots {
        let clients = (0..connections).map(|_| client()).collect::<Result<_, _>>()?;
        let load = Load { name, shot, clients, times: Vec::new(), took: Duration::ZERO, cpu: Duration::ZERO };
        load.fire(WARM_UP).await?;
        loads.push(load);
    }
    for round in 1..=ROUNDS {
        eprintln!("measuring: {connections} connections, round {round} of {ROUNDS}");
        for load in &mut loads {
            let (started, cpu) = (Instant::now(), processor_time());
            let times = load.fire(each).await?;
            load.took += started.elapsed();
            load.cpu += processor_time().saturating_sub(cpu);
            load.times.extend(times);
        }
    }
    Ok(loads.into_iter().map(|load| load.figures(connections)).collect())
}

impl Load<'_> {
    /// Sends so many requests over each connection; gives how long each took.
    async fn fire(&self, each: usize) -> Result<Vec<Duration>, String> {
        let one = |client: &reqwest::Client| tokio::spawn(one_loop(client.clone(), self.shot.clone(), each));
        let loops: Vec<_> = self.clients.iter().map(one).collect();
        let mut times = Vec::with_capacity(loops.len() * each);
        for one in loops {
            times.extend(one.await.map_err(|error| error.to_string())??);
        }
        Ok(times)
    }

    fn figures(self, connections: usize) -> Figures {
        let Self { name, mut times, took, cpu, .. } = self;
        times.sort_unstable();
        let requests = times.len();
        Figures {
            name: name.into(),
            connections,
            requests,
            per_second: requests as f64 / took.as_secs_f64(),
            p50_us: percentile(&times, 50),
            p99_us: percentile(&times, 99),
            cpu_us: cpu.as_secs_f64() * 1e6 / requests.max(1) as f64,
        }
    }
}

/// A client with exactly one connection.
fn client() -> Result<reqwest::Client, String> {
    reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())
}

async fn one_loop(client: reqwest::Client, shot: Shot, requests: usize) -> Result<Vec<Duration>, String> {
    let mut times = Vec::with_capacity(requests);
    for _ in 0..requests {
        let started = Instant::now();
        fire(&client, &shot).await?;
        times.push(started.elapsed());
    }
    Ok(times)
}

/// What this process has had of the processor.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
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
