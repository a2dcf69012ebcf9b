"""Attacks on the published policy: whatever is not provably whole, signed and newest is refused."""

import json
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from policy.decide import SnapshotRef, decide
from policy.entity import body_entities, body_of, head_entity, head_of, rule_entity, rule_of
from policy.pack import SHIPPED, load
from policy.query import Query
from policy.rule import Rule
from policy.snapshot import (
    Body,
    Head,
    Snapshot,
    SnapshotRefused,
    canonical,
    open_snapshot,
    write_body,
)

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
RULES = load(SHIPPED)
BODY = write_body(RULES)


def signed(head: Head, key: ec.EllipticCurvePrivateKey = KEY) -> Head:
    signature = key.sign(head.signing_bytes(), ec.ECDSA(SHA256()))
    return head.model_copy(update={"signature": urlsafe_b64encode(signature).decode().rstrip("=")})


def unsigned_head(body: Body = BODY, **said: Any) -> Head:
    return Head.model_validate(
        {
            "snapshot_id": body.id,
            "seq": 7,
            "sha256": body.sha256,
            "kid": "policy-1",
            "published_by": "ada",
            "approved_by": "grace",
            "issued_at": NOW - timedelta(hours=1),
            **said,
        }
    )


HEAD = signed(unsigned_head())


