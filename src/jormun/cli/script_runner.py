"""Runs the commands of the standard's test scripts and compares what happens with what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum, unique
from functools import cached_property
from threading import Thread as HostThread
from typing import TypeVar, assert_never

from jormun.api.config import Config
from jormun.binary.decode import decode
from jormun.cli.result_matching import matches, show_bits, show_result
from jormun.cli.spectest import spectest
from jormun.dataclass import dataclass
from jormun.errors import (
    ExhaustionError,
    InvalidError,
    LinkError,
    MalformedError,
    Trap,
    WasmError,
)
from jormun.runtime import references
from jormun.runtime.exceptions import WasmException
from jormun.runtime.function import Function
from jormun.runtime.globals import Global
from jormun.runtime.instance import Instance
from jormun.runtime.instantiation import instantiate
from jormun.runtime.linking import Extern, resolve
from jormun.runtime.module import CompiledModule
from jormun.runtime.store import Store
from jormun.text.script import (
    Action,
    AssertException,
    AssertExhaustion,
    AssertInvalid,
    AssertMalformed,
    AssertReturn,
    AssertTrap,
    AssertUnlinkable,
    BinaryModule,
    Command,
    DefineModule,
    ExternReference,
    Get,
    HostReference,
    Instantiate,
    Invoke,
    ModuleSource,
    Null,
    Number,
    Perform,
    Register,
    Result,
    Thread,
    Value,
    Vector,
    Wait,
)
from jormun.types import ValType
from jormun.validation.module import ValidModule, validate

_CUSTOM_PHASES = (MalformedError, InvalidError)
"""What is wrong with an annotation may be found in either phase."""
K = TypeVar("K")
T = TypeVar("T")


@unique
class Verdict(Enum):
    """What became of a command."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the command at a line; `message` says what was expected and found, when it failed."""

    line: int
    verdict: Verdict
    message: str = ""


class Mismatch(Exception):
    """A command did not do what its script says. The message says what was expected and found."""


