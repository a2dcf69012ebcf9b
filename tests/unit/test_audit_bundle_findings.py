"""What is wrong with a bundle is named at its place, whatever was handed in."""

import io
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit.bundle import Header, record_line, unreadable_line
from agent.audit.checkpoint import Checkpoint
from agent.audit.verify import LINE_BYTES, SENTENCES, Code, Verdict, verify_bundle
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
