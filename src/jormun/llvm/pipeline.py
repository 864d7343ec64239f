"""LLVM text to optimized object code.

LLVM's passes recurse over the code that they work on, and guests choose that code: all of it runs in one thread with a
stack of its own, large enough for what the limits on functions allow.

A process must neither end nor fork while that thread works: LLVM's tables go when the process does, under the thread's
feet, and a child would inherit locks that nobody opens. Both wait for the piece that is being compiled.
"""

from __future__ import annotations

import atexit
import os
import queue
import sys
import threading
from concurrent.futures import Future
from enum import Enum, auto, unique
from functools import cache
from typing import Any

from jormun.llvm import keep
from jormun.llvm.target import Target, binding, host
from jormun.resting import resting

_LEVEL = 2
"""-O2, of the passes and of the code generator."""
BACKGROUND_NICE = 10
"""Of the thread that compiles what nobody waits for: it weighs a tenth of what others do."""
STACK_BYTES = 512 << 20
"""Address space for the compiling thread's stack; only what is touched costs memory."""


@unique
class Effort(Enum):
    """How much of LLVM's optimizer is run."""

    NONE = auto()
    """Code as it comes, with everything in stack slots: for what would need a phi for each of them at each label."""
    LEAST = auto()
    """Registers instead of stack slots, and code as it comes: for what the optimizer would take minutes for."""
    BRIEF = auto()
    """A few passes that clean up what the lowering wrote. Code without loops gains little from more."""
    FULL = auto()
    """The whole of -O2, vectorisers included."""


SUSPECT_PHIS, FEW_PHIS, PHIS_TO_LINES, MOST_PHIS = 8_000, 5_000, 0.6, 5_000_000
"""Loops within loops that all change the same locals make phis in number the product of both, which take LLVM minutes
and gigabytes. Text that may need more than the first number is tried: it may need a few, or as many as a part of its
lines. The last is the most that are tried at all. Of real programs, SQLite, with 177,000 in question, has 705 in 40,000
lines, and one from TinyGo has 3,065 in 9,800."""
_PASSES = {
    Effort.NONE: (),
    Effort.LEAST: ("sroa",),
    Effort.BRIEF: (
        "sroa", "simplify_cfg", "instruction_combine", "jump_threading", "new_gvn", "dead_store_elimination",
        "instruction_combine", "simplify_cfg",
    ),
}  # fmt: skip


def compile_text(
    text: str,
    target: Target | None = None,
    effort: Effort = Effort.FULL,
    most_phis: int = 0,
    *,
    is_background: bool = False,
) -> bytes:
    """The optimized object file of LLVM text that Jormun wrote. `most_phis` is how many phis it may need, at most.

    `is_background` says that nobody waits for it: others of this process's threads come first.
    """
    return _ask(Task(text, target, effort, most_phis, is_background=is_background))


def assembly_of(text: str, target: Target | None = None, effort: Effort = Effort.FULL, most_phis: int = 0) -> str:
    """The machine code that `compile_text` makes of LLVM text, as assembly, for people to read."""
    return _ask(Task(text, target, effort, most_phis, is_assembly=True)).decode()


def _ask(task: Task) -> bytes:
    _tasks(task.is_background).put(task)
    return task.answer.result()


class Task:
    """Something to compile, and its answer to come: an object file, or assembly in UTF-8."""

    def __init__(
        self,
        text: str,
        target: Target | None,
        effort: Effort,
        most_phis: int,
        *,
        is_assembly: bool = False,
        is_background: bool = False,
    ) -> None:
        self.text = text
        self.target = host() if target is None else target
        self.effort = effort
        self.most_phis = most_phis
        self.is_assembly = is_assembly
        self.is_background = is_background
        self.is_of_main_thread = threading.current_thread() is threading.main_thread()
        self.answer: Future[bytes] = Future()

    def run(self) -> None:
        """Compile; an exception is part of the answer."""
        try:
            self.answer.set_result(_compile(self))
        except BaseException as error:
            self.answer.set_exception(error)


_working = threading.Lock()
"""Held while LLVM compiles."""
_is_ending = threading.Event()