class HostObject:
    """What a script's `(ref.extern n)` refers to."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __repr__(self) -> str:
        return f"(ref.extern {self.number})"


class ScriptRunner:
    """Runs a script's commands in a store of their own.

    With `check_only` nothing is executed: modules are read and validated, and what would run is skipped.
    """

    def __init__(self, config: Config, *, check_only: bool = False, store: Store | None = None) -> None:
        self.config = config
        self.check_only = check_only
        self._given_store = store
        self.modules: dict[str | None, ValidModule] = {}
        """Modules by identifier; the latest under None too."""
        self.instances: dict[str | None, Instance] = {}
        """Instances by identifier; the latest under None too."""
        self.threads: dict[str | None, tuple[HostThread, list[Outcome]]] = {}
        self.objects: dict[int, HostObject] = {}

    @cached_property
    def store(self) -> Store:
        """The store, made when first needed."""
        return self._given_store or Store(self.config.engine)

    @cached_property
    def registered(self) -> dict[str, Mapping[str, Extern]]:
        """What modules may import, by module name."""
        return {"spectest": spectest(self.store)}

    def run(self, commands: Sequence[Command]) -> Iterator[Outcome]:
        """Run commands one after another; a failing one does not stop those behind it."""
        for command in commands:
            if isinstance(command, Wait) and not self.check_only:
                yield from self._wait(command)
            else:
                yield self._outcome(command)
        for name in list(self.threads):
            yield from self._wait(Wait(0, name))

    def _outcome(self, command: Command) -> Outcome:
        try:
            is_done = self._check(command) if self.check_only else self._run(command)
        except Mismatch as mismatch:
            return Outcome(command.line, Verdict.FAILED, str(mismatch))
        except WasmError as error:
            return Outcome(command.line, Verdict.FAILED, f"expected success, found {describe(error)}")
        except Exception as error:
            # A test runner has to survive whatever is wrong with the engine under test.
            return Outcome(command.line, Verdict.FAILED, f"internal error: {type(error).__name__}: {error}")
        return Outcome(command.line, Verdict.PASSED if is_done else Verdict.SKIPPED)

    # Commands.

    def _check(self, command: Command) -> bool:
        """Do what can be done without executing; whether that was all there is to do."""
        match command:
            case DefineModule(_, module):
                self._validate(module)
                return True
            case AssertMalformed() | AssertInvalid():
                return self._run(command)
            case AssertUnlinkable(_, module):
                self._validate(module)
            case AssertTrap(_, attempt) if not isinstance(attempt, Invoke | Get):
                self._validate(attempt)
        return False

    def _run(self, command: Command) -> bool:
        match command:
            case DefineModule(_, module, is_definition_only):
                # If it fails, what follows must not meet the one before it.
                self.modules.pop(None, None)
                self.instances.pop(None, None)
                valid = self._validate(module)
                self.modules[module.name] = self.modules[None] = valid
                if not is_definition_only:
                    self._keep(module.name, self._instantiate(valid))
            case Instantiate(_, name, module_name):
                self._keep(name, self._instantiate(_known(self.modules, module_name, "module")))
            case Register(_, name, instance_name):
                self.registered[name] = self._instance(instance_name).exports
            case Perform(_, action):
                self._perform(action)
            case AssertReturn(_, action, expected):
                self._assert_return(action, expected)
            case AssertTrap(_, attempt, message):
                self._expect((Trap,), message, lambda: self._attempt(attempt))
            case AssertExhaustion(_, action, message):
                self._expect((ExhaustionError,), message, lambda: self._perform(action))
            case AssertException(_, action):
                self._expect((WasmException,), "", lambda: self._perform(action), compares_message=False)
            case AssertMalformed(_, module, message, is_custom):
                self._expect_bad(module, _CUSTOM_PHASES if is_custom else (MalformedError,), message)
            case AssertInvalid(_, module, message, is_custom):
                self._expect_bad(module, _CUSTOM_PHASES if is_custom else (InvalidError,), message)
            case AssertUnlinkable(_, module, message):
                valid = self._validate(module)
                self._expect((LinkError,), message, lambda: self._instantiate(valid))
            case Thread():
                self._start_thread(command)
            case Wait():
                raise AssertionError("waiting has outcomes of its own")
            case _:
                assert_never(command)
        return True

    def _expect(
        self,
        phases: tuple[type[WasmError], ...],
        message: str,
        action: Callable[[], object],
        *,
        compares_message: bool = True,
    ) -> None:
        """Raise Mismatch unless the action raises an error of one of the phases with the message.

        Messages of scripts are the beginning of ours or the other way round: "undefined element" is also said with the
        element's number behind it.
        """
        expected = f'{" or ".join(phase.__name__ for phase in phases)} "{message}"'
        try:
            action()
        except phases as error:
            found = str(error.args[0])
            if compares_message and not (found.startswith(message) or message.startswith(found)):
                raise Mismatch(f"expected {expected}, found {describe(error)}") from error
        except WasmError as error:
            raise Mismatch(f"expected {expected}, found {describe(error)}") from error
        else:
            raise Mismatch(f"expected {expected}, found success")

    def _expect_bad(self, module: ModuleSource, phases: tuple[type[WasmError], ...], message: str) -> None:
        """Raise Mismatch unless the module is found bad in one of the phases. How the error is worded is left open."""
        self._expect(phases, message, lambda: self._validate(module), compares_message=False)

    def _start_thread(self, command: Thread) -> None:
        """Run commands in a thread that sees one instance, and modules of its own."""
        runner = ScriptRunner(self.config, store=self.store)
        if command.shared is not None:
            runner.instances[command.shared] = self._instance(command.shared)
        outcomes: list[Outcome] = []
        thread = HostThread(target=lambda: outcomes.extend(runner.run(command.commands)), daemon=True)
        self.threads[command.name] = thread, outcomes
        thread.start()

    def _wait(self, command: Wait) -> Iterator[Outcome]:
        """The outcomes of a thread's commands, when it has ended."""
        if command.name not in self.threads:
            yield Outcome(command.line, Verdict.FAILED, f"expected a thread {_called(command.name)}, found none")
            return
        thread, outcomes = self.threads.pop(command.name)
        thread.join()
        yield from outcomes

    # Modules and instances.

    def _validate(self, source: ModuleSource) -> ValidModule:
        features = self.config.features
        module = decode(source.data, features) if isinstance(source, BinaryModule) else source.parse()
        return validate(module, features)

    def _instantiate(self, valid: ValidModule) -> Instance:
        compiled = CompiledModule(valid, self.config.engine)
        return instantiate(self.store, compiled, resolve(compiled.blueprint, self.registered, self.store))

    def _keep(self, name: str | None, instance: Instance) -> None:
        self.instances[name] = self.instances[None] = instance

    def _instance(self, name: str | None) -> Instance:
        return _known(self.instances, name, "instance")

    # Actions and values.

    def _attempt(self, attempt: Action | ModuleSource) -> None:
        """Perform an action, or instantiate a module."""
        if isinstance(attempt, Invoke | Get):
            self._perform(attempt)
        else:
            self._instantiate(self._validate(attempt))

    def _perform(self, action: Action) -> tuple[tuple[ValType, ...], list[int]]:
        """Perform an action; the types and bits of its results."""
        extern = _known(self._instance(action.module).exports, action.name, "export")
        match action:
            case Get():
                if not isinstance(extern, Global):
                    raise Mismatch(f'expected a global "{action.name}", found {extern!r}')
                return (extern.type.value,), [extern.read_bits()]
            case Invoke():
                if not isinstance(extern, Function):
                    raise Mismatch(f'expected a function "{action.name}", found {extern!r}')
                return extern.func_type.results, extern.call_bits([self._bits(value) for value in action.arguments])

    def _assert_return(self, action: Action, expected: Sequence[Result]) -> None:
        types, found = self._perform(action)
        is_match = len(found) == len(expected) and all(
            matches(bits, result, self._bits) for bits, result in zip(found, expected, strict=True)
        )
        if not is_match:
            wanted = " ".join(map(show_result, expected)) or "no result"
            got = " ".join(show_bits(t, bits) for t, bits in zip(types, found, strict=True)) or "no result"
            raise Mismatch(f"expected {wanted}, found {got}")

    def _bits(self, value: Value) -> int:
        """The bits of a value."""
        match value:
            case Number(_, bits):
                return bits
            case Vector():
                return value.bits
            case Null():
                return references.NULL
            case ExternReference(number) | HostReference(number):
                # The same object in both hierarchies: converting keeps the bits.
                return self.store.externals.handle(self.objects.setdefault(number, HostObject(number)))


def describe(error: WasmError) -> str:
    """An error's class and its message, on one line."""
    return f'{type(error).__name__} "{str(error).splitlines()[0]}"'


def _known(things: Mapping[K, T], name: K, what: str) -> T:
    try:
        return things[name]
    except KeyError:
        raise Mismatch(f"expected {what} {_called(name)}, found none") from None


def _called(name: object) -> str:
    return "that is the latest" if name is None else f"${name}"
