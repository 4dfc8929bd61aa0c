use crate::runtime;
use proptest::prelude::*;
use sidetone_records::journal::{
    self, JournalError, JournalWriter, all_calls, parse_lines, scan_unfinished,
};
use sidetone_types::{
    CallEvent, CallId, CallInput, CallTime, EndReason, EventKind, JournalLine, LegId,
};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set for the copy of this test program that writes until it is killed.
const CHILD: &str = "SIDETONE_TEST_JOURNAL";

fn event(call: &CallId, seq: u64, kind: EventKind) -> JournalLine {
    JournalLine::Event {
        event: CallEvent {
            seq,
            at: CallTime::from_ms(seq * 20),
            call: call.clone(),
            kind,
        },
    }
}

fn line(call: &CallId, seq: u64) -> JournalLine {
    let reason = format!("第 {seq} 行");
    event(
        call,
        seq,
        EventKind::LegLeft {
            leg: LegId::CALLER,
            reason,
        },
    )
}

fn ended(call: &CallId, seq: u64) -> JournalLine {
    event(
        call,
        seq,
        EventKind::CallEnded {
            reason: EndReason::CallerHungUp,
        },
    )
}

fn file_of(root: &Path, call: &CallId) -> PathBuf {
    let months = fs::read_dir(root).unwrap().flatten().map(|e| e.path());
    months
        .map(|m| m.join(format!("{call}.jsonl")))
        .find(|p| p.is_file())
        .expect("a journal")
}

#[test]
fn lines_come_back_in_order_and_end_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let writer = JournalWriter::open(folder.path()).unwrap();
    let call = CallId::new("019a8c2e-1111-7222-8333-444455556666");
    let open = CallId::new("c-open");
    let lines: Vec<_> = (0..20).map(|seq| line(&call, seq)).collect();
    runtime().block_on(async {
        for pair in lines.chunks(3) {
            writer.append(&call, pair).await.unwrap();
        }
        writer.append(&open, &[line(&open, 0)]).await.unwrap();
        let input = JournalLine::Input {
            at: CallTime(5),
            input: CallInput::Key {
                leg: LegId::CALLER,
                key: '1',
            },
        };
        writer.append(&open, &[input]).await.unwrap();
    });
    assert_eq!(writer.read(&call).unwrap(), lines);
    assert_eq!(journal::events(writer.read(&open).unwrap()).len(), 1);
    let unfinished = scan_unfinished(folder.path()).unwrap();
    let calls: Vec<&str> = unfinished.iter().map(|u| u.call.as_str()).collect();
    assert_eq!(calls, [call.as_str(), "c-open"]);
    runtime()
        .block_on(writer.append(&call, &[ended(&call, 20)]))
        .unwrap();
    let unfinished = scan_unfinished(folder.path()).unwrap();
    assert_eq!(unfinished.len(), 1);
    assert_eq!(unfinished[0].lines.len(), 2);
    assert_eq!(all_calls(folder.path()).unwrap().len(), 2);
    // The month is that of the number, 2025-11.
    assert!(
        folder
            .path()
            .join("2025-11")
            .join(format!("{call}.jsonl"))
            .is_file()
    );
}

#[test]
fn a_torn_end_is_cut_wherever_it_tears() {
    let folder = tempfile::tempdir().unwrap();
    let call = CallId::new("c-torn");
    let writer = JournalWriter::open(folder.path()).unwrap();
    runtime()
        .block_on(writer.append(&call, &[line(&call, 0), line(&call, 1), line(&call, 2)]))
        .unwrap();
    let path = file_of(folder.path(), &call);
    let whole = fs::read(&path).unwrap();
    let ends: Vec<usize> = whole
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'\n')
        .map(|(at, _)| at + 1)
        .collect();
    for cut in 0..whole.len() {
        let lines = parse_lines(&path, &whole[..cut]).unwrap();
        let expected = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(lines.lines.len(), expected, "cut at {cut}");
        let good = ends[..expected].last().copied().unwrap_or(0);
        assert_eq!(lines.torn_bytes as usize, cut - good);
    }
    // The next start writes on after the cut.
    let cut = ends[1] + 7;
    fs::write(&path, &whole[..cut]).unwrap();
    let writer = JournalWriter::open(folder.path()).unwrap();
    runtime()
        .block_on(writer.append(&call, &[ended(&call, 2)]))
        .unwrap();
    let lines = writer.read(&call).unwrap();
    assert_eq!(lines, [line(&call, 0), line(&call, 1), ended(&call, 2)]);
}

