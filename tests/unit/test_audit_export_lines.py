"""NDJSON and CSV carry every record whole: what is read back is what was written, and verifies."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit.chain import verify_chain
from agent.audit.export.cef import cef
from agent.audit.export.csv import COLUMNS, csv
from agent.audit.export.ndjson import ndjson
from agent.audit.export.ocsf import ocsf
from agent.records import AuditRecord
from agent.values import canonical
from tests.unit.export_readers import bodies, demo_trail, linked, read_csv, read_ndjson


@given(st.lists(bodies, max_size=4))
def test_ndjson_reads_back_as_the_same_records_and_the_chain_verifies(
    some: list[dict[str, Any]],
) -> None:
    records = linked(some)
    back = read_ndjson("".join(ndjson(records)))
    assert back == records
    assert verify_chain(back) == []


@given(st.lists(bodies, min_size=1, max_size=4))
def test_one_line_of_ndjson_is_one_record_and_canonical(some: list[dict[str, Any]]) -> None:
    records = linked(some)
    for record, line in zip(records, ndjson(records), strict=True):
        assert line.endswith("\n")
        assert "\n" not in line[:-1]
        assert line[:-1].encode() == canonical(record.model_dump(mode="json"))


@given(st.lists(bodies, max_size=4))
def test_csv_reads_back_as_the_same_records_and_the_chain_verifies(
    some: list[dict[str, Any]],
) -> None:
    records = linked(some)
    rows = read_csv("".join(csv(records)))
    back = read_ndjson(
        "".join(
            f'{{"seq":{row["seq"]},"prev":"{row["prev"]}","hash":"{row["hash"]}",'
            f'"body":{row["body"]}}}\n'
            for row in rows
        )
    )
    assert back == records
    assert verify_chain(back) == []


@given(st.lists(bodies, min_size=1, max_size=4))
def test_each_cell_of_csv_says_exactly_what_the_body_says(some: list[dict[str, Any]]) -> None:
    records = linked(some)
    for record, row in zip(records, read_csv("".join(csv(records))), strict=True):
        assert tuple(row) == COLUMNS
        for column in ("phase", "actor", "request", "outcome", "digest"):
            said = record.body.get(column)
            if isinstance(said, str):
                assert row[column] == said
            elif said is None:
                assert row[column] == ""


def test_the_columns_are_these_and_in_this_order() -> None:
    assert ",".join(COLUMNS) == (
        "seq,at,phase,request,actor,step,action,target_type,target,outcome,effect,snapshot,"
        "acted_as,mode,before,after,digest,graph_request,client_request,prev,hash,body"
    )


def test_the_demos_trail_is_whole_in_ndjson_and_in_csv() -> None:
    trail = demo_trail()
    assert verify_chain(trail) == []
    assert read_ndjson("".join(ndjson(trail))) == trail
    rows = read_csv("".join(csv(trail)))
    done = [row for row in rows if row["outcome"] == "done" and row["phase"] == "outcome"]
    assert {row["action"] for row in done} == {"group.member.add"}
    assert {(row["before"], row["after"]) for row in done} == {("false", "true")}
    assert {row["mode"] for row in done} == {"sponsor", "approver"}


UNWRITABLE = ("lone \ud800 surrogate", float("nan"), float("inf"))


@pytest.mark.parametrize("value", UNWRITABLE, ids=["surrogate", "nan", "infinity"])
@pytest.mark.parametrize(
    "export",
    [
        ndjson,
        csv,
        lambda records: cef(records, "1"),
        lambda records: ocsf(records, "t", "1"),
    ],
    ids=["ndjson", "csv", "cef", "ocsf"],
)
def test_what_cannot_be_written_stops_the_export_and_is_named(export: Any, value: object) -> None:
    body = {"phase": "request", "detail": {"deep": [value]}}
    record = AuditRecord(seq=7, body=body, prev="0" * 64, hash="1" * 64)
    with pytest.raises(ValueError, match="record 7"):
        list(export([record]))


@pytest.mark.parametrize(
    "export",
    [
        ndjson,
        csv,
        lambda records: cef(records, "1"),
        lambda records: ocsf(records, "t", "1"),
    ],
    ids=["ndjson", "csv", "cef", "ocsf"],
)
def test_an_export_gives_a_record_before_it_asks_for_the_next_but_one(export: Any) -> None:
    asked = []

    def records() -> Any:
        for record in demo_trail():
            asked.append(record.seq)
            yield record

    lines = export(records())
    next(lines), next(lines)
    assert len(asked) <= 2


def test_the_document_names_the_same_columns() -> None:
    said = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
    assert f"`{','.join(COLUMNS)}`" in said
