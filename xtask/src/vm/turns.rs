//! Several guests at once. Owns how many there is room for, and whose turn it is; must not know what they do.

use std::fs;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread;

/// What a guest takes of this machine's memory, in KiB: its own, its image and the emulator.
const GUEST_KIB: usize = 3 << 20;

/// How many guests there is room for that keep so many threads busy each.
pub fn room(threads: usize) -> NonZeroUsize {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    of(processors, threads, available_kib(&memory))
}

/// One in any case.
fn of(processors: usize, threads: usize, kib: usize) -> NonZeroUsize {
    let room = (processors / threads.max(1)).min(kib / GUEST_KIB);
    NonZeroUsize::new(room).unwrap_or(NonZeroUsize::MIN)
}

/// `MemAvailable` of proc_meminfo(5).
fn available_kib(memory: &str) -> usize {
    let mut lines = memory.lines();
    let value = lines.find_map(|line| line.strip_prefix("MemAvailable:"));
    let number = value.and_then(|value| value.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Does the job for each item, at most `at_once` at a time, and gives the results in the items' order.
pub fn each<T: Sync, R: Send>(items: &[T], at_once: usize, job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let waiting = Mutex::new(items.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let next = || waiting.lock().ok()?.next();
    thread::scope(|scope| {
        for _ in 0..at_once.min(items.len()) {
            scope.spawn(|| {
                while let Some((number, item)) = next() {
                    let result = job(item);
                    if let Ok(mut done) = done.lock() {
                        done.push((number, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn as_many_are_at_work_as_there_is_room_for_and_none_is_left_out() {
        // Two that wait for each other end only if both are at work.
        let both = Barrier::new(2);
        let results = each(&[1, 2, 3, 4], 2, |number| {
            both.wait();
            number * 10
        });
        assert_eq!(results, [10, 20, 30, 40]);
        assert_eq!(each(&[1], 8, |number| *number), [1]);
        assert_eq!(each(&[] as &[u8], 8, |number| *number), [0; 0]);
    }

    #[test]
    fn processors_and_memory_bound_them_and_one_is_always_tried() {
        let of = |processors, threads, kib| of(processors, threads, kib).get();
        assert_eq!(of(8, 1, 100 << 20), 8);
        assert_eq!(of(8, 2, 100 << 20), 4);
        assert_eq!(of(8, 1, 10 << 20), 3);
        assert_eq!(of(1, 2, 0), 1);
    }

    #[test]
    fn what_is_available_is_read_off_the_kernels_table() {
        let text = "MemTotal: 9 kB\nMemAvailable:   12345 kB\n";
        assert_eq!(available_kib(text), 12345);
        assert_eq!(available_kib(""), 0);
    }
}
