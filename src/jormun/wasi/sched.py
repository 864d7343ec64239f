"""Scheduling: sched_yield."""

from __future__ import annotations

import os

from jormun.wasi.abi import SUCCESS
from jormun.wasi.function import wasi_function
from jormun.wasi.wasi import Wasi


@wasi_function
def sched_yield(wasi: Wasi) -> int:
    """Lets other threads of the host run first."""
    os.sched_yield()
    return SUCCESS
