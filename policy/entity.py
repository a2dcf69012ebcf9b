"""Rules, snapshots and heads as rows of a table: plain dicts in, plain dicts out.

Answers  which columns and keys a record has in the tenant's own storage account.
Never    talks to a table; and no key holds a tenant, because the account is the tenant's.
         Believes nothing: signatures and digests are looked at by who reads.
Rules    - keys hold none of `/ \\ # ?`, and sort so that the newest version is the last.
         - binary is split into p00, p01 ... of 60,000 bytes, 15 of them to a row.
         - a row that lacks a part is refused; that the parts are the right ones, the digest says.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from policy.proposal import Proposal
from policy.rule import Rule
from policy.snapshot import Body, Head, Statement

Entity = dict[str, Any]

PART_BYTES = 60_000
PARTS_PER_ROW = 15
MAX_BODY_CHARACTERS = 32_000
HEAD_KEYS = ("head", "active")
_OF_THE_TABLE = frozenset({"PartitionKey", "RowKey", "Timestamp"})


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
    return _body_rows(body, "snapshot", seq_key(seq))


def proposed_entities(body: Body) -> list[Entity]:
    """Give the rows of a body that is only proposed; no head can name them."""
    return _body_rows(body, "proposal", body.id)


def seq_key(seq: int) -> str:
    """Give a sequence number as part of a key, so that the largest sorts last."""
    return f"{seq:010d}"


def _body_rows(body: Body, partition: str, name: str) -> list[Entity]:
    parts = [body.data[i : i + PART_BYTES] for i in range(0, len(body.data), PART_BYTES)]
    rows = [parts[i : i + PARTS_PER_ROW] for i in range(0, len(parts), PARTS_PER_ROW)]
    return [
        {
            "PartitionKey": partition,
            "RowKey": f"{name}|{number:02d}",
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
    return _statement_row(head, HEAD_KEYS[1])


def past_head_entity(head: Head) -> Entity:
    """Give the row under which a head is remembered; insert it, never change it."""
    return _statement_row(head, past_head_key(head.seq))


def past_head_key(seq: int) -> str:
    """Give the row key of a head that is remembered."""
    return f"seq|{seq_key(seq)}"


def head_of(entity: Mapping[str, Any]) -> Head:
    """Read the head of a row; raises ValueError for a column that is missing or unknown."""
    return Head.model_validate_json(_said(entity))


def proposal_entity(proposal: Proposal) -> Entity:
    """Give the row of a proposal; the diff that it is for is its name."""
    return _statement_row(proposal, proposal_key(proposal.diff))


def proposal_key(diff: str) -> str:
    """Give the row key of the proposal with this diff."""
    return f"proposal|{diff}"


def proposal_of(entity: Mapping[str, Any]) -> Proposal:
    """Read the proposal of a row; raises ValueError for a column that is missing or unknown."""
    return Proposal.model_validate_json(_said(entity))


def _statement_row(statement: Statement, row: str) -> Entity:
    said = {k: v for k, v in statement.model_dump(mode="json").items() if v is not None}
    return {"PartitionKey": HEAD_KEYS[0], "RowKey": row, **said}


def _said(entity: Mapping[str, Any]) -> str:
    return json.dumps({k: v for k, v in entity.items() if k not in _OF_THE_TABLE})
