"""What guest code asks of the run time while it runs: the answers to native/machine.py's `Services`."""

from __future__ import annotations

import time

from jormun.hints import TYPE_CHECKING
from jormun.limits import PARAMETERS
from jormun.locks import RLock
from jormun.runtime import layout
from jormun.runtime.module_instance import ModuleInstance
from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.owners import owner_of
from jormun.runtime.slots import slots_of
from jormun.runtime.subtypes import is_subtype
from jormun.runtime.tiering.settings import MAX_COUNTER

if TYPE_CHECKING:
    from jormun.runtime.heap import Heap

_install_lock = RLock()
_is_installed = False


def install_services() -> None:
    """Connect native code to the run time; the first call does it."""
    global _is_installed
    if not _is_installed:
        with _install_lock:
            if not _is_installed:
                Native.get().install(RuntimeServices())
                _is_installed = True


class RuntimeServices:
    """Answers for all instances of the process. `vm` is the address of the caller's record."""

    def compile(self, vm: int, index: int) -> int:
        """Compile the module's function `index`, imports not counted, and return the address of its code."""
        since_ns = time.thread_time_ns()
        instance = _instance(vm)
        compiled = instance.compiled
        func_index = compiled.first_own + index
        area = Native.get().overflow_area(slots_of(compiled.func_type(func_index)).overflow_slots)
        arguments = bytes(area)
        try:
            compiled.fill(instance.parts)  # this call may be the first to need it (`CompiledModule.reveal`)
            return compiled.ensure(func_index)
        finally:
            area[:] = arguments
            if compiled.tier_up is not None:
                compiled.tier_up.compiled(since_ns)

    def memory_grow(self, vm: int, memory: int, delta_pages: int) -> int:
        """The size in pages before, or -1."""
        return _instance(vm).memories[memory].try_grow(delta_pages)

    def table_grow(self, vm: int, table: int, init: int, delta: int) -> int:
        """The size in elements before, or -1."""
        return _instance(vm).tables[table].grow(delta, init)

    def memory_wait32(self, vm: int, memory: int, address: int, expected: int, timeout_ns: int) -> int:
        """See `Memory.wait`."""
        return _instance(vm).memories[memory].wait(address, expected, 4, timeout_ns)

    def memory_wait64(self, vm: int, memory: int, address: int, expected: int, timeout_ns: int) -> int:
        """See `Memory.wait`."""
        return _instance(vm).memories[memory].wait(address, expected, 8, timeout_ns)

    def memory_notify(self, vm: int, memory: int, address: int, count: int) -> int:
        """See `Memory.notify`."""
        return _instance(vm).memories[memory].notify(address, count)

    def is_subtype(self, actual: int, expected: int) -> bool:
        """See `subtypes.is_subtype`."""
        return is_subtype(actual, expected)

    def tier_up(self, vm: int, index: int, loop: int) -> int:
        """See `TierUp.expired`."""
        compiled = _instance(vm).compiled
        if compiled.tier_up is None:  # the code was compiled ahead, and whoever runs it wants no better code
            compiled.counter_values[index] = MAX_COUNTER
            return 0
        return compiled.tier_up.expired(compiled.first_own + index, None if loop == layout.TIER_UP_AT_ENTRY else loop)

    def throw(self, vm: int, tag: int, values: int) -> int:
        """See `Exceptions.throw`."""
        instance = _instance(vm)
        compiled, exceptions = instance.compiled, instance.exceptions
        assert exceptions is not None
        identity = instance.read(compiled.layout.tag_offset(tag))
        return exceptions.throw(identity, compiled.blueprint.tag_types[tag], compiled.tag_name(tag), values)

    def heap_more(self, vm: int, size_class: int) -> int:
        """See `Heap.more`."""
        _heap(vm).more(size_class)
        return 0

    def heap_large(self, vm: int, size_bytes: int) -> int:
        """See `Heap.large`."""
        return _heap(vm).large(size_bytes)

    def refuel(self, vm: int, charge: int) -> int:
        """See `Fuel.pay`. What it asks may call guests, so that the overflow area is kept."""
        fuel = _instance(vm).fuel
        assert fuel is not None
        area = Native.get().overflow_area(PARAMETERS)
        arguments = bytes(area)
        try:
            fuel.pay(charge)
        finally:
            area[:] = arguments
        return 0


def _instance(vm: int) -> ModuleInstance:
    instance = owner_of(pages.read_u64(vm + layout.VM_INSTANCE_KEY))
    assert isinstance(instance, ModuleInstance)
    return instance


def _heap(vm: int) -> Heap:
    heap = _instance(vm).heap
    assert heap is not None
    return heap
