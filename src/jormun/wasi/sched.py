"""Scheduling: sched_yield."""

from __future__ import annotations

import os

from jormun.wasi.abi import SUCCESS
from jormun.wasi.function import wasi_function
from jormun.wasi.wasi import Wasi


@wasi_function
def sched_yield(wasi: Wasi) -> int:
    """Lets other threads run first. A guest without threads has none to give way to: most of its calls do nothing."""
    os.sched_yield()
    return SUCCESS
