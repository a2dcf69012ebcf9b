"""`python3 -m policy show`: what counts in a tenant now, who said so, and what waits.

Answers  head, sequence, signer, persons, age, rules of each layer; history; one proposal.
Never    shows what it did not verify.
Rules    - exit 0: shown; 1: the store is in doubt, and why; 2: wrong usage.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

from policy.cli_publish import at_a_desk, digest, tell_proposal
from policy.desk import Shown
from policy.rule import Layer
from policy.snapshot import Head


def add_command(commands: Any) -> None:
    """Add `show` to the commands of the parser."""
    show = commands.add_parser(
        "show", help="what counts in a tenant, and what waits", description=_show.__doc__
    )
    what = show.add_mutually_exclusive_group()
    what.add_argument("--history", action="store_true", help="every head that counted")
    what.add_argument("--rules", action="store_true", help="the rules that count, as YAML")
    what.add_argument(
        "--proposal", type=digest, metavar="HASH", help="what it would do (needs your sign-in)"
    )
    at_a_desk(show)
    show.set_defaults(run=_show)


def _show(asked: argparse.Namespace) -> int:
    """Show the policy that counts, or its history, its rules, or what a proposal would do."""
    desk = asked.open_desk(asked.tenant, asked.token_file)
    if asked.proposal:
        return tell_proposal(desk.review(asked.proposal), asked.json)
    shown: Shown = desk.show()
    if asked.rules:
        records = [rule.record() for rule in shown.rules]
        print(json.dumps(records) if asked.json else _yaml(records))
    elif asked.history:
        past = [head.model_dump(mode="json") for head in _heads(shown)]
        print(json.dumps(past) if asked.json else "\n".join(map(_head, _heads(shown))))
    elif asked.json:
        print(json.dumps(_facts(shown)))
    else:
        print(*_sentences(shown), sep="\n")
    return 0


def _yaml(records: list[dict[str, Any]]) -> str:
    text: str = yaml.safe_dump(records, sort_keys=False, allow_unicode=True, width=100)
    return text.rstrip("\n")


def _heads(shown: Shown) -> list[Head]:
    """Give every head once, the newest first."""
    return sorted({head.seq: head for head in (*shown.past, shown.head)}.values(), key=_newest)


def _newest(head: Head) -> int:
    return -head.seq


def _facts(shown: Shown) -> dict[str, Any]:
    said = shown.model_dump(mode="json", exclude={"rules", "past"})
    return said | {"rules": _counts(shown), "history": len(_heads(shown))}


def _counts(shown: Shown) -> dict[str, int]:
    found = Counter(rule.layer for rule in shown.rules)
    return {layer.value: found[layer] for layer in Layer}


def _sentences(shown: Shown) -> Iterator[str]:
    head = shown.head
    yield _head(head)
    yield f"snapshot {head.snapshot_id}, signed by {head.kid}"
    yield f"{shown.age_days} days old; refused as stale in {shown.stale_in_days} days"
    counts = ", ".join(f"{layer} {count}" for layer, count in _counts(shown).items())
    yield f"{len(shown.rules)} rules: {counts}"
    for one in shown.waiting:
        yield f"waits: {one.diff} by {one.author} since {one.proposed_at:%Y-%m-%d %H:%M} UTC"
    if not shown.waiting:
        yield "no proposal waits"


def _head(head: Head) -> str:
    people = f"published by {head.published_by}, approved by {head.approved_by}"
    return f"sequence {head.seq}, {head.issued_at:%Y-%m-%d %H:%M} UTC, {people}"
