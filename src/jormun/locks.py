"""The locks of `threading`, and which thread runs, without importing it: it brings half a dozen modules, 4 ms.

Type checkers see threading's. Threads themselves are made by threading, which is imported when the first one is.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import TIMEOUT_MAX as TIMEOUT_MAX
    from threading import Lock as Lock
    from threading import RLock as RLock
    from threading import get_ident as get_ident
    from threading import get_native_id as get_native_id
    from threading import local as local
else:
    import _thread

    Lock, RLock, local = _thread.allocate_lock, _thread.RLock, _thread._local
    TIMEOUT_MAX, get_ident, get_native_id = _thread.TIMEOUT_MAX, _thread.get_ident, _thread.get_native_id


def is_main_thread() -> bool:
    """Whether the calling thread is the main one, whose number is that of the process under Linux."""
    if sys.platform == "linux":
        return get_native_id() == os.getpid()
    from threading import current_thread, main_thread

    return current_thread() is main_thread()
