"""Which figures are measured, in which order, and how is the command line read?"""

import argparse
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from local.azurite import AzuriteError
from local.bench import audit_append, audit_ask, audit_verify, engine, loop, policy, start
from local.bench.bed import Bed, bed
from local.bench.client import BenchError
from local.bench.kill import kill, kill_bed
from local.bench.measure import machine
from local.bench.peers.compare import peers
from local.bench.report import REPORT, Report, Section, as_markdown, as_text
from local.faultproxy import HoldError
from local.processes import ProcessError
from local.stage import StoryError

_ON_A_BED: dict[str, Callable[[Bed, bool], tuple[Section, ...]]] = {
    "loop.seed": lambda on, quick: (loop.seed(on, quick=quick),),
    "loop.refused": lambda on, quick: (loop.refused(on, quick=quick),),
    "start.first": lambda on, quick: (start.first(on, quick=quick),),
    "loop.peers": lambda on, quick: peers(on, quick=quick),
}
_ALONE = {
    "start.import": start.imports,
    "engine.step": engine.step,
    "policy.engine": policy.engine,
    "audit.append": audit_append.append,
    "audit.ask": audit_ask.ask,
    "audit.verify": audit_verify.verify,
}
_KILL, _POLICY_PEERS = "loop.kill", "policy.peers"
NAMES = (*_ALONE, *_ON_A_BED, _KILL, _POLICY_PEERS)
GROUPS = tuple(dict.fromkeys(name.partition(".")[0] for name in NAMES))


def main(arguments: Sequence[str], about: str) -> int:
    """Run the command line; `about` is what --help says. See `local.bench.main`."""
    told = _options(arguments, about)
    if told.render:
        report = REPORT.validate_json(told.render.read_bytes())
        print(as_markdown(report), end="")
        return 0
    asked = [*told.only, *(name for group in told.groups for name in group)]
    wanted = asked or [name for name in NAMES if not name.endswith(".peers") or told.peers]
    names = [name for name in NAMES if name in wanted]
    with TemporaryDirectory(prefix="warrant-bench-") as folder:
        try:
            report = run(names, Path(told.data or folder), quick=told.quick)
        except (BenchError, StoryError, HoldError, ProcessError, AzuriteError) as fault:
            print(f"the bench could not run: {fault}", file=sys.stderr)
            return 1
    if told.json:
        print(report.model_dump_json(indent=1))
    else:
        print(as_text(report, colour=sys.stdout.isatty()))
    return 0


def _options(arguments: Sequence[str], about: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m local bench",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("groups", nargs="*", type=_group, metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--quick", action="store_true", help="fewer runs, under a minute")
    parser.add_argument("--only", type=_names, default=[], metavar="NAME[,NAME]")
    parser.add_argument("--peers", action="store_true", help="other engines too")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the worlds and peers here")
    parser.add_argument("--render", type=Path, metavar="FILE", help="a report's JSON as Markdown")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in NAMES]:
        expected = ", ".join(NAMES)
        raise argparse.ArgumentTypeError(f"expected {expected}; saw {', '.join(unknown)}")
    return names


def _group(text: str) -> list[str]:
    if text not in GROUPS:
        raise argparse.ArgumentTypeError(f"expected {', '.join(GROUPS)}; saw {text}")
    return [name for name in NAMES if name.partition(".")[0] == text]


def run(names: Sequence[str], data: Path, *, quick: bool) -> Report:
    """Run the benchmarks of these names and return the report."""
    seen, began, at = machine(), time.monotonic(), datetime.now(UTC)
    sections = [_ALONE[name](quick=quick) for name in _told(names, _ALONE)]
    if on_a_bed := [name for name in names if name in _ON_A_BED]:
        with bed(data / "world") as on:
            for name in _told(on_a_bed, _ON_A_BED):
                sections += _ON_A_BED[name](on, quick)
    for _ in _told(names, (_KILL,)):
        with kill_bed(data / "kill") as (on, proxy):
            sections.append(kill(on, proxy, quick=quick))
    for _ in _told(names, (_POLICY_PEERS,)):
        sections.append(policy.peers(data / "peers", quick=quick))
    seconds = time.monotonic() - began
    return Report(at=at, machine=seen, quick=quick, seconds=seconds, sections=tuple(sections))


def _told(names: Sequence[str], known: Collection[str]) -> Iterator[str]:
    """Go through those of the names that are known here, saying which is being measured."""
    for name in names:
        if name in known:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            yield name
