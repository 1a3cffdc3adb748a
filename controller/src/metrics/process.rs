//! What Linux says of this process, under the names that all Prometheus clients use for it. Elsewhere it says nothing.

use std::fs;

/// In `/proc` a second has so many ticks, on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// One look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process {
    /// Time that processors spent on it, in seconds.
    pub cpu_seconds: f64,
    /// When it was started, in seconds since 1970.
    pub started: f64,
    /// Bytes that are in memory.
    pub resident_bytes: u64,
    /// Bytes of addresses.
    pub virtual_bytes: u64,
    /// Files and sockets that are open.
    pub open_fds: usize,
    /// How many may be.
    pub max_fds: u64,
}

impl Process {
    /// Looks now.
    #[must_use]
    pub fn look() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the program's name in parentheses, and may hold spaces.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let boot = fs::read_to_string("/proc/stat").ok()?;
        let boot: f64 = value_after(&boot, "btime ")?.parse().ok()?;
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let bytes = |name: &str| Some(value_after(&status, name)?.parse::<u64>().ok()? * 1024);
        let limits = fs::read_to_string("/proc/self/limits").ok()?;
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / TICKS_PER_SECOND,
            started: boot + field(22)? / TICKS_PER_SECOND,
            resident_bytes: bytes("VmRSS:")?,
            virtual_bytes: bytes("VmSize:")?,
            open_fds: fs::read_dir("/proc/self/fd").ok()?.count(),
            // "unlimited" is no number.
            max_fds: value_after(&limits, "Max open files")?.parse().unwrap_or(u64::MAX),
        })
    }
}

/// The first word after `name` where a line begins with that.
fn value_after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive() {
        let process = Process::look().expect("Linux has /proc");
        assert!(process.resident_bytes > 1 << 20 && process.virtual_bytes > process.resident_bytes);
        assert!(process.started > 1.7e9 && process.cpu_seconds >= 0.0);
        assert!(process.open_fds > 2 && process.max_fds > 2);
    }
}
