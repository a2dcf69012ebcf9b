"""Statistics and rendering: what a figure says, and when nothing is judged."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from local import bench
from local.bench.measure import Machine, cpu_ms, drift, linear, machine, rss_mib, spread
from local.bench.report import REPORT, Goal, Report, Section, as_markdown, as_text, verdict

MACHINE = Machine(
    processor="a processor",
    cores=2,
    memory_gib=23.5,
    system="Linux 6",
    python="3.11.7",
    load_before=0.25,
)


def section(drift: float | None = None, seen: float = 1.2) -> Section:
    return Section(
        name="loop.seed",
        about="the seed request",
        columns=("Graph", "wall ms", "x|y"),
        rows=(("0 ms", 123.456, 1), ("100 ms", 12.345, None)),
        goals=(Goal(what="wall over path", seen=seen, at_most=1.15, unit="x"),),
        notes=("alone",),
        drift=drift,
    )


def report(*sections: Section) -> Report:
    at = datetime(2026, 11, 3, tzinfo=UTC)
    return Report(at=at, machine=MACHINE, quick=False, seconds=61.5, sections=sections)


def test_the_median_of_an_even_sample_lies_between_its_middles() -> None:
    assert spread([4.0, 1.0, 3.0, 2.0]).p50 == 2.5


def test_the_95th_percentile_is_a_sample_that_was_seen() -> None:
    seen = spread([float(n) for n in range(1, 101)])
    assert (seen.n, seen.p95, seen.least) == (100, 95.0, 1.0)
    assert spread([7.0]).p95 == 7.0


def test_nothing_has_no_median() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        spread([])


def test_drift_is_the_same_whichever_run_was_slower() -> None:
    assert drift(10.0, 12.5) == drift(12.5, 10.0) == 0.25


def test_a_cost_that_grows_with_the_count_is_not_linear() -> None:
    assert linear([(3, 3.0), (50, 50.0)]) == pytest.approx(1.0)
    assert linear([(50, 150.0), (3, 3.0)]) == pytest.approx(3.0)


def test_the_kernel_knows_this_process_and_this_machine() -> None:
    before = cpu_ms(os.getpid())
    sum(n * n for n in range(2_000_000))
    assert cpu_ms(os.getpid()) > before
    assert rss_mib(os.getpid()) > 1
    assert machine().cores >= 1


def test_a_goal_is_missed_above_its_limit_and_below_its_least() -> None:
    assert Goal(what="wall", seen=1.15, at_most=1.15).met
    assert not Goal(what="wall", seen=1.16, at_most=1.15).met
    assert not Goal(what="runs", seen=19.9, at_least=20).met
    assert Goal(what="hops", seen=3, at_least=3, at_most=3).met
    assert not Goal(what="hops", seen=2, at_least=3, at_most=3).met


def test_on_an_unquiet_machine_no_time_is_judged_and_every_count_is() -> None:
    quiet, unquiet = section(drift=0.25), section(drift=0.26)
    assert verdict(quiet, quiet.goals[0]) == "missed"
    assert verdict(unquiet, unquiet.goals[0]) == "not judged"
    count = Goal(what="hops", seen=4, at_least=3, at_most=3, timed=False)
    assert verdict(unquiet, count) == "missed"
    assert "times are not judged" in as_text(report(unquiet), colour=False)
    assert "times are not judged" in as_markdown(report(unquiet))


def test_the_terminal_is_told_machine_table_goals_and_notes() -> None:
    text = as_text(report(section()), colour=False)
    assert "a processor, 2 cores" in text
    assert "load before 0.25" in text
    assert "missed: wall over path: 1.20x, goal at most 1.15x" in text
    assert "\n  - alone" in text
    assert "\033" not in text
    assert "\033[31mmissed" in as_text(report(section()), colour=True)


def test_the_documentation_is_a_table_that_markdown_reads() -> None:
    text = as_markdown(report(section()))
    assert "Measured 3 November 2026 on a processor" in text
    assert "| Graph | wall ms | x\\|y |\n|---|---|---|\n| 0 ms | 123 | 1 |" in text
    assert "| 100 ms | 12.3 | - |" in text
    assert "| wall over path | at most 1.15x | 1.20x | missed |" in text


def test_a_report_survives_its_own_json_and_nothing_foreign_does() -> None:
    whole = report(section(drift=0.1))
    assert REPORT.validate_json(whole.model_dump_json()) == whole
    with pytest.raises(ValidationError):
        REPORT.validate_json(whole.model_dump_json().replace('"quick"', '"quiet"'))


def test_a_benchmark_nobody_knows_is_a_wrong_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.main(["--only", "loop.seed,loop.speed"])
    assert ended.value.code == 2
    assert "saw loop.speed" in capsys.readouterr().err


def test_the_published_figures_are_those_of_the_published_run() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    run = REPORT.validate_json((docs / "benchmarks.json").read_bytes())
    assert as_markdown(run).strip() == (docs / "benchmarks.md").read_text("utf-8").strip()
