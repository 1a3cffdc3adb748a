//! Our programs, as cargo built them beside the tests.

use std::path::PathBuf;

/// The program of this name. Tests run in `target/PROFILE/deps`; programs are one folder up.
///
/// # Panics
/// If it has not been built.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    let folder = test.ancestors().nth(2).map(std::path::Path::to_path_buf).unwrap_or_default();
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is not built: run `bash tests/run e2e`, or `cargo build --workspace`",
        path.display()
    );
    path
}
