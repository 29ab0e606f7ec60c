//! What an experiment is: what it asks, what can be set, and how it is run. Which ones
//! there are is not known here.

use std::collections::BTreeMap;

use crate::report::Report;
use crate::run::{LabError, Run};
use crate::settings::{Setting, Values};

/// An experiment.
pub struct Experiment {
    /// Its name.
    pub name: &'static str,
    /// What it asks, in a sentence.
    pub question: &'static str,
    /// Half a page for somebody who has read the tutorial.
    pub explanation: &'static str,
    /// What can be set.
    pub settings: &'static [Setting],
    pub(crate) run: fn(&Values, &Run<'_>) -> Result<Report, LabError>,
}

impl Experiment {
    /// Runs it; what is not in `given` is as by default.
    pub fn run(&self, given: &BTreeMap<String, String>, run: &Run<'_>) -> Result<Report, LabError> {
        let values = Values::read(self.settings, given)?;
        (self.run)(&values, run)
    }
}
