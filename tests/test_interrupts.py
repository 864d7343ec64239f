"""Signals that wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from jormun.interrupts import kept_from_children, postponed


def test_what_would_end_the_process_waits() -> None:
    """The block is done, then the process ends of the signal."""
    script = """
import os, signal
from jormun.interrupts import postponed
signal.signal(signal.SIGINT, signal.SIG_DFL)
with postponed():
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    print("done", flush=True)
print("never")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "done\n")


def test_handlers_of_pythons_are_let_through() -> None:
    """And stay as they were."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), postponed():
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads() -> None:
    """Where signals cannot be changed the block runs all the same."""
    ran = []

    def work() -> None:
        with postponed():
            ran.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ran == [1]


def test_children_are_spared() -> None:
    """A process that was started in the block lives on; this one takes signals as before."""
    script = "import sys, time; print(1, flush=True); sys.stdin.read()"
    with kept_from_children():
        child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with child:
        assert child.stdout is not None and child.stdin is not None
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        child.stdin.close()
        assert child.wait() == 0
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
