//! How single metrics are written. Which there are is not known here.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::process::Process;

/// The metrics that are written, one after another.
pub(super) struct List<'a, 'b>(pub(super) &'a mut DescriptorEncoder<'b>);

impl List<'_, '_> {
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.write(name, help, &ConstGauge::new(value))
    }

    pub(super) fn counter<N>(&mut self, name: &str, help: &str, value: N) -> fmt::Result
    where
        ConstCounter<N>: EncodeMetric,
    {
        self.write(name, help, &ConstCounter::new(value))
    }

    pub(super) fn process(&mut self, process: &Process) -> fmt::Result {
        self.gauge(
            "process_resident_memory_bytes",
            "Memory that the process holds",
            process.resident_bytes as f64,
        )?;
        self.counter(
            "process_cpu_seconds",
            "Time that it has computed, on all cores",
            process.cpu_s,
        )?;
        self.gauge(
            "process_open_fds",
            "Files that it has open",
            process.open_files as f64,
        )?;
        self.gauge(
            "process_start_time_seconds",
            "When it was started, since 1970",
            process.start_s,
        )
    }

    fn write(&mut self, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
        metric.encode(
            self.0
                .encode_descriptor(name, help, None, metric.metric_type())?,
        )
    }
}
