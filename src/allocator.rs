//! The memory allocator: jemalloc, for its speed with many small objects on several threads, and because it gives memory back after a
//! burst. glibc's keeps most of it.

use std::ffi::c_char;
use std::sync::atomic::AtomicPtr;

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Few arenas, for a small machine's memory matters more than contention; what was freed goes back to the kernel after a
/// second, by a thread that sleeps while there is nothing to give back
/// (<https://jemalloc.net/jemalloc.3.html#tuning>).
///
/// SAFETY: jemalloc reads a C string at this name when it starts; it is one, and it never changes.
#[allow(unsafe_code)]
#[unsafe(export_name = "_rjem_malloc_conf")]
static SETTINGS: AtomicPtr<c_char> = AtomicPtr::new(
    c"narenas:2,background_thread:true,max_background_threads:1,dirty_decay_ms:1000,muzzy_decay_ms:0"
        .as_ptr()
        .cast_mut(),
);
