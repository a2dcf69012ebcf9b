"""A stranger can verify a bundle: all of it, a part of it, and whatever else is handed in."""

import io
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.audit.bundle import (
    VERIFIER,
    Header,
    bundle,
    part,
    record_line,
    selected,
    unreadable_line,
    withheld_line,
)
from agent.audit.chain import ZERO, link_hash
from agent.audit.checkpoint import Checkpoint
from agent.audit.verify import LINE_BYTES, SENTENCES, Code, Verdict, verify_bundle
from agent.records import AuditRecord
from agent.values import canonical
from tests.unit.trails import (
    BEGIN,
    KID,
    OTHER,
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


def resigned(unsigned: Checkpoint) -> Checkpoint:
    """The same with a signature of our own key: what a careless signer would do."""
    _, raw = OURS.sign(unsigned.signing_bytes())
    signature = urlsafe_b64encode(raw).rstrip(b"=").decode()
    return unsigned.model_copy(update={"signature": signature})


def lone(said: dict[str, Any], **more: Any) -> Verdict:
    """A trail of three records of which the second says this."""
    records = chained([body(1), said, body(3)])
    return Trail(records, signed([records[0], records[1]], []), **more).verdict()


def test_a_body_of_an_unknown_version_is_named() -> None:
    assert ("unknown_schema", 2, 2) in places(lone(body(2) | {"v": 99}).findings)


def test_a_record_of_another_tenant_is_named() -> None:
    assert ("foreign_tenant", 2, 2) in places(lone(body(2) | {"tenant": OTHER}).findings)
    assert "foreign_tenant" not in {one.code for one in lone(body(2) | {"tenant": TENANT}).findings}


@pytest.mark.parametrize("missing", ["v", "at"])
def test_a_body_without_what_each_must_have_is_named(missing: str) -> None:
    said = {name: value for name, value in body(2).items() if name != missing}
    found = lone(said).findings
    assert next((one.code, one.line) for one in found) == ("unreadable", 3)
    assert ("deleted", 2, 2) in places(found)  # nothing readable stands in its place


@pytest.mark.parametrize("time", ["2026-11-23T09:00:40", "yesterday", "", None, 5, "9999"])
def test_a_time_that_cannot_be_told_is_named(time: object) -> None:
    assert "unreadable" in {one.code for one in lone(body(2) | {"at": time}).findings}


def test_a_clock_that_goes_back_is_named_where_it_does() -> None:
    bodies = [body(seq) for seq in range(1, 31)]
    for seq in range(20, 31):
        bodies[seq - 1]["at"] = (BEGIN - timedelta(hours=1) + STEP * seq).isoformat()
    records = chained(bodies)
    seen = Trail(records, signed(records, [10, 20, 30])).verdict()
    assert [one for one in places(seen.findings) if one[0] == "clock_backwards"] == [
        ("clock_backwards", 20, 20)
    ]


def test_a_little_skew_of_the_clock_is_none() -> None:
    bodies = [body(seq) for seq in range(1, 11)]
    bodies[4]["at"] = at(5 - 15)  # five minutes back
    records = chained(bodies)
    assert Trail(records, signed(records, [10])).verdict().findings == ()


def test_when_a_record_was_written_counts_before_when_its_event_was() -> None:
    bodies = [body(seq) for seq in range(1, 11)]
    bodies[4] |= {"at": at(-900), "logged_at": at(5)}
    records = chained(bodies)
    assert Trail(records, signed(records, [10])).verdict().findings == ()


def test_a_checkpoint_from_before_its_records_is_named() -> None:
    whole = trail(40)
    early = signed(chained([body(seq) | {"at": at(-90)} for seq in range(1, 21)]), [20])[0]
    tree = tree_of(whole.records)
    update = {"root": tree.root(20).hex(), "last_hash": whole.records[19].hash}
    told = resigned(early.model_copy(update=update))
    mixed = [whole.checkpoints[0], told, *whole.checkpoints[2:]]
    assert places(whole.but(checkpoints=mixed).verdict().findings) == [("clock_backwards", 11, 20)]


def test_records_that_waited_too_long_for_a_checkpoint_are_named() -> None:
    whole = trail(70, every=70)  # seventy records in 23 minutes
    assert places(whole.verdict().findings) == [("missing_checkpoint", 1, 70)]
    behind = trail(80)
    left = behind.but(checkpoints=behind.checkpoints[:1])
    assert places(left.verdict().findings) == [("missing_checkpoint", 11, 80)]
    assert left.verdict().uncovered == (11, 80)


def test_more_than_a_thousand_records_without_a_checkpoint_are_named() -> None:
    records = chained([body(seq) | {"at": at(1)} for seq in range(1, 1002)])
    enough = Trail(records[:1000], signed(records, [1000])).verdict()
    assert enough.findings == ()
    late = Trail(records, signed(records, [1001]))
    assert ("missing_checkpoint", 1, 1001) in places(late.verdict().findings)


def test_a_bundle_without_any_checkpoint_proves_nothing_and_says_so() -> None:
    seen = trail(9, every=10).verdict()
    assert places(seen.findings) == [("missing_checkpoint", 1, 9)]
    assert (seen.signed_to, seen.uncovered) == (0, (1, 9))


def test_a_bundle_of_another_tenant_is_named_whatever_it_says() -> None:
    records = list(trail(20).records)
    theirs = Trail(records, signed(records, [10, 20], THEIRS.signer(), OTHER), OTHER)
    honest = theirs.but(keys={KID: THEIRS.pem.decode()})
    assert [one.code for one in honest.verdict().findings][:3] == [
        "foreign_tenant",
        "foreign_tenant",
        "unknown_key",
    ]
    disguised = honest.but(tenant=TENANT)
    assert {"foreign_tenant", "unknown_key"} <= {one.code for one in disguised.verdict().findings}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"[1]\n",
        b'"seq"\n',
        b"7\n",
        b"null\n",
        b'{"seq":5}\n',
        b'{"hash":"zz","seq":5}\n',
        b'{"hash":5,"seq":5}\n',
        b'{"hash":"ab","seq":"five"}\n',
        b'{"kind":"warrant.audit.tombstone"}\n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'{"seq":' + b"9" * 5_000 + b"}\n",
        b'{"seq":1e3}\n',
        b'{"seq":NaN}\n',
        b'{"a":1,"a":2}\n',
        b'{"a": 1}\n',
        b'{"b":1,"a":2}\n',
        b'{"a":"\\u0041"}\n',
        b'{"a":"\\ud800"}\n',
        b'{"a":-0}\n',
        unreadable_line(5),
        record_line(trail(10).records[4])[:-30] + b"\n",
        record_line(trail(10).records[4])[:-1] + b" \n",
        record_line(trail(10).records[4]).replace(b'"body"', b'"bodi"'),
        record_line(trail(10).records[4]).replace(b'"body":{', b'"body":{"actor":"x","actor":"y",'),
        trail(10).checkpoints[0].line().replace(b'"v":1', b'"w":1'),
        b"x" * (LINE_BYTES + 1) + b"\n",
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_the_rest_is_still_verified(line: bytes) -> None:
    whole = trail(20)
    lines = whole.lines()
    place = 3 + 4  # where record 5 stands
    records = list(whole.records)
    assert lines[place] == record_line(records[4])
    lines[place] = line
    lines[place + 6] = record_line(records[10]).replace(b'"read"', b'"redo"')
    seen = verdict(lines)
    assert ("deleted", 5, 5) in places(seen.findings)
    assert ("edited", 11, 11) in places(seen.findings)
    if line:
        assert ("unreadable", place + 1) in [(one.code, one.line) for one in seen.findings]


@given(st.lists(st.binary(max_size=60) | st.sampled_from(trail(10).lines()), max_size=12))
def test_whatever_is_handed_in_gets_a_verdict(lines: list[bytes]) -> None:
    seen = verdict(lines)
    assert seen.findings or b"".join(lines) == b"".join(trail(10).lines())


def test_nothing_at_all_does_not_hold() -> None:
    assert [one.code for one in verdict([]).findings] == ["truncated"]


@pytest.mark.parametrize("update", [{"v": 2}, {"kind": "warrant.audit.another"}])
def test_a_header_of_an_unknown_version_is_named(update: dict[str, Any]) -> None:
    lines = trail(10).lines()
    header = Header.model_validate_json(lines[0]).model_copy(update=update)
    lines[0] = canonical(header.model_dump(mode="json", warnings=False)) + b"\n"
    assert [(one.code, one.line) for one in verdict(lines).findings] == [("unknown_schema", 1)]


def test_a_second_header_is_not_read() -> None:
    lines = trail(20).lines()
    seen = verdict([*lines[:8], lines[0], *lines[8:]])
    assert [(one.code, one.line) for one in seen.findings] == [("unreadable", 9)]


def test_a_checkpoint_behind_its_record_is_named() -> None:
    lines = trail(20).lines()
    seen = verdict([lines[0], *lines[2:], lines[1]])
    assert places(seen.findings) == [("swapped", 10, 10)]


def test_another_statement_signed_by_the_key_is_no_checkpoint() -> None:
    whole = trail(10)
    other = whole.checkpoints[0].model_copy(update={"kind": "warrant.audit.tombstone"})
    seen = whole.but(checkpoints=[resigned(other)]).verdict()
    assert places(seen.findings)[0] == ("unknown_schema", 10, 10)
    assert seen.signed_to == 0


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="PEM"):
        verify_bundle(io.BytesIO(b""), [b"not a key"])


def test_every_finding_has_a_sentence() -> None:
    assert sorted(SENTENCES) == sorted(get_args(Code))
    found = trail(20).but(records=trail(20).records[:7]).verdict().findings[0]
    assert found.sentence == "the end is missing: more was exported or signed"


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
