//! The bench's table, its ratios, and the same as JSON.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::load::Figures;

/// Everything that was measured in one run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Measurements under load.
    pub(crate) load: Vec<Figures>,
    /// Single numbers, such as start times and memory.
    pub(crate) single: Vec<Single>,
    /// One measurement's throughput divided by another's, with as many connections.
    pub(crate) ratios: Vec<Ratio>,
}

/// One number.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Single {
    /// What was measured.
    pub(crate) name: String,
    /// The number.
    pub(crate) value: f64,
    /// Its unit.
    pub(crate) unit: &'static str,
}

/// A throughput divided by another.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ratio {
    /// `tool/native`.
    pub(crate) name: String,
    /// With so many connections.
    pub(crate) connections: usize,
    /// The quotient.
    pub(crate) value: f64,
}

impl Report {
    /// Adds the ratio of two measurements, by name, for each number of connections that both have.
    pub(crate) fn compare(&mut self, label: &str, name: &str, baseline: &str) {
        for of in self.load.iter().filter(|figures| figures.name == name) {
            let to = self.load.iter().find(|other| other.name == baseline && other.connections == of.connections);
            if let Some(to) = to.filter(|to| to.per_second > 0.0) {
                let value = of.per_second / to.per_second;
                self.ratios.push(Ratio { name: label.into(), connections: of.connections, value });
            }
        }
    }

    /// The table for people.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{:<34} {:>5} {:>9} {:>12} {:>10} {:>10} {:>10}\n",
            "measurement", "conns", "requests", "requests/s", "p50 µs", "p99 µs", "CPU µs"
        );
        for Figures { name, connections, requests, per_second, p50_us, p99_us, cpu_us } in &self.load {
            // A String takes all that is written to it.
            let _ = writeln!(
                text,
                "{name:<34} {connections:>5} {requests:>9} {per_second:>12.0} {p50_us:>10.0} {p99_us:>10.0} \
                 {cpu_us:>10.0}"
            );
        }
        for Single { name, value, unit } in &self.single {
            let _ = writeln!(text, "{name:<34} {value:>15.1} {unit}");
        }
        for Ratio { name, connections, value } in &self.ratios {
            let _ = writeln!(text, "ratio {name}: {value:.2} ({connections} connections)");
        }
        text
    }

    /// Writes the report as JSON.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, Report};

    fn figures(name: &str, connections: usize, per_second: f64) -> Figures {
        Figures { name: name.into(), connections, requests: 10, per_second, p50_us: 1.0, p99_us: 2.0, cpu_us: 3.0 }
    }

    #[test]
    fn ratios_compare_like_with_like() {
        let mut report = Report {
            load: vec![
                figures("native", 16, 1000.0),
                figures("native", 1, 200.0),
                figures("tool", 16, 530.0),
                figures("tool", 1, 100.0),
                figures("tool", 4, 1.0),
            ],
            ..Report::default()
        };
        report.compare("tool/native", "tool", "native");
        report.compare("nothing/native", "nothing", "native");
        let table = report.table();
        let ratios: Vec<_> = table.lines().filter(|line| line.starts_with("ratio")).collect();
        assert_eq!(ratios, ["ratio tool/native: 0.53 (16 connections)", "ratio tool/native: 0.50 (1 connections)"]);
    }
}
