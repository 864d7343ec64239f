"""Services: what guest code asks of the store, in Python."""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.hints import Callable, Final, Protocol
from jormun.runtime.native import c_types as ctypes

ATTENTION: Final = "jormun_attention"


@dataclass(frozen=True, slots=True)
class Service:
    """A function that guest code calls and Python answers, given by LLVM types. Each argument and the result fill 8
    bytes.
    """

    name: str
    params: tuple[str, ...]
    result: str


SERVICES = (
    Service("jormun_compile", ("ptr", "i32"), "i64"),
    Service("jormun_memory_grow", ("ptr", "i32", "i64"), "i64"),
    Service("jormun_table_grow", ("ptr", "i32", "i64", "i64"), "i64"),
    Service("jormun_memory_wait32", ("ptr", "i32", "i64", "i32", "i64"), "i32"),
    Service("jormun_memory_wait64", ("ptr", "i32", "i64", "i64", "i64"), "i32"),
    Service("jormun_memory_notify", ("ptr", "i32", "i64", "i32"), "i32"),
    Service("jormun_is_subtype", ("i64", "i64"), "i32"),
    Service("jormun_tier_up", ("ptr", "i32", "i32"), "i64"),
    Service("jormun_refuel", ("ptr", "i64"), "i64"),
    Service("jormun_throw", ("ptr", "i32", "ptr"), "i64"),
    Service("jormun_heap_more", ("ptr", "i32"), "i64"),
    Service("jormun_heap_large", ("ptr", "i64"), "i64"),
    Service(ATTENTION, ("i32",), "i32"),
)


class Services(Protocol):
    """What native code asks of the store; integers are unsigned. `vm` is the address of the instance record.
    Exceptions end the guest's activation and reach its caller unchanged; a Trap gets the guest's backtrace.
    """

    def compile(self, vm: int, index: int) -> int:
        """The address of the code of the own function `index` (imports not counted) of the instance's module.

        Called when a function is called that has none: the entry of the code table leads to a stub. The implementer
        enters the address there, so that the next call finds it. Several threads may ask for the same function at
        once.
        """

    def memory_grow(self, vm: int, memory: int, delta_pages: int) -> int:
        """The former size in pages, or -1."""

    def table_grow(self, vm: int, table: int, init: int, delta: int) -> int:
        """The former size in elements, or -1. `init` is a reference, `delta` unsigned."""

    def memory_wait32(self, vm: int, memory: int, address: int, expected: int, timeout_ns: int) -> int:
        """0 when woken, 1 when the value is not the expected one, 2 when the time is over. `timeout_ns` is the unsigned
        reading of a signed number: from 2**63 on there is no limit.
        """

    def memory_wait64(self, vm: int, memory: int, address: int, expected: int, timeout_ns: int) -> int:
        """Like `memory_wait32`, for 64 bits."""

    def memory_notify(self, vm: int, memory: int, address: int, count: int) -> int:
        """How many waiters were woken."""

    def is_subtype(self, actual: int, expected: int) -> bool:
        """Whether the definition with id `actual` matches the one with id `expected`."""

    def tier_up(self, vm: int, index: int, loop: int) -> int:
        """Own function `index` (imports not counted) has used up its counter.

        `loop` is the offset in its body of the loop that it is at the head of, or 0xFFFF_FFFF at its entry. The address
        of code to go on with, or 0 to go on as before.
        """

    def throw(self, vm: int, tag: int, values: int) -> int:
        """The address of the exception with that tag of the instance, by its index, and with the values in slots from
        address `values` on.
        """

    def heap_more(self, vm: int, size_class: int) -> int:
        """See that the store's heap has a place of a size class, or blocks that are nobody's. Returns 0."""

    def heap_large(self, vm: int, size_bytes: int) -> int:
        """The address of a large object, all zeros."""

    def refuel(self, vm: int, charge: int) -> int:
        """The instance's fuel (layout.VM_FUEL) is less than a charge. Returns 0 when there was more to be had, and the
        charge has been paid.
        """


def service_callables(services: Services, attend: Callable[[int], None]) -> list[Callable[[int], None]]:
    """For each of SERVICES what its host record calls: it reads the arguments and writes the result. `attend` is what
    that of ATTENTION calls.
    """
    methods: dict[str, Callable[..., int]] = {
        "jormun_compile": services.compile,
        "jormun_memory_grow": services.memory_grow,
        "jormun_table_grow": services.table_grow,
        "jormun_memory_wait32": services.memory_wait32,
        "jormun_memory_wait64": services.memory_wait64,
        "jormun_memory_notify": services.memory_notify,
        "jormun_is_subtype": services.is_subtype,
        "jormun_tier_up": services.tier_up,
        "jormun_refuel": services.refuel,
        "jormun_throw": services.throw,
        "jormun_heap_more": services.heap_more,
        "jormun_heap_large": services.heap_large,
    }
    return [
        attend if service.name == ATTENTION else _service_callable(methods[service.name], service)
        for service in SERVICES
    ]


def holding_code(services: Services) -> set[object]:
    """The code of the methods that code calls without seeing to it that its references can be found in memory: all but
    those that make objects and exceptions.
    """
    names = ("compile", "memory_grow", "table_grow", "memory_wait32", "memory_wait64", "memory_notify", "is_subtype",
             "tier_up", "refuel")  # fmt: skip
    return {getattr(getattr(services, name), "__code__", None) for name in names}


def _service_callable(method: Callable[..., int], service: Service) -> Callable[[int], None]:
    masks = [0xFFFF_FFFF if t == "i32" else 0xFFFF_FFFF_FFFF_FFFF for t in service.params]
    slots = ctypes.c_uint64 * len(masks)

    def call(values: int) -> None:
        arguments = slots.from_address(values)
        arguments[0] = method(*map(int.__and__, arguments, masks))

    return call
