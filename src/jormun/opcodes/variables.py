"""Variable instructions (core specification, section 4.4.3)."""

from __future__ import annotations

from jormun.opcodes.immediates import Immediate
from jormun.opcodes.machine import Machine
from jormun.opcodes.ops import V
from jormun.opcodes.signatures import Rule
from jormun.opcodes.table import opcode

LOCAL = (Immediate.LOCAL,)
GLOBAL = (Immediate.GLOBAL,)


@opcode("local.get", 0x20, Rule.LOCAL_GET, immediates=LOCAL)
def local_get(op: Machine[V], local: int) -> V:
    """The value of a local."""
    return op.local_get(local)


@opcode("local.set", 0x21, Rule.LOCAL_SET, immediates=LOCAL)
def local_set(op: Machine[V], local: int, x: V) -> None:
    """Set a local."""
    op.local_set(local, x)


@opcode("local.tee", 0x22, Rule.LOCAL_TEE, immediates=LOCAL)
def local_tee(op: Machine[V], local: int, x: V) -> V:
    """Set a local, and keep the value."""
    op.local_set(local, x)
    return x


@opcode("global.get", 0x23, Rule.GLOBAL_GET, immediates=GLOBAL, is_constant=True)
def global_get(op: Machine[V], index: int) -> V:
    """The value of a global."""
    return op.global_get(index)


@opcode("global.set", 0x24, Rule.GLOBAL_SET, immediates=GLOBAL)
def global_set(op: Machine[V], index: int, x: V) -> None:
    """Set a global."""
    op.global_set(index, x)
