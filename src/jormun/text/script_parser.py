"""Parses the standard's test scripts (.wast); see text/script.py."""

from __future__ import annotations

from jormun.text.cursor import Cursor
from jormun.text.keywords import HEAP_TYPES, LANE_SHAPES
from jormun.text.lexer import END_OF_TEXT, Tokens, tokenize
from jormun.text.literals import float_bits, signed
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
    Either,
    ExternReference,
    Get,
    HostReference,
    Instantiate,
    Invoke,
    ModuleSource,
    NanKind,
    NanPattern,
    Null,
    Number,
    Perform,
    QuoteModule,
    ReferencePattern,
    Register,
    Result,
    TextModule,
    Thread,
    Vector,
    Wait,
)
from jormun.types import NumType

_COMMANDS = frozenset(
    {
        "module",
        "register",
        "invoke",
        "get",
        "thread",
        "wait",
        "assert_return",
        "assert_trap",
        "assert_exhaustion",
        "assert_exception",
        "assert_malformed",
        "assert_malformed_custom",
        "assert_invalid",
        "assert_invalid_custom",
        "assert_unlinkable",
    }
)


def parse_script(text: str) -> tuple[Command, ...]:
    """The commands of a script. Raises MalformedError with the line and column of what is no command.

    A text of module fields alone is a script of one module.
    """
    tokens = tokenize(text)
    if tokens.texts[0] == "(" and tokens.texts[1] not in _COMMANDS:
        module = TextModule(None, tokens, 0, len(tokens.texts) - 2, 0, True)
        return (DefineModule(1, module),)
    parser = _ScriptParser(tokens)
    commands = parser.commands()
    if parser.cursor.texts[parser.cursor.at] != END_OF_TEXT:
        raise parser.cursor.unexpected("a command")
    return commands


