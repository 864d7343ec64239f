"""Calls of WASI that machine code answers, in LLVM text: a file a topic, as in wasi/, and call.py for what all have.

Each is called in place of a host function, with the same arguments, and answers what is plain and succeeds. All else it
leaves to the host function, by a jump that finds everything as the guest passed it: what is unknown, what fails, what
would wait, what Python wants to see. So errors and their order are Python's, and a call that failed here, which had no
effect, is made again there. What is known of descriptors and memory is in records (runtime/world.py).

Safe because:
- They run on the guest's stack, without the GIL, call nothing that takes it, and touch no object of Python's.
- A world's record, its table, the strings and streams in it live as long as the host function, which is called through
  a record beside its own. A stream, a name, a listing and a host's descriptor are used only between `lock` and
  `unlock` of the table, where Python waits before it takes any of them away; but a descriptor that nobody else knows
  is closed later.
- In between nothing is called but the time of day and functions of ours, so that no fault ends the activation there:
  system calls are made by the instruction, and bytes copied by one. The function's own frame, less than a page, and
  what those take below it have been touched at their lower end before.
- Addresses are checked against the memory's present size, of which each call makes one reading; a memory neither
  shrinks nor moves. They are 32-bit numbers in 64-bit arithmetic, where their sum with a length does not overflow.
  Where another thread may change iovecs meanwhile, what was checked is what is used: volatile loads are not made twice.
- The kernel gets addresses within the memory, the function's frame or the room of a stream alone, and writes no more
  than their lengths.
- No call here waits for others, so that a guest that is to end does so soon: each looks, when it is done, for a note
  that a signal has left (native/glue.py), and Python gets one call in CALLS.
"""

from __future__ import annotations

from jormun.runtime.native.wasi import (
    advice,
    beneath,
    buffers,
    clock,
    closing,
    file,
    flags,
    link,
    listing,
    names,
    offset,
    opening,
    poll,
    position,
    process,
    random,
    sched,
    size,
    status,
    strings,
    times,
    transfer,
)
from jormun.runtime.native.wasi.call import DECLARATIONS

TOPICS = (
    strings,
    clock,
    transfer,
    offset,
    position,
    status,
    flags,
    times,
    names,
    opening,
    closing,
    link,
    listing,
    advice,
    random,
    sched,
    process,
    poll,
    size,
)


def text() -> str:
    """The LLVM text of all of them. They jump to jormun_host_function, and call clock_gettime and jormun_heed."""
    calls = [call.text() for topic in TOPICS for call in topic.CALLS]
    return "".join([DECLARATIONS, buffers.BUFFERS, file.TEXT, names.TEXT, beneath.TEXT, *calls])
