"""The native side of module instances (core specification, section 4.2.5)."""

from __future__ import annotations

from jormun.containers import ref
from jormun.errors import UnsupportedError
from jormun.hints import TYPE_CHECKING, Sequence
from jormun.locks import RLock
from jormun.runtime import layout
from jormun.runtime.memory import Memory
from jormun.runtime.module import CompiledModule
from jormun.runtime.native import pages
from jormun.runtime.native.machine import Native
from jormun.runtime.owners import owners
from jormun.runtime.parts import Parts
from jormun.runtime.table import TableInstance

if TYPE_CHECKING:
    from jormun.runtime.budget import Budget
    from jormun.runtime.exceptions import Exceptions
    from jormun.runtime.function_facts import FunctionFacts
    from jormun.runtime.heap import Heap
    from jormun.runtime.metering.fuel import Fuel

_making = RLock()


class ModuleInstance:
    """An instance's parts, and what else keeps alive what its record points to.

    Owned by its store, to which it does not refer. Imported functions, tables, globals and tags are the same store's.
    """

    __slots__ = (
        "__weakref__", "_budget", "_key", "_lease", "_memories", "_words", "compiled", "exceptions", "fuel", "heap",
        "parts", "segments", "tables",
    )  # fmt: skip

    def __init__(
        self,
        compiled: CompiledModule,
        parts: Parts,
        memories: Sequence[Memory] | None,
        budget: Budget,
        lease: object = None,
    ) -> None:
        """With `memories`, all of them, imported ones first; without, those that the parts have. `lease` sees to it
        that nobody else has the parts. The instance has been taken from `budget`.
        """
        self._budget = budget
        self.compiled = compiled
        self.parts = parts
        self.tables: list[TableInstance] = parts.tables
        """All tables, imported ones first."""
        self.segments: dict[int, pages.Block] = {}
        """The references in each element segment that is not dropped."""
        self.fuel: Fuel | None = None
        """What its code is paid from, if that is metered."""
        self.exceptions: Exceptions | None = None
        """Those of its store, if its module has tags."""
        self.heap: Heap | None = None
        """That of its store, if its module has structures or arrays."""
        self._memories = memories
        self._lease = lease
        self._words = parts.words
        key = self._key = parts.key
        owners[key] = ref(self)

    def __del__(self) -> None:
        # FAST: `forget` and `Budget.give_back` written out, 0.1 us.
        try:
            key = self._key
        except AttributeError:
            return  # there was no memory to make it
        owners.pop(key, None)
        self._budget.instances -= 1

    @property
    def vm(self) -> int:
        """The address of the record."""
        return self.parts.vm

    @property
    def memories(self) -> Sequence[Memory]:
        """All memories, imported ones first."""
        if self._memories is None:
            with _making:  # there is one handle of each
                memories = [Memory.at(each, self._lease) for each in self.parts.memories]
                if self._memories is None:  # else another thread was faster, or a signal's handler
                    self._memories = memories
        return self._memories

    def memory(self, index: int) -> Memory:
        """A memory, by its index."""
        return self.memories[index]

    def belong(self, lease: object) -> None:
        """Hold `lease` from now on, which the memories will hold too: all of them are own ones, and have no handles
        yet.
        """
        assert self._memories is None
        self._lease = lease

    def pay_from(self, fuel: Fuel) -> None:
        """Let its code, which is metered, be paid from there. Raises UnsupportedError on a CPU older than 2011."""
        if not Native.get().has_xsave:
            raise UnsupportedError("fuel needs a CPU, and a system, with XSAVE")
        self.fuel = fuel
        self.write(layout.VM_FUEL, fuel.address)

    def throw_into(self, exceptions: Exceptions) -> None:
        """Let its code, whose module has tags, throw exceptions of its store."""
        self.exceptions = exceptions
        self.write(layout.VM_EXCEPTIONS, exceptions.remembered.address)

    def allocate_from(self, heap: Heap) -> None:
        """Let its code, whose module has structures or arrays, make some in the heap of its store."""
        from jormun.runtime.shapes import shapes_base

        self.heap = heap
        self.write(layout.VM_HEAP, heap.address)
        self.write(layout.VM_SHAPES, shapes_base())

    def write(self, offset: int, word: int) -> None:
        """Set 8 bytes of the record."""
        self._words[offset >> 3] = word

    def write_words(self, offset: int, words: Sequence[int]) -> None:
        """Set 8 bytes of the record for each."""
        pages.write_u64s(self.parts.vm + offset, *words)

    def read(self, offset: int) -> int:
        """Get 8 bytes of the record."""
        return self._words[offset >> 3]

    def function_facts(self, cookie: int) -> FunctionFacts:
        """What is known of the own function with this index."""
        return self.compiled.function_facts(cookie)
