//! Commands that read and write.

use std::collections::BTreeSet;

use super::{Inside, Pipes};

pub(super) async fn echo(words: &[&str], pipes: &Pipes) -> u8 {
    match words {
        ["-n", rest @ ..] => pipes.write(&rest.join(" ")).await,
        all => pipes.write(&format!("{}\n", all.join(" "))).await,
    }
    0
}

/// All variables, or the values of those that are named.
pub(super) async fn env(words: &[&str], inside: &Inside, pipes: &Pipes) -> u8 {
    let mut code = 0;
    let mut text = String::new();
    if words.is_empty() {
        text.extend(inside.environment.iter().map(|(name, value)| format!("{name}={value}\n")));
    }
    for name in words {
        match inside.environment.get(*name) {
            Some(value) => text.push_str(&format!("{value}\n")),
            None => code = 1,
        }
    }
    pipes.write(&text).await;
    code
}

/// Files one after another; without any, the input.
pub(super) async fn cat(words: &[&str], inside: &Inside, pipes: &mut Pipes) -> u8 {
    let mut code = 0;
    let words = if words.is_empty() { &["-"] } else { words };
    for word in words {
        if *word == "-" {
            while let Some(bytes) = pipes.read().await {
                pipes.write_bytes(&bytes).await;
            }
            continue;
        }
        let path = absolute(word);
        if let Some(bytes) = inside.files.get(&path) {
            pipes.write_bytes(bytes).await;
        } else {
            let why = if is_folder(inside, &path) {
                "read error: Is a directory"
            } else {
                "can't open: No such file or directory"
            };
            let complaint = match why.split_once(": ") {
                Some(("can't open", rest)) => format!("cat: can't open '{word}': {rest}\n"),
                _ => format!("cat: {why}\n"),
            };
            pipes.complain(&complaint).await;
            code = 1;
        }
    }
    code
}

/// Names in folders; options change nothing but are allowed.
pub(super) async fn ls(words: &[&str], inside: &Inside, pipes: &Pipes) -> u8 {
    let mut code = 0;
    let mut paths: Vec<&str> = words.iter().filter(|word| !word.starts_with('-')).copied().collect();
    if paths.is_empty() {
        paths.push("/");
    }
    for word in &paths {
        let path = absolute(word);
        if inside.files.contains_key(&path) {
            pipes.write(&format!("{word}\n")).await;
        } else if is_folder(inside, &path) {
            let heading = if paths.len() > 1 { format!("{word}:\n") } else { String::new() };
            let names: Vec<String> = children(inside, &path).iter().map(|name| format!("{name}\n")).collect();
            pipes.write(&format!("{heading}{}", names.concat())).await;
        } else {
            pipes.complain(&format!("ls: {word}: No such file or directory\n")).await;
            code = 1;
        }
    }
    code
}

/// The path from the root, without `.`, `..` and doubled slashes. Everything runs in the root.
fn absolute(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// What is named right below a folder.
fn children<'a>(inside: &'a Inside, folder: &str) -> BTreeSet<&'a str> {
    let below = format!("{}/", folder.trim_end_matches('/'));
    let paths = inside.files.keys().chain(&inside.folders);
    let names = paths.filter_map(|path| path.strip_prefix(&below)?.split('/').next());
    names.filter(|name| !name.is_empty()).collect()
}

fn is_folder(inside: &Inside, path: &str) -> bool {
    path == "/" || inside.folders.contains(path) || !children(inside, path).is_empty()
}
