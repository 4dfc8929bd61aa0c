use crate::runtime;
use sidetone_records::vault::{CHUNK_SAMPLES, Keys, Side, Vault, VaultError};
use sidetone_types::{CallId, CallTime, FRAME_SAMPLES, Pcm, Span};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Head and sealed bytes of a full second on the disk.
const CHUNK_BYTES: usize = 9 + 2 * CHUNK_SAMPLES + 16;

struct House {
    folder: tempfile::TempDir,
    vault: Vault,
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let vault = open(folder.path());
    House { folder, vault }
}

fn open(folder: &Path) -> Vault {
    let keys = Keys::open(&folder.join("keys/master.key"), None).unwrap();
    Vault::open(folder.join("recordings"), keys).unwrap()
}

fn frame(number: usize) -> (Pcm, Pcm) {
    let tone = |at: usize, hz: f64| {
        let t = (number * FRAME_SAMPLES + at) as f64 / 16_000.0;
        (8000.0 * (t * hz * std::f64::consts::TAU).sin()) as i16
    };
    (
        std::array::from_fn(|at| tone(at, 440.0)),
        std::array::from_fn(|at| tone(at, 1000.0)),
    )
}

fn record(vault: &Vault, call: &str, frames: usize) -> CallId {
    let call = CallId::new(call);
    let mut writer = vault.record(&call, 1_700_000_000_000);
    for number in 0..frames {
        let (left, right) = frame(number);
        writer.push(&left, &right);
    }
    let done = runtime().block_on(writer.finish()).unwrap();
    assert_eq!(done.samples, (frames * FRAME_SAMPLES) as u64);
    assert_eq!(done.dropped_seconds, 0);
    call
}

fn file_of(house: &House, call: &CallId) -> PathBuf {
    house
        .folder
        .path()
        .join("recordings/2023-11")
        .join(format!("{call}.rec"))
}

/// Where the first second begins.
fn body_at(bytes: &[u8], seconds: usize, last: usize) -> usize {
    bytes.len() - seconds * CHUNK_BYTES - (9 + 2 * last + 16)
}

#[test]
fn what_was_recorded_is_heard_again() {
    let house = house();
    let call = record(&house.vault, "c-1", 175);
    let mut recording = house.vault.open_recording(&call).unwrap();
    assert!((recording.seconds() - 3.5).abs() < 1e-9 && recording.finished());
    let (left, right) = recording.read(0..u64::MAX).unwrap();
    assert_eq!((left.len(), right.len()), (175 * 320, 175 * 320));
    for number in 0..175 {
        let (l, r) = frame(number);
        for at in 0..FRAME_SAMPLES {
            // µ-law is exact to about 3 % of the value.
            let near = |a: i16, b: i16| {
                (i32::from(a) - i32::from(b)).abs() <= 16 + i32::from(b).abs() / 28
            };
            assert!(near(left[number * 320 + at], l[at]) && near(right[number * 320 + at], r[at]));
        }
    }
    let (part, _) = recording.read(15_990..16_010).unwrap();
    assert_eq!(part, left[15_990..16_010]);
    let wav = recording.read_wav(0..u64::MAX).unwrap();
    assert_eq!(wav.len() as u64, recording.wav_bytes());
    for range in [0..10, 40..50, 43..64_100, 100..100, 64_041..64_047] {
        assert_eq!(
            recording.read_wav(range.clone()).unwrap(),
            wav[range.start as usize..range.end as usize]
        );
    }
    let (peaks, other) = recording.peaks(7).unwrap();
    assert!(
        peaks.iter().chain(&other).all(|p| (23..=25).contains(p)),
        "{peaks:?} {other:?}"
    );
}

#[test]
fn nothing_of_it_stands_in_the_clear() {
    let house = house();
    let call = CallId::new("c-quiet");
    let mut writer = house.vault.record(&call, 1_700_000_000_000);
    for _ in 0..50 {
        writer.push(&[0; 320], &[0; 320]);
    }
    runtime().block_on(writer.finish()).unwrap();
    let bytes = fs::read(file_of(&house, &call)).unwrap();
    let longest = bytes
        .chunk_by(|a, b| a == b)
        .map(<[u8]>::len)
        .max()
        .unwrap();
    // The heads of chunks have a few zeros in a row; a second of silence would show thousands.
    assert!(longest < 32, "silence shows as {longest} equal bytes");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file_of(&house, &call)), 0o600);
    assert_eq!(mode(&house.folder.path().join("keys/master.key")), 0o600);
}

