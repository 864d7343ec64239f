"""What is left of the limits on what a store's guests have the host keep: bytes, elements of tables, instances."""

from __future__ import annotations

from jormun.hints import Final
from jormun.locks import Lock

NO_BOUND: Final = 1 << 62
"""More than there will ever be."""


class Budget:
    """Numbers of bytes, of elements of tables and of instances, which all that is in a store shares. Safe to use from
    several threads.
    """

    __slots__ = (
        "_bytes", "_elements", "_instances", "_lock", "_returned", "most_elements", "most_instances", "peak_bytes",
        "size_bytes",
    )  # fmt: skip

    def __init__(self, size_bytes: int, elements: int = NO_BOUND, instances: int = NO_BOUND) -> None:
        self.size_bytes = size_bytes
        self.most_elements = elements
        self.most_instances = instances
        self.peak_bytes = 0
        """The most bytes that were taken at once."""
        self._bytes = self._elements = self._instances = 0
        # What was given back since the last `take`. Objects give back as they die, which a garbage collection may cause
        # at any place, in `take` too: so that must not need the lock.
        self._returned: list[tuple[int, int, int]] = []
        self._lock = Lock()

    def take(self, size_bytes: int, elements: int = 0, instances: int = 0) -> bool:
        """Take so many, if there are."""
        with self._lock:
            if self._returned:
                self._collect()
            taken = self._bytes + size_bytes
            if (
                taken > self.size_bytes
                or self._elements + elements > self.most_elements
                or self._instances + instances > self.most_instances
            ):
                return False
            self._bytes = taken
            self._elements += elements
            self._instances += instances
            if taken > self.peak_bytes:
                self.peak_bytes = taken
            return True

    @property
    def taken(self) -> tuple[int, int, int]:
        """How many bytes, elements and instances are taken now."""
        with self._lock:
            self._collect()
            return self._bytes, self._elements, self._instances

    @property
    def taken_bytes(self) -> int:
        """How many bytes are."""
        return self.taken[0]

    def _collect(self) -> None:
        while self._returned:
            size_bytes, elements, instances = self._returned.pop()
            self._bytes -= size_bytes
            self._elements -= elements
            self._instances -= instances

    def give_back(self, size_bytes: int, elements: int = 0, instances: int = 0) -> None:
        """Undo a `take`."""
        self._returned.append((size_bytes, elements, instances))

    @property
    def bytes_reason(self) -> str:
        """Why no more bytes can be taken."""
        return f"all memories and tables of a store may have {self.size_bytes:,} bytes (Limits.memory)"

    @property
    def elements_reason(self) -> str:
        """Why no more elements can be taken."""
        return f"all tables of a store may have {self.most_elements:,} elements (Limits.table_elements)"

    @property
    def instances_reason(self) -> str:
        """Why no more instances can be made."""
        return f"a store may have {self.most_instances:,} instances (Limits.instances)"
