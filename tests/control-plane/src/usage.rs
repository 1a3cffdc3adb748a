//! What a program uses of the machine, as Linux counts it.

use std::{fs, io, path::Path};

/// Clock ticks a second in `/proc/PID/stat`: a constant of Linux's interface to programs.
const TICKS: f64 = 100.0;

/// A program that runs.
pub struct Usage {
    name: &'static str,
    id: u32,
}

impl Usage {
    /// That of the process with this id.
    pub fn of(name: &'static str, id: u32) -> Self {
        Self { name, id }
    }

    /// That of the program of this name whose command line names the folder.
    ///
    /// # Errors
    /// If there is none.
    pub fn named_in(name: &'static str, folder: &Path) -> io::Result<Self> {
        let folder = folder.to_string_lossy();
        for process in fs::read_dir("/proc")?.filter_map(Result::ok) {
            let Some(id) = process.file_name().to_str().and_then(|id| id.parse().ok()) else { continue };
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            let program = line.split('\0').next().unwrap_or_default();
            if program.ends_with(&format!("/{name}")) && line.contains(&*folder) {
                return Ok(Self { name, id });
            }
        }
        Err(io::Error::other(format!("no {name} runs")))
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// User and system time.
    ///
    /// # Errors
    /// If it has ended.
    pub fn cpu_seconds(&self) -> io::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id))?;
        // The name of the program, in parentheses, may hold spaces; times are fields 14 and 15.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        Ok((ticks(11) + ticks(12)) / TICKS)
    }

    /// Resident memory now.
    ///
    /// # Errors
    /// If it has ended.
    pub fn resident_mib(&self) -> io::Result<f64> {
        self.status("VmRSS")
    }

    /// Resident memory at its highest.
    ///
    /// # Errors
    /// If it has ended.
    pub fn peak_mib(&self) -> io::Result<f64> {
        self.status("VmHWM")
    }

    fn status(&self, field: &str) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
        let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok());
        Ok(kib.ok_or_else(|| io::Error::other(format!("{} has no {field}", self.name)))? / 1024.0)
    }
}