#[test]
fn a_flipped_bit_anywhere_is_an_error() {
    let house = house();
    let call = record(&house.vault, "c-flip", 110);
    let path = file_of(&house, &call);
    let good = fs::read(&path).unwrap();
    let steps = (0..good.len())
        .step_by(997)
        .chain([good.len() - 1, good.len() - 20])
        .chain(0..200);
    for at in steps {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(&path, &bad).unwrap();
        let outcome = house
            .vault
            .open_recording(&call)
            .and_then(|mut r| r.read(0..u64::MAX));
        assert!(outcome.is_err(), "byte {at}");
    }
    fs::write(&path, &good).unwrap();
    assert!(house.vault.open_recording(&call).is_ok());
}

#[test]
fn swapped_repeated_and_missing_seconds_are_errors() {
    let house = house();
    let call = record(&house.vault, "c-swap", 175);
    let path = file_of(&house, &call);
    let good = fs::read(&path).unwrap();
    let begins = body_at(&good, 3, 8000);
    let chunk = |n: usize| begins + n * CHUNK_BYTES..begins + (n + 1) * CHUNK_BYTES;
    let mut swapped = good.clone();
    let first = good[chunk(0)].to_vec();
    swapped[chunk(0)].copy_from_slice(&good[chunk(1)]);
    swapped[chunk(1)].copy_from_slice(&first);
    let missing = [&good[..chunk(1).start], &good[chunk(1).end..]].concat();
    let repeated = [&good[..chunk(1).end], &good[chunk(1).start..]].concat();
    for (what, bad) in [
        ("swapped", swapped),
        ("missing", missing),
        ("repeated", repeated),
    ] {
        fs::write(&path, bad).unwrap();
        let outcome = house
            .vault
            .open_recording(&call)
            .and_then(|mut r| r.read(0..u64::MAX));
        assert!(
            matches!(outcome, Err(VaultError::Forged { .. })),
            "{what}: {outcome:?}"
        );
    }
}

#[test]
fn a_cut_end_is_an_error_and_a_lost_call_is_sealed() {
    let house = house();
    let call = record(&house.vault, "c-cut", 175);
    let path = file_of(&house, &call);
    let good = fs::read(&path).unwrap();
    let begins = body_at(&good, 3, 8000);
    for cut in [
        begins,
        begins + CHUNK_BYTES,
        begins + CHUNK_BYTES + 500,
        begins + 3 * CHUNK_BYTES,
        good.len() - 1,
    ] {
        fs::write(&path, &good[..cut]).unwrap();
        let outcome = house.vault.open_recording(&call);
        assert!(
            matches!(outcome.err(), Some(VaultError::Truncated { .. })),
            "cut at {cut}"
        );
        let whole = (cut - begins) / CHUNK_BYTES;
        let unfinished = house.vault.open_unfinished(&call).unwrap();
        assert_eq!(unfinished.samples(), (whole * CHUNK_SAMPLES) as u64);
        assert_eq!(
            house.vault.seal_lost(&call).unwrap(),
            (whole * CHUNK_SAMPLES) as u64
        );
        let mut sealed = house.vault.open_recording(&call).unwrap();
        assert_eq!(
            sealed.read(0..u64::MAX).unwrap().0.len(),
            whole * CHUNK_SAMPLES
        );
        assert_eq!(
            house.vault.seal_lost(&call).unwrap(),
            (whole * CHUNK_SAMPLES) as u64,
            "sealing twice changes nothing"
        );
    }
}

#[test]
fn another_calls_sound_and_key_are_refused() {
    let house = house();
    let one = record(&house.vault, "c-one", 100);
    let two = record(&house.vault, "c-two", 100);
    let (path_one, path_two) = (file_of(&house, &one), file_of(&house, &two));
    let (bytes_one, bytes_two) = (fs::read(&path_one).unwrap(), fs::read(&path_two).unwrap());
    fs::copy(&path_two, &path_one).unwrap();
    assert!(matches!(
        house.vault.open_recording(&one).err(),
        Some(VaultError::WrongCall { .. })
    ));
    // The head of one and a second of the other.
    let begins = body_at(&bytes_one, 2, 0);
    let mut mixed = bytes_one.clone();
    mixed[begins..begins + CHUNK_BYTES].copy_from_slice(&bytes_two[begins..begins + CHUNK_BYTES]);
    fs::write(&path_one, mixed).unwrap();
    let outcome = house
        .vault
        .open_recording(&one)
        .and_then(|mut r| r.read(0..u64::MAX));
    assert!(
        matches!(outcome, Err(VaultError::Forged { second: 0, .. })),
        "{outcome:?}"
    );
    assert!(matches!(
        house.vault.open_recording(&"../x".into()).err(),
        Some(VaultError::NoSuchCall(_))
    ));
}

