"""Memories as users have them: buffers, in Python 3.11 too. Programs that run do without, and start sooner."""

from __future__ import annotations

from jormun.runtime.memory import Memory
from jormun.runtime.native.buffers import let_be_buffers

__all__ = ["Memory"]

let_be_buffers(Memory, Memory.view)
