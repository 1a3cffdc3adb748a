//! The folder with all files of one control plane.

use std::{
    fs,
    os::unix::{
        fs::{DirBuilderExt as _, OpenOptionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{Error, Result};

/// Removes `"$1"` once standard input ends. What still writes there is being killed at the same moment: try again.
const REMOVE: &str = r#"
while read -r line; do :; done
for try in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1" 2>/dev/null && exit
  sleep 0.2
done
"#;

/// A folder of our own under the system's folder for temporary files; gone when we are gone.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    remover: Child,
}

impl Folder {
    pub(crate) fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("verdigris-control-plane-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // A process of the same number, of another day, may have left one.
        let _ = fs::remove_dir_all(&path);
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|source| Error::File { what: "making the folder", path: path.clone(), source })?;
        let remover = Command::new("sh")
            .args(["-c", REMOVE, "sh"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let remover = remover.map_err(|source| Error::Start { program: "sh".into(), source })?;
        Ok(Self { path, remover })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The path of a file in it, as an argument of a command.
    pub(crate) fn text(&self, name: &str) -> String {
        self.join(name).to_string_lossy().into_owned()
    }

    /// Writes a file that only this user can read.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.join(name);
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
        written.map_err(|source| Error::File { what: "writing", path: path.clone(), source })?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
        drop(self.remover.stdin.take());
        let _ = self.remover.wait();
    }
}
