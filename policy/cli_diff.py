"""`python3 -m policy diff`: what a change of rules changes, on the command line.

Answers  what becomes permitted, denied, less or more demanding, each with a request that shows it.
Never    takes a change of words for a change of policy, nor the other way round.
Rules    - the hash at the end is what a second person approves.
         - exit 0: compared, whatever was found; 1: the rules have problems; 3: could not be shown.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from policy.cli_prove import shown
from policy.diff import Diff, Finding, Outcome, compare
from policy.pack import load

_TITLES = {
    "newly_permitted": "Newly permitted",
    "less_demanding": "Less demanding",
    "newly_denied": "Newly denied",
    "more_demanding": "More demanding",
}


def add_command(
    commands: Any, folder: Callable[[str], Path], takes_parameters: Callable[[Any], None]
) -> None:
    """Add `diff` to the commands of the parser."""
    diff = commands.add_parser(
        "diff", help="what a change of rules changes", description=_diff.__doc__
    )
    diff.add_argument("old", type=folder, metavar="OLD", help="the folder of rules that count now")
    diff.add_argument("new", type=folder, metavar="NEW", help="the folder of rules to compare")
    diff.add_argument(
        "--also",
        action="append",
        default=[],
        type=folder,
        metavar="DIR",
        help="rules that count on both sides, such as packs/global; may be repeated",
    )
    takes_parameters(diff)
    diff.add_argument("--json", action="store_true", help="print facts, not sentences")
    diff.set_defaults(run=_diff)


def _diff(asked: argparse.Namespace) -> int:
    """Show what becomes permitted, denied, less or more demanding, over all requests."""
    return shown(_compare, asked)


def _compare(asked: argparse.Namespace) -> int:
    old, new = (
        load(side, *asked.also, parameters=asked.parameters) for side in (asked.old, asked.new)
    )
    try:
        diff = compare(old, new)
    except ValueError as wrong:
        print(f"python3 -m policy: the rules make no snapshot: {wrong}", file=sys.stderr)
        return 1
    if asked.json:
        print(json.dumps(diff.model_dump(mode="json")))
    else:
        print(*_sentences(diff), sep="\n")
    return 0


def _sentences(diff: Diff) -> Iterator[str]:
    for word in ("added", "removed", "changed"):
        if names := getattr(diff, word):
            yield f"Rules {word}: {', '.join(names)}"
    if not diff.findings:
        yield "No request is decided differently."
    title = None
    for finding in diff.findings:
        if finding.change != title:
            title = finding.change
            yield f"\n{_TITLES[title]}"
        yield from _finding(finding)
    yield f"\ndiff hash {diff.hash}"


def _finding(finding: Finding) -> Iterator[str]:
    price = ""
    if finding.topic:
        person = f" by {finding.topic.who}" if finding.topic.who else ""
        price = f": {finding.topic.kind}{person}, {finding.topic.aspect}"
    yield f"- {finding.action or 'any other action'}{price}"
    yield f"    request  {json.dumps(finding.query, ensure_ascii=False)}"
    yield f"    old      {_outcome(finding.old)}"
    yield f"    new      {_outcome(finding.new)}"


def _outcome(outcome: Outcome) -> str:
    said = f"{outcome.effect} by {', '.join(outcome.rules)}" if outcome.rules else outcome.effect
    if outcome.silent:
        said += f"; no permit in {', '.join(outcome.silent)}"
    owed = [json.dumps(one.model_dump(mode="json")) for one in outcome.obligations]
    return f"{said}; owed {', '.join(owed)}" if owed else said
