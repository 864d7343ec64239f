"""The numbers of pieces, by what the compiler looks them up with.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline.catalogue import CLASS_NAMES, HEIGHTS
from jormun.baseline.library import Library
from jormun.llvm.convention import REGISTERS, VECTOR

_INTEGERS = ("i32", "i64")
_FIRST_VECTOR = REGISTERS.index(VECTOR)


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

        def by_place(prefix: str) -> list[int]:
            found = []
            for c in CLASS_NAMES:
                for place, register in enumerate(REGISTERS):
                    k = place - _FIRST_VECTOR if register == VECTOR else place
                    found.append(numbers.get(f"{prefix}.{c}.{k}", -1))
            return found

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
        self.pass_: list[int] = by_place("pass")
        """What loads an argument into its register; class * len(REGISTERS) + place."""
        self.pass_constant: list[int] = by_place("pass.const")
        self.take: list[int] = by_place("take")
        """What stores a parameter from its register."""
        self.element: list[int] = by_height("element")
        self.type: list[int] = by_height("type")
        self.if_slot: int = numbers["if.slot"]
        self.unless_slot: int = numbers["unless.slot"]
        self.jump: int = numbers["jump"]
        self.leave: int = numbers["leave"]
        self.count: int = numbers["count"]
        self.fuel: int = numbers["fuel"]
        self.fuel_later: int = numbers["fuel.later"]
        self.call_own: int = numbers["call.own"]
        self.call_imported: int = numbers["call.imported"]
        self.call_record: int = numbers["call.record"]
        self.try_own: int = numbers["try.own"]
        self.try_imported: int = numbers["try.imported"]
        self.try_record: int = numbers["try.record"]
        """Calls inside of a `try_table`, which branch when an exception came."""
        self.exception_get: list[int] = by_class("exception.get")
