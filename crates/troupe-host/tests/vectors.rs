//! The golden vectors that every guest kit's tests use: read and written by the kernel's own code.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

use serde_json::Value;
use troupe_actor::frame::{self, Frame, Frames};
use troupe_actor::id::Address;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/frames.json")).unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    assert_eq!(hex.len() % 2, 0);
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap().try_into().unwrap()
}

/// Checks the frames from `at` on, both ways.
fn check(vector: &Value, raw: &[u8], at: usize) {
    let name = &vector["name"];
    let mut frames = Frames::new(&raw[at..]);
    let mut written = raw[..at].to_vec();
    for expected in vector["frames"].as_array().unwrap() {
        let found = frames.next().unwrap_or_else(|| panic!("{name}: a frame is missing"));
        let payload = bytes(&expected["payload"]);
        let tag = u64::from(number(&expected["tagLo"])) | (u64::from(number(&expected["tagHi"])) << 32);
        let wanted = Frame {
            kind: number(&expected["kind"]).try_into().unwrap(),
            flags: number(&expected["flags"]).try_into().unwrap(),
            corr: number(&expected["corr"]),
            address: Address { index: number(&expected["index"]), tag },
            payload: &payload,
        };
        assert_eq!(found, wanted, "{name}");
        if let Some(text) = expected["text"].as_str() {
            assert_eq!(text.as_bytes(), payload, "{name}");
        }
        found.write_to(&mut written);
    }
    assert!(frames.next().is_none() && frames.rest() == 0, "{name}: bytes are left over");
    assert_eq!(written, raw, "{name}: written it is another");
}

#[test]
fn turns_and_configurations_are_frames_back_to_back() {
    let all = vectors();
    assert_eq!(number(&all["headerBytes"]) as usize, frame::HEADER_BYTES);
    for list in ["turns", "configs"] {
        for vector in all[list].as_array().unwrap() {
            check(vector, &bytes(&vector["hex"]), 0);
        }
    }
}

#[test]
fn results_begin_with_version_and_consumed() {
    let all = vectors();
    for vector in all["results"].as_array().unwrap() {
        let raw = bytes(&vector["hex"]);
        assert_eq!(frame::word(&raw, 0), Some(frame::FORMAT_VERSION));
        assert_eq!(frame::word(&raw, 4), Some(number(&vector["consumed"])));
        check(vector, &raw, frame::RESULT_HEADER_BYTES);
    }
}

#[test]
fn malformed_results_do_not_read_as_well_formed() {
    for vector in vectors()["malformed"].as_array().unwrap() {
        let raw = bytes(&vector["hex"]);
        let version = frame::word(&raw, 0) == Some(frame::FORMAT_VERSION) && raw.len() >= frame::RESULT_HEADER_BYTES;
        let whole = version && {
            let mut frames = Frames::new(&raw[frame::RESULT_HEADER_BYTES..]);
            while frames.next().is_some() {}
            frames.rest() == 0
        };
        assert!(!whole, "{}", vector["name"]);
    }
}

/// One vector by hand, so that the file cannot be wrong together with the code that made it.
#[test]
fn one_vector_is_spelled_out() {
    let spelled = "\
        05000000 01000000 00000000 00000000 00000000 00000000 \
        68656c6c6f 000000"
        .replace(' ', "");
    assert_eq!(vectors()["turns"][1]["hex"].as_str(), Some(spelled.as_str()));
}
