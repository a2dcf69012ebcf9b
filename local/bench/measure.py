"""How long, how much processor, on which machine: what every figure of the bench is made of.

Rules
- processor time comes from the kernel's own count of a process (ticks of 10 ms), so it is taken
  over many runs and divided, never for one;
- a figure that stands alone means little: whoever reports one reports the ratio to its yardstick;
- two runs of the same yardstick, before and after, say how far this machine can be trusted now.
"""

import os
import platform
import re
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

MOST_DRIFT = 0.25
_TICK_MS = 1000.0 / os.sysconf("SC_CLK_TCK")


class Measured(BaseModel):
    """A value of the report: frozen, and nothing in it that is not named here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Spread(Measured):
    """How a sample is spread: how many, the median, the 95th percentile, the least."""

    n: int
    p50: float
    p95: float
    least: float


class Machine(Measured):
    """Where and under which load the figures were taken."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    load_before: float


def spread(samples: Iterable[float]) -> Spread:
    """Return median and 95th percentile (nearest rank) of at least one sample."""
    ordered = sorted(samples)
    if not ordered:
        raise ValueError("expected at least one sample, saw none")
    rank = max(0, -(-95 * len(ordered) // 100) - 1)
    return Spread(
        n=len(ordered),
        p50=statistics.median(ordered),
        p95=ordered[rank],
        least=ordered[0],
    )


def drift(before: float, after: float) -> float:
    """Return how far apart two runs of one yardstick are, as a part of the smaller one."""
    smaller, larger = sorted((before, after))
    if smaller <= 0:
        raise ValueError(f"expected times above zero, saw {before} and {after}")
    return larger / smaller - 1.0


def cpu_ms(pid: int) -> float:
    """Return the processor time a running process has used, user and system, in ms."""
    after_name = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) * _TICK_MS


def rss_mib(pid: int) -> float:
    """Return the resident memory of a running process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text("ascii", errors="replace")
    return int(_line(status, "VmRSS")) / 1024


def peak_mib(pid: int) -> float:
    """Return the most resident memory a running process has had since its start, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text("ascii", errors="replace")
    return int(_line(status, "VmHWM")) / 1024


def machine() -> Machine:
    """Return what can be said of this machine, and its load at this moment."""
    cpuinfo = Path("/proc/cpuinfo").read_text("ascii", errors="replace")
    named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    memory = int(_line(Path("/proc/meminfo").read_text("ascii"), "MemTotal"))
    return Machine(
        processor=named[1].strip() if named else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(memory / 1024**2, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load_before=round(os.getloadavg()[0], 2),
    )


def linear(times: Sequence[tuple[int, float]]) -> float:
    """Return the cost of one more thing at the largest count over that at the smallest."""
    (few, little), (many, much) = min(times), max(times)
    return (much / many) / (little / few)


def _line(text: str, name: str) -> str:
    found = re.search(rf"^{name}:\s*(\d+)", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"expected a line `{name}:` of the kernel, saw none")
    return found[1]
