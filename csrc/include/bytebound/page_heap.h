/*
 * An allocator whose blocks are whole pages, straight from the operating system.
 *
 * Purpose: for a structure whose arrays are to be counted by what they really take. A heap
 * keeps slack that nobody sees, and copies what grows; here a block takes its size rounded
 * up to whole pages, growing moves pages instead of bytes where the system can, and what is
 * given up is gone.
 *
 * Not for small blocks: each takes a page.
 *
 * Complexity: a system call wherever the number of pages changes.
 *
 * Threads: none of this has a state of its own.
 */
#ifndef BYTEBOUND_PAGE_HEAP_H
#define BYTEBOUND_PAGE_HEAP_H

#include "bytebound/alloc.h"
#include "bytebound/pages.h"

/* The source stays where it is while the allocator is in use. */
bb_allocator bb_page_heap(bb_page_source *pages);

#endif
