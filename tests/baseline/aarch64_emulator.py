"""Instances whose code is for aarch64, run by an emulator: Unicorn.

Everything that code reaches is in the emulator's memory: nothing here depends on the machine that tests run on.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pytest

import jormun
from jormun.baseline.engine import BaselineEngine
from jormun.errors import TrapKind
from jormun.llvm.convention import REGISTERS, VECTOR, places
from jormun.runtime import layout
from jormun.runtime.layout import Layout
from jormun.runtime.metering.costs import Costs
from jormun.runtime.native.calls import Signature, parameter_types
from jormun.types import F32, F64, V128, FuncType, ValType
from tests.baseline.emulated_heap import SHAPES, EmulatedHeap

CODE, VM, TABLES, MEMORY, SERVICES, STACK = (k << 40 for k in range(1, 7))
FUEL = TABLES + (7 << 13)
END = SERVICES + 4096
"""Where a call returns to."""
MOST_INSTRUCTIONS = 10_000_000
_CALLEE_SAVED = range(19, 29)
_FIRST_VECTOR = REGISTERS.index(VECTOR)
_WIDTHS = {jormun.types.I32: 4, F32: 4, V128: 16}


class EmulatedInstance:
    """An instance of a module that imports nothing and has one memory, one table, and globals, all as they begin."""

    def __init__(self, module: jormun.Module, costs: Costs | None = None) -> None:
        """With `costs` it has metered code, and no fuel yet."""
        self.unicorn = unicorn = pytest.importorskip("unicorn")
        self.arm = pytest.importorskip("unicorn.arm64_const")
        self.machine: Any = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
        self.machine.ctl_set_cpu_model(self.arm.UC_CPU_ARM64_MAX)
        self.module = module
        self.layout = Layout(module.blueprint)
        engine = BaselineEngine(None, costs, architecture="aarch64")
        count = len(module.valid.module.functions)
        facts = engine.facts(module.valid, self.layout)
        self.places: list[int] = []
        code = bytearray()
        for index in range(count):
            code += bytes(-len(code) % 16)
            self.places.append(CODE + len(code))
            code += engine.code(facts, index)
        for address, size_bytes in (
            (CODE, len(code)), (VM, self.layout.size_bytes), (TABLES, 1 << 16), (MEMORY, 1 << 16), (SERVICES, 8192),
            (STACK, layout.STACK_BLOCK_BYTES),
        ):  # fmt: skip
            self.machine.mem_map(address, (size_bytes + 4095) // 4096 * 4096)
        self.machine.mem_write(CODE, bytes(code))
        self.service: int | None = None
        self.asked: tuple[int, ...] = ()
        """The arguments of the last call for more fuel."""
        self.machine.hook_add(unicorn.UC_HOOK_CODE, self._on_service, begin=SERVICES, end=SERVICES + 8191)
        unmapped = unicorn.UC_HOOK_MEM_READ_UNMAPPED | unicorn.UC_HOOK_MEM_WRITE_UNMAPPED
        self.fault = 0
        self.machine.hook_add(unmapped, self._on_fault)
        self.heap = EmulatedHeap(self.machine, module.blueprint.types)
        self._fill()

    def _fill(self) -> None:
        """Write the instance record, and what it points to."""
        table, records, elements, services = (TABLES + (k << 13) for k in range(4))
        self._write(VM + layout.VM_CODE_TABLE, table)
        self._write(VM + layout.VM_SERVICES, services)
        self._write(VM + layout.VM_FUEL, FUEL)
        self._write(VM + layout.VM_SHAPES, SHAPES)
        for k in range(len(layout.SERVICES)):
            self._write(services + 8 * k, SERVICES + 16 * k)
        for k, place in enumerate(self.places):
            self._write(table + 8 * k, place)
        blueprint = self.module.blueprint
        for index, deftype in enumerate(blueprint.types):
            self._write(VM + self.layout.type_id_offset(index), self.heap.number(deftype))
        for index in self.layout.own_function_records:
            record = VM + self.layout.own_function_record_offset(index)
            self._write(record + layout.FUNCTION_CODE, self.places[index])
            self._write(record + layout.FUNCTION_VM, VM)
            self._write(record + layout.FUNCTION_TYPE_ID, self._type(index).id)
        self._write(VM + self.layout.memory_base_offset(0), MEMORY)
        self._write(VM + self.layout.memory_record_offset(0), records)
        self._write(records + layout.MEMORY_BASE, MEMORY)
        self._write(records + layout.MEMORY_SIZE_BYTES, 1 << 16)
        for index, init in enumerate(blueprint.globals):
            assert isinstance(init, int)
            self.machine.mem_write(VM + self.layout.global_place(index)[0], init.to_bytes(16, "little"))
        for data in (*blueprint.contents, *blueprint.datas):
            self.machine.mem_write(MEMORY, bytes(data.contents))
        if blueprint.table_types:
            self._write(VM + self.layout.table_record_offset(0), records + 64)
            self._write(records + 64 + layout.TABLE_ELEMENTS, elements)
            self._write(records + 64 + layout.TABLE_SIZE, int(blueprint.table_types[0].limits.minimum))
            for element in blueprint.elements:
                for k, index in enumerate(element.functions or ()):
                    self._write(elements + 8 * k, VM + self.layout.own_function_record_offset(index))

    @property
    def fuel(self) -> int:
        """What is left."""
        left: int = struct.unpack("<q", self.machine.mem_read(FUEL, 8))[0]
        return left

    @fuel.setter
    def fuel(self, amount: int) -> None:
        self._write(FUEL, amount)

    def call(self, index: int, arguments: Sequence[int]) -> list[int] | TrapKind:
        """The bits that a function returns for bits, or the trap that it ends in."""
        func_type = self._type(index).composite
        assert isinstance(func_type, FuncType)
        passed = places(parameter_types(Signature.of(func_type)))
        buffer = STACK + layout.STACK_BLOCK_BYTES - 4096
        is_many = len(func_type.results) > 1
        words = [VM, buffer, *arguments] if is_many else [VM, *arguments]
        for place, bits in zip(passed, words, strict=True):
            if place < 0:
                area = STACK + layout.STACK_OVERFLOW_AREA + layout.VALUE_SLOT_BYTES * ~place
                self.machine.mem_write(area, bits.to_bytes(16, "little"))
            elif place >= _FIRST_VECTOR:
                self.machine.reg_write(self.arm.UC_ARM64_REG_Q0 + place - _FIRST_VECTOR, bits)
            else:
                self.machine.reg_write(self.arm.UC_ARM64_REG_X0 + place, bits)
        self._set_kept()
        self.service = None
        self.machine.reg_write(self.arm.UC_ARM64_REG_SP, buffer)
        self.machine.reg_write(self.arm.UC_ARM64_REG_LR, END)
        self.fault = 0
        try:
            self.machine.emu_start(self.places[index], 0, count=MOST_INSTRUCTIONS)
        except self.unicorn.UcError:
            if MEMORY <= self.fault < MEMORY + layout.MEMORY_ADDRESSABLE_BYTES + layout.MEMORY_GUARD_BYTES:
                return TrapKind.MEMORY_OUT_OF_BOUNDS
            raise
        if self.service is not None:
            if layout.SERVICES[self.service] == "jormun_fuel":
                self.asked = tuple(self.machine.reg_read(self.arm.UC_ARM64_REG_X0 + k) for k in range(3))
                return TrapKind.FUEL_EXHAUSTED
            assert layout.SERVICES[self.service] == "jormun_trap"
            return TrapKind(self.machine.reg_read(self.arm.UC_ARM64_REG_X0) & 0xFFFF_FFFF)
        assert self.machine.reg_read(self.arm.UC_ARM64_REG_PC) == END
        self._check_kept(buffer)
        if is_many:
            data = self.machine.mem_read(buffer, 16 * len(func_type.results))
            return [_bits(data[16 * k : 16 * k + 16], t) for k, t in enumerate(func_type.results)]
        return [_bits(self._result(t), t) for t in func_type.results]

    def _result(self, t: ValType) -> bytes:
        is_vector = t in (F32, F64, V128)
        register = self.arm.UC_ARM64_REG_Q0 if is_vector else self.arm.UC_ARM64_REG_X0
        return int(self.machine.reg_read(register)).to_bytes(16, "little")

    def _set_kept(self) -> None:
        for k in _CALLEE_SAVED:
            self.machine.reg_write(self.arm.UC_ARM64_REG_X0 + k, 0x1000 + k)
        for k in range(8, 16):
            self.machine.reg_write(self.arm.UC_ARM64_REG_D0 + k, 0x1000 + k)
        self.machine.reg_write(self.arm.UC_ARM64_REG_FP, 0x2000)

    def _check_kept(self, sp: int) -> None:
        """Every register that belongs to the caller (AAPCS64) is as it was."""
        for k in _CALLEE_SAVED:
            assert self.machine.reg_read(self.arm.UC_ARM64_REG_X0 + k) == 0x1000 + k, f"x{k}"
        for k in range(8, 16):
            assert self.machine.reg_read(self.arm.UC_ARM64_REG_D0 + k) == 0x1000 + k, f"d{k}"
        assert self.machine.reg_read(self.arm.UC_ARM64_REG_FP) == 0x2000
        assert self.machine.reg_read(self.arm.UC_ARM64_REG_SP) == sp

    def _on_service(self, machine: Any, address: int, size: int, user: object) -> None:
        if address != END:
            self.service = (address - SERVICES) // 16
            if layout.SERVICES[self.service].startswith(("jormun_structure", "jormun_array", "jormun_matches")):
                self._answer(layout.SERVICES[self.service])
                return
        machine.emu_stop()

    def _answer(self, service: str) -> None:
        """Return from a service, with nothing left in the registers that are not kept for callers."""
        x0, q0 = self.arm.UC_ARM64_REG_X0, self.arm.UC_ARM64_REG_Q0
        answer = self.heap.answer(service, [self.machine.reg_read(x0 + k) for k in range(6)])
        for k in range(1, 18):
            self.machine.reg_write(x0 + k, 0xBAD0_BAD0_BAD0_0000 + k)
        for k in (*range(8), *range(16, 32)):
            self.machine.reg_write(q0 + k, 0xBAD0_BAD0_BAD0_0000 + k)
        self.machine.reg_write(x0, answer)
        self.service = None
        self.machine.reg_write(self.arm.UC_ARM64_REG_PC, self.machine.reg_read(self.arm.UC_ARM64_REG_LR))

    def _on_fault(self, machine: Any, access: int, address: int, size: int, value: int, user: object) -> bool:
        self.fault = address
        return False

    def _type(self, index: int) -> Any:
        return self.module.blueprint.types[self.module.valid.module.functions[index].type_index]

    def _write(self, address: int, value: int) -> None:
        self.machine.mem_write(address, struct.pack("<Q", value))


def _bits(data: bytes, t: ValType) -> int:
    """The bits of a value in the first bytes of a slot."""
    return int.from_bytes(data[: _WIDTHS.get(t, 8)], "little")
