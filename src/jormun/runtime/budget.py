"""What is left of the limits on what a store's guests have the host keep: bytes, elements of tables, instances."""

from __future__ import annotations

from jormun.hints import Final

NO_BOUND: Final = 1 << 62
"""More than there will ever be."""


class Budget:
    """Numbers of bytes, of elements of tables and of instances, which all that is in a store shares. Safe to use from
    several threads, and in the middle of garbage collections.

    FAST: without a lock, which took 0.2 us each time. Python lets other threads, handlers of signals and `__del__` in
    at calls, at jumps back and where it allocates what a collection looks at. Within an addition to a slot is none of
    these. So nothing is lost, and who has added before he compares never takes too much.
    """

    __slots__ = (
        "elements", "instances", "most_elements", "most_instances", "peak_bytes", "size_bytes", "taken_bytes",
    )  # fmt: skip

    def __init__(self, size_bytes: int, elements: int = NO_BOUND, instances: int = NO_BOUND) -> None:
        self.size_bytes = size_bytes
        self.most_elements = elements
        self.most_instances = instances
        self.peak_bytes = 0
        """The most bytes that were taken at once."""
        self.taken_bytes = self.elements = self.instances = 0
        """How many are taken now."""

    def take(self, size_bytes: int, elements: int = 0, instances: int = 0) -> bool:
        """Take so many, if there are."""
        self.taken_bytes += size_bytes
        self.elements += elements
        self.instances += instances
        taken = self.taken_bytes
        if taken > self.size_bytes or self.elements > self.most_elements or self.instances > self.most_instances:
            self.taken_bytes -= size_bytes
            self.elements -= elements
            self.instances -= instances
            return False
        if taken > self.peak_bytes:
            self.peak_bytes = taken
        return True

    def give_back(self, size_bytes: int, elements: int = 0, instances: int = 0) -> None:
        """Undo a `take`."""
        self.taken_bytes -= size_bytes
        self.elements -= elements
        self.instances -= instances

    @property
    def taken(self) -> tuple[int, int, int]:
        """How many bytes, elements and instances are taken now."""
        return self.taken_bytes, self.elements, self.instances

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
