"""Guests that keep the GIL since no other thread of Python's is there, in processes of their own, where none is."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGIN = """
import ctypes, threading, time
import jormun
from jormun.runtime import layout
from jormun.runtime.native.machine import Native
module = jormun.Module('''(module (import "" "host" (func $host)) (memory (export "memory") 1)
  (func (export "spin") (call $host) (loop $l (br_if $l (i32.eqz (i32.load (i32.const 0)))))))''',
  config=jormun.Config(tier="baseline", cache=False))
def spin(host):
    instance = jormun.Instance(module, {"": {"host": host}})
    global memory
    memory = instance.exports.memory
    return instance.exports.spin
def keeps_gil():
    return Native.get().stacks.current().field(layout.CONTEXT_THREAD_STATE) == 0
def write():
    memory[0] = 1
"""
CASES = {
    "nobody is there": """
kept = []
spin(lambda: (kept.append(keeps_gil()), write())[1])()
""",
    "the host starts a thread": """
spin(lambda: threading.Thread(target=write).start())()
""",
    "a thread that Python has not made comes": """
thread = ctypes.c_void_p()
@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def foreign(argument):
    write()
held = ctypes.PyDLL(None).pthread_create
spin(lambda: [held(ctypes.byref(thread), None, foreign, None), None][1])()
""",
    "a C function is called": """
seen = []
@ctypes.CFUNCTYPE(None)
def native():
    seen.append(keeps_gil())
    write()
spin(native)()
assert seen == [False]
""",
    "a handler of a signal ends it": """
import signal
class Over(Exception): pass
def handler(*_): raise Over
signal.signal(signal.SIGALRM, handler)
try:
    spin(lambda: signal.setitimer(signal.ITIMER_REAL, 0.05) and None)()
except Over:
    pass
else:
    raise AssertionError
""",
}


@pytest.mark.parametrize("case", CASES)
def test_guests_end(case: str) -> None:
    """A guest that waits for somebody else, who needs the GIL, lets him have it."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + CASES[case]], timeout=300, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
