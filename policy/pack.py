"""A folder of rule files: YAML, one rule or a list of rules to a file.

Answers  which rules are in there, or every problem there is, with its line and its remedy.
Never    half-loads: with one problem there are no rules.
Rules    - YAML is read as plain JSON data: no tags, anchors or dates; `no` and 8:00 are texts.
         - a file has a largest size and depth; a key twice in one mapping is refused.
         - one id is one rule, in all folders that are read together.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from policy.rule import Rule

SHIPPED = Path(__file__).parent / "packs"
MAX_FILE_BYTES = 256 * 1024
MAX_DEPTH = 20

_TAG = "tag:yaml.org,2002:"
_FORMAT = "compare with the rule format in policy/rule.py"
_REMEDIES = {
    "extra_forbidden": "correct the name or remove it; see policy/rule.py for the names there are",
    "missing": "add it",
    "too_short": "leave the selector out, or name at least one value",
    "string_type": "write a text; put it in quotes if it looks like a number",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and what to do about it."""

    file: str
    line: int
    sentence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.sentence}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class PlacedRule:
    """A rule, and where it is written."""

    rule: Rule
    file: str
    line: int

    def problem(self, sentence: str, remedy: str) -> Problem:
        """Name a problem of this rule."""
        return Problem(self.file, self.line, f"rule `{self.rule.id}`: {sentence}", remedy)


class PackRefused(ValueError):  # noqa: N818 - a refusal, like SnapshotRefused
    """A folder with problems: none of its rules count."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def load(*folders: Path) -> tuple[Rule, ...]:
    """Read all rules of the folders; raises PackRefused with every problem."""
    placed, problems = read(*folders)
    if problems:
        raise PackRefused(problems)
    return tuple(one.rule for one in placed)


def read(*folders: Path) -> tuple[list[PlacedRule], list[Problem]]:
    """Read the rules that can be read, and name every problem."""
    placed: list[PlacedRule] = []
    problems: list[Problem] = []
    for folder in folders:
        files = sorted(p for p in folder.rglob("*") if p.suffix in {".yaml", ".yml"})
        if not files:
            problems.append(Problem(str(folder), 1, "expected rule files, saw none", "add *.yaml"))
        for file in files:
            found, wrong = _read_file(file)
            placed += found
            problems += wrong
    return placed, problems + _repeated(placed)


def _repeated(placed: Iterable[PlacedRule]) -> list[Problem]:
    first: dict[str, PlacedRule] = {}
    problems = []
    for one in placed:
        before = first.setdefault(one.rule.id, one)
        if before is not one:
            there = f"{before.file}:{before.line}"
            problems.append(
                one.problem(f"expected an id of its own, also at {there}", "rename one")
            )
    return problems


def _read_file(file: Path) -> tuple[list[PlacedRule], list[Problem]]:
    try:
        loader = _PlainLoader(_text_of(file))
        top = loader.get_single_node()
    except yaml.MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else 1
        return [], [Problem(str(file), line, str(wrong.problem), "correct the YAML")]
    except (yaml.YAMLError, ValueError, OSError) as wrong:
        return [], [Problem(str(file), 1, str(wrong), "save it as UTF-8 YAML of moderate size")]
    nodes = top.value if isinstance(top, yaml.SequenceNode) else [top] if top else []
    if not nodes:
        return [], [Problem(str(file), 1, "expected a rule, saw none", "write one or remove it")]
    placed: list[PlacedRule] = []
    problems: list[Problem] = []
    for node in nodes:
        _read_rule(str(file), loader, node, placed, problems)
    return placed, problems


def _read_rule(
    file: str,
    loader: "_PlainLoader",
    node: yaml.Node,
    placed: list[PlacedRule],
    problems: list[Problem],
) -> None:
    try:
        record = json.dumps(loader.construct_document(node))
        placed.append(PlacedRule(Rule.model_validate_json(record), file, _line(node)))
    except yaml.MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else _line(node)
        problems.append(Problem(file, line, str(wrong.problem), "correct the YAML"))
    except ValidationError as wrong:
        for error in wrong.errors():
            line, path = _place(node, error["loc"])
            sentence = f"`{path}`: {error['msg'].removeprefix('Value error, ')}"
            problems.append(Problem(file, line, sentence, _REMEDIES.get(error["type"], _FORMAT)))


def _text_of(file: Path) -> str:
    with file.open("rb") as opened:
        raw = opened.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise ValueError(f"expected at most {MAX_FILE_BYTES} bytes, saw more")
    return raw.decode("utf-8")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _place(node: yaml.Node, path: Sequence[str | int]) -> tuple[int, str]:
    """Follow a path of field names into the file as far as it goes."""
    for step in path:
        below: dict[Any, yaml.Node] = {}
        if isinstance(node, yaml.MappingNode):
            below = {key.value: value for key, value in node.value}
        elif isinstance(node, yaml.SequenceNode):
            below = dict(enumerate(node.value))
        node = below.get(step, node)
    return _line(node), ".".join(str(step) for step in path) or "rule"


class _PlainLoader(yaml.SafeLoader):
    """YAML whose values are JSON's, each written in exactly one way."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class-level table
    yaml_constructors = {  # noqa: RUF012
        tag: construct
        for tag, construct in yaml.SafeLoader.yaml_constructors.items()
        if tag is None
        or tag.removeprefix(_TAG) in {"null", "bool", "int", "float", "str", "seq", "map"}
    }
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call] # untyped in types-PyYAML
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(None, None, "expected no anchors", event.start_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            sentence = f"expected at most {MAX_DEPTH} levels"
            raise yaml.MarkedYAMLError(None, None, sentence, event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                sentence = f"expected a name that is not there yet, saw `{key.value}`"
                raise yaml.MarkedYAMLError(None, None, sentence, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


for _name, _pattern, _first in (
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("bool", r"^(?:true|false)$", ["t", "f"]),
    ("int", r"^-?(?:0|[1-9][0-9]{0,17})$", list("-0123456789")),
    ("float", r"^-?[0-9]{1,9}\.[0-9]{1,9}$", list("-0123456789")),
):
    _PlainLoader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), _first)
