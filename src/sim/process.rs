//! What a process has used of the processor, from `/proc`.

use std::time::Duration;

/// Ticks a second in `/proc/<pid>/stat`: Linux reports in `USER_HZ`, which is 100 on every
/// architecture this runs on.
const TICKS_PER_S: u64 = 100;

/// Processor time of a process with all its threads, user and system. `None` where it is gone or
/// the system has no `/proc`.
pub fn cpu_time(pid: u32) -> Option<Duration> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The most memory that a process has had resident, in KiB. `None` as above.
pub fn memory_most_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Fields 14 and 15 of proc(5). The name in field 2 may hold blanks and brackets.
fn parse(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let user: u64 = fields.nth(11)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis(
        user.checked_add(system)?.checked_mul(1000 / TICKS_PER_S)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks() {
        let line = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 100 1 1";
        assert_eq!(parse(line), Some(Duration::from_secs(3)));
        assert_eq!(parse("42 (a) S 1"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn this_process_has_used_some() {
        assert!(cpu_time(std::process::id()).is_some());
        assert!(memory_most_kib(std::process::id()) > Some(1000));
    }
}
