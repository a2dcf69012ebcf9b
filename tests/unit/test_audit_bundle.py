"""A stranger can verify a bundle: all of it, a part of it, and whatever else is handed in."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.audit.bundle import VERIFIER, Header, bundle, part, record_line, selected, withheld_line
from agent.audit.chain import ZERO, link_hash
from agent.records import AuditRecord
from agent.values import canonical
from tests.unit.trails import (
    BEGIN,
    KID,
    OURS,
    STEP,
    TENANT,
    THEIRS,
    Trail,
    at,
    body,
    chained,
    places,
    signed,
    trail,
    tree_of,
    verdict,
)

KEYS = {KID: OURS.pem.decode()}


def cut(whole: Trail, first: int, wanted: int) -> Header:
    """The header of a part of a trail."""
    return part(
        TENANT,
        BEGIN + STEP * 60,
        KEYS,
        before=tree_of(whole.records).frontier(first - 1),
        prev=whole.records[first - 1].prev,
        wanted=wanted,
        checkpoints=whole.checkpoints,
    )


def part_lines(whole: Trail, first: int, wanted: int, asked: set[int] | None = None) -> list[bytes]:
    header = cut(whole, first, wanted)
    within = whole.records[first - 1 : header.last]
    shown = asked or set(range(first, wanted + 1))
    lines = selected(within, lambda record: record.seq in shown)
    return list(bundle(header, whole.checkpoints, lines))


def test_a_record_is_hashed_over_its_own_line() -> None:
    record = trail(10).records[4]
    line = record_line(record)
    fields = {"body": record.body, "prev": record.prev, "seq": record.seq}
    assert line.replace(f'"hash":"{record.hash}",'.encode(), b"") == canonical(fields) + b"\n"
    assert record.hash == link_hash(record.seq, record.prev, record.body)


@given(st.integers(1, 40), st.integers(0, 39))
def test_every_part_up_to_the_newest_checkpoint_holds(first: int, more: int) -> None:
    wanted = min(40, first + more)
    seen = verdict(part_lines(trail(46), first, wanted))
    assert seen.findings == ()
    assert (seen.first, seen.records) == (first, wanted - first + 1)
    assert seen.last == seen.signed_to == -(-wanted // 10) * 10
    assert seen.withheld == seen.last - wanted
    assert seen.uncovered is None


def test_a_selection_shows_only_what_was_asked_for() -> None:
    lines = part_lines(trail(46), 3, 35, {3, 17, 35})
    assert b"".join(lines).count(b'"why"') == 3
    seen = verdict(lines)
    assert (seen.findings, seen.records, seen.withheld, seen.signed_to) == ((), 3, 35, 40)


@given(st.integers(2, 30), st.integers(0, 9), st.integers(0, 255))
def test_a_part_of_a_rewritten_trail_does_not_hold(first: int, more: int, salt: int) -> None:
    whole = trail(40)
    wanted = min(first + more, 40)
    forged = [one.body for one in whole.records[first - 1 :]]
    forged[0] = forged[0] | {"actor": f"somebody else {salt}"}
    records = whole.records[: first - 1] + chained(forged, first, whole.records[first - 1].prev)
    seen = verdict(part_lines(whole.but(records=records), first, wanted))
    assert seen.findings
    assert {one.code for one in seen.findings} == {"recomputed"}
    assert (seen.findings[0].first, seen.signed_to) == (first, 0)


@given(st.integers(2, 40), st.integers(0, 63))
def test_a_withheld_record_is_under_the_signed_root(place: int, digit: int) -> None:
    whole = trail(40)
    lines = part_lines(whole, 1, 40, {1})
    was = whole.records[place - 1].hash
    other = was[:digit] + ("0" if was[digit] != "0" else "1") + was[digit + 1 :]
    lines[4 + place] = withheld_line(place, other)
    seen = verdict(lines)
    first = (place - 1) // 10 * 10 + 1
    assert places(seen.findings)[0] == ("recomputed", first, first + 9)


def test_a_part_behind_the_newest_checkpoint_needs_one_first() -> None:
    with pytest.raises(ValueError, match="expected a checkpoint of at least 41 records, saw none"):
        cut(trail(46), 5, 41)


def test_a_part_has_the_tree_before_it() -> None:
    with pytest.raises(ValidationError, match="expected the peaks of 3 records"):
        Header(tenant=TENANT, exported_at=BEGIN, first=4, last=10, keys={}, peaks=(ZERO,))


@pytest.mark.parametrize("update", [{"peaks": ("ab" * 32,) * 2}, {"prev": "ab" * 32}])
def test_a_part_that_follows_another_trail_does_not_hold(update: dict[str, Any]) -> None:
    whole = trail(40)
    forged = cut(whole, 11 + 6, 20).model_copy(update=update)
    forged = forged if "prev" in update else forged.model_copy(update={"peaks": ("ab" * 32,)})
    lines = bundle(forged, whole.checkpoints, map(record_line, whole.records[16:20]))
    seen = verdict(lines)
    assert {one.code for one in seen.findings} <= {"recomputed", "edited"}
    assert seen.findings


def told(lines: list[bytes], folder: Path) -> tuple[int, list[str]]:
    """What the shipped file says: copied away, run by an interpreter that finds nothing of ours."""
    shutil.copy(VERIFIER, folder / "verifier.py")
    (folder / "bundle.ndjson").write_bytes(b"".join(lines))
    (folder / "public.pem").write_bytes(OURS.pem)
    command = [sys.executable, "-I", "verifier.py", "bundle.ndjson", "--key", "public.pem"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.stderr == ""
    return run.returncode, run.stdout.splitlines()


def mutations() -> dict[str, list[bytes]]:
    whole = trail(46)
    lines = whole.lines()
    edited = [
        line.replace(b'"read"', b'"redo"') if n == 20 else line for n, line in enumerate(lines)
    ]
    rebuilt = chained([one.body | {"actor": "x"} for one in whole.records])
    return {
        "nothing": lines,
        "edited": edited,
        "deleted": lines[:20] + lines[21:],
        "swapped": [*lines[:20], lines[21], lines[20], *lines[22:]],
        "truncated": lines[:25],
        "forked": [*lines[:20], edited[20], *lines[20:]],
        "recomputed": whole.but(records=rebuilt).lines(),
        "forged": whole.but(checkpoints=signed(rebuilt, [10, 20], THEIRS.signer())).lines(),
        "garbage": [*lines[:20], b"\xff\n", *lines[21:]],
        "a part": part_lines(whole, 12, 33),
    }


@pytest.mark.parametrize("kind", mutations())
def test_the_shipped_file_alone_says_the_same(kind: str, tmp_path: Path) -> None:
    lines = mutations()[kind]
    seen = verdict(lines)
    status, said = told(lines, tmp_path)
    assert status == (1 if seen.findings else 0) == (kind not in ("nothing", "a part"))
    found = [f"{one.code} {one.first} {one.last} {one.line}" for one in seen.findings]
    assert said[:-1] == found
    assert said[-1] == (
        f"seen.records={seen.records} seen.withheld={seen.withheld} "
        f"seen.signed_to={seen.signed_to} seen.uncovered={seen.uncovered or (0, 0)}"
    )


def test_the_shipped_file_is_one_page() -> None:
    assert len(VERIFIER.read_text("utf-8").splitlines()) <= 150


def test_a_record_knows_its_line_whatever_text_it_holds() -> None:
    hostile = {"v": 1, "phase": "read", "at": at(1), "why": ',"hash":"' + "a" * 64 + '","prev":"'}
    records = chained([hostile, body(2)])
    assert Trail(records, signed(records, [2])).verdict().findings == ()
    forged = AuditRecord(seq=1, body=hostile | {"x": 1}, prev=ZERO, hash=records[0].hash)
    seen = Trail([forged, records[1]], signed(records, [2])).verdict()
    assert places(seen.findings) == [("edited", 1, 1)]
