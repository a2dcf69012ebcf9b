"""One performance from curtain to curtain: start the world, play, check, sum up, clean away."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.azurite import AzuriteError
from local.demo import proof
from local.demo.exhibits import Check, Exhibit
from local.demo.ink import console, picture, safe_output
from local.demo.play import Mark, Play, Variant
from local.demo.story import Outcome, Teller
from local.demo.variants import chosen
from local.pidfile import AlreadyRunningError
from local.processes import ProcessError
from local.stage import StoryError
from local.up import World, world

_START = Mark()
_PAUSE_SECONDS = 0.1


def main(arguments: Sequence[str]) -> int:
    """0 only if every variant ended as promised; 2 for a variant that does not exist."""
    options = _parser().parse_args(arguments)
    try:
        variants = chosen(options.only)
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    # Under --json standard output carries one object and nothing else.
    out = console(sys.stderr if options.json else safe_output())
    out.quiet = options.json
    out.record = options.picture is not None
    teller = Teller(out)
    pause = 0.0 if options.fast or not out.is_terminal or out.quiet else _PAUSE_SECONDS
    try:
        with _folder(options.data) as data:
            told = perform(data, variants, teller, pause)
    except (ProcessError, AzuriteError, AlreadyRunningError) as fault:
        print(f"the local world could not start: {fault}", file=sys.stderr)
        return 1
    if options.picture is not None:
        options.picture.write_text(picture(out), encoding="utf-8")
    if options.json:
        print(json.dumps(told, ensure_ascii=False))
    return 0 if told["ok"] else 1


def perform(
    data: Path, variants: Sequence[Variant], teller: Teller, pause: float
) -> dict[str, Any]:
    """Play the variants in a world on `data`; what came of it, as JSON-ready facts."""
    began = time.monotonic()
    teller.opening()
    with world(data, tell=teller.starting) as running:
        start_seconds = time.monotonic() - began
        teller.started(start_seconds)
        outcomes = [_played(running, variant, teller, pause) for variant in variants]
        ending = over_all(Play(running, _unheard))
    seconds = time.monotonic() - began
    teller.summary(outcomes, ending, seconds)
    return {
        "ok": all(one.ok for one in outcomes) and all(check.ok for check in ending),
        "seconds": round(seconds, 1),
        "start_seconds": round(start_seconds, 1),
        "variants": [_facts(one) for one in outcomes],
        "over_all": [_check(check) for check in ending],
    }


def _played(running: World, variant: Variant, teller: Teller, pause: float) -> Outcome:
    def tell(exhibit: Exhibit) -> None:
        teller(exhibit)
        time.sleep(pause)

    play = Play(running, tell)
    teller.meet(play.people)
    teller.heading(variant)
    began = time.monotonic()
    try:
        checks, trouble = variant.run(play), None
    except StoryError as fault:
        checks, trouble = [], str(fault)
    except Exception as fault:  # a broken promise may break the story too: that is an outcome
        checks, trouble = [], f"{type(fault).__name__}: {fault}"
    finally:
        play.stage.heal()
    outcome = Outcome(variant, checks, time.monotonic() - began, trouble)
    teller.verdict(outcome)
    return outcome


def over_all(play: Play) -> list[Check]:
    """What must hold of the whole performance, whatever was played."""
    checks = []
    for tenant in play.stage.facts["tenants"]:
        count, flaws = play.archive.flaws(tenant["id"])
        wanted = f"{count} records, gapless from 1, no flaw"
        seen = wanted if not flaws else f"{flaws[0].what} at #{flaws[0].seq}"
        checks.append(Check(f"audit chain of {tenant['name']}", wanted, seen))
    checks.append(proof.reconciled(play))
    checks.append(proof.app_only(play, _START))
    return checks


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    """The data folder: the one asked for, or a fresh one that is removed at the end."""
    if kept is not None:
        yield kept
        return
    fresh = Path(tempfile.mkdtemp(prefix="warrant-demo-"))
    try:
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _facts(one: Outcome) -> dict[str, Any]:
    return {
        "letter": one.variant.letter,
        "title": one.variant.title,
        "promise": one.variant.promise,
        "how": one.variant.proof,
        "ok": one.ok,
        "seconds": round(one.seconds, 2),
        "trouble": one.trouble,
        "checks": [_check(check) for check in one.checks],
    }


def _check(check: Check) -> dict[str, Any]:
    return {"what": check.what, "expected": check.expected, "seen": check.seen, "ok": check.ok}


def _unheard(exhibit: Exhibit) -> None:
    """Nobody listens: only the checks are wanted."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m local demo",
        description="The seed request in its variants, on a simulated Microsoft 365.",
    )
    parser.add_argument("--only", metavar="a,b", help="some variants: a letter, or one like f2")
    parser.add_argument("--json", action="store_true", help="print the facts as one JSON object")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the world's files here")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="keep what is told as an SVG")
    parser.add_argument("--fast", action="store_true", help="no pauses on a terminal")
    return parser
