"""The numbers of pieces, by what the compiler looks them up with.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline.catalogue import CLASS_NAMES, HEIGHTS
from jormun.baseline.library import Library

_INTEGERS = ("i32", "i64")


class Pieces:
    """Numbers of pieces. Lists that say so have one for each class, or for each class and register."""

    def __init__(self, library: Library) -> None:
        numbers = library.pieces
        self.numbers: dict[str, int] = numbers

        def by_register(prefix: str) -> list[int]:
            return [numbers[f"{prefix}.{c}.{h}"] for c in CLASS_NAMES for h in range(HEIGHTS)]

        def by_class(prefix: str) -> list[int]:
            return [numbers[f"{prefix}.{c}"] for c in CLASS_NAMES]

        def by_height(prefix: str) -> list[int]:
            return [numbers[f"{prefix}.{h}"] for h in range(HEIGHTS)]

        self.get: list[int] = by_register("get")
        """Slot to register; class * HEIGHTS + register."""
        self.put: list[int] = by_register("put")
        self.copy: list[int] = by_class("copy")
        self.vm_get: list[int] = by_register("vm.get")
        self.vm_put: list[int] = by_register("vm.put")
        self.vm_get_indirect: list[int] = by_register("vm.get.indirect")
        self.vm_put_indirect: list[int] = by_register("vm.put.indirect")
        self.result: list[int] = by_register("result")
        self.give: list[int] = by_class("give")
        self.give_register: list[int] = by_register("give")
        self.give_buffer: list[int] = by_class("give.buffer")
        self.give_constant: list[int] = [numbers[f"give.const.{c}"] for c in _INTEGERS]
        self.constant: list[int] = [numbers[f"const.{c}.{h}"] for c in _INTEGERS for h in range(HEIGHTS)]
        self.put_constant: list[int] = [numbers[f"const.put.{c}"] for c in _INTEGERS]
        self.wide_i64: list[int] = by_height("const.wide.i64")
        self.f32: list[int] = by_height("const.f32")
        self.f64: list[int] = by_height("const.f64")
        self.v128: list[int] = by_height("const.v128")
        self.zero: list[int] = by_height("const.zero")
        self.pass_area: list[int] = by_class("pass.area")
        self.take_area: list[int] = by_class("take.area")
        self.if_: list[int] = by_height("if")
        self.unless: list[int] = by_height("unless")
        self.if_i64: list[int] = by_height("if.i64")
        self.unless_i64: list[int] = by_height("unless.i64")
        self.select: list[int] = [
            numbers[f"select.{c}.{place}.{h}"] for c in CLASS_NAMES for place in "RS" for h in range(HEIGHTS)
        ]
        """(class * 2 + whether the second operand is in a slot) * HEIGHTS + register."""
        self.if_slot: int = numbers["if.slot"]
        self.unless_slot: int = numbers["unless.slot"]
        self.jump: int = numbers["jump"]
        self.leave: int = numbers["leave"]
        self.count: int = numbers["count"]
        self.call_own: int = numbers["call.own"]

    def pass_(self, c: int, place: int, first_vector: int) -> int:
        """What loads an argument of a class into a register, an index of convention.REGISTERS."""
        k = place - first_vector if place >= first_vector else place
        return self.numbers[f"pass.{CLASS_NAMES[c]}.{k}"]

    def take(self, c: int, place: int, first_vector: int) -> int:
        """What stores a parameter from its register."""
        k = place - first_vector if place >= first_vector else place
        return self.numbers[f"take.{CLASS_NAMES[c]}.{k}"]
