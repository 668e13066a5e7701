//! Which cores this process may use: affinity, cpuset and CPU quota.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// What the process may use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cores {
    /// The cores of the affinity mask, which the kernel keeps inside the cpuset.
    pub(crate) allowed: Vec<usize>,
    /// How many cores' time the control group grants, if it limits it.
    pub(crate) quota: Option<f64>,
}

impl Cores {
    /// Of this process, now.
    pub(crate) fn usable() -> Self {
        let mask = sched_getaffinity(None);
        let allowed = mask.map_or_else(
            |_| (0..std::thread::available_parallelism().map_or(1, usize::from)).collect(),
            |mask| (0..CpuSet::MAX_CPU).filter(|core| mask.is_set(*core)).collect(),
        );
        Self { allowed, quota: quota(Path::new("/proc/self/cgroup"), Path::new("/sys/fs/cgroup")) }
    }

    /// How many threads can run at once for a while.
    pub(crate) fn count(&self) -> usize {
        let granted = self.quota.map_or(usize::MAX, |quota| (quota.floor() as usize).max(1));
        self.allowed.len().min(granted)
    }

    /// A core for each of `threads`, if there are enough to leave at least as many to the service:
    /// the last ones, since interrupts and most programs' own pins go to the first.
    pub(crate) fn spare(&self, threads: usize) -> Option<&[usize]> {
        let enough = self.count() >= 2 * threads;
        enough.then(|| &self.allowed[self.allowed.len() - threads..])
    }
}

/// The calling thread runs on this core only.
pub(crate) fn pin_to(core: usize) -> std::io::Result<()> {
    let mut mask = CpuSet::new();
    mask.set(core);
    Ok(sched_setaffinity(None, &mask)?)
}

/// How many cores' time the control groups of a process grant: the least of its own group and of
/// those around it. Reads version 2 (`cpu.max`) and version 1 (`cpu.cfs_quota_us`), as documented
/// with the kernel (Documentation/admin-guide/cgroup-v2.rst, scheduler/sched-bwc.rst).
fn quota(membership: &Path, root: &Path) -> Option<f64> {
    let groups = fs::read_to_string(membership).ok()?;
    groups.lines().filter_map(|line| group_quota(line, root)).reduce(f64::min)
}

/// Of one line of `/proc/self/cgroup`: `id:controllers:path`.
fn group_quota(line: &str, root: &Path) -> Option<f64> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let (top, read): (PathBuf, fn(&Path) -> Option<f64>) = if controllers.is_empty() {
        (root.to_owned(), |group| parse_cpu_max(&fs::read_to_string(group.join("cpu.max")).ok()?))
    } else if controllers.split(',').any(|controller| controller == "cpu") {
        (root.join(controllers), |group| {
            let number = |file| fs::read_to_string(group.join(file)).ok()?.trim().parse::<f64>().ok();
            ratio(number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?)
        })
    } else {
        return None;
    };
    // Inside a container the path may be the host's: then only the top of what is mounted is ours.
    let inside = top.join(path.trim_start_matches('/'));
    let groups = inside.ancestors().take_while(|group| group.starts_with(&top));
    groups.filter_map(read).reduce(f64::min)
}

/// `"max 100000"` or `"150000 100000"`.
fn parse_cpu_max(text: &str) -> Option<f64> {
    let mut numbers = text.split_whitespace();
    let (quota, period) = (numbers.next()?, numbers.next()?);
    ratio(quota.parse().ok()?, period.parse().ok()?)
}

fn ratio(quota: f64, period: f64) -> Option<f64> {
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores(allowed: usize, quota: Option<f64>) -> Cores {
        Cores { allowed: (0..allowed).collect(), quota }
    }

    #[test]
    fn the_quota_limits_what_counts() {
        assert_eq!(cores(8, None).count(), 8);
        assert_eq!(cores(8, Some(2.9)).count(), 2);
        assert_eq!(cores(8, Some(0.5)).count(), 1);
        assert_eq!(cores(2, Some(16.0)).count(), 2);
    }

    #[test]
    fn spare_cores_are_the_last_ones_and_leave_the_service_as_many() {
        assert_eq!(cores(8, None).spare(3), Some(&[5, 6, 7][..]));
        assert_eq!(cores(2, None).spare(1), Some(&[1][..]));
        assert_eq!(cores(5, None).spare(3), None);
        assert_eq!(cores(8, Some(2.0)).spare(3), None, "a quota of two cores is no place for three pinned threads");
    }

    #[test]
    fn cpu_max_is_read_as_the_kernel_writes_it() {
        assert_eq!(parse_cpu_max("max 100000\n"), None);
        assert_eq!(parse_cpu_max("150000 100000\n"), Some(1.5));
        for wrong in ["", "150000", "a b", "0 100000", "-1 100000", "5 0"] {
            assert_eq!(parse_cpu_max(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_tightest_group_on_the_way_up_counts_in_both_versions() {
        let folder = std::env::temp_dir().join(format!("logwheel-cgroup-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("v2/kubepods/cpu.max", "200000 100000");
        write("v2/kubepods/pod/cpu.max", "max 100000");
        write("v2.txt", "0::/kubepods/pod\n");
        write("v1/cpu,cpuacct/app/cpu.cfs_quota_us", "50000\n");
        write("v1/cpu,cpuacct/app/cpu.cfs_period_us", "100000\n");
        write("v1.txt", "4:memory:/app\n3:cpu,cpuacct:/app\n");
        write("host.txt", "0::/not/mounted/here\n");
        write("container/cpu.max", "300000 100000");
        let quota = |groups, root| quota(&folder.join(groups), &folder.join(root));
        assert_eq!(quota("v2.txt", "v2"), Some(2.0));
        assert_eq!(quota("v1.txt", "v1"), Some(0.5));
        assert_eq!(quota("host.txt", "container"), Some(3.0));
        assert_eq!(quota("nothing.txt", "v2"), None);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn this_process_may_use_at_least_one_core() {
        assert!(Cores::usable().count() >= 1);
    }
}
