"""CEF and OCSF say each record in the words of a SIEM, and leave nothing out."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit.export.cef import LABELS, cef
from agent.audit.export.ocsf import activity_of, event, ocsf
from tests.unit.export_readers import (
    bodies,
    body_of_ocsf,
    demo_trail,
    linked,
    read_cef,
)

some_bodies = st.lists(bodies, min_size=1, max_size=4)


@given(some_bodies)
def test_cef_is_one_line_a_record_and_gives_the_record_back(some: list[dict[str, Any]]) -> None:
    records = linked(some)
    lines = list(cef(records, "1.2"))
    assert len("".join(lines).splitlines()) == len(records)  # by any reader's idea of a line
    for record, line in zip(records, lines, strict=True):
        header, fields = read_cef(line[:-1])
        assert header[:4] == ["CEF:0", "Warrant", "Warrant", "1.2"]
        assert json.loads(fields["warrantBody"]) == record.body
        assert fields["externalId"] == str(record.seq)
        assert (fields["warrantPrev"], fields["warrantHash"]) == (record.prev, record.hash)


@given(some_bodies)
def test_the_fields_of_cef_say_what_the_body_says_but_for_control_characters(
    some: list[dict[str, Any]],
) -> None:
    places = {"suid": "actor", "outcome": "outcome", "cs1": "request", "cs5": "digest"}
    records = linked(some)
    for record, line in zip(records, cef(records, "1"), strict=True):
        fields = read_cef(line[:-1])[1]
        for key, field in places.items():
            said = record.body.get(field)
            if isinstance(said, str):
                assert fields.get(key, "") == _without_controls(said)


def _without_controls(text: str) -> str:
    control = set(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029])) - {"\n", "\r"}
    return "".join("\ufffd" if ch in control else ch for ch in text)


def test_a_change_in_cef_reads_as_an_analyst_expects() -> None:
    (change,) = [r for r in demo_trail() if r.seq == 5]
    (line,) = cef([change], "0.1.0")
    header, fields = read_cef(line[:-1])
    assert header == [
        *("CEF:0", "Warrant", "Warrant", "0.1.0"),
        *("outcome", "outcome group.member.add", "1"),
    ]
    assert fields["act"] == "group.member.add"
    assert fields["outcome"] == "done"
    assert fields["rt"] == "1795471872945"
    assert fields["cs1Label"] == LABELS["cs1Label"] == "request"
    assert fields["cs1"] == change.body["request"]


def test_the_document_names_every_key_of_cef() -> None:
    said = (Path(__file__).parents[2] / "docs" / "exports.md").read_text(encoding="utf-8")
    keys = {key for line in cef(demo_trail(), "1") for key in read_cef(line[:-1])[1]}
    plain = {key for key in keys if not key.startswith("cs")}
    assert keys - plain == {f"cs{n}{end}" for n in range(1, 7) for end in ("", "Label")}
    assert all(f"`{key}`" in said for key in plain)


@given(some_bodies)
def test_ocsf_gives_the_whole_body_back(some: list[dict[str, Any]]) -> None:
    records = linked(some)
    lines = list(ocsf(records, "tenant", "1.2"))
    for record, line in zip(records, lines, strict=True):
        assert "\n" not in line[:-1]
        said = json.loads(line)
        assert body_of_ocsf(said) == record.body
        assert said["unmapped"]["integrity"] == {"prev_hash": record.prev, "hash": record.hash}
        assert said["metadata"]["sequence"] == record.seq


# What the schema's version 1.6 demands of every event, and of each class.
BASE = {
    *("activity_id", "category_uid", "class_uid", "type_uid", "time", "severity_id", "metadata"),
}
DEMANDED = {3001: {"user"}, 3005: {"user"}, 3006: {"group", "user"}, 6003: {"actor", "api"}}


@given(some_bodies)
def test_every_event_has_what_its_class_demands(some: list[dict[str, Any]]) -> None:
    for record in linked(some):
        said = event(record, "tenant", "1.2")
        assert said["type_uid"] == said["class_uid"] * 100 + said["activity_id"]
        assert said["category_uid"] == said["class_uid"] // 1000
        assert set(said) >= BASE | DEMANDED[said["class_uid"]] | {"src_endpoint"}
        assert said["metadata"]["version"] == "1.6.0"
        assert {"name", "vendor_name"} <= set(said["metadata"]["product"])
        assert isinstance(said["time"], int)


def changed(name: str, kind: str, **more: Any) -> dict[str, Any]:
    action = {"name": name, "arguments": {"user": "u1"}}
    return {"phase": "outcome", "action": action, "target": {"type": kind, "id": "t1"}, **more}


@pytest.mark.parametrize(
    ("body", "type_uid"),
    [
        (changed("group.member.add", "group"), 300603),
        (changed("group.member.remove", "group"), 300604),
        (changed("group.rename", "group"), 300699),
        (changed("user.password.reset", "user"), 300104),
        (changed("user.disable", "user"), 300105),
        (changed("user.mfa.disable", "user"), 300199),
        (changed("role.assign", "role"), 300501),
        (changed("site.permission.remove", "site"), 300502),
        (changed("group.member.add", "group", phase="intent"), 600399),
        (changed("group.member.add", "galaxy"), 600399),
        ({"phase": "read"}, 600302),
        ({"phase": "export"}, 600302),
        ({"phase": "request"}, 600301),
        ({"phase": "policy_change"}, 600303),
        ({"phase": "something later"}, 600399),
        ({}, 600399),
    ],
)
def test_each_kind_of_record_has_its_class_and_activity(
    body: dict[str, Any], type_uid: int
) -> None:
    found = activity_of(body)
    assert found.class_uid * 100 + found.activity_id == type_uid


def test_the_demos_changes_are_counted_once_each() -> None:
    events = [event(record, "t", "1") for record in demo_trail()]
    managed = [e for e in events if e["class_uid"] == 3006 and e["status"] == "Success"]
    told = [(e["activity_name"], e["status_code"]) for e in managed]
    assert told.count(("Add User", "done")) == 3
    assert told.count(("Remove User", "undone")) == 2
    assert all(e["user"]["uid"] and e["group"]["uid"] for e in managed)


def test_what_is_no_text_has_no_exact_place_and_is_kept_all_the_same() -> None:
    body: dict[str, Any] = {"at": 5, "request": None, "phase": ["x"], "outcome": {"a": 1}}
    (record,) = linked([body])
    said = event(record, "tenant", "1")
    assert said["unmapped"]["record"] == body
    assert not {"original_time", "correlation_uid", "event_code"} & set(said["metadata"])
    assert "status_code" not in said
