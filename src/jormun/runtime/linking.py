"""Linking: what is given for each import of a module (core specification, sections 3.5 and 4.7.2, steps 3 and 4)."""

from __future__ import annotations

from jormun.containers import ref
from jormun.errors import LinkError
from jormun.hints import Iterator, Protocol, Sequence, TypeAlias
from jormun.runtime.blueprint import Blueprint, ImportBlueprint
from jormun.runtime.function import Function
from jormun.runtime.globals import Global
from jormun.runtime.host import HostFunction, Offered
from jormun.runtime.host_records import HostFunctions
from jormun.runtime.memory import Memory
from jormun.runtime.store import Store
from jormun.runtime.table import Table
from jormun.runtime.tag import Tag
from jormun.types import (
    DefType,
    ExternType,
    FuncExternType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    TableType,
    TagType,
    ValType,
)
from jormun.validation.matching import match_extern

Extern: TypeAlias = Function | Memory | Table | Global | Tag
Given: TypeAlias = "Extern | int"
"""What stands for an import: an int is the address of the record of a function that was made for this very import."""


class ImportModule(Protocol):
    """What an import's field is looked up in: a dict, or an instance's exports."""

    def __getitem__(self, name: str, /) -> object: ...

    def __iter__(self) -> Iterator[str]: ...


class Imports(Protocol):
    """What an import's module is looked up in."""

    def __getitem__(self, name: str, /) -> ImportModule: ...

    def __iter__(self) -> Iterator[str]: ...


def resolve(blueprint: Blueprint, imports: Imports, store: Store) -> list[Given]:
    """What stands for each import of a module, in order.

    Python callables become host functions of the type that the import asks for, and numbers (or objects, for
    references) become globals where an immutable one is asked for. Raises LinkError for what is missing or of another
    kind.
    """
    given: list[Given] = []
    functions: list[HostFunction] = []
    places: list[int] = []
    offered: dict[tuple[int, int], list[tuple[int, Offered]]] = {}
    of_store = ref(store)
    for index, each in enumerate(blueprint.imports):
        required = each.type
        try:
            provided = imports[each.module][each.name]
        except KeyError:
            raise _missing(each, required, imports) from None
        if isinstance(provided, Offered):
            deftype = provided.function.deftype
            if not isinstance(required, FuncExternType) or deftype is not required.type:
                _require_match(each, FuncExternType(deftype))
            offered.setdefault((id(provided.passed), id(provided.world)), []).append((index, provided))
            given.append(0)
        elif isinstance(required, FuncExternType) and callable(provided) and not isinstance(provided, Function):
            assert isinstance(required.type, DefType)
            functions.append(HostFunction(of_store, required.type, provided, each.name))
            places.append(index)
            given.append(0)
        else:
            given.append(_extern(each, required, provided, store))
    if functions:
        made = store.keep(HostFunctions.of(functions))
        if len(functions) == len(given):
            return list(made.addresses)
        _put(given, places, made)
    for row in offered.values():
        first = row[0][1]
        shared = HostFunctions.shared(tuple([each.function for _, each in row]), first.passed, first.world)
        _put(given, [index for index, _ in row], store.keep(shared))
    return given


def _put(given: list[Given], places: Sequence[int], functions: HostFunctions) -> None:
    for index, address in zip(places, functions.addresses, strict=True):
        given[index] = address


def check(blueprint: Blueprint, externs: Sequence[Given], store: Store) -> None:
    """Raise LinkError unless these externs are of one store and match the module's imports."""
    imports = blueprint.imports
    if len(externs) != len(imports):
        raise LinkError(f"unknown import: the module has {len(imports)} imports, {len(externs)} given")
    for each, extern in zip(imports, externs, strict=True):
        if isinstance(extern, int):
            continue
        _require_match(each, extern.type)
        if not isinstance(extern, Memory) and extern.store is not store:
            raise LinkError(
                f"incompatible import: {_name(each)} belongs to another store; make both instances with one store"
            )


def _require_match(each: ImportBlueprint, found: ExternType) -> None:
    if not match_extern(found, each.type):
        raise LinkError(
            f"incompatible import type: {_name(each)} must be {describe(each.type)}, found {describe(found)}"
        )


def describe(t: ExternType) -> str:
    """The type in words and the text format's notation."""
    match t:
        case FuncExternType(type=DefType(composite=FuncType() as func_type)):
            return f"a function of type {func_type}"
        case GlobalType(value, is_mutable):
            return f"a {'mutable' if is_mutable else 'constant'} global of type {value}"
        case TableType(element, limits, address):
            return f"a table of {address} {_limits(limits)} elements {element}"
        case MemoryType(limits, address, is_shared, page_size_log2):
            size = "" if page_size_log2 == 16 else f" of {1 << page_size_log2} bytes"
            return f"a {'shared ' if is_shared else ''}memory of {address} {_limits(limits)} pages{size}"
        case TagType(type=DefType(composite=FuncType() as func_type)):
            return f"a tag of type {func_type}"
        case _:
            raise AssertionError(t)


def _limits(limits: Limits) -> str:
    return f"{limits.minimum} or more" if limits.maximum is None else f"{limits.minimum} to {limits.maximum}"


def _name(each: ImportBlueprint) -> str:
    return f'"{each.module}" "{each.name}"'


def _missing(each: ImportBlueprint, required: ExternType, imports: Imports) -> LinkError:
    try:
        names = imports[each.module]
    except KeyError:
        why = f'nothing was given for module "{each.module}"{_given(imports)}'
    else:
        why = f'module "{each.module}" has no such name{_given(names)}'
    return LinkError(f"unknown import: {_name(each)}, {describe(required)}: {why}")


def _given(names: ImportModule | Imports) -> str:
    """A list of the first few names there are."""
    shown = [f'"{name}"' for name, _ in zip(names, range(8), strict=False)]
    return f"; there are {', '.join(shown)}" if shown else ""


def _extern(each: ImportBlueprint, required: ExternType, provided: object, store: Store) -> Extern:
    if isinstance(provided, (Function, Memory, Table, Global, Tag)):
        return provided
    if isinstance(required, GlobalType) and not required.is_mutable and not callable(provided):
        return _global(each, required.value, provided, store)
    raise LinkError(
        f"incompatible import type: {_name(each)} must be {describe(required)}, found {type(provided).__name__}"
    )


def _global(each: ImportBlueprint, t: ValType, provided: object, store: Store) -> Global:
    try:
        return Global(store, GlobalType(t, False), provided)
    except (TypeError, OverflowError) as error:
        raise LinkError(f"incompatible import type: {_name(each)}: {error}") from None
