//! Memory that the allocator holds and nobody uses.

/// Gives it back to the system. glibc keeps it, in places of its own for each thread: a process that was busy for hours, and
/// restored a backup meanwhile, ends with half as much again as it uses.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: it takes the allocator's own locks, and touches nothing but what is free.
        let _whether_there_was_any = unsafe { malloc_trim(0) };
    }
}
