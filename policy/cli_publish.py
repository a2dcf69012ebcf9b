"""`python3 -m policy publish` and `rollback`: how rules become the policy of a tenant.

Answers  what a publication would change, and what counts from now on.
Never    takes a name for who acts: persons are known by their sign-in alone.
Rules    - the first person proposes: nothing counts yet, and the hash of the diff is printed.
         - a second person looks (`show --proposal HASH`) and approves that hash: then it counts.
         - the publisher's limits are published with whatever folders are named.
         - `--renew` signs unchanged rules again; that widens nothing, so one person is enough.
         - exit 0: done; 1: refused, every reason on standard error; 2: wrong usage.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from policy.desk import Reviewed
from policy.pack import SHIPPED, PackRefused, PlacedRule, read
from policy.proposal import GOOD_FOR
from policy.snapshot import Head

DAYS = 30


def add_commands(
    commands: Any, folder: Callable[[str], Path], takes_parameters: Callable[[Any], None]
) -> None:
    """Add `publish` and `rollback` to the commands of the parser."""
    publish = commands.add_parser(
        "publish", help="propose rules, approve or renew", description=_publish.__doc__
    )
    what = publish.add_mutually_exclusive_group()
    publish.add_argument(
        "folders", nargs="*", type=folder, metavar="DIR", help="rules to propose, all of them"
    )
    what.add_argument("--approve", type=digest, metavar="HASH", help="another person's proposal")
    what.add_argument("--renew", action="store_true", help="sign the rules that count again")
    takes_parameters(publish)
    over_days(publish)
    at_a_desk(publish)
    publish.set_defaults(run=_publish, usage=publish.error)
    rollback = commands.add_parser(
        "rollback", help="propose the rules of an earlier sequence", description=_rollback.__doc__
    )
    rollback.add_argument(
        "--to", required=True, type=_count, metavar="SEQ", help="of `show --history`"
    )
    takes_parameters(rollback)
    over_days(rollback)
    at_a_desk(rollback)
    rollback.set_defaults(run=_rollback)


def at_a_desk(command: Any, required: bool = True) -> None:
    """Let a command say whose policy is meant and who is asking."""
    command.add_argument("--tenant", required=required, type=guid, metavar="TID")
    command.add_argument(
        "--token-file",
        metavar="FILE|-",
        help="your access token for the API, in a file for you alone; without it you sign in",
    )
    command.add_argument("--json", action="store_true", help="print facts, not sentences")


def over_days(command: Any) -> None:
    """Let a command say how much of the past is replayed."""
    command.add_argument(
        "--days",
        type=_count,
        default=DAYS,
        metavar="N",
        help=f"of past decisions to replay (default: {DAYS})",
    )


def _publish(asked: argparse.Namespace) -> int:
    """Propose rules to a second person, approve what another proposed, or renew what counts."""
    if bool(asked.folders) == bool(asked.approve or asked.renew):
        asked.usage("expected folders of rules to propose, or --approve, or --renew")
    desk = asked.open_desk(asked.tenant, asked.token_file)
    if asked.renew:
        return _counts(desk.renew(), asked.json)
    if asked.approve:
        return _counts(desk.approve(asked.approve), asked.json)
    candidate = with_limits(asked.folders, asked.parameters)
    return tell_proposal(desk.propose(candidate, asked.parameters, asked.days), asked.json)


def _rollback(asked: argparse.Namespace) -> int:
    """Propose the rules of an earlier sequence, under today's limits; the sequence still grows."""
    desk = asked.open_desk(asked.tenant, asked.token_file)
    return tell_proposal(desk.roll_back(asked.to, asked.parameters, asked.days), asked.json)


def with_limits(folders: Sequence[Path], parameters: Mapping[str, str]) -> list[PlacedRule]:
    """Read rules together with the publisher's limits; raises PackRefused with every problem."""
    limits = SHIPPED / "global"
    is_there = limits.resolve() in {folder.resolve() for folder in folders}
    placed, problems = read(*folders, *([] if is_there else [limits]), parameters=parameters)
    if problems:
        raise PackRefused(problems)
    return placed


def tell_proposal(seen: Reviewed, as_json: bool) -> int:
    """Print what a proposal would do."""
    proposal = seen.proposal
    if as_json:
        print(json.dumps(seen.model_dump(mode="json")))
        return 0
    print(*seen.diff.sentences, *seen.simulation.sentences(), sep="\n")
    print(f"proposed by {proposal.author} at {proposal.proposed_at:%Y-%m-%d %H:%M} UTC")
    print(f"against sequence {proposal.base_seq}; nothing counts until another person approves")
    print(f"within {GOOD_FOR.days} days: python3 -m policy publish --approve {proposal.diff}")
    return 0


def _counts(head: Head, as_json: bool) -> int:
    if as_json:
        print(json.dumps(head.model_dump(mode="json")))
    else:
        print(f"sequence {head.seq} counts: snapshot {head.snapshot_id}")
        print(f"published by {head.published_by}, approved by {head.approved_by}")
    return 0


def digest(text: str) -> str:
    """Read the hash of a diff; raises ArgumentTypeError."""
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise argparse.ArgumentTypeError("expected a hash of 64 hex digits, as it was printed")
    return text


def guid(text: str) -> str:
    """Read a tenant id; raises ArgumentTypeError."""
    blocks = [len(block) for block in text.split("-")]
    if blocks != [8, 4, 4, 4, 12] or not set(text.lower()) <= set("0123456789abcdef-"):
        raise argparse.ArgumentTypeError("expected a tenant id, a GUID")
    return text.lower()


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text[:10]) >= 1 or len(text) > 9:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, saw `{text[:20]}`")
    return int(text)
