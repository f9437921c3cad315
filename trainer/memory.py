"""The memory of a training: kept in the process when it is freed, and known when it runs out.

By default glibc gives each large block back to the system when it is freed, and the system clears
the pages anew at the next step, which takes the same gigabyte again: a quarter of the processor
time of a compiled EfficientNet.
"""

from __future__ import annotations

import ctypes
import logging
import sys

import torch

logger = logging.getLogger(__name__)

# glibc's malloc.h
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8
_TOP_PAD_BYTES = 256 * 2**20


def keep_freed_memory() -> bool:
    """Tell glibc to reuse freed blocks rather than return them; False where there is no glibc.

    One arena for all threads: each would keep its own. For processes that only train, since the
    memory of the largest moment stays with the process to its end.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    accepted = [
        mallopt(_M_MMAP_MAX, 0),
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1),
        mallopt(_M_TOP_PAD, _TOP_PAD_BYTES),
        mallopt(_M_ARENA_MAX, 1),
    ]
    if not all(accepted):
        logger.warning("the memory allocator refused a setting; training may be slower")
    return all(accepted)


def is_out_of_memory(error: Exception) -> bool:
    """Whether the memory of the device or of the machine did not suffice."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # some libraries under torch say so in words only
    signs = ("can't allocate memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)
