use tokio::sync::mpsc;
use verdigris_playground_streams::Channel;

use super::*;

fn inside() -> Inside {
    let mut inside = Inside { hostname: "web-1".to_owned(), ..Inside::default() };
    inside.environment.insert("WELCOME".to_owned(), "hello".to_owned());
    for (path, text) in [("/etc/hostname", "web-1\n"), ("/etc/words/greeting", "good morning")] {
        inside.files.insert(path.to_owned(), text.as_bytes().to_vec());
    }
    inside.folders.insert("/tmp".to_owned());
    inside
}

/// What a command writes (complaints after `!`) and how it ends, given all of its input.
async fn ran(command: &[&str], input: &str, terminal: bool) -> (String, Result<u8, String>) {
    let (stdin, from_client) = mpsc::channel(1);
    let (to_client, mut said) = mpsc::channel(64);
    stdin.send(input.as_bytes().to_vec()).await.unwrap();
    drop(stdin);
    let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    let ended = run(&command, &inside(), &mut Pipes::new(from_client, to_client, terminal)).await;
    let mut text = Vec::new();
    while let Some((channel, bytes)) = said.recv().await {
        if channel == Channel::Stderr {
            text.push(b'!');
        }
        text.extend(bytes);
    }
    (String::from_utf8(text).unwrap(), ended)
}

#[tokio::test]
async fn commands_do_what_they_are_known_for() {
    let cases: [(&[&str], &str, u8); 18] = [
        (&["echo", "a", "b"], "a b\n", 0),
        (&["env"], "WELCOME=hello\n", 0),
        (&["printenv", "WELCOME", "NONE"], "hello\n", 1),
        (&["cat", "/etc/hostname", "etc/words/greeting"], "web-1\ngood morning", 0),
        (&["cat", "/nothing"], "!cat: can't open '/nothing': No such file or directory\n", 1),
        (&["cat", "/etc"], "!cat: read error: Is a directory\n", 1),
        (&["cat"], "typed\n", 0),
        (&["ls"], "etc\ntmp\n", 0),
        (&["/bin/ls", "-la", "/etc/../etc/"], "hostname\nwords\n", 0),
        (&["ls", "/tmp"], "", 0),
        (&["ls", "/nothing"], "!ls: /nothing: No such file or directory\n", 1),
        (&["hostname"], "web-1\n", 0),
        (&["pwd"], "/\n", 0),
        (&["exit", "3"], "", 3),
        (&["sh", "-c", "false || echo \"$WELCOME $?\" && exit 300; echo never"], "hello 1\n", 44),
        (&["sh", "-c", "nothing; echo $?"], "!sh: nothing: not found\n127\n", 0),
        (&["sh", "-c", "ls | cat"], "!sh: the playground's shell does not know '|'\n", 2),
        (&["sleep", "x"], "!sleep: invalid number 'x'\n", 1),
    ];
    for (command, output, code) in cases {
        assert_eq!(ran(command, "typed\n", false).await, (output.to_owned(), Ok(code)), "{command:?}");
    }
}

#[tokio::test]
async fn a_command_that_is_not_there_is_not_started() {
    let said = |ended: (String, Result<u8, String>)| ended.1.unwrap_err();
    assert_eq!(said(ran(&["bash"], "", false).await), "exec: \"bash\": executable file not found in $PATH");
    assert_eq!(
        said(ran(&["/bin/bash"], "", false).await),
        "exec: \"/bin/bash\": stat /bin/bash: no such file or directory"
    );
}

#[tokio::test]
async fn a_shell_reads_lines() {
    let (text, ended) = ran(&["sh"], "echo one\nfalse\nexit", false).await;
    assert_eq!((text.as_str(), ended), ("one\n", Ok(1)));
}

#[tokio::test]
async fn a_terminal_shows_what_is_typed_and_lets_it_be_corrected() {
    let (text, ended) = ran(&["sh"], "echo é!\u{7f}\u{7f}a\r\u{1b}[Asleep 60\r\u{3}exit 4\r", true).await;
    let erased = "\u{8} \u{8}";
    let shown = format!("/ # echo é!{erased}{erased}a\r\na\r\n/ # sleep 60\r\n^C\r\n/ # exit 4\r\n");
    assert_eq!((text, ended), (shown, Ok(4)));
}

#[tokio::test]
async fn ctrl_d_ends_a_terminal_s_input() {
    let (text, ended) = ran(&["cat"], "hi\r\u{4}", true).await;
    assert_eq!((text.as_str(), ended), ("hi\r\nhi\r\n", Ok(0)));
}
