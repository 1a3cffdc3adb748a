//! What this program was built from.

/// The commit, where whoever built it said so (`VERDIGRIS_COMMIT`), as the images' Dockerfile does.
pub const COMMIT: Option<&str> = match option_env!("VERDIGRIS_COMMIT") {
    Some(commit) if !commit.is_empty() => Some(commit),
    _ => None,
};

/// What `--version` says after the program's name.
#[must_use]
pub fn version(commit: Option<&str>) -> String {
    let number = env!("CARGO_PKG_VERSION");
    commit.map_or_else(|| number.to_owned(), |commit| format!("{number} (commit {commit})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_is_told_where_it_is_known() {
        let number = env!("CARGO_PKG_VERSION");
        assert_eq!(version(None), number);
        assert_eq!(version(Some("0ff1ce")), format!("{number} (commit 0ff1ce)"));
    }
}
