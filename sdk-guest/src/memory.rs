//! The guest's allocator: it begins with memory that the component already has, and only then asks for more.
//!
//! The standard allocator asks the engine for more memory at the first allocation of each call. The host then opens
//! pages, and closes them after the call: two changes of the process's memory map, each of which interrupts every
//! core. Most calls fit into [`ARENA_BYTES`], which are there from the start.

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32;
use std::cell::{Cell, UnsafeCell};
use std::ptr;

use dlmalloc::{Allocator, Dlmalloc};

/// Enough for a request, its response and both as values where the response has some ten kilobytes. Zeroes that nothing
/// has touched cost neither bytes in the component nor time in a call.
const ARENA_BYTES: usize = 512 << 10;

/// What WebAssembly grows memory by.
const PAGE_BYTES: usize = 64 << 10;

#[global_allocator]
static MEMORY: Memory = Memory(UnsafeCell::new(Dlmalloc::new_with_allocator(Source { given: Cell::new(false) })));

static ARENA: Arena = Arena(UnsafeCell::new([0; ARENA_BYTES]));

struct Memory(UnsafeCell<Dlmalloc<Source>>);

#[repr(align(16))]
struct Arena(UnsafeCell<[u8; ARENA_BYTES]>);

/// Where the allocator gets its memory from.
struct Source {
    given: Cell<bool>,
}

#[expect(unsafe_code, reason = "a component of this contract has one thread")]
unsafe impl Sync for Memory {}

#[expect(unsafe_code, reason = "the arena is given away once, and only as an address")]
unsafe impl Sync for Arena {}

#[expect(unsafe_code, reason = "an allocator is made of raw memory; dlmalloc upholds the contract, on one thread")]
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(pointer, layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(pointer, layout.size(), layout.align(), size) }
    }
}

#[expect(unsafe_code, reason = "each region is given once: the arena, then pages that only this function asks for")]
unsafe impl Allocator for Source {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if !self.given.replace(true) && size <= ARENA_BYTES {
            return (ARENA.0.get().cast(), ARENA_BYTES, 0);
        }
        let pages = size.div_ceil(PAGE_BYTES);
        let before = wasm32::memory_grow::<0>(pages);
        if before == usize::MAX {
            return (ptr::null_mut(), 0, 0);
        }
        // The host's limit on memory lies far below the end of the address space: nothing wraps around.
        ((before * PAGE_BYTES) as *mut u8, pages * PAGE_BYTES, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE_BYTES
    }
}