def verify(kid: str, message: bytes, signature: bytes) -> bool:
    if kid != "policy-1":
        return False
    try:
        KEY.public_key().verify(signature, message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def opened(head: Head = HEAD, body: bytes = BODY.data, **how: Any) -> Snapshot:
    believed: dict[str, Any] = {"now": NOW, "max_age": timedelta(days=1), "last_seq_seen": 7} | how
    return open_snapshot(head, body, verify=verify, **believed)


def body_from(content: bytes) -> Body:
    data = zlib.compress(content)
    return Body(sha256(content).hexdigest(), sha256(data).hexdigest(), data)


def published(content: bytes) -> tuple[Head, bytes]:
    """A snapshot that the publisher signed although its content is bad."""
    body = body_from(content)
    return signed(unsigned_head(body)), body.data


def records(*rules: Mapping[str, Any], **more: Any) -> bytes:
    return json.dumps({"schema": 1, "rules": rules, **more}).encode()


RECORD = RULES[0].record()
ATTACKS: dict[str, tuple[str, Head, bytes]] = {
    "no signature": ("unsigned", unsigned_head(), BODY.data),
    "another key": ("bad_signature", signed(unsigned_head(), OTHER_KEY), BODY.data),
    "unknown kid": ("bad_signature", signed(unsigned_head(kid="policy-9")), BODY.data),
    "not base64url": ("bad_signature", HEAD.model_copy(update={"signature": "a+b/"}), BODY.data),
    "impossible base64": ("bad_signature", HEAD.model_copy(update={"signature": "a"}), BODY.data),
    "cut signature": (
        "bad_signature",
        HEAD.model_copy(update={"signature": HEAD.signature[:40]}),
        BODY.data,
    ),
    "sequence raised after signing": (
        "bad_signature",
        HEAD.model_copy(update={"seq": 8}),
        BODY.data,
    ),
    "date renewed after signing": (
        "bad_signature",
        HEAD.model_copy(update={"issued_at": NOW}),
        BODY.data,
    ),
    "approver renamed after signing": (
        "bad_signature",
        HEAD.model_copy(update={"approved_by": "eve"}),
        BODY.data,
    ),
    "rolled back": ("rolled_back", signed(unsigned_head(seq=6)), BODY.data),
    "frozen": ("too_old", signed(unsigned_head(issued_at=NOW - timedelta(days=2))), BODY.data),
    "from the future": (
        "issued_in_future",
        signed(unsigned_head(issued_at=NOW + timedelta(hours=1))),
        BODY.data,
    ),
    "another snapshot's body": ("digest_mismatch", HEAD, write_body(RULES[:3]).data),
    "body cut short": ("digest_mismatch", HEAD, BODY.data[:-1]),
    "body lengthened": ("digest_mismatch", HEAD, BODY.data + b"x"),
    "no body": ("digest_mismatch", HEAD, b""),
    "one bit flipped": ("digest_mismatch", HEAD, BODY.data[:50] + b"\x00" + BODY.data[51:]),
    "id of another snapshot": (
        "digest_mismatch",
        signed(unsigned_head(snapshot_id="0" * 64)),
        BODY.data,
    ),
    "no zlib": (
        "unreadable",
        signed(unsigned_head(Body(BODY.id, sha256(b"rules").hexdigest(), b""))),
        b"rules",
    ),
    "two streams": (
        "unreadable",
        signed(unsigned_head(Body(BODY.id, sha256(BODY.data * 2).hexdigest(), b""))),
        BODY.data * 2,
    ),
    "no json": ("unreadable", *published(b"rules: none")),
    "an empty policy": ("empty", *published(records())),
    "unknown field beside the rules": ("bad_record", *published(records(RECORD, priority=1))),
    "unknown field in a rule": ("bad_record", *published(records(RECORD, RECORD | {"weight": 1}))),
    "a newer schema": ("bad_record", *published(records(RECORD | {"schema": 2}))),
    "one rule twice": ("bad_record", *published(records(RECORD, RECORD))),
    "a list": ("bad_record", *published(b"[]")),
}


def test_a_signed_snapshot_is_believed_and_decides() -> None:
    snapshot = opened()
    assert (snapshot.id, snapshot.seq) == (BODY.id, 7)
    assert len(snapshot.rules.enforced) == len(RULES)
    assert decide(snapshot.rules, Query.of({})).snapshot == SnapshotRef(id=BODY.id, seq=7)


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_with_its_code(attack: str) -> None:
    code, head, body = ATTACKS[attack]
    with pytest.raises(SnapshotRefused) as refused:
        opened(head, body)
    assert refused.value.code == code
    assert refused.value.sentence


def test_a_later_sequence_is_believed() -> None:
    assert opened(signed(unsigned_head(seq=8))).seq == 8


def test_a_content_beyond_the_largest_size_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy.snapshot.MAX_INFLATED_BYTES", 1000)
    with pytest.raises(SnapshotRefused) as refused:
        opened()
    assert refused.value.code == "unreadable"


def test_the_bytes_do_not_depend_on_the_order_of_the_rules() -> None:
    assert write_body(reversed(RULES)) == BODY


def test_a_signature_covers_every_field_of_the_head() -> None:
    changes: dict[str, Any] = {
        "snapshot_id": "1" * 64,
        "seq": 9,
        "sha256": "2" * 64,
        "kid": "other",
        "published_by": "eve",
        "approved_by": "eve",
        "issued_at": NOW,
        "prev": "3" * 64,
    }
    assert set(changes) == set(Head.model_fields) - {"signature"}
    said = {HEAD.model_copy(update={k: v}).signing_bytes() for k, v in changes.items()}
    assert len(said | {HEAD.signing_bytes()}) == len(changes) + 1


@pytest.mark.parametrize("data", [{"a": 1.5}, {"a": [2**53]}, {"a": float("nan")}, {"ä": 1}])
def test_what_has_no_exact_form_is_not_written(data: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        canonical(data)


def test_canonical_bytes_are_those_of_rfc_8785() -> None:
    data = {"b": [True, None, 0, -7], "a": '\u20ac$\u000f\nA\'B"\\"/\u007f', "": {}}
    expected = '{"":{},"a":"\u20ac$\\u000f\\nA\'B\\"\\\\\\"/\u007f","b":[true,null,0,-7]}'
    assert canonical(data) == expected.encode()


def test_a_snapshot_survives_the_table_in_any_order() -> None:
    body = Body("0" * 64, "0" * 64, bytes(range(256)) * 4000)
    rows = body_entities(body, 7)
    assert [row["RowKey"] for row in rows] == ["0000000007|00", "0000000007|01"]
    assert all(len(part) <= 60_000 for row in rows for part in row.values() if type(part) is bytes)
    assert body_of(rows[::-1]) == body.data


def test_a_snapshot_with_a_missing_row_or_part_is_refused() -> None:
    rows = body_entities(Body("0" * 64, "0" * 64, b"x" * 1_000_000), 7)
    for broken in ([], rows[:1], [*rows[:1], {k: v for k, v in rows[1].items() if k != "p01"}]):
        with pytest.raises(ValueError, match="expected"):
            body_of(broken)


def test_a_head_survives_the_table_and_stays_signed() -> None:
    for head in (HEAD, signed(unsigned_head(prev="1" * 64))):
        assert head_of(head_entity(head)) == head
        assert opened(head_of(head_entity(head))).seq == 7


def test_a_head_with_a_column_missing_or_unknown_is_refused() -> None:
    entity = head_entity(HEAD)
    for broken in ({k: v for k, v in entity.items() if k != "kid"}, entity | {"force": True}):
        with pytest.raises(ValueError, match=r"kid|force"):
            head_of(broken)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_survives_the_table_under_a_legal_key(rule: Rule) -> None:
    entity = rule_entity(rule, 3)
    assert rule_of(entity) == rule
    assert not set("/\\#?") & set(f"{entity['PartitionKey']}{entity['RowKey']}")


def test_a_rule_too_large_for_a_column_is_refused() -> None:
    example = {
        "name": "long",
        "query": {"requester": {"department": "x" * 40_000}},
        "applies": True,
    }
    with pytest.raises(ValueError, match="characters"):
        rule_entity(Rule.of(RECORD | {"tests": [example]}), 1)
