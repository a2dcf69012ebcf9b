"""How are the figures told? To a terminal, to a file, to the documentation.

Rules
- goals colour a report and never fail it: the exit code says that the bench ran;
- where the two runs of a yardstick differ by more than 25 %, this machine was too unquiet for a
  verdict: figures are shown, goals are not judged;
- the documentation is rendered from the JSON of one run, never from memory.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, TypeAdapter

from local.bench.measure import MOST_DRIFT, Machine, Measured

Cell = str | int | float | None
Verdict = Literal["OK", "missed", "not judged"]
_COLOURS = {"OK": "\033[32m", "missed": "\033[31m", "not judged": "\033[33m"}
_PLAIN = "\033[0m"


class Goal(Measured):
    """What was to be reached, what was seen, in one unit; a count is not `timed`."""

    what: str
    seen: float
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""
    timed: bool = True

    @property
    def met(self) -> bool:
        """Whether what was seen is within the goal."""
        low = self.at_least is None or self.seen >= self.at_least
        return low and (self.at_most is None or self.seen <= self.at_most)


class Section(Measured):
    """One benchmark of one run: a table, the goals it bears on, what to know when reading it."""

    name: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    goals: tuple[Goal, ...] = ()
    notes: tuple[str, ...] = ()
    drift: float | None = None  # between two runs of the yardstick, where there is one


class Report(Measured):
    """One whole run."""

    schema_version: Literal[1] = 1
    at: AwareDatetime
    machine: Machine
    quick: bool
    seconds: float
    sections: tuple[Section, ...]


def verdict(section: Section, goal: Goal) -> Verdict:
    """Judge a goal, unless it is a time and the machine was too unquiet to tell."""
    if goal.timed and section.drift is not None and section.drift > MOST_DRIFT:
        return "not judged"
    return "OK" if goal.met else "missed"


def as_text(report: Report, *, colour: bool) -> str:
    """Return the report for a terminal."""
    machine = report.machine
    parts = [
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gib} GiB, {machine.system}, "
        f"Python {machine.python}\nload before {machine.load_before:.2f}; "
        f"{'quick run' if report.quick else 'full run'}, {report.seconds:.0f} s"
    ]
    parts += [_section_text(section, colour) for section in report.sections]
    return "\n\n".join(parts)


def _section_text(section: Section, colour: bool) -> str:
    lines = [f"{section.name}: {section.about}"]
    texts = [section.columns, *([_shown(cell) for cell in row] for row in section.rows)]
    widths = [max(len(row[at]) for row in texts) for at in range(len(section.columns))]
    for row in texts:
        first = row[0].ljust(widths[0])
        others = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append("  " + "  ".join([first, *others]).rstrip())
    lines += [f"  {_goal_text(section, goal, colour)}" for goal in section.goals]
    return "\n".join([*lines, *(f"  - {note}" for note in _notes(section))])


def _goal_text(section: Section, goal: Goal, colour: bool) -> str:
    judged = verdict(section, goal)
    said = f"{_COLOURS[judged]}{judged}{_PLAIN}" if colour else judged
    return f"{said}: {goal.what}: {_shown(goal.seen)}{goal.unit}, goal {_limit(goal)}"


def as_markdown(report: Report) -> str:
    """Return the report for the documentation."""
    machine = report.machine
    parts = [
        "# Benchmarks",
        "Made by `python3 -m local bench --json` and rendered by `python3 -m local bench --render`;"
        " do not edit. Everything (client, simulated Graph, Azurite, host) shares one machine:"
        " compare ratios, not milliseconds.",
        f"Measured {_day(report.at)} on {machine.processor}, {machine.cores} cores, "
        f"{machine.memory_gib} GiB, {machine.system}, Python {machine.python}; load before "
        f"{machine.load_before:.2f}; {'a quick run' if report.quick else 'a full run'} of "
        f"{report.seconds:.0f} s.",
    ]
    for section in report.sections:
        parts += [f"## `{section.name}`", f"{section.about[:1].upper()}{section.about[1:]}."]
        parts.append(_markdown_table(section.columns, section.rows))
        if section.goals:
            goals = [
                (goal.what, _limit(goal), f"{_shown(goal.seen)}{goal.unit}", verdict(section, goal))
                for goal in section.goals
            ]
            parts.append(_markdown_table(("goal", "to reach", "seen", "verdict"), goals))
        if notes := _notes(section):
            parts.append("\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts) + "\n"


def _markdown_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    lines = [f"| {' | '.join(map(_escaped, row))} |" for row in (columns, *rows)]
    return "\n".join([lines[0], f"|{'---|' * len(columns)}", *lines[1:]])


def _escaped(cell: Cell) -> str:
    return _shown(cell).replace("|", "\\|")


def _notes(section: Section) -> tuple[str, ...]:
    if section.drift is None:
        return section.notes
    told = f"the yardstick before and after differ by {section.drift:.0%}"
    if section.drift > MOST_DRIFT:
        told += f": more than {MOST_DRIFT:.0%}, so times are not judged"
    return (*section.notes, told)


def _limit(goal: Goal) -> str:
    if goal.at_least == goal.at_most:
        return f"{_shown(goal.at_most)}{goal.unit}"
    words, limit = (
        ("at most", goal.at_most) if goal.at_least is None else ("at least", goal.at_least)
    )
    return f"{words} {_shown(limit)}{goal.unit}"


def _shown(cell: Cell) -> str:
    """Show three digits that mean something, and no more."""
    if cell is None:
        return "-"
    if not isinstance(cell, float):
        return str(cell)
    if cell.is_integer():
        return f"{cell:.0f}"
    if abs(cell) >= 100:
        return f"{cell:.0f}"
    return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"


def _day(at: datetime) -> str:
    return f"{at:%d %B %Y}".lstrip("0")


REPORT: TypeAdapter[Report] = TypeAdapter(Report)
