"""`jormun wast`: the standard's test scripts."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path

from jormun.cli.subparsers import Subparsers, add_verb
from jormun.cli.tier import add_tier
from jormun.hints import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jormun.cli.script_runner import Outcome, ScriptRunner

_EXAMPLES: Final = """\
examples:
  jormun wast spec/core                    all scripts (.wast) below a directory
  jormun wast --check-only spec/core       without running anything: only what is malformed or invalid
  jormun wast --known-gaps gaps.txt spec   what gaps.txt names, as in `core/gc/i31.wast 33-38 40`, may fail

A line for each script, its failures before that, and the sum at the end. Each command of a script counts as one. A
known gap that fails is skipped; one that passes is a failure, so that lists only shrink. Exit status: 0, or 1 after a
failure.
"""


def add_parser(verbs: Subparsers) -> None:
    """Adds the verb to the command line."""
    parser = add_verb(
        verbs,
        "wast",
        help="run the standard's test scripts (.wast)",
        description="Run test scripts of the standard and compare.",
        examples=_EXAMPLES,
    )
    add_tier(parser)
    parser.add_argument("--check-only", action="store_true", help="read and validate modules, and run nothing")
    parser.add_argument(
        "--known-gaps", metavar="FILE", help="a list of the commands that are expected to fail: PATH LINE..."
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a script, or a directory of scripts")
    parser.set_defaults(run=_wast)


def _wast(arguments: argparse.Namespace) -> int:
    from jormun.api.config import Config
    from jormun.cli.script_runner import ScriptRunner

    scripts = [script for path in arguments.paths for script in _scripts(Path(path))]
    gaps = KnownGaps(Path(arguments.known_gaps).read_text(encoding="utf-8")) if arguments.known_gaps else KnownGaps("")
    config = Config(tier=arguments.tier)
    total: Counter[str] = Counter()
    for script in scripts:
        runner = ScriptRunner(config, check_only=arguments.check_only)
        counts: Counter[str] = Counter()
        for outcome in run_script(script, runner, gaps):
            counts[outcome.verdict.value] += 1
            if outcome.message:
                print(f"{script}:{outcome.line}: {outcome.message}")
        print(f"{script}: {_summary(counts)}", flush=True)
        total += counts
    print(_summary(total))
    return 1 if total["failed"] else 0


def _summary(counts: Counter[str]) -> str:
    return f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"


def _scripts(path: Path) -> list[Path]:
    """The scripts that a path stands for. Raises CommandError if there are none."""
    from jormun.cli.report import CommandError

    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CommandError(f"{path}: there is no such file or directory")
    scripts = sorted(path.rglob("*.wast"))
    if not scripts:
        raise CommandError(f"{path}: no scripts (.wast) in this directory")
    return scripts


def run_script(script: Path, runner: ScriptRunner, gaps: KnownGaps) -> list[Outcome]:
    """The outcomes of a script's commands, known gaps taken into account."""
    from jormun.cli.script_runner import Outcome, Verdict
    from jormun.errors import MalformedError
    from jormun.limits import MODULE_SIZE_BYTES
    from jormun.text.lexer import decode_text
    from jormun.text.script_parser import parse_script

    size_bytes = script.stat().st_size
    if size_bytes > MODULE_SIZE_BYTES:
        message = f"expected a script of at most {MODULE_SIZE_BYTES} bytes, found {size_bytes}"
        return [Outcome(0, Verdict.FAILED, message)]
    try:
        commands = parse_script(decode_text(script.read_bytes()))
    except MalformedError as error:
        return [Outcome(error.line or 0, Verdict.FAILED, f"expected a script, found {error}")]
    return [gaps.judge(script, outcome) for outcome in runner.run(commands)]


class KnownGaps:
    """Commands that are expected to fail, as a reviewed file lists them.

    A line of it is a path and the lines of commands in that script, numbers or ranges: `core/gc/i31.wast 33-38 40`;
    comments stand behind #. The path stands for all that end in it.
    """

    def __init__(self, text: str) -> None:
        """Raises CommandError for a line of another form."""
        from jormun.cli.report import CommandError

        self.lines: dict[tuple[str, ...], list[range]] = {}
        """Ranges of lines, by the parts of a path."""
        for number, raw in enumerate(text.splitlines(), 1):
            path, *words = raw.partition("#")[0].split() or [""]
            if not path:
                continue
            ranges = self.lines.setdefault(Path(path).parts, [])
            for word in words:
                match = _LINES.fullmatch(word)
                if match is None:
                    raise CommandError(f"line {number} of the known gaps: expected PATH LINE..., found {raw.strip()!r}")
                ranges.append(range(int(match[1]), int(match[2] or match[1]) + 1))

    def judge(self, script: Path, outcome: Outcome) -> Outcome:
        """The outcome, turned around if the command is a known gap."""
        from jormun.cli.script_runner import Outcome, Verdict

        parts = script.parts
        ranges = (each for path, ranges in self.lines.items() if parts[-len(path) :] == path for each in ranges)
        if not any(outcome.line in each for each in ranges):
            return outcome
        if outcome.verdict is Verdict.FAILED:
            return Outcome(outcome.line, Verdict.SKIPPED)
        if outcome.verdict is Verdict.PASSED:
            return Outcome(outcome.line, Verdict.FAILED, "a known gap that passes: take its line out of the list")
        return outcome


_LINES = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