@cache
def _tasks(is_background: bool) -> queue.SimpleQueue[Task]:
    """The queue of a compiling thread, which is started here, and ends with the process. There are two at most, of
    which one works at a time.
    """
    tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()

    def serve() -> None:
        if is_background:
            _give_way()
        while True:
            with resting:
                task = tasks.get()
            with _working:
                # The main thread waits for its tasks before it goes on to end the process. Nothing waits for others,
                # which are daemons: they get no answer any more.
                if task.is_of_main_thread or not _is_ending.is_set():
                    task.run()

    before = threading.stack_size(STACK_BYTES)
    try:
        threading.Thread(target=serve, name="jormun-llvm", daemon=True).start()
    finally:
        threading.stack_size(before)
    return tasks


def _give_way() -> None:
    """Let the calling thread compute while others of its process do not want to, for the most part: where no processor
    is free, it takes a tenth of the time from a guest, and not half of it. A thread cannot take that back.
    """
    if sys.platform == "linux":  # elsewhere it is the process that has a priority
        thread = threading.get_native_id()
        try:
            nice = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, min(nice + BACKGROUND_NICE, 19))
        except OSError:
            pass  # a sandbox forbids it: the thread works as others do


@atexit.register
def _end() -> None:
    """Wait for what LLVM is at, and begin no more for other threads than the main one."""
    _is_ending.set()
    with _working:
        pass


def _forget_thread() -> None:
    """In a child of a fork: the thread is the parent's."""
    _tasks.cache_clear()
    _working.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_working.acquire, after_in_parent=_working.release, after_in_child=_forget_thread)


def _compile(task: Task) -> bytes:
    text, target, effort = task.text, task.target, task.effort
    if _needs_many_phis(text, task.most_phis):
        effort = Effort.NONE
    is_plain = effort in (Effort.NONE, Effort.LEAST)
    llvm = binding()
    machine = target.machine(0 if is_plain else _LEVEL)
    context = llvm.create_context()
    with llvm.parse_assembly(text, context) as module:
        module.triple = target.triple
        module.data_layout = str(machine.target_data)
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=_LEVEL))
        if effort is Effort.FULL:
            builder.getModulePassManager().run(module, builder)
        else:
            manager = llvm.create_new_module_pass_manager()
            for name in _PASSES[effort]:
                getattr(manager, f"add_{name}_pass")()
            manager.run(module, builder)
        if not keep.is_called(text):
            return _emitted(machine, module, task.is_assembly)
        pruned = keep.prune(str(module))
    with llvm.parse_assembly(pruned, context) as module:
        if keep.is_called(pruned):
            definitions = llvm.parse_assembly(keep.definitions(target.vector_bits), context)
            definitions.triple, definitions.data_layout = module.triple, module.data_layout
            module.link_in(definitions)
        _finish(llvm, module, builder, unrolls=not is_plain)
        return _emitted(machine, module, task.is_assembly)


def _needs_many_phis(text: str, most_phis: int) -> bool:
    """Whether turning stack slots into registers makes so many phis that LLVM would seem to hang."""
    if most_phis <= SUSPECT_PHIS or most_phis > MOST_PHIS:
        return most_phis > MOST_PHIS
    llvm = binding()
    with llvm.parse_assembly(text, llvm.create_context()) as module:
        machine = host().machine(0)
        manager = llvm.create_new_module_pass_manager()
        manager.add_sroa_pass()
        manager.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=0)))
        count = str(module).count(" = phi ")
    return count > max(FEW_PHIS, PHIS_TO_LINES * text.count("\n"))


def _emitted(machine: Any, module: Any, is_assembly: bool) -> bytes:
    """What the code generator makes of a module."""
    if is_assembly:
        return str(machine.emit_assembly(module)).encode()
    return bytes(machine.emit_object(module))


def _finish(llvm: Any, module: Any, builder: Any, *, unrolls: bool) -> None:
    """Inline the definitions of `keep`, and do what LLVM does not do to loops with calls: unroll them."""
    manager = llvm.create_new_module_pass_manager()
    manager.add_always_inliner_pass()
    if unrolls:
        manager.add_loop_unroll_pass()
        manager.add_instruction_combine_pass()
        manager.add_simplify_cfg_pass()
    manager.run(module, builder)
