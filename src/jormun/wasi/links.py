"""What modules that import functions of WASI alone are linked with, found once for all their instances."""

from __future__ import annotations

from jormun.dataclass import replace
from jormun.hints import Final, Sequence
from jormun.runtime.host import BitsFunction
from jormun.runtime.host_records import HostFunctions
from jormun.runtime.linking import Given
from jormun.runtime.module import CompiledModule
from jormun.runtime.store import Store
from jormun.types import FuncExternType
from jormun.wasi.abi import PREVIEW1, UNSTABLE, Abi
from jormun.wasi.calls import offer
from jormun.wasi.functions import functions_of
from jormun.wasi.memory import GuestMemory
from jormun.wasi.native_world import answering
from jormun.wasi.wasi import Wasi

_ABIS: Final = {abi.module: abi for abi in (PREVIEW1, UNSTABLE)}


class Links:
    """The functions of WASI that a module imports, in worlds of one kind."""

    __slots__ = ("_count", "_groups")

    def __init__(self, groups: Sequence[tuple[Abi, tuple[BitsFunction, ...], Sequence[int]]], count: int) -> None:
        """Of each module of WASI the functions, and their places among the `count` imports."""
        self._groups = groups
        self._count = count

    def link(self, wasi: Wasi, memory: GuestMemory, store: Store) -> list[Given]:
        """What stands for each import of an instance with this memory."""
        given: list[Given] = [0] * self._count
        block = None if memory.native is None else memory.native.block
        for abi, functions, places in self._groups:
            made = store.keep(HostFunctions.shared(functions, replace(wasi, memory=memory, abi=abi), block))
            if len(places) == self._count:
                return list(made.addresses)
            for place, address in zip(places, made.addresses, strict=True):
                given[place] = address
        return given


def links_of(compiled: CompiledModule, wasi: Wasi, memory: GuestMemory) -> Links | None:
    """The links of instances in such a world. None where a module imports anything else, or what does not match, and
    where calls are written down.
    """
    if wasi.trace is not None:
        return None
    key = wasi.threads is not None, memory.native is not None, answering(wasi)
    known = compiled.links
    if key not in known:
        known[key] = _find(compiled, wasi, memory)
    links = known[key]
    assert links is None or isinstance(links, Links)
    return links


def _find(compiled: CompiledModule, wasi: Wasi, memory: GuestMemory) -> Links | None:
    imports = compiled.blueprint.imports
    groups: dict[str, tuple[list[BitsFunction], list[int]]] = {}
    for place, each in enumerate(imports):
        abi = _ABIS.get(each.module)
        if abi is None or not isinstance(each.type, FuncExternType):
            return None
        try:
            function = functions_of(abi)[each.name]
        except KeyError:
            return None
        offered = offer(function, replace(wasi, memory=memory, abi=abi)).function
        if offered.deftype is not each.type.type:
            return None
        functions, places = groups.setdefault(each.module, ([], []))
        functions.append(offered)
        places.append(place)
    return Links([(_ABIS[name], tuple(row[0]), row[1]) for name, row in groups.items()], len(imports))
