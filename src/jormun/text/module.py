"""Modules in the text format (core specification, section 6.6.13)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from jormun.dataclass import replace
from jormun.syntax.module import Module
from jormun.syntax.names import NAME_SECTION, Names, Subsection, encode_names
from jormun.syntax.places import Places
from jormun.syntax.section import SectionId
from jormun.text.annotations import (
    AT_END,
    BEFORE_CODE,
    branch_hint_section,
    custom_sections,
    present_sections,
    read_custom,
)
from jormun.text.context import ModuleContext
from jormun.text.cursor import Cursor
from jormun.text.fields import Fields
from jormun.text.lexer import BRANCH_HINT, END_OF_TEXT, Annotation, Tokens, tokenize
from jormun.text.outline import Field, Outline
from jormun.text.types import rec_type


def parse_module(text: str) -> Module:
    """The module that a text stands for: `(module ...)`, or its fields alone.

    Identifiers and @name annotations become a name section, unless a @custom annotation gives one. Raises
    MalformedError with the line and column of what is wrong.
    """
    tokens = tokenize(text)
    is_abbreviated = tokens.texts[:2] != ["(", "module"]
    module, at = parse_module_at(tokens, 0 if is_abbreviated else 2, is_abbreviated=is_abbreviated)
    if tokens.texts[at] != END_OF_TEXT:
        raise Cursor(tokens, at, ()).unexpected("the end of the text")
    return module


def parse_module_at(tokens: Tokens, at: int, *, is_abbreviated: bool = False) -> tuple[Module, int]:
    """The module whose `(module` ends before a token, and the token behind the module.

    An abbreviated module is fields alone.
    """
    return _ModuleParser(tokens, at).parse(is_abbreviated)


class _ModuleParser:
    """Parses one module of a text."""

    def __init__(self, tokens: Tokens, at: int) -> None:
        self.tokens = tokens
        self.start = at
        self.annotations: list[Annotation] = []
        self.cursor = Cursor(tokens, at, ())
        self.context = ModuleContext()
        self.name: str | None = None

    def parse(self, is_abbreviated: bool) -> tuple[Module, int]:
        """The module, and the token behind it."""
        cursor, context = self.cursor, self.context
        if not is_abbreviated:
            self.name = cursor.optional_identifier()
        body = cursor.at
        fields = Outline(cursor, context).read()
        end = cursor.at
        if not is_abbreviated:
            cursor.close()
        behind = cursor.at
        # Behind the last field stands the parenthesis that closes the module, or the end of the text.
        annotations = self.tokens.annotations
        first = bisect_left(annotations, self.start, key=lambda annotation: annotation.index)
        last = bisect_right(annotations, end, key=lambda annotation: annotation.index)
        self.annotations = annotations[first:last]
        self._check_hints(fields)
        cursor = self.cursor = Cursor(self.tokens, body, self.annotations)
        name = cursor.annotated_name("module")
        self.name = self.name if name is None else name
        customs = self._field_annotations("custom", fields, end)
        for field in fields:
            if field.keyword in ("type", "rec"):
                cursor.at = field.start
                context.define(rec_type(cursor, context, field.index))
        contents = Fields(cursor, context)
        for field in fields:
            if field.keyword not in ("type", "rec"):
                contents.read(field)
        self._check_taken()
        data_counts = self._field_annotations("datacount", fields, end)
        return self._module(contents, customs, bool(data_counts) or context.uses_data), behind

    # Annotations.

    def _field_annotations(self, name: str, fields: list[Field], end: int) -> list[Annotation]:
        """The annotations with a name, which must stand where fields do."""
        annotations = [annotation for annotation in self.annotations if annotation.name == name]
        if annotations:
            places = {field.start for field in fields} | {end}
            for annotation in annotations:
                if annotation.index not in places:
                    raise self.tokens.error(f"misplaced @{name} annotation", annotation.start)
        return annotations

    def _check_hints(self, fields: list[Field]) -> None:
        """Branch hints must stand in functions."""
        functions = [field for field in fields if field.keyword == "func"]
        for annotation in self.annotations:
            if annotation.name == BRANCH_HINT:
                before = bisect_left(functions, annotation.index, key=lambda field: field.start)
                if not before or functions[before - 1].end <= annotation.index:
                    raise self.tokens.error(f"@{BRANCH_HINT} annotation: not in a function", annotation.start)

    def _check_taken(self) -> None:
        """No name and no branch hint may be left over."""
        for names in self.cursor.names.values():
            raise self.tokens.error("misplaced @name annotation", names[0].start)
        for at in self.cursor.hints:
            raise self.cursor.error(f"@{BRANCH_HINT} annotation: invalid target", at)

    # The module.

    def _names(self) -> Names:
        context = self.context
        return Names(
            self.name,
            {subsection: space.names for subsection, space in context.spaces().items()},
            {
                Subsection.LOCAL: context.locals,
                Subsection.LABEL: context.labels,
                Subsection.FIELD: {index: space.names for index, space in context.fields.items()},
            },
        )

    def _module(self, contents: Fields, customs: list[Annotation], has_data_count: bool) -> Module:
        module = Module(
            types=tuple(self.context.groups),
            imports=tuple(contents.imports),
            functions=tuple(contents.functions),
            tables=tuple(contents.tables),
            memories=tuple(contents.memories),
            tags=tuple(contents.tags),
            globals=tuple(contents.globals),
            exports=tuple(contents.exports),
            start=contents.start,
            elements=tuple(contents.elements),
            datas=tuple(contents.datas),
            has_data_count=has_data_count,
            places=Places({SectionId.TYPE: self.context.type_starts, **contents.starts}, self.tokens.lines),
        )
        places = [read_custom(annotation) for annotation in customs]
        if contents.hints:
            places.append((BEFORE_CODE, BRANCH_HINT, branch_hint_section(contents.hints)))
        names = self._names()
        if names and all(name != NAME_SECTION for _, name, _ in places):
            places.append((AT_END, NAME_SECTION, encode_names(names)))
        return replace(module, customs=custom_sections(places, present_sections(module)))
