"""Whatever anybody wrote, wherever it ended up in a record: no export takes it for more than text.

T27: a record that holds one hostile text in every place, in each format and on the evidence page.
"""

import csv as stdlib_csv
import io
import json
from typing import Any

import pytest
from hypothesis import given

from agent.audit.export.cef import cef
from agent.audit.export.csv import COLUMNS, csv
from agent.audit.export.evidence import Signature, evidence_of, write
from agent.audit.export.fields import line_of
from agent.audit.export.markup import shown
from agent.audit.export.ndjson import ndjson
from agent.audit.export.ocsf import ocsf
from agent.audit.export.page import page
from agent.records import AuditRecord
from tests.unit.evidence_cases import MADE_AT, of_bodies
from tests.unit.export_readers import HOSTILE, hostile, linked, read_cef, read_csv, with_everywhere
from tests.unit.html_reader import Seen, read

PLAIN = "plain words"
PHASES = (
    *("request", "read", "decision", "approval_asked", "approval", "intent", "compensate"),
    *("outcome", "answer", "escalate", "failure", "verify", "notify", "no such phase"),
)
LIVE = (*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
SIGNATURE = Signature(kid="k", value="v")

LONG = "x" * 70_000
each_hostile = pytest.mark.parametrize(
    "text", [*HOSTILE, "y" * 3_000], ids=lambda text: ascii(text)[:24]
)


def infested(text: str) -> list[dict[str, Any]]:
    """A record of each phase with the text wherever the phase has a text, and a stranger's."""
    layers = [{"layer": text, "result": text, "permitted_by": [text], "denied_by": [text]}]
    owed = [{"kind": "approval", "by": text, "quorum": text, "when": text, "expires_after": text}]
    said: dict[str, Any] = {
        "at": text,
        "request": text,
        "actor": text,
        "step": text,
        "digest": text,
        "outcome": text,
        "before": text,
        "after": text,
        "action": {"name": text, "arguments": {"user": text, text: text}},
        "target": {"type": text, "id": text},
        "acted_as": {"mode": text, "person": text, "why": text, "sponsorship": text},
        "reasoning": [dict.fromkeys(("lookup", "source", "read_at", "read_as", "seen"), text)],
        "decision": {
            "effect": text,
            "layers": layers,
            "obligations": [*owed, {"kind": text}],
            "unknown": [text],
            "snapshot": {"id": text, "seq": text},
        },
        "graph": {"request_id": text, "client_request_id": text},
        "detail": {
            **dict.fromkeys(("channel", "by", "quorum", "when", "expires_at", "ticket"), text),
            **dict.fromkeys(("to", "why", "code", "verified_at", text), text),
            "approvers": [text],
        },
    }
    known = [{**said, "phase": phase} for phase in PHASES]
    member = {"name": "group.member.add", "arguments": {"user": text}}
    return [*known, {**said, "phase": "outcome", "action": member}, with_everywhere(text)]


def on_the_page(text: str) -> Seen:
    evidence = of_bodies(infested(text), {text: text})
    evidence = evidence.model_copy(update={"tenant": text, "request": text, "flaws": (text,)})
    more = {"checkpoint": {text: text}, "inclusion": text, "microsoft": (text, {text: [text]})}
    evidence = evidence.model_copy(update={"added": evidence.added.model_copy(update=more)})
    return read(page(evidence, Signature(kid=text, value=text)))


@each_hostile
def test_no_text_changes_what_elements_a_page_has(text: str) -> None:
    plain, attacked = on_the_page(PLAIN), on_the_page(text)
    assert attacked.tags == plain.tags
    assert attacked.ends == plain.ends
    assert attacked.others == plain.others == []
    assert [set(a) for a in attacked.attributes] == [set(a) for a in plain.attributes]


@each_hostile
def test_the_text_nodes_of_a_page_are_the_plain_ones_with_the_text_in_them(text: str) -> None:
    attacked = on_the_page(text)
    assert shown(text) in attacked.texts  # whole, in one run: no entity and no tag of its own
    for record in linked(infested(text)):
        word_for_word = shown(line_of(record))
        assert word_for_word in attacked.texts


@each_hostile
def test_what_cannot_be_seen_is_shown_on_a_page(text: str) -> None:
    everything = "".join(on_the_page(text).texts)
    unseen = {chr(n) for n in (0, 1, 0x1B, 0x7F, 0x85, 0x0D, 0x202E, 0x202C, 0x2066, 0x2028)}
    assert not unseen & set(everything)


@given(hostile)
def test_shown_text_tells_any_two_texts_without_marks_apart(text: str) -> None:
    assert "\u202e" not in shown(text)
    if text.isprintable() and text.isascii():
        assert shown(text) == text


@each_hostile
def test_no_cell_of_csv_is_live_and_none_breaks_out_of_its_row(text: str) -> None:
    records = linked(infested(text))
    written = "".join(csv(records))
    rows = read_csv(written)
    assert len(rows) == len(records)
    assert all(tuple(row) == COLUMNS for row in rows)
    for row, record in zip(rows, records, strict=True):
        assert json.loads(row["body"]) == record.body
        assert row["actor"] == record.body["actor"] == text
    for cell in _raw_cells(written):
        assert not cell.startswith(LIVE)
        assert not cell.lstrip().startswith(tuple("=+-@"))


def _raw_cells(written: str) -> list[str]:
    """Cells as a spreadsheet gets them: unquoted, the apostrophe still there."""
    return [cell for row in stdlib_csv.reader(io.StringIO(written, newline="")) for cell in row]


@each_hostile
def test_no_text_adds_a_field_or_a_line_to_cef(text: str) -> None:
    plain = [read_cef(line[:-1]) for line in cef(linked(infested(PLAIN)), "1")]
    records = linked(infested(text))
    lines = list(cef(records, "1"))
    assert len("".join(lines).splitlines()) == len(records)
    for (_, expected), line, record in zip(plain, lines, records, strict=True):
        header, fields = read_cef(line[:-1])
        assert len(header) == 7
        assert set(fields) == set(expected)
        assert fields["externalId"] == str(record.seq)
        assert json.loads(fields["warrantBody"]) == record.body


@each_hostile
def test_no_text_adds_a_line_or_a_field_to_json_lines(text: str) -> None:
    records = linked(infested(text))
    for export in (ndjson(records), ocsf(records, text, text)):
        lines = "".join(export).split("\n")
        assert lines.pop() == ""
        assert len(lines) == len(records)
        assert all(isinstance(json.loads(line), dict) for line in lines)
    plain = [set(json.loads(line)) for line in ocsf(linked(infested(PLAIN)), "t", "1")]
    assert [set(json.loads(line)) for line in ocsf(records, "t", "1")] == plain


def test_a_very_long_text_is_nowhere_cut() -> None:
    records = linked([{"phase": "outcome", "actor": LONG, "detail": {"why": LONG}}])
    evidence = of_bodies([record.body for record in records], {})
    for written in (
        "".join(ndjson(records)),
        "".join(csv(records)),
        "".join(cef(records, "1")),
        "".join(ocsf(records, "t", "1")),
        write(evidence, SIGNATURE),
        page(evidence),
    ):
        assert written.count(LONG) >= 2


@pytest.mark.parametrize("place", ["body", "names", "checkpoint"])
def test_a_lone_surrogate_is_refused_before_anything_is_signed(place: str) -> None:
    bad = "\ud800"
    if place == "body":
        record = AuditRecord(seq=1, body={"phase": bad}, prev="0" * 64, hash="1" * 64)
        with pytest.raises(ValueError, match="record 1"):
            evidence_of([record], "t", "r", MADE_AT)
        return
    evidence = of_bodies([{"phase": "request"}], {})
    added = evidence.added.model_copy(
        update={"names": {bad: bad}} if place == "names" else {place: bad}
    )
    with pytest.raises(ValueError, match=r"surrogate|unicode|utf"):
        write(evidence.model_copy(update={"added": added}), SIGNATURE)


def test_a_page_claims_no_read_back_for_what_is_no_time() -> None:
    told = on_the_page("verified, trust me").words
    assert "After, not read back" in told
    assert "After, read back" not in told
