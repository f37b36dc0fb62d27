"""Figures of the machine and of this process of its operating system."""

from __future__ import annotations

import gc
import mmap
import os
import socket
import sys
import time
from pathlib import Path

try:
    import resource
except ImportError:  # not on Windows
    resource = None

PAGE = mmap.PAGESIZE
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def pid() -> int:
    return os.getpid()


def hostname() -> str:
    return socket.gethostname() or "localhost"


def folder() -> str:
    return os.getcwd()


def processors() -> int:
    return os.cpu_count() or 1


def _pages() -> tuple[int, int, int, int]:
    """Bytes of address space, resident, shared with files, and data; on machines that do not tell, the peak."""
    try:
        size, resident_, shared, _, _, data, _ = map(int, Path("/proc/self/statm").read_text().split())
    except (OSError, ValueError):
        top = peak()
        return top, top, 0, top
    return size * PAGE, resident_ * PAGE, shared * PAGE, data * PAGE


def resident() -> int:
    """Bytes of memory in use."""
    return _pages()[1]


def peak() -> int:
    """The most bytes that were ever in use."""
    if resource is None:
        return sys.getallocatedblocks() * 64
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT


def cpu_seconds() -> float:
    """CPU time used so far, in all threads."""
    return time.process_time()


def objects() -> int:
    """Blocks that Python has allocated, a cheap stand-in for the number of objects."""
    return sys.getallocatedblocks()


def memory(limit: int) -> dict[str, int]:
    """The figures of `system.memory.stats`, as near as this machine tells; `limit` in bytes."""
    size, used, shared, data = _pages()
    heap = max(used - shared, 1)
    return {
        "alloc": used,
        "total_alloc": max(peak(), used),
        "sys": size,
        "heap_alloc": heap,
        "heap_sys": max(data, heap),
        "heap_idle": max(data - heap, 0),
        "heap_in_use": heap,
        "heap_released": 0,
        "heap_objects": objects(),
        "stack_in_use": 0,
        "stack_sys": 0,
        "mspan_in_use": 0,
        "mspan_sys": 0,
        "num_gc": sum(generation["collections"] for generation in gc.get_stats()),
        "next_gc": min(2 * heap, limit),
    }
