"""What does a policy decision cost, and what would it cost on another engine?

Rules
- every engine decides the same questions under the same rules, each in a fresh process on one core;
- the reference says what is right: how many decisions an engine gives as it does stands beside its
  speed, because an engine that decides something else has not done the work;
- beside peers stands the whole decision: names of all rules, obligations, reason. Nearest misses,
  which no peer can be asked for, are measured apart.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.bench.bed import said_by
from local.bench.measure import drift
from local.bench.peers.environment import environment
from local.bench.report import Cell, Goal, Section

_OURS = "local.bench.policy_ours"
_SIZES = (100, 1_000, 10_000)
_MANY = 1_000
_SECONDS = 300.0
_NEEDED = ("pydantic", "tzdata")
_WAYS = {
    "decide": "decision, names, obligations, reason",
    "trace": "the same and nearest misses",
    "whole": "the same, from plain facts",
    "reference": "the plain scan",
}

Seen = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """An engine, the package it comes in, and the worker that drives it."""

    name: str
    package: str
    module: str


PEERS = (
    Peer("Cedar, cedarpy", "cedarpy==4.12.2", "local.bench.peers.policy_cedar"),
    Peer("Rego, regorus", "opa-eval==0.1.1", "local.bench.peers.policy_rego"),
    Peer("casbin", "casbin==1.43.0", "local.bench.peers.policy_casbin"),
    Peer(
        "agent-governance-toolkit",
        "agent-governance-toolkit-core==5.0.0",
        "local.bench.peers.policy_toolkit",
    ),
)


def engine(*, quick: bool) -> Section:
    """Measure Warrant's own engine in all its ways, at three sizes."""
    seconds = 1.0 if quick else 4.0
    before = _asked(_OURS, _MANY, seconds, "decide")["cpu_us"]
    seen = {
        (many, way): _asked(_OURS, many, seconds, way)
        for many in (_SIZES[:2] if quick else _SIZES)
        for way in _WAYS
    }
    after = _asked(_OURS, _MANY, seconds, "decide")["cpu_us"]
    limits = ((_MANY, 60.0), (_SIZES[-1], 600.0))
    return Section(
        name="policy.engine",
        about="one policy decision, in processor time on one core; loading is from the bytes of a "
        "snapshot: inflated, digests checked, parsed by pydantic, indexed",
        columns=("rules", "what", "n", "CPU us", "load ms", "RSS + MiB", "as the reference"),
        rows=tuple(
            (many, _WAYS[way], *_cells(one, seen[many, "reference"]))
            for (many, way), one in seen.items()
        ),
        goals=(
            *(
                Goal(
                    what=f"a decision with its trace, {many:,} rules",
                    seen=seen[many, "trace"]["cpu_us"],
                    at_most=limit,
                    unit=" us",
                )
                for many, limit in limits
                if (many, "trace") in seen
            ),
            Goal(
                what="loading 1,000 rules",
                seen=seen[_MANY, "trace"]["load_ms"],
                at_most=150.0,
                unit=" ms",
            ),
        ),
        notes=("the nearest miss is told for each layer in which no rule permits",),
        drift=drift(before, after),
    )


def peers(folder: Path, *, quick: bool) -> Section:
    """Measure other engines, and Warrant before, after and among them."""
    pythons = {
        peer: environment(folder / peer.module.rpartition(".")[2], (peer.package,), _NEEDED)
        for peer in PEERS
    }
    seconds = 2.0 if quick else 8.0
    rows: list[tuple[Cell, ...]] = []
    times: list[float] = []
    ratios: dict[str, float] = {}
    for many in (_MANY,) if quick else _SIZES[:2]:
        right = _asked(_OURS, many, seconds, "reference")
        warrant = _asked(_OURS, many, seconds, "decide")
        rows.append(("Warrant", many, *_cells(warrant, right), 1.0))
        for peer, python in pythons.items():
            seen = _asked(peer.module, many, seconds, python=python)
            ratios[peer.name] = seen["cpu_us"] / warrant["cpu_us"]
            rows.append((peer.name, many, *_cells(seen, right), ratios[peer.name]))
        times += [warrant["cpu_us"], _asked(_OURS, many, seconds, "decide")["cpu_us"]]
    return Section(
        name="policy.peers",
        about="the same rules and questions on other policy engines, in the same run",
        columns=(
            *("engine", "rules", "n", "CPU us", "load ms", "RSS + MiB", "as the reference"),
            "over Warrant's CPU",
        ),
        rows=tuple(rows),
        goals=(
            Goal(
                what=f"Cedar's processor time over Warrant's, {_MANY:,} rules",
                seen=ratios[PEERS[0].name],
                at_least=100.0,
                unit="x",
            ),
        ),
        notes=(
            "Warrant gives the names of all rules, obligations and a reason; Cedar and Rego name "
            "the rules that decide, casbin and the toolkit one or none",
            "casbin cannot say these rules and calls Warrant's own matching for each of them",
            "a rule of the toolkit holds one comparison, so it decides something else",
            "regorus is not OPA: it has no index of rules",
            "packages: " + ", ".join(peer.package for peer in PEERS),
        ),
        drift=drift(*times[-2:]),
    )


def _asked(module: str, many: int, seconds: float, *way: str, python: str = sys.executable) -> Seen:
    command = [python, "-W", "ignore", "-m", module, *way]
    return said_by([*command, "--rules", str(many), "--seconds", str(seconds)], seconds=_SECONDS)


def _cells(seen: Seen, right: Seen) -> tuple[Cell, ...]:
    pairs: Sequence[tuple[bool, bool]] = list(zip(seen["said"], right["said"], strict=False))
    alike = f"{sum(one == other for one, other in pairs)} of {len(pairs)}"
    return seen["n"], seen["cpu_us"], seen["load_ms"], seen["rss_mib"], alike
