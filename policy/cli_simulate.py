"""`python3 -m policy simulate`: past decisions under other rules, on the command line.

Answers  what would have been decided otherwise, by request; whether the past can be made again.
Never    changes anything, and shows ids and reasons only: facts may be personal.
Rules    - decisions come from a tenant's store, or from a file with one JSON object a line.
         - with a file, `--current` are the rules that decided; without it, moves are from what was
           decided then, and nothing is made again.
         - exit 0: replayed, whatever moved; 1: a decision could not be made again; 2: wrong usage.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from policy.cli_publish import at_a_desk, over_days, with_limits
from policy.decide import RuleSet
from policy.pack import load
from policy.simulate import PastDecision, Simulation, read_past, simulate
from policy.snapshot import write_body


def add_command(
    commands: Any, folder: Callable[[str], Path], takes_parameters: Callable[[Any], None]
) -> None:
    """Add `simulate` to the commands of the parser."""
    command = commands.add_parser(
        "simulate", help="replay past decisions under other rules", description=_simulate.__doc__
    )
    command.add_argument("folders", nargs="+", type=folder, metavar="DIR")
    command.add_argument("--decisions", metavar="FILE|-", help="past decisions, one JSON a line")
    command.add_argument(
        "--current", action="append", default=[], type=folder, metavar="DIR", help="with a file"
    )
    takes_parameters(command)
    over_days(command)
    at_a_desk(command, required=False)
    command.set_defaults(run=_simulate, usage=command.error)


def _simulate(asked: argparse.Namespace) -> int:
    """Replay past decisions under the rules that made them, and under these."""
    if bool(asked.decisions) == bool(asked.tenant):
        asked.usage("expected --decisions FILE or --tenant TID, one of them")
    seen = _of_file(asked) if asked.decisions else _of_tenant(asked)
    if asked.json:
        print(json.dumps({"digest": seen.digest, **seen.model_dump(mode="json")}))
    else:
        print(*seen.sentences(), f"simulation {seen.digest}", sep="\n")
    return 1 if seen.differences else 0


def _of_tenant(asked: argparse.Namespace) -> Simulation:
    desk = asked.open_desk(asked.tenant, asked.token_file)
    candidate = with_limits(asked.folders, asked.parameters)
    found: Simulation = desk.simulate(candidate, asked.days)
    return found


def _of_file(asked: argparse.Namespace) -> Simulation:
    candidate = RuleSet.of(load(*asked.folders, parameters=asked.parameters))
    try:
        past = _past(asked.decisions)
    except ValueError as wrong:
        asked.usage(f"{asked.decisions}: {wrong}")
    if not asked.current:
        return simulate(past, candidate)
    current = load(*asked.current, parameters=asked.parameters)
    # Rules without a snapshot decided for `explain`; of snapshots these rules are only their own.
    own = write_body(current).id
    refs = {one.decision.snapshot for one in past}
    deciders = {ref: RuleSet.of(current, ref) for ref in refs if ref is None or ref.id == own}
    return simulate(past, candidate, RuleSet.of(current), deciders)


def _past(source: str) -> list[PastDecision]:
    if source == "-":
        return list(read_past(sys.stdin))
    with Path(source).open(encoding="utf-8") as opened:
        return list(read_past(opened))
