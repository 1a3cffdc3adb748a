use super::*;

const TERMINAL: Wanted = Wanted { stdin: true, stdout: true, stderr: true, tty: true };
const PIPES: Wanted = Wanted { stdin: true, stdout: true, stderr: true, tty: false };

/// A message as a client sends it; the mask is all zeros.
fn message(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82, 0x80 | u8::try_from(bytes.len()).unwrap(), 0, 0, 0, 0];
    frame.extend(bytes);
    frame
}

#[test]
fn a_web_socket_greets_and_carries_each_channel_in_its_own_messages() {
    let mut console = Console::web_socket(PIPES, true);
    assert_eq!(console.take_output(), [0x82, 1, 1], "an empty message on stdout");
    let input = [message(b"\0hi"), message(&[0]), message(&[1, 9]), message(&[255, 0])].concat();
    assert_eq!(
        console.receive(&input).unwrap(),
        [Input::Ready, Input::Data(Channel::Stdin, b"hi".into()), Input::Finished(Channel::Stdin)]
    );
    console.send(Channel::Stdout, b"out");
    console.send(Channel::Stderr, b"err");
    console.finish(b"{}");
    assert_eq!(
        console.take_output(),
        [&[0x82, 4][..], b"\x01out", &[0x82, 4], b"\x02err", &[0x82, 3], b"\x03{}", &[0x88, 2, 3, 232]]
            .concat()
    );
}

#[test]
fn a_terminal_has_no_channel_for_complaints() {
    let mut console = Console::web_socket(TERMINAL, true);
    console.take_output();
    console.send(Channel::Stderr, b"err");
    assert!(console.take_output().is_empty());
    let size = console.receive(&message(b"\x04{\"Width\":80}")).unwrap();
    assert_eq!(size[1..], [Input::Data(Channel::Resize, b"{\"Width\":80}".into())]);
}

#[test]
fn the_fourth_protocol_cannot_close_a_channel() {
    let mut console = Console::web_socket(PIPES, false);
    assert_eq!(console.receive(&message(&[255, 0])).unwrap(), [Input::Ready]);
}
