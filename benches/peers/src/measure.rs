//! The two measurements: what a paced call costs its caller, and how long a burst takes until all of
//! it is in the file.
//!
//! Both are compiled once for each type of peer, so the log call stands in the loop as it would in a
//! service, and the compiler may inline what the logger lets it inline.

use std::hint::{black_box, spin_loop};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::job::{Events, Job, Latency, Outcome, Throughput, Work};
use crate::lines;
use crate::order::Order;
use crate::peers::{Arrived, Peer};
use crate::stats::{mean99, percentile};

/// Does the job with this peer, in this process.
pub fn run<P: Peer>(job: &Job) -> Outcome {
    match job.work {
        Work::Paced { gap_ns, calls } => Outcome::Paced(paced::<P>(job, gap_ns, calls)),
        Work::Burst { events } => Outcome::Burst(burst::<P>(job, events)),
    }
}

fn paced<P: Peer>(job: &Job, gap_ns: u64, calls: u64) -> Latency {
    let clock = Clock::new();
    let overhead = timer_overhead(&clock);
    let warm_up = calls / 20;
    let logged = (warm_up + calls) * job.threads as u64;

    let peer = P::start(&job.files());
    let barrier = Barrier::new(job.threads);
    let mut samples: Vec<u32> = thread::scope(|scope| {
        let threads: Vec<_> = (0..job.threads)
            .map(|index| {
                let (mut call, clock, barrier) = (peer.caller(), &clock, &barrier);
                let gap = gap_ns * job.threads as u64;
                // Threads drift against each other, so that their calls meet at all distances.
                let pace = Pace { warm_up, calls, gap: clock.ticks(gap + gap / 97 * index as u64) };
                scope.spawn(move || {
                    barrier.wait();
                    pace.measure(clock, index as u64 * (warm_up + calls), &mut call)
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no logger panics")).collect()
    });
    let arrived = arrived(peer.finish(), job, logged, || ());

    samples.sort_unstable();
    let ns = |ticks: f64| clock.ns((ticks - overhead).max(0.0));
    let quantile = |share| ns(f64::from(percentile(&samples, share)));
    Latency {
        mean99: ns(mean99(&samples)),
        p50: quantile(0.5),
        p99: quantile(0.99),
        p999: quantile(0.999),
        max: quantile(1.0),
        overhead: clock.ns(overhead),
        events: Events { logged, arrived },
    }
}

/// How one thread makes its calls; times are ticks of the clock.
struct Pace {
    warm_up: u64,
    calls: u64,
    gap: u64,
}

impl Pace {
    /// Makes the calls, and returns how long each took. A call that is late does not make the next
    /// ones come faster: the pace starts anew from there. While waiting the thread spins, so its core
    /// does not go to sleep; what it measures is the call, not a wake-up of its own.
    fn measure(&self, clock: &Clock, first: u64, call: &mut impl FnMut(&Order)) -> Vec<u32> {
        // Written once beforehand, so that no page is missing later.
        let mut samples = vec![1; self.calls as usize];
        let mut next = clock.read();
        for n in 0..self.warm_up + self.calls {
            let order = black_box(Order::nth(first + n));
            while clock.read() < next {
                spin_loop();
            }
            let begin = clock.read();
            call(&order);
            let end = clock.read();
            if let Some(index) = n.checked_sub(self.warm_up) {
                samples[index as usize] = u32::try_from(end.saturating_sub(begin)).unwrap_or(u32::MAX);
            }
            next = (next + self.gap).max(end);
        }
        samples
    }
}

/// What the loop measures around a call that does nothing, in ticks: the mean of the fastest 99 % in
/// the quietest of ten rounds, and so rather too little than too much.
fn timer_overhead(clock: &Clock) -> f64 {
    let pace = Pace { warm_up: 100, calls: 2_000, gap: clock.ticks(1_000) };
    let rounds = (0..10).map(|_| {
        let mut samples = pace.measure(clock, 0, &mut |order| {
            black_box(order);
        });
        samples.sort_unstable();
        mean99(&samples)
    });
    rounds.fold(f64::INFINITY, f64::min)
}

fn burst<P: Peer>(job: &Job, events: u64) -> Throughput {
    let cpu_before = cpu_time();
    let peer = P::start(&job.files());
    let (barrier, threads) = (Barrier::new(job.threads), job.threads as u64);
    let begin = thread::scope(|scope| {
        let share = |index| events / threads + u64::from(index < events % threads);
        let mut first = 0;
        let threads: Vec<_> = (0..threads)
            .map(|index| {
                let (mut call, barrier, ids) = (peer.caller(), &barrier, first..first + share(index));
                first = ids.end;
                scope.spawn(move || {
                    barrier.wait();
                    // Its own reading: whoever else is to take it may get a processor only later.
                    let begin = Instant::now();
                    ids.for_each(|id| call(&black_box(Order::nth(id))));
                    begin
                })
            })
            .collect();
        let begins = threads.into_iter().map(|thread| thread.join().expect("no logger panics"));
        begins.min().expect("at least one thread logs")
    });
    let finished = peer.finish();
    let (mut end, mut cpu) = (Instant::now(), cpu_time());
    let peak_bytes = peak_memory();
    let arrived = arrived(finished, job, events, || (end, cpu) = (Instant::now(), cpu_time()));
    Throughput {
        seconds: (end - begin).as_secs_f64(),
        cpu_seconds: (cpu - cpu_before).as_secs_f64(),
        peak_bytes,
        events: Events { logged: events, arrived },
    }
}

/// How much arrived in the end; says `late` whenever a logger still wrote after its flush returned.
fn arrived(finished: Arrived, job: &Job, logged: u64, late: impl FnMut()) -> u64 {
    match finished {
        Arrived::Counted(events) => events,
        Arrived::InFiles => lines::settled(&job.files(), logged, late).expect("our own files can be read"),
    }
}

/// User and system time of this process so far.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The most memory that was ever resident, in bytes; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.unwrap_or(0_u64) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_call_is_seen_and_the_pace_starts_anew_after_it() {
        let clock = Clock::new();
        let (mut calls, begin) = (0, clock.read());
        let samples = Pace { warm_up: 2, calls: 3, gap: 0 }.measure(&clock, 10, &mut |order| {
            assert_eq!(order.id, 10 + calls);
            if calls == 3 {
                thread::sleep(Duration::from_millis(20));
            }
            calls += 1;
        });
        let took = clock.read() - begin;
        assert_eq!((calls, samples.len()), (5, 3));
        assert!(clock.ns(f64::from(samples[1])) >= 20e6 * 0.99, "{samples:?}");
        assert!(took >= u64::from(samples[1]));
    }

    #[test]
    fn the_kernel_tells_cpu_time_and_memory() {
        let before = cpu_time();
        let memory = black_box(vec![1_u8; 8 << 20]);
        assert!(cpu_time() > before);
        assert!(peak_memory() >= memory.len() as u64);
    }
}
