//! Help, mistakes, and a cluster that is not there.
//!
//! `TRYCMD=overwrite cargo test -p verdigris-kubectl-plugin --test cli` writes the transcripts anew.

#[test]
fn transcripts() {
    trycmd::TestCases::new()
        .env("KUBECONFIG", "no-such-file")
        .env("HOME", "no-such-directory")
        .env("COLUMNS", "100")
        .case("tests/cli/*.md");
}
