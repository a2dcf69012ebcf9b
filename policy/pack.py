"""A folder of rule files: YAML, one rule or a list of rules to a file.

Answers  which rules are in there, or every problem there is, with its line and its remedy.
Never    half-loads: with one problem there are no rules.
Rules    - one id is one rule, in all folders that are read together.
         - `parameters.yaml` declares what each organisation fills in (see policy/parameters.py).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from policy.parameters import Parameter, Parameters, Unfillable, usable, wrong_values
from policy.plain_yaml import PlainLoader, text_of
from policy.rule import Rule

SHIPPED = Path(__file__).parent / "packs"
PARAMETERS_FILE = "parameters.yaml"
_FORMAT = "compare with the rule format in policy/rule.py"
_SENTENCES = {
    "extra_forbidden": "expected a name of the rule format, saw another",
    "missing": "expected it, saw none",
    "too_short": "expected at least one value, saw none",
    "string_type": "expected a text, saw something else",
    "int_type": "expected a whole number, saw something else",
    "bool_type": "expected true or false, saw something else",
}
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
    """A rule, and where it and each of its selectors are written."""

    rule: Rule
    file: str
    line: int
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)

    def problem(self, sentence: str, remedy: str, at: str = "") -> Problem:
        """Name a problem of this rule, or of what is written `at` a path such as `when.action`."""
        line = self.lines.get(at, self.line)
        return Problem(self.file, line, f"rule `{self.rule.id}`: {sentence}", remedy)


@dataclass(frozen=True, slots=True)
class Survey:
    """All that reading folders gave: rules, problems, and remarks that stop nothing."""

    placed: list[PlacedRule]
    problems: list[Problem]
    remarks: list[Problem]


class PackRefused(ValueError):  # noqa: N818 - a refusal, like SnapshotRefused
    """A folder with problems: none of its rules count."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def load(*folders: Path, parameters: Mapping[str, str] | None = None) -> tuple[Rule, ...]:
    """Read all rules of the folders; raises PackRefused with every problem."""
    placed, problems = read(*folders, parameters=parameters)
    if problems:
        raise PackRefused(problems)
    return tuple(one.rule for one in placed)


def read(
    *folders: Path, parameters: Mapping[str, str] | None = None
) -> tuple[list[PlacedRule], list[Problem]]:
    """Read the rules that can be read, and name every problem."""
    seen = survey(*folders, parameters=parameters)
    return seen.placed, seen.problems


def limits(parameters: Mapping[str, str]) -> tuple[Rule, ...]:
    """Read the publisher's limits, filled with what they ask for of all that is given."""
    folder = SHIPPED / "global"
    asked = declared(folder)
    return load(folder, parameters={n: value for n, value in parameters.items() if n in asked})


def declared(*folders: Path) -> dict[str, Parameter]:
    """Give the parameters that the packs in these folders declare; raises PackRefused."""
    found, problems = _declarations(folders)
    if problems:
        raise PackRefused(problems)
    return found


def survey(*folders: Path, parameters: Mapping[str, str] | None = None) -> Survey:
    """Read folders, and name every problem and every rule that an absent parameter changed."""
    known, problems = _declarations(folders)
    given = dict(parameters or {})
    problems += [Problem("parameters", 1, *wrong) for wrong in wrong_values(known, given)]
    reading = _Reading(Parameters(known, usable(given)), Survey([], problems, []))
    for folder in folders:
        files = [file for file in _files(folder) if file.name != PARAMETERS_FILE]
        if not files:
            problems.append(Problem(str(folder), 1, "expected rule files, saw none", "add *.yaml"))
        for file in files:
            reading.file(file)
    problems += _repeated(reading.survey.placed)
    return reading.survey


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix in {".yaml", ".yml"})


def _declarations(folders: Iterable[Path]) -> tuple[dict[str, Parameter], list[Problem]]:
    found: dict[str, Parameter] = {}
    problems: list[Problem] = []
    for file in (f for folder in folders for f in _files(folder) if f.name == PARAMETERS_FILE):
        loader, top = _nodes(file, problems)
        for node in top:
            try:
                record = json.dumps(loader.construct_document(node))
                one = Parameter.model_validate_json(record)
                found.setdefault(one.name, one)
            except (yaml.MarkedYAMLError, ValidationError) as wrong:
                problems += _wrong(str(file), node, wrong)
    return found, problems


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


