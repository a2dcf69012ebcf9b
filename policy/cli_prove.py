"""`python3 -m policy prove`: the invariants held over all requests, on the command line.

Answers  which promises hold of these rules, and for each other one a request that breaks it.
Never    says that something holds where it could not be shown.
Rules    - exit 0: every invariant asked for holds; 1: one is broken, or the rules have problems;
           3: not shown either way, for want of a solver, of time, or by a fault of the prover.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policy.pack import load
from policy.prove import NotConfirmed, ProverMissing, Undecided
from policy.prove.invariants import INVARIANTS

if TYPE_CHECKING:
    from policy.prove.proof import Proof, Verdict

HELD, BROKEN, UNPROVED = 0, 1, 3


def add_command(
    commands: Any, folder: Callable[[str], Path], takes_parameters: Callable[[Any], None]
) -> None:
    """Add `prove` to the commands of the parser."""
    prove = commands.add_parser(
        "prove", help="hold the invariants over all requests", description=_prove.__doc__
    )
    prove.add_argument("folders", nargs="+", type=folder, metavar="DIR")
    takes_parameters(prove)
    prove.add_argument("--json", action="store_true", help="print facts, not sentences")
    prove.add_argument(
        "--invariant",
        action="append",
        choices=[one.name for one in INVARIANTS],
        metavar="NAME",
        help=f"only this one, may be repeated: {', '.join(one.name for one in INVARIANTS)}",
    )
    prove.set_defaults(run=_prove)


def shown(run: Callable[[argparse.Namespace], int], asked: argparse.Namespace) -> int:
    """Run what needs the solver; if nothing can be shown, say why and give 3."""
    try:
        return run(asked)
    except (ProverMissing, Undecided) as unshown:
        print(f"python3 -m policy: not shown: {unshown}", file=sys.stderr)
    except NotConfirmed as fault:
        print(f"python3 -m policy: fault of the prover, please report: {fault}", file=sys.stderr)
    return UNPROVED


def _prove(asked: argparse.Namespace) -> int:
    """Hold the invariants over all requests; show a request for each that breaks."""
    return shown(_hold, asked)


def _hold(asked: argparse.Namespace) -> int:
    from policy.prove.proof import prove  # loads the solver: no other command needs it

    wanted = [one for one in INVARIANTS if asked.invariant is None or one.name in asked.invariant]
    proof = prove(load(*asked.folders, parameters=asked.parameters), wanted)
    if asked.json:
        print(json.dumps({"holds": proof.holds, **proof.model_dump(mode="json")}))
    else:
        print(*_sentences(proof), sep="\n")
    return HELD if proof.holds else BROKEN


def _sentences(proof: "Proof") -> Iterator[str]:
    for verdict in proof.verdicts:
        yield from _verdict(verdict)
    held = sum(verdict.holds for verdict in proof.verdicts)
    broken = len(proof.verdicts) - held
    if not proof.permits_something:
        yield "These rules permit nothing at all, so every promise holds of nothing."
    yield f"{proof.rules} rules, {held} invariants hold, {broken} broken"


def _verdict(verdict: "Verdict") -> Iterator[str]:
    yield f"{'holds ' if verdict.holds else 'BROKEN'}  {verdict.name}: {verdict.sentence}"
    if verdict.of_nothing:
        yield "        (no such request is permitted at all)"
    if verdict.rests_on:
        yield f"        given that {'; '.join(verdict.rests_on)}"
    if shown_by := verdict.counter_example:
        decision = shown_by.decision
        names = [name for layer in decision.layers for name in layer.permitted_by]
        owed = [json.dumps(one.model_dump(mode="json")) for one in decision.obligations]
        yield f"        request  {json.dumps(shown_by.query, ensure_ascii=False)}"
        yield f"        permit   by {', '.join(names)}"
        yield f"        owed     {', '.join(owed) or 'nothing'}"
