//! The calling thread's processor clock.

/// Nanoseconds of processor time the calling thread has used.
#[cfg(unix)]
pub(crate) fn thread_cpu_nanos() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// Nanoseconds of processor time the calling thread has used. The system's thread times advance in
/// steps of 15 ms, so the cycle counter is read, and four cycles are taken for a nanosecond: a turn may
/// get more than its budget, never less.
#[cfg(windows)]
#[expect(unsafe_code, reason = "the standard library has no thread clock")]
pub(crate) fn thread_cpu_nanos() -> u64 {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetCurrentThread() -> isize;
        fn QueryThreadCycleTime(thread: isize, cycles: *mut u64) -> i32;
    }
    const CYCLES_PER_NANO: u64 = 4;
    let mut cycles = 0u64;
    // SAFETY: the pseudo handle is always valid, and the pointer is to a local of the right type.
    let ok = unsafe { QueryThreadCycleTime(GetCurrentThread(), &mut cycles) };
    if ok == 0 { 0 } else { cycles / CYCLES_PER_NANO }
}