class _ScriptParser:
    """Parses the commands of a script."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.cursor = Cursor(tokens, 0, ())

    def commands(self, *, is_thread: bool = False) -> tuple[Command, ...]:
        """Read commands up to what begins none."""
        commands = []
        cursor = self.cursor
        while cursor.texts[cursor.at] == "(":
            commands.append(self._command(is_thread))
        return tuple(commands)

    def _command(self, is_thread: bool) -> Command:
        cursor = self.cursor
        line = cursor.position().line
        keyword = cursor.texts[cursor.at + 1]
        command: Command
        match keyword:
            case "module":
                return self._module_command(line)
            case "invoke" | "get":
                return Perform(line, self._action())
            case "thread" if not is_thread:
                return self._thread(line)
        cursor.at += 2
        match keyword:
            case "register":
                command = Register(line, cursor.name(), cursor.optional_identifier())
            case "wait":
                command = Wait(line, cursor.optional_identifier())
            case "assert_return":
                command = AssertReturn(line, self._action(), self._results())
            case "assert_trap":
                action = self._module()[0] if cursor.opens("module") else self._action()
                command = AssertTrap(line, action, self._message())
            case "assert_exhaustion":
                command = AssertExhaustion(line, self._action(), self._message())
            case "assert_exception":
                command = AssertException(line, self._action())
            case "assert_malformed" | "assert_malformed_custom":
                command = AssertMalformed(line, self._module()[0], self._message(), keyword.endswith("custom"))
            case "assert_invalid" | "assert_invalid_custom":
                command = AssertInvalid(line, self._module()[0], self._message(), keyword.endswith("custom"))
            case "assert_unlinkable":
                command = AssertUnlinkable(line, self._module()[0], self._message())
            case _:
                cursor.at -= 1
                raise cursor.unexpected("a command")
        cursor.close()
        return command

    def _message(self) -> str:
        return self.cursor.string().decode(errors="replace")

    def _thread(self, line: int) -> Thread:
        cursor = self.cursor
        cursor.at += 2
        name = cursor.optional_identifier()
        shared = None
        if cursor.takes_open("shared"):
            cursor.expect("(")
            cursor.expect("module")
            shared = cursor.identifier()
            cursor.close()
            cursor.close()
        commands = self.commands(is_thread=True)
        cursor.close()
        return Thread(line, name, shared, commands)

    # Modules.

    def _module_command(self, line: int) -> Command:
        cursor = self.cursor
        if cursor.texts[cursor.at + 2] == "instance":
            cursor.at += 3
            name = cursor.optional_identifier()
            module = cursor.optional_identifier()
            cursor.close()
            return Instantiate(line, name, module)
        module_source, is_definition_only = self._module()
        return DefineModule(line, module_source, is_definition_only)

    def _module(self) -> tuple[ModuleSource, bool]:
        """Read a module; it, and whether it is only to be defined."""
        cursor = self.cursor
        start = cursor.at
        cursor.expect("(")
        cursor.expect("module")
        is_definition = cursor.takes("definition")
        body = cursor.at
        name = cursor.optional_identifier()
        if cursor.texts[cursor.at] in ("binary", "quote"):
            is_binary = cursor.texts[cursor.at] == "binary"
            cursor.at += 1
            data = cursor.strings()
            cursor.close()
            return BinaryModule(name, data) if is_binary else QuoteModule(name, data), is_definition
        depth = 1
        while depth:
            token = cursor.texts[cursor.at]
            if token == "(":
                depth += 1
            elif token == ")":
                depth -= 1
            elif token == END_OF_TEXT:
                raise cursor.unexpected("')'")
            cursor.at += 1
        return TextModule(name, self.tokens, start, cursor.at, body), is_definition

    # Actions, values and patterns.

    def _action(self) -> Action:
        cursor = self.cursor
        if cursor.takes_open("get"):
            action: Action = Get(cursor.optional_identifier(), cursor.name())
        elif cursor.takes_open("invoke"):
            module, name = cursor.optional_identifier(), cursor.name()
            arguments = []
            while cursor.texts[cursor.at] == "(":
                value = self._result()
                if not isinstance(value, Number | Vector | Null | ExternReference | HostReference):
                    raise cursor.error("unexpected token: expected a value, found a pattern", cursor.at - 1)
                arguments.append(value)
            action = Invoke(module, name, tuple(arguments))
        else:
            raise cursor.unexpected("'(invoke' or '(get'")
        cursor.close()
        return action

    def _results(self) -> tuple[Result, ...]:
        results = []
        while self.cursor.texts[self.cursor.at] == "(":
            results.append(self._either() if self.cursor.opens("either") else self._result())
        return tuple(results)

    def _either(self) -> Either:
        self.cursor.at += 2
        alternatives = []
        while self.cursor.texts[self.cursor.at] == "(":
            alternatives.append(self._result())
        self.cursor.close()
        return Either(tuple(alternatives))

    def _result(self) -> Result:
        cursor = self.cursor
        cursor.expect("(")
        word = cursor.texts[cursor.at]
        cursor.at += 1
        result: Result
        match word.partition("."):
            case ("i32" | "i64" | "f32" | "f64" as t, _, "const"):
                result = self._number(NumType[t.upper()])
            case ("v128", _, "const"):
                result = self._vector()
            case ("ref", _, "null"):
                heap = HEAP_TYPES.get(cursor.texts[cursor.at])
                cursor.at += heap is not None
                result = Null(heap)
            case ("ref", _, "extern") if cursor.is_unsigned():
                result = ExternReference(cursor.unsigned(32))
            case ("ref", _, "host"):
                result = HostReference(cursor.unsigned(32))
            case ("ref", _, heap_word) if heap_word in HEAP_TYPES:
                if cursor.is_unsigned():
                    cursor.at += 1  # A function's index: any function matches.
                result = ReferencePattern(HEAP_TYPES[heap_word])
            case _:
                cursor.at -= 1
                raise cursor.unexpected("a value")
        cursor.close()
        return result

    def _number(self, t: NumType) -> Number | NanPattern:
        literal = self._literal(t.bits, t in (NumType.F32, NumType.F64))
        return NanPattern(t, literal) if isinstance(literal, NanKind) else Number(t, literal)

    def _vector(self) -> Vector:
        cursor = self.cursor
        shape = cursor.texts[cursor.at]
        if shape not in LANE_SHAPES:
            raise cursor.unexpected("a vector shape")
        cursor.at += 1
        lanes, bits = LANE_SHAPES[shape]
        return Vector(shape, tuple(self._literal(bits, shape.startswith("f")) for _ in range(lanes)))

    def _literal(self, bits: int, is_float: bool) -> int | NanKind:
        """Read a literal; its bits."""
        cursor = self.cursor
        token = cursor.texts[cursor.at]
        try:
            if not is_float:
                literal: int | NanKind = signed(token, bits) & (1 << bits) - 1
            elif token in (NanKind.CANONICAL.value, NanKind.ARITHMETIC.value):
                literal = NanKind(token)
            else:
                literal = float_bits(token, bits)
        except ValueError as error:
            cursor.fail_number(error)
        cursor.at += 1
        return literal
