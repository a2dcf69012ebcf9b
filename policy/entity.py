"""Rules, snapshots and heads as rows of a table: plain dicts in, plain dicts out.

Answers  which columns and keys a record has in the tenant's own storage account.
Never    talks to a table; and no key holds a tenant, because the account is the tenant's.
Rules    - keys hold none of `/ \\ # ?`, and sort so that the newest version is the last.
         - binary is split into p00, p01 ... of 60,000 bytes, 15 of them to a row.
         - a row that lacks a part is refused; that the parts are the right ones, the digest says.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from policy.rule import Rule
from policy.snapshot import Body, Head

Entity = dict[str, Any]

PART_BYTES = 60_000
PARTS_PER_ROW = 15
MAX_BODY_CHARACTERS = 32_000
HEAD_KEYS = ("head", "active")


def rule_entity(rule: Rule, version: int) -> Entity:
    """Give the row of one version of a rule; raises ValueError if it is too large for a column."""
    body = json.dumps(rule.record(), ensure_ascii=True, sort_keys=True)
    if len(body) > MAX_BODY_CHARACTERS:
        raise ValueError(
            f"expected a rule of at most {MAX_BODY_CHARACTERS} characters, saw {len(body)}"
        )
    return {
        "PartitionKey": "rule",
        "RowKey": f"{rule.layer}|{rule.id}|{version:08d}",
        "version": version,
        "body": body,
    }


def rule_of(entity: Mapping[str, Any]) -> Rule:
    """Read the rule of a row; raises ValueError if its body is not a rule."""
    return Rule.model_validate_json(str(entity["body"]))


def body_entities(body: Body, seq: int) -> list[Entity]:
    """Give the rows of a snapshot, `0000000007|00` and on; insert them before the head."""
    parts = [body.data[i : i + PART_BYTES] for i in range(0, len(body.data), PART_BYTES)]
    rows = [parts[i : i + PARTS_PER_ROW] for i in range(0, len(parts), PARTS_PER_ROW)]
    return [
        {
            "PartitionKey": "snapshot",
            "RowKey": f"{seq:010d}|{number:02d}",
            "snapshot_id": body.id,
            "rows": len(rows),
            "parts": len(row),
            **{f"p{index:02d}": part for index, part in enumerate(row)},
        }
        for number, row in enumerate(rows)
    ]


def body_of(entities: Sequence[Mapping[str, Any]]) -> bytes:
    """Join the rows of one snapshot, in any order; raises ValueError if a part is missing."""
    rows = sorted(entities, key=lambda entity: str(entity["RowKey"]))
    if not rows or any(row["rows"] != len(rows) for row in rows):
        raise ValueError(f"expected all rows of a snapshot, saw {len(rows)}")
    names = [(row, f"p{index:02d}") for row in rows for index in range(row["parts"])]
    if missing := [name for row, name in names if name not in row]:
        raise ValueError(f"expected every part of a snapshot, saw no `{missing[0]}`")
    return b"".join(row[name] for row, name in names)


def head_entity(head: Head) -> Entity:
    """Give the one row that says which snapshot counts; write it with If-Match."""
    partition, row = HEAD_KEYS
    said = {k: v for k, v in head.model_dump(mode="json").items() if v is not None}
    return {"PartitionKey": partition, "RowKey": row, **said}


def head_of(entity: Mapping[str, Any]) -> Head:
    """Read the head of a row; raises ValueError for a column that is missing or unknown."""
    said = {k: v for k, v in entity.items() if k not in ("PartitionKey", "RowKey", "Timestamp")}
    return Head.model_validate_json(json.dumps(said))
