//! What a process took, from its start to its end.

use std::fs;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::events::EventFile;
use super::receiver::Receiver;
use crate::step::Failure;

/// How often the process and the receiver are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// Nothing more comes after so long without an event.
const SILENCE: Duration = Duration::from_secs(30);

/// What a job took an agent.
pub struct Measured {
    /// From its start to the last event, or to its end where it ends by itself.
    pub wall: Duration,
    pub user: Duration,
    pub system: Duration,
    pub peak_bytes: u64,
    /// From its start to the first events at the receiver.
    pub first: Option<Duration>,
}

/// When an agent is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It ends itself, at the end of the file.
    ByItself,
    /// It goes on, and is asked to end when everything has arrived.
    WhenAsked,
}

impl Measured {
    pub fn cpu(&self) -> Duration {
        self.user + self.system
    }

    /// Runs an agent, and makes sure that it delivered what it should.
    pub fn of(
        agent: &str,
        mut command: Command,
        end: End,
        receiver: &Receiver,
        file: &EventFile,
    ) -> Result<Self, Failure> {
        let failed = |problem: String| Failure::new(format!("{agent}: {problem}"));
        let began = Instant::now();
        let mut child = command.spawn().map_err(|error| failed(format!("did not start: {error}")))?;
        let watched = watch(&child, end, receiver, file.kept, began);
        // It has ended, or it is too late for that.
        let _ = child.kill();
        let status = child.wait().map_err(|error| failed(error.to_string()))?;
        let measured = watched.map_err(failed)?;
        if end == End::ByItself && !status.success() {
            return Err(failed(format!("ended: {status}")));
        }
        if receiver.events() != file.kept || receiver.refused() > 0 {
            return Err(failed(format!(
                "delivered {} events, not {}; {} requests were refused",
                receiver.events(),
                file.kept,
                receiver.refused()
            )));
        }
        Ok(measured)
    }
}

/// Looks at an agent until it has ended, and is not reaped yet.
fn watch(child: &Child, end: End, receiver: &Receiver, expected: u64, began: Instant) -> Result<Measured, String> {
    let pid = Pid::from_child(child);
    let (mut peak_bytes, mut wall) = (0, None);
    let (mut seen, mut last) = (0, Instant::now());
    loop {
        peak_bytes = peak(child.id()).unwrap_or(peak_bytes);
        let events = receiver.events();
        if std::mem::replace(&mut seen, events) != events {
            last = Instant::now();
        }
        if end == End::WhenAsked && wall.is_none() && (events >= expected || last.elapsed() > SILENCE) {
            wall = Some(began.elapsed());
            kill_process(pid, Signal::TERM).map_err(|error| error.to_string())?;
        }
        // The system forgets what a process took once it is reaped.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        if waitid(WaitId::Pid(pid), options).map_err(|error| error.to_string())?.is_some() {
            break;
        }
        if last.elapsed() > 2 * SILENCE {
            return Err(format!("does not end; {events} events came"));
        }
        thread::sleep(LOOK);
    }
    let wall = wall.unwrap_or_else(|| began.elapsed());
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).map_err(|error| error.to_string())?;
    let [user, system] = times(&stat).ok_or("its times cannot be read")?;
    Ok(Measured { wall, user, system, peak_bytes, first: receiver.first().map(|first| first - began) })
}

/// User and system time, from a line of `/proc/PID/stat`.
fn times(stat: &str) -> Option<[Duration; 2]> {
    // The second field is a name in brackets, which can have anything in it.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let mut time = || {
        let ticks: u64 = fields.next()?.parse().ok()?;
        Some(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
    };
    Some([time()?, time()?])
}

/// The most memory that it had; unknown once it has ended.
fn peak(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_behind_a_name_of_whatever_characters() {
        let stat = "17 (a) b (c) R 1 17 17 0 -1 4194304 88 0 0 0 250 50 0 0 20 0 1 0 5 6 7";
        let tick = Duration::from_secs_f64(1.0 / rustix::param::clock_ticks_per_second() as f64);
        assert_eq!(times(stat), Some([250 * tick, 50 * tick]));
        assert_eq!(times("17 (a) R 1"), None);
    }

    #[test]
    fn this_process_has_taken_memory() {
        assert!(peak(std::process::id()).is_some_and(|bytes| bytes > 100_000));
    }
}
