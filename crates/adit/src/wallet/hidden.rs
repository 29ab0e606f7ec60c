//! A terminal that shows nothing of what is typed, from before somebody is asked
//! until all answers are there. What is typed, it does not read.

use std::fs::File;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// While this is there, the process's terminal shows no input.
pub(super) struct Hidden {
    terminal: File,
    before: Termios,
}

impl Hidden {
    /// `None` without a terminal. Where another one hides it already, it stays
    /// hidden after this one.
    pub(super) fn begin() -> Option<Hidden> {
        let terminal = File::options().read(true).write(true).open("/dev/tty");
        let terminal = terminal.ok()?;
        let before = tcgetattr(&terminal).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
        tcsetattr(&terminal, OptionalActions::Now, &quiet).ok()?;
        Some(Hidden { terminal, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
