//! The tour, as a user starts it: the playground's program, the real kubectl, real HTTP.

use std::process::Command;

use verdigris_tests::programs::program;

#[test]
fn the_tour_holds_what_it_promises_and_leaves_nothing_behind() {
    let folder = std::env::temp_dir().join(format!("verdigris-tour-{}", std::process::id()));
    let output = Command::new(program("verdigris-playground"))
        .args(["tour", "--dir"])
        .arg(&folder)
        .output()
        .expect("the playground starts");
    let story = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{story}\n{complaints}");
    for seen in [
        "versions seen, in order: Hello from v1! -> Hello from v2! -> Hello from v1! -> Hello from v2!",
        ", 0 failed",
        "BlueGreenPause",
        "everything held",
    ] {
        assert!(story.contains(seen), "the story does not say {seen:?}:\n{story}");
    }
    assert!(!folder.exists(), "{} is still there", folder.display());
}

#[test]
fn a_wish_that_is_not_understood_is_refused_with_a_hint() {
    let output =
        Command::new(program("verdigris-playground")).arg("turo").output().expect("the playground starts");
    assert_eq!(output.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("'tour'"), "{complaint}");
}
