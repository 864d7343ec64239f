"""What is known of a function, whichever instance it is of (core specification, section 4.2.7)."""

from __future__ import annotations

from jormun.runtime.native.machine import Native
from jormun.runtime.slots import not_plain, slots_of
from jormun.types import DefType, FuncType


class FunctionFacts:
    """What the function objects for one function of a module, in all instances, have in common."""

    __slots__ = ("deftype", "entry", "func_type", "is_short", "name", "signature", "slots")

    def __init__(self, deftype: DefType, name: str, is_short: bool) -> None:
        """`is_short`: it runs for a moment at most, and may keep the GIL."""
        assert isinstance(deftype.composite, FuncType)
        self.deftype = deftype
        self.func_type = deftype.composite
        self.name = name
        self.is_short = is_short
        slots = self.slots = slots_of(self.func_type)
        self.entry = Native.get().symbols[slots.entry]
        """The address of what Python calls it by."""
        self.signature = (slots.signature if slots.is_small else not_plain()).address
        """That of the signature record for it (runtime/layout.py), which the slots hold."""
