"""How fast does one policy engine decide, in a process of its own, on one core?

Rules
- an engine is loaded, asked every question once, and then timed in short runs; the figure is the
  median run's processor time, so that neither a first call nor one disturbance is in it;
- a question is put into the engine's own form just before the clock starts: only deciding is timed;
- answers are told too: a fast engine that decides otherwise has not done the work.
"""

import argparse
import gc
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from local.bench.measure import rss_mib
from local.bench.policy_rules import Record, questions, records

_RUN = 25
_QUESTIONS = 500


class Engine(Protocol):
    """What can be measured: a question made ready, and decided."""

    def ready(self, question: Record) -> Any:
        """Put a question into this engine's own form."""

    def permits(self, question: Any) -> bool:
        """Decide a question that was made ready."""


Load = Callable[[], Engine]
"""Loads the rules; what it takes is the engine's load time."""


def main(prepare: Callable[[Sequence[Record]], Load]) -> None:
    """Measure the engine that `prepare` gives for the rules, and print what was seen."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rules", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    told = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    load = prepare(records(told.rules))
    gc.collect()
    before, began = rss_mib(os.getpid()), time.process_time()
    engine = load()
    loaded = time.process_time() - began
    seen = measure(engine, list(questions(_QUESTIONS)), told.seconds)
    grown = rss_mib(os.getpid()) - before
    print(json.dumps({"load_ms": loaded * 1000, "rss_mib": grown, **seen}))


def measure(engine: Engine, asked: Sequence[Record], seconds: float) -> dict[str, Any]:
    """Time runs of questions, at least four and until the seconds are over; give what was said."""
    answers: list[bool] = []
    times: list[float] = []
    ends = time.monotonic() + seconds
    at = 0
    while len(times) < 4 or (time.monotonic() < ends and len(times) < 400):
        run = [engine.ready(question) for question in asked[at : at + _RUN]]
        began = time.process_time()
        said = [engine.permits(question) for question in run]
        times.append((time.process_time() - began) / len(run))
        at = (at + _RUN) % len(asked)
        answers += said if len(answers) < len(asked) else []
    # The first run pays for what is made on first use.
    return {"cpu_us": statistics.median(times[1:]) * 1e6, "n": len(times) * _RUN, "said": answers}