#[test]
fn keys_rotate_and_old_recordings_stay_readable() {
    let house = house();
    let old = record(&house.vault, "c-old", 60);
    let file = house.folder.path().join("keys/master.key");
    let first = fs::read_to_string(&file).unwrap();
    let mut keys = Keys::open(&file, None).unwrap();
    assert_eq!(keys.rotate().unwrap(), 2);
    let vault = open(house.folder.path());
    let new = record(&vault, "c-new", 60);
    for call in [&old, &new] {
        assert_eq!(vault.open_recording(call).unwrap().samples(), 60 * 320);
    }
    // With the first key alone only the old one opens, and after rewrapping neither does.
    let only_first = || {
        Vault::open(
            house.folder.path().join("recordings"),
            Keys::open(&file, Some(&first)).unwrap(),
        )
        .unwrap()
    };
    assert!(only_first().open_recording(&old).is_ok());
    assert!(matches!(
        only_first().open_recording(&new).err(),
        Some(VaultError::NoKey { version: 2, .. })
    ));
    assert!(vault.rewrap(&old).unwrap());
    assert!(!vault.rewrap(&old).unwrap());
    assert_eq!(
        vault
            .open_recording(&old)
            .unwrap()
            .read(0..u64::MAX)
            .unwrap()
            .0
            .len(),
        60 * 320
    );
    assert!(matches!(
        only_first().open_recording(&old).err(),
        Some(VaultError::NoKey { version: 2, .. })
    ));
    let other = format!("v1 {}", "A".repeat(43) + "=");
    let wrong = Keys::open(&file, Some(&other.replace("v1", "v2"))).unwrap();
    let wrong = Vault::open(house.folder.path().join("recordings"), wrong).unwrap();
    assert!(matches!(
        wrong.open_recording(&new).err(),
        Some(VaultError::WrongKey { .. })
    ));
}

#[test]
fn a_key_file_that_others_read_or_that_is_broken_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("master.key");
    Keys::open(&file, None).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let words = Keys::open(&file, None).err().unwrap().to_string();
    assert!(words.contains("chmod 600"), "{words}");
    for bad in ["", "v1", "v1 short", "1 AAAA", "v1 not base64!"] {
        let words = Keys::open(&file, Some(bad)).err().expect(bad).to_string();
        assert!(
            words.contains("line 1") && words.contains("base64"),
            "{words}"
        );
    }
}

#[test]
fn numbers_are_silenced_during_and_after_the_call() {
    let house = house();
    let call = CallId::new("c-silence");
    let runtime = runtime();
    let span = |from, to| Span {
        from: CallTime::from_ms(from),
        to: CallTime::from_ms(to),
    };
    let mut writer = house.vault.record(&call, 1_700_000_000_000);
    for number in 0..60 {
        let (left, right) = frame(number);
        writer.push(&left, &right);
    }
    // Its first part is on the disk, its last is still being filled.
    runtime
        .block_on(house.vault.silence(&call, Side::Left, &[span(900, 1100)]))
        .unwrap();
    for number in 60..150 {
        let (left, right) = frame(number);
        writer.push(&left, &right);
    }
    runtime.block_on(writer.finish()).unwrap();
    runtime
        .block_on(house.vault.silence(&call, Side::Both, &[span(2000, 2500)]))
        .unwrap();
    let (left, right) = house
        .vault
        .open_recording(&call)
        .unwrap()
        .read(0..u64::MAX)
        .unwrap();
    let loud = |side: &[i16], from: usize, to: usize| {
        side[from * 16..to * 16].iter().any(|s| s.abs() > 1000)
    };
    assert!(!loud(&left, 900, 1100) && loud(&right, 900, 1100));
    assert!(!loud(&left, 2000, 2500) && !loud(&right, 2000, 2500));
    assert!(loud(&left, 1100, 2000) && loud(&left, 2500, 3000) && loud(&left, 0, 900));
}

#[test]
fn a_recording_that_cannot_be_written_says_so_and_the_call_goes_on() {
    let house = house();
    fs::write(house.folder.path().join("recordings/2023-11"), "in the way").unwrap();
    let mut writer = house
        .vault
        .record(&CallId::new("c-nowhere"), 1_700_000_000_000);
    let (left, right) = frame(0);
    let mut failure = None;
    for _ in 0..5000 {
        writer.push(&left, &right);
        failure = failure.or(writer.take_failure());
        if failure.is_some() {
            break;
        }
        std::thread::yield_now();
    }
    let words = failure.expect("told within the call").to_string();
    assert!(words.contains("2023-11"), "{words}");
    assert!(writer.take_failure().is_none(), "told once");
    assert!(runtime().block_on(writer.finish()).is_err());
}