@dataclass(frozen=True, slots=True)
class _Reading:
    """Rule files being read: what parameters say, and what was found so far."""

    parameters: Parameters
    survey: Survey

    def file(self, file: Path) -> None:
        loader, nodes = _nodes(file, self.survey.problems)
        for node in nodes:
            try:
                self._rule(str(file), node, loader.construct_document(node))
            except (yaml.MarkedYAMLError, ValidationError) as wrong:
                self.survey.problems.extend(_wrong(str(file), node, wrong))

    def _rule(self, file: str, node: yaml.Node, record: object) -> None:
        try:
            filled = self.parameters.fill(record)
        except Unfillable as wrong:
            for at, sentence, remedy in wrong.complaints:
                line, path = _place(node, at)
                self.survey.problems.append(Problem(file, line, f"`{path}`: {sentence}", remedy))
            return
        rule = Rule.model_validate_json(json.dumps(filled.record))
        placed = PlacedRule(rule, file, _line(node), dict(_lines(node)))
        if filled.kept:
            self.survey.placed.append(placed)
        if filled.remark:
            self.survey.remarks.append(placed.problem(*filled.remark))


def _nodes(file: Path, problems: list[Problem]) -> tuple[PlainLoader, list[yaml.Node]]:
    """Open a file of one thing or a list of things; what keeps it from being read is a problem."""
    loader = PlainLoader("")
    try:
        loader = PlainLoader(text_of(file))
        top = loader.get_single_node()
    except yaml.MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else 1
        problems.append(Problem(str(file), line, str(wrong.problem), "correct the YAML"))
        return loader, []
    except (yaml.YAMLError, ValueError, OSError) as wrong:
        remedy = "save it as UTF-8 YAML of moderate size"
        problems.append(Problem(str(file), 1, str(wrong), remedy))
        return loader, []
    nodes = top.value if isinstance(top, yaml.SequenceNode) else [top] if top else []
    if not nodes:
        problems.append(
            Problem(str(file), 1, "expected a rule, saw none", "write one or remove it")
        )
    return loader, nodes


def _wrong(
    file: str, node: yaml.Node, wrong: yaml.MarkedYAMLError | ValidationError
) -> list[Problem]:
    if isinstance(wrong, yaml.MarkedYAMLError):
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else _line(node)
        return [Problem(file, line, str(wrong.problem), "correct the YAML")]
    problems = []
    for error in wrong.errors():
        line, path = _place(node, error["loc"], at_name=error["type"] == "extra_forbidden")
        said = _SENTENCES.get(error["type"], error["msg"].removeprefix("Value error, "))
        sentence = f"`{path}`: {said}"
        problems.append(Problem(file, line, sentence, _REMEDIES.get(error["type"], _FORMAT)))
    return problems


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _lines(node: yaml.Node, path: str = "") -> Iterator[tuple[str, int]]:
    """Give the line of every name in a rule, by its path, e.g. `when.action.ids`."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = f"{path}.{key.value}" if path else str(key.value)
            yield below, _line(key)
            yield from _lines(value, below)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield f"{path}.{number}", _line(value)
            yield from _lines(value, f"{path}.{number}")


def _place(node: yaml.Node, path: Sequence[str | int], at_name: bool = False) -> tuple[int, str]:
    """Follow a path of names into the file as far as it goes: to the last value, or its name."""
    line = _line(node)
    for step in path:
        below: dict[Any, tuple[yaml.Node, yaml.Node]] = {}
        if isinstance(node, yaml.MappingNode):
            below = {key.value: (key, value) for key, value in node.value}
        elif isinstance(node, yaml.SequenceNode):
            below = {number: (item, item) for number, item in enumerate(node.value)}
        if step in below:
            name, node = below[step]
            line = _line(name if at_name else node)
    return line, ".".join(str(step) for step in path) or "rule"
