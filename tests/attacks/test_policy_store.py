"""Attacks on the policy store by whoever can write its tables: each ends in a refusal by name.

The reader is the one the app runs; where a body is loaded once, a reader that starts afterwards.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from agent.adapters.policies_table import MAX_AGE
from agent.errors import StoreUnusable
from policy import entity
from policy.entity import body_entities, head_entity, head_of
from policy.snapshot import MAX_INFLATED_BYTES, Body, Head, canonical
from tests.stores.pieces import FreshTable, HandClock
from tests.stores.policy_pieces import HEAD, KID, Key, Store, names, rule

pytestmark = pytest.mark.stack
Attack = Callable[[Store], Awaitable[None]]


@pytest.fixture
async def store(
    fresh_table: FreshTable, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> Store:
    """A store with two policies of the past, the second one counts; bodies lie in many parts."""
    monkeypatch.setattr(entity, "PART_BYTES", 50)
    monkeypatch.setattr(entity, "PARTS_PER_ROW", 2)
    made = await Store.fresh(fresh_table, clock)
    await made.publish(rule("a"))
    await made.publish(rule("a"), rule("b"))
    return made


async def edit(store: Store, **columns: Any) -> None:
    await store.heads.upsert({"PartitionKey": "head", "RowKey": "active", **columns})


async def parts(store: Store) -> list[dict[str, Any]]:
    return list(await store.snapshots.query("snapshot", between=("0000000002|00", "0000000002|99")))


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def signed(store: Store, key: Key | None = None, **changes: Any) -> None:
    """Put a head in place that somebody signed; the publisher, unless another key is given."""
    said = head_of(await store.head()).model_dump() | changes | {"signature": ""}
    head = Head(**said)
    _, signature = await (key or store.key).sign(head.signing_bytes())
    await store.heads.put(head_entity(head.model_copy(update={"signature": base64url(signature)})))


async def holding(store: Store, content: bytes) -> None:
    """The publisher itself signed this content."""
    data = zlib.compress(content)
    body = Body(hashlib.sha256(content).hexdigest(), hashlib.sha256(data).hexdigest(), data)
    for row in body_entities(body, 3):
        await store.snapshots.put(row)
    await signed(store, seq=3, snapshot_id=body.id, sha256=body.sha256)


def content(*records: Any, **more: Any) -> bytes:
    return json.dumps({"schema": 1, "rules": records, **more}).encode()


async def no_head(store: Store) -> None:
    row = await store.heads.get(*HEAD)
    assert row is not None
    await store.heads.delete(row)


async def cut_body(store: Store) -> None:
    *_, last = await parts(store)
    place = f"p{last['parts'] - 1:02d}"
    await store.snapshots.upsert(dict(last) | {place: last[place][:-1]})


async def no_row(store: Store) -> None:
    await store.snapshots.delete((await parts(store))[1])


async def no_part(store: Store) -> None:
    row = dict((await parts(store))[0])
    del row["p01"]
    await store.snapshots.put(row)


async def swapped_rows(store: Store) -> None:
    first, second, *_ = await parts(store)
    await store.snapshots.put(dict(second) | {"RowKey": first["RowKey"]})
    await store.snapshots.put(dict(first) | {"RowKey": second["RowKey"]})


async def old_body(store: Store) -> None:
    for row in await parts(store):
        await store.snapshots.delete(row)
    for row in await store.snapshots.query("snapshot", between=("0000000001|00", "0000000001|99")):
        await store.snapshots.put(dict(row) | {"RowKey": row["RowKey"].replace("1|", "2|")})


RECORD = rule("c").record()
ATTACKS: dict[str, tuple[Attack, str]] = {
    "no head": (no_head, "no_policy"),
    "unsigned": (lambda s: edit(s, signature=""), "unsigned"),
    "a key nobody knows": (lambda s: signed(s, kid="https://vault/keys/mine/1"), "bad_signature"),
    "another's key under our name": (lambda s: signed(s, Key(), kid=KID), "bad_signature"),
    "a signature that is none": (lambda s: edit(s, signature="AAAA"), "bad_signature"),
    "a signature in another alphabet": (lambda s: edit(s, signature="a+b/"), "bad_signature"),
    "a column nobody signed": (lambda s: edit(s, note="trust me"), "head_unreadable"),
    "a later sequence": (lambda s: edit(s, seq=7), "bad_signature"),
    "an earlier sequence": (lambda s: edit(s, seq=1), "bad_signature"),
    "an age made younger": (lambda s: edit(s, issued_at="2026-03-02T10:00:00Z"), "bad_signature"),
    "another approver": (lambda s: edit(s, approved_by="eve"), "bad_signature"),
    "a head of the future": (
        lambda s: signed(s, issued_at=s.clock.now() + timedelta(hours=1)),
        "issued_in_future",
    ),
    "a body of another head": (old_body, "digest_mismatch"),
    "a body cut short": (cut_body, "digest_mismatch"),
    "rows swapped": (swapped_rows, "digest_mismatch"),
    "a row that is missing": (no_row, "body_missing"),
    "a part that is missing": (no_part, "body_missing"),
    "an empty policy": (lambda s: holding(s, content()), "empty"),
    "an empty body": (lambda s: holding(s, b""), "unreadable"),
    "no JSON": (lambda s: holding(s, b"rules: none"), "unreadable"),
    "one bad record": (lambda s: holding(s, content(RECORD, {"id": "x"})), "bad_record"),
    "an unknown field": (lambda s: holding(s, content(RECORD | {"weight": 1})), "bad_record"),
    "an unknown field beside": (lambda s: holding(s, content(RECORD, pri=1)), "bad_record"),
    "an unknown schema": (lambda s: holding(s, content(RECORD, schema=2)), "bad_record"),
    "a rule of an unknown schema": (
        lambda s: holding(s, content(RECORD | {"schema": 2})),
        "bad_record",
    ),
    "one id twice": (lambda s: holding(s, content(RECORD, RECORD)), "bad_record"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_store_in_doubt_is_no_policy(store: Store, attack: str) -> None:
    act, code = ATTACKS[attack]
    await act(store)
    for read in (store.reader().newest, store.reader().recent):
        with pytest.raises(StoreUnusable) as fault:
            await read()
        assert fault.value.code == code


async def test_a_body_that_inflates_without_end_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # it is one part large, as it lies there
    await holding(store, b" " * (MAX_INFLATED_BYTES + 1))
    with pytest.raises(StoreUnusable) as fault:
        await store.reader().newest()
    assert fault.value.code == "unreadable"


HEAD_COLUMNS = ("snapshot_id", "seq", "sha256", "kid", "signature", "published_by", "approved_by")


@pytest.mark.parametrize("column", [*HEAD_COLUMNS, "issued_at", "prev"])
async def test_one_bit_in_any_column_of_the_head_is_seen(store: Store, column: str) -> None:
    held = store.reader()
    await held.newest()
    value = (await store.head())[column]
    at = len(str(value)) // 2
    flipped = (
        value ^ 4
        if isinstance(value, int)
        else value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
    )
    await edit(store, **{column: flipped})
    for reader in (held, store.reader()):
        with pytest.raises(StoreUnusable) as fault:
            await reader.newest()
        assert fault.value.code in ("bad_signature", "head_unreadable")


async def test_one_bit_in_any_part_of_the_body_is_seen(store: Store) -> None:
    rows = await parts(store)
    assert len(rows) > 2
    for row in rows:
        for name in [f"p{n:02d}" for n in range(row["parts"])]:
            whole = bytes(row[name])
            flipped = whole[:7] + bytes([whole[7] ^ 1]) + whole[8:]
            await store.snapshots.upsert(dict(row) | {name: flipped})
            with pytest.raises(StoreUnusable) as fault:
                await store.reader().newest()
            assert fault.value.code == "digest_mismatch", (row["RowKey"], name)
            await store.snapshots.upsert(dict(row))
    assert names(await store.reader().newest()) == ["a", "b"]


@pytest.mark.parametrize("column", ["rows", "parts"])
async def test_a_row_that_says_another_number_is_a_body_in_doubt(store: Store, column: str) -> None:
    (row, *_) = await parts(store)
    await store.snapshots.upsert(dict(row) | {column: row[column] + 1})
    with pytest.raises(StoreUnusable) as fault:
        await store.reader().newest()
    assert fault.value.code == "body_missing"


async def test_an_older_head_put_back_is_refused_by_whoever_saw_the_newer(store: Store) -> None:
    reader = store.reader()
    await reader.newest()
    (first, _) = await store.history.past()
    await store.heads.put(head_entity(first))
    with pytest.raises(StoreUnusable) as fault:
        await reader.newest()
    assert fault.value.code == "rolled_back"
    with pytest.raises(StoreUnusable) as fault:
        await store.history.standing()
    assert fault.value.code == "rolled_back", "nor will a publisher build on it, or renew it"


async def test_a_store_that_is_frozen_goes_stale(store: Store, clock: HandClock) -> None:
    held = store.reader()
    await held.newest()
    clock.advance(MAX_AGE + timedelta(seconds=1))
    for reader in (held, store.reader()):
        with pytest.raises(StoreUnusable) as fault:
            await reader.newest()
        assert fault.value.code == "too_old"


async def test_two_signed_heads_of_one_sequence_are_refused(store: Store) -> None:
    reader = store.reader()
    await reader.newest()
    await signed(store, published_by="eve")
    for read in (reader.newest, store.history.standing):
        with pytest.raises(StoreUnusable) as fault:
            await read()
        assert fault.value.code in ("two_heads", "rolled_back")


async def test_a_head_that_was_taken_away_is_not_a_first_policy(store: Store) -> None:
    await no_head(store)
    with pytest.raises(StoreUnusable) as fault:
        await store.history.standing()
    assert fault.value.code == "head_missing"


async def test_history_under_another_sequence_is_refused(store: Store) -> None:
    (first, _) = await store.history.past()
    await store.heads.put(head_entity(first) | {"RowKey": "seq|0000000009"})
    with pytest.raises(StoreUnusable) as fault:
        await store.history.past()
    assert fault.value.code == "history_mixed"


async def test_what_the_key_signed_for_another_purpose_is_no_head(store: Store) -> None:
    said = head_of(await store.head()).model_dump(mode="json", exclude={"signature"})
    for kind in ("warrant.policy.proposal.v1", "warrant.audit.checkpoint.v1"):
        _, signature = await store.key.sign(canonical({"kind": kind, **said}))
        await edit(store, signature=base64url(signature))
        with pytest.raises(StoreUnusable) as fault:
            await store.reader().newest()
        assert fault.value.code == "bad_signature"