#[test]
fn damage_in_the_middle_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let call = CallId::new("c-damaged");
    let writer = JournalWriter::open(folder.path()).unwrap();
    runtime()
        .block_on(writer.append(&call, &[line(&call, 0), line(&call, 1), line(&call, 2)]))
        .unwrap();
    let path = file_of(folder.path(), &call);
    let mut bytes = fs::read(&path).unwrap();
    let second = bytes.iter().position(|b| *b == b'\n').unwrap() + 30;
    bytes[second] ^= 1;
    fs::write(&path, &bytes).unwrap();
    match writer.read(&call) {
        Err(JournalError::Broken { file, line, reason }) => {
            assert_eq!((file, line), (path, 2));
            assert!(reason.contains("checksum"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_disk_is_an_error_and_space_that_returns_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let call = CallId::new("c-full");
    let writer = JournalWriter::open(folder.path()).unwrap();
    let runtime = runtime();
    runtime
        .block_on(writer.append(&call, &[line(&call, 0)]))
        .unwrap();
    // A device on which every write fails for want of space stands in for the full disk.
    let full = CallId::new("c-device");
    let month = file_of(folder.path(), &call).parent().unwrap().to_owned();
    let path = month.join("c-device.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let error = runtime
        .block_on(writer.append(&full, &[line(&full, 0)]))
        .unwrap_err();
    let words = error.to_string();
    assert!(
        words.contains("c-device.jsonl") && words.contains("space"),
        "{words}"
    );
    runtime
        .block_on(writer.append(&call, &[line(&call, 1)]))
        .unwrap();
    fs::remove_file(&path).unwrap();
    runtime
        .block_on(writer.append(&full, &[line(&full, 0)]))
        .unwrap();
    assert_eq!(writer.read(&full).unwrap(), [line(&full, 0)]);
    assert_eq!(writer.read(&call).unwrap().len(), 2);
}

#[test]
fn numbers_that_would_leave_the_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let writer = JournalWriter::open(folder.path()).unwrap();
    for bad in [
        "../etc/passwd",
        "a/b",
        "",
        ".hidden",
        "a\0b",
        &"x".repeat(81),
    ] {
        let call = CallId::new(bad);
        let outcome = runtime().block_on(writer.append(&call, &[line(&call, 0)]));
        assert!(
            matches!(outcome, Err(JournalError::BadCallId { .. })),
            "{bad:?}"
        );
        assert!(
            matches!(writer.read(&call), Err(JournalError::BadCallId { .. })),
            "{bad:?}"
        );
    }
}

/// Not a test of its own: the program that the next test starts and kills.
#[test]
fn writes_until_it_is_killed() {
    let Ok(root) = std::env::var(CHILD) else {
        return;
    };
    let writer = JournalWriter::open(root).unwrap();
    runtime().block_on(async {
        for seq in 0.. {
            for name in ["c-a", "c-b", "c-c"] {
                let call = CallId::new(name);
                writer
                    .append(&call, &[line(&call, seq), line(&call, seq)])
                    .await
                    .unwrap();
                println!("acknowledged {name} {seq}");
            }
        }
    });
}

#[test]
fn everything_acknowledged_is_there_after_kill_9() {
    for patience in [1, 40, 95, 170] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "journal::writes_until_it_is_killed",
                "--nocapture",
            ])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = Vec::new();
        while acknowledged.len() < patience {
            acknowledged.push(lines.next().expect("the child writes on").unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(lines.map_while(Result::ok));
        let mut checked = 0;
        for words in &acknowledged {
            let Some(at) = words.find("acknowledged ") else {
                continue;
            };
            let mut words = words[at..].split(' ').skip(1);
            let (Some(name), Some(seq)) = (words.next(), words.next().and_then(|s| s.parse().ok()))
            else {
                continue;
            };
            let call = CallId::new(name);
            let kept = journal::read(folder.path(), &call).unwrap();
            let twice = kept.iter().filter(|l| **l == line(&call, seq)).count();
            assert_eq!(twice, 2, "{name} {seq} of {} lines", kept.len());
            checked += 1;
        }
        assert!(checked + 8 >= patience, "{checked} of {patience}");
        assert_eq!(
            scan_unfinished(folder.path()).unwrap().is_empty(),
            checked == 0
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse_lines(Path::new("x.jsonl"), &bytes);
    }

    #[test]
    fn a_flipped_bit_is_never_read_as_something_else(at in 0usize..2000, bit in 0u8..8) {
        let call = CallId::new("c");
        let lines = [line(&call, 0), line(&call, 1)];
        let folder = tempfile::tempdir().unwrap();
        let writer = JournalWriter::open(folder.path()).unwrap();
        runtime().block_on(writer.append(&call, &lines)).unwrap();
        let path = file_of(folder.path(), &call);
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(read) = parse_lines(&path, &bytes) {
            prop_assert!(read.lines.iter().all(|l| lines.contains(l)));
            prop_assert!(read.lines.len() < 2);
        }
    }
}
