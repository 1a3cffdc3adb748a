use super::*;

/// Headers of two streams, packed by zlib with the dictionary.
const PACKED: [&str; 2] = [
    "78f9e3c6a7c202253a703a2b294a4dcc851625aca9a0808614cb45e01c6061606100a4398b20d198094ade8c0600000000ffff",
    "c2aa19540e2512d60b000000ffff",
];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn headers(kind: &str) -> Headers {
    let entries = [("streamtype", kind), ("port", "8080"), ("requestid", "0")];
    entries.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Two streams as kubectl opens them for one connection.
fn opened() -> Session {
    let mut session = Session::new(Wire::Plain);
    let frames: Vec<u8> = [(1, PACKED[0]), (3, PACKED[1])]
        .iter()
        .flat_map(|(id, block)| frames::syn_stream(*id, &bytes(block)))
        .collect();
    let events = session.receive(&frames).unwrap();
    assert_eq!(
        events,
        [
            Event::Opened { stream: 1, headers: headers("error") },
            Event::Opened { stream: 3, headers: headers("data") }
        ]
    );
    session
}

#[test]
fn headers_are_unpacked_across_frames() {
    opened();
}

#[test]
fn what_we_pack_can_be_unpacked() {
    let (mut writer, mut reader) = (HeaderWriter::default(), HeaderReader::default());
    for kind in ["error", "data", "resize"] {
        assert_eq!(reader.read(&writer.write(&headers(kind))).unwrap(), headers(kind));
    }
}

#[test]
fn each_side_finishes_a_stream_by_itself() {
    let mut session = opened();
    let received = session.receive(&frames::data(3, b"ping", true)).unwrap();
    assert_eq!(received, [Event::Data { stream: 3, bytes: b"ping".into() }, Event::Finished { stream: 3 }]);
    session.reply(3);
    session.take_output();
    session.send(3, b"pong");
    session.finish(3);
    session.send(3, b"too late");
    assert_eq!(session.take_output(), [frames::data(3, b"pong", false), frames::data(3, b"", true)].concat());
    assert_eq!(session.open_streams(), 1);
    assert!(session.receive(&frames::data(3, b"too late", false)).unwrap().is_empty());
    session.reset(1);
    assert_eq!(session.open_streams(), 0);
}

#[test]
fn pings_are_answered_and_streams_out_of_order_refused() {
    let mut session = opened();
    assert!(session.receive(&frames::ping(7)).unwrap().is_empty());
    assert_eq!(session.take_output(), frames::ping(7));
    let mut writer = HeaderWriter { begun: true };
    let again = frames::syn_stream(3, &writer.write(&Headers::new()));
    assert!(session.receive(&again).unwrap().is_empty());
    assert_eq!(session.take_output(), frames::reset(3, 1));
}

#[test]
fn more_streams_than_there_may_be_are_refused() {
    let mut session = Session::new(Wire::Plain);
    let mut writer = HeaderWriter::default();
    for number in 0..STREAMS_MAX + 1 {
        let stream = u32::try_from(number * 2 + 1).unwrap();
        session.receive(&frames::syn_stream(stream, &writer.write(&Headers::new()))).unwrap();
    }
    assert_eq!(session.open_streams(), STREAMS_MAX);
    assert_eq!(session.take_output(), frames::reset(STREAMS_MAX as u32 * 2 + 1, 3));
}

#[test]
fn a_bomb_of_headers_is_refused() {
    let mut session = Session::new(Wire::Plain);
    let mut writer = HeaderWriter::default();
    let long = Headers::from([("a".to_owned(), "x".repeat(20_000))]);
    let refused = session.receive(&frames::syn_stream(1, &writer.write(&long))).unwrap_err();
    assert_eq!(refused, StreamError::Spdy("headers that are too long"));
}
