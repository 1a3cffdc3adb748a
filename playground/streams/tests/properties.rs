//! Whatever arrives, in pieces of whatever size: nothing panics, nothing grows, and where pieces end means nothing.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use proptest::{collection::vec, prelude::*};
use verdigris_playground_streams::{
    Console, Input, Wanted, Wire,
    spdy::{Event, Session},
    websocket::{self, Decoder},
};

const ALL: Wanted = Wanted { stdin: true, stdout: true, stderr: true, tty: true };

/// Bytes that often look like frames.
fn likely_bytes() -> impl Strategy<Value = Vec<u8>> {
    let control = (1_u16..10, 0_u8..4, vec(any::<u8>(), 0..40)).prop_map(|(kind, flags, payload)| {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0x80, 3][..], &kind.to_be_bytes(), &[flags, 0, 0, length], &payload].concat()
    });
    let data = (0_u8..8, 0_u8..2, vec(any::<u8>(), 0..40)).prop_map(|(stream, flags, payload)| {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, 0, stream, flags, 0, 0, length][..], &payload].concat()
    });
    let piece = prop_oneof![control, data, vec(any::<u8>(), 0..20)];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// The same bytes in one WebSocket frame, as a client sends them.
fn masked(opcode: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[0x80 | opcode, 0xfe][..], &length, &[0, 0, 0, 0], bytes].concat()
}

fn split(bytes: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let (mut rest, mut pieces) = (bytes, Vec::new());
    for size in sizes {
        let (now, after) = rest.split_at((*size).min(rest.len()));
        pieces.push(now.to_vec());
        rest = after;
    }
    pieces.push(rest.to_vec());
    pieces
}

/// Pieces of data that follow one another are one.
fn joined(events: Vec<Event>) -> Vec<Event> {
    let mut joined: Vec<Event> = Vec::new();
    for event in events {
        if let (Event::Data { stream, bytes }, Some(Event::Data { stream: before, bytes: so_far })) =
            (&event, joined.last_mut())
            && stream == before
        {
            so_far.extend(bytes);
        } else {
            joined.push(event);
        }
    }
    joined
}

/// What a connection says to these bytes, and what it sends.
fn spoken(wire: Wire, pieces: &[Vec<u8>]) -> (Vec<Event>, bool, Vec<u8>) {
    let mut session = Session::new(wire);
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    for piece in pieces {
        match session.receive(piece) {
            Ok(more) => events.extend(more),
            Err(_) => return (joined(events), true, sent),
        }
        sent.extend(session.take_output());
    }
    (joined(events), false, sent)
}

/// Streams with data, as a peer sends them whose headers are packed without being made smaller.
fn well_formed() -> impl Strategy<Value = Vec<u8>> {
    vec((vec(any::<u8>(), 0..300), any::<bool>()), 1..8).prop_map(|streams| {
        let mut bytes = Vec::new();
        for (index, (payload, fin)) in streams.iter().enumerate() {
            let stream = u32::try_from(index * 2 + 1).unwrap().to_be_bytes();
            let mut block = if index == 0 { vec![0x78, 0x01] } else { Vec::new() };
            block.extend([0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
            let length = u8::try_from(10 + block.len()).unwrap();
            bytes.extend([0x80, 3, 0, 1, 0, 0, 0, length]);
            bytes.extend(stream);
            bytes.extend([0; 6]);
            bytes.extend(block);
            bytes.extend(stream);
            bytes.extend([u8::from(*fin), 0]);
            bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            bytes.extend(payload);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything_may_arrive(bytes in likely_bytes(), sizes in vec(0_usize..30, 0..20)) {
        let pieces = split(&bytes, &sizes);
        let (_, _, sent) = spoken(Wire::Plain, &pieces);
        prop_assert!(sent.len() <= 2 * bytes.len() + 64, "{} bytes answered by {}", bytes.len(), sent.len());
        spoken(Wire::web_socket(), &pieces);
        for mut console in [
            Console::spdy(ALL, Wire::Plain),
            Console::web_socket(ALL, true),
            Console::web_socket(ALL, false),
        ] {
            let _ = pieces.iter().try_for_each(|piece| console.receive(piece).map(drop));
            console.finish(b"{}");
        }
    }

    #[test]
    fn where_pieces_end_means_nothing(bytes in well_formed(), sizes in vec(0_usize..50, 0..30)) {
        let whole = spoken(Wire::Plain, std::slice::from_ref(&bytes));
        prop_assert!(!whole.1, "well-formed frames are refused");
        prop_assert_eq!(&spoken(Wire::Plain, &split(&bytes, &sizes)), &whole);
        let tunnelled = split(&masked(2, &bytes), &sizes);
        prop_assert_eq!(spoken(Wire::web_socket(), &tunnelled).0, whole.0);
    }

    #[test]
    fn messages_survive_any_split(payload in vec(any::<u8>(), 1..300), sizes in vec(0_usize..50, 0..30)) {
        let mut frames = masked(9, b"?");
        frames.extend(masked(2, &[&[0][..], &payload].concat()));
        let mut console = Console::web_socket(ALL, true);
        let mut seen = Vec::new();
        for piece in split(&frames, &sizes) {
            for input in console.receive(&piece).unwrap() {
                if let Input::Data(_, bytes) = input {
                    seen.extend(bytes);
                }
            }
        }
        prop_assert_eq!(seen, payload);
    }

    #[test]
    fn no_frame_makes_the_decoder_panic(bytes in vec(any::<u8>(), 0..200), sizes in vec(0_usize..30, 0..20)) {
        let mut decoder = Decoder::default();
        let _ = split(&bytes, &sizes).iter().try_for_each(|piece| decoder.receive(piece).map(drop));
        let mut out = Vec::new();
        websocket::write_message(&[&bytes], &mut out);
        prop_assert_eq!(&out[2 + if bytes.len() < 126 { 0 } else { 2 }..], &bytes[..]);
    }
}
