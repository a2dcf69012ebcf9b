"""The policy store: the newest signed snapshot, or nothing."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from agent.adapters.policies_table import MAX_AGE, PolicyPublisher, PolicyTable
from agent.adapters.tables import Account, Rows
from agent.errors import StoreUnusable, Transient
from policy.entity import head_of
from policy.rule import Rule
from policy.snapshot import Head
from tests.stores.pieces import FreshTable, HandClock

pytestmark = pytest.mark.stack
KID = "https://vault/keys/policy/1"
HEAD = ("head", "active")


class Key:
    """A key pair of the publisher."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())

    async def sign(self, message: bytes) -> tuple[str, bytes]:
        return KID, self._private.sign(message, ec.ECDSA(SHA256()))

    def verify(self, kid: str, message: bytes, signature: bytes) -> bool:
        try:
            self._private.public_key().verify(signature, message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return kid == KID


class Store:
    """One tenant's three tables, with their publisher and any number of readers."""

    def __init__(self, policies: Rows, snapshots: Rows, heads: Rows, clock: HandClock) -> None:
        self.policies, self.snapshots, self.heads, self.clock = policies, snapshots, heads, clock
        self.key = Key()
        self.publisher = PolicyPublisher(policies, snapshots, heads, clock)

    def reader(self) -> PolicyTable:
        return PolicyTable(self.heads, self.snapshots, self.clock, self.key.verify)

    async def publish(self, *rules: Rule) -> Head:
        people = {"published_by": "ann", "approved_by": "bo"}
        return await self.publisher.publish(rules, KID, self.key.sign, **people)

    async def head(self) -> dict[str, Any]:
        return dict(await self.heads.get(*HEAD) or {})


@pytest.fixture
async def store(fresh_table: FreshTable, clock: HandClock) -> Store:
    policies, snapshots = await fresh_table("Policies"), await fresh_table("PolicySnapshots")
    return Store(policies, snapshots, await fresh_table("PolicyHeads"), clock)


def rule(name: str, reason: str = "as agreed") -> Rule:
    return Rule.model_validate_json(
        f'{{"schema":1,"id":"{name}","layer":"global","effect":"permit","mode":"enforce",'
        f'"when":{{}},"baseline":true,"reason":"{reason}"}}'
    )


def names(found: Any) -> list[str]:
    return [one.rule.id for one in found.rules.enforced]


async def test_what_was_published_is_what_counts(store: Store) -> None:
    reader = store.reader()
    assert await store.publisher.published() is None
    first = await store.publish(rule("a"))
    assert await store.publisher.published() == first.snapshot_id
    snapshot = await reader.newest()
    assert (snapshot.id, snapshot.seq, names(snapshot)) == (first.snapshot_id, 1, ["a"])
    second = await store.publish(rule("a"), rule("b"))
    assert (second.seq, second.prev) == (2, first.snapshot_id)
    assert names(await reader.newest()) == ["a", "b"]


async def test_an_unchanged_head_is_read_but_its_body_is_not_loaded_again(store: Store) -> None:
    await store.publish(rule("a"))
    reader = store.reader()
    first = await reader.newest()
    for row in await store.snapshots.query("snapshot"):
        await store.snapshots.delete(row)
    assert await reader.newest() is first
    with pytest.raises(StoreUnusable) as fault:
        await store.reader().newest()
    assert fault.value.code == "body_missing"


async def test_a_forecast_may_be_thirty_seconds_old_and_an_act_may_not(
    store: Store, clock: HandClock
) -> None:
    reader = store.reader()
    await store.publish(rule("a"))
    assert names(await reader.recent()) == ["a"]
    await store.publish(rule("b"))
    clock.advance(timedelta(seconds=30))
    assert names(await reader.recent()) == ["a"]
    assert names(await reader.newest()) == ["b"]
    await store.publish(rule("c"))
    clock.advance(timedelta(seconds=31))
    assert names(await reader.recent()) == ["c"]


async def test_a_forecast_rests_on_nothing_after_doubt(store: Store) -> None:
    reader = store.reader()
    await store.publish(rule("a"))
    await reader.newest()
    await store.heads.upsert({"PartitionKey": "head", "RowKey": "active", "seq": 9})
    for read in (reader.newest, reader.recent, reader.newest):
        with pytest.raises(StoreUnusable):
            await read()


Attack = Callable[[Store], Awaitable[None]]


async def edit(store: Store, **columns: Any) -> None:
    await store.heads.upsert({"PartitionKey": "head", "RowKey": "active", **columns})


async def no_head(store: Store) -> None:
    row = await store.heads.get(*HEAD)
    assert row is not None
    await store.heads.delete(row)


async def foreign_signature(store: Store) -> None:
    _, signature = await Key().sign(b"other")
    await edit(store, signature=signature.hex())


async def other_body(store: Store) -> None:
    (row,) = await store.snapshots.query("snapshot")
    await store.snapshots.upsert(dict(row) | {"p00": row["p00"][:-1] + b"\x00"})


async def missing_part(store: Store) -> None:
    (row,) = await store.snapshots.query("snapshot")
    await store.snapshots.upsert(dict(row) | {"parts": 2})


async def unsigned_addition(store: Store) -> None:
    await edit(store, note="trust me")


async def swapped(store: Store) -> None:
    digest = hashlib.sha256(b"mine").hexdigest()
    await edit(store, snapshot_id=digest, sha256=digest)


ATTACKS: dict[str, tuple[Attack, str]] = {
    "no head": (no_head, "no_policy"),
    "another key's signature": (foreign_signature, "bad_signature"),
    "another body": (other_body, "digest_mismatch"),
    "a part that is missing": (missing_part, "body_missing"),
    "a column nobody signed": (unsigned_addition, "head_unreadable"),
    "another snapshot": (swapped, "bad_signature"),
    "a later sequence": (lambda s: edit(s, seq=7), "body_missing"),
    "an age made younger": (lambda s: edit(s, issued_at="2026-03-03T00:00:00Z"), "bad_signature"),
    "no signature": (lambda s: edit(s, signature=""), "unsigned"),
    "another approver": (lambda s: edit(s, approved_by="eve"), "bad_signature"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_store_in_doubt_is_no_policy(store: Store, attack: str) -> None:
    await store.publish(rule("a"))
    held = store.reader()
    await held.newest()
    act, code = ATTACKS[attack]
    await act(store)
    with pytest.raises(StoreUnusable) as fault:
        await store.reader().newest()
    assert fault.value.code == code
    if attack not in ("another body", "a part that is missing"):  # a body is loaded once
        with pytest.raises(StoreUnusable):
            await held.newest()


async def test_an_older_head_put_back_is_refused_by_whoever_saw_the_newer(store: Store) -> None:
    await store.publish(rule("a"))
    old = await store.head()
    await store.publish(rule("a"), rule("b"))
    reader = store.reader()
    await reader.newest()
    await store.heads.put(old)
    with pytest.raises(StoreUnusable) as fault:
        await reader.newest()
    assert fault.value.code == "rolled_back"


async def test_two_signed_heads_of_one_sequence_are_refused(store: Store) -> None:
    await store.publish(rule("a"))
    reader = store.reader()
    await reader.newest()
    head = Head(
        **head_of(await store.head()).model_dump(exclude={"signature", "published_by"}),
        published_by="eve",
    )
    _, signature = await store.key.sign(head.signing_bytes())
    await edit(store, published_by="eve", signature=base64url(signature))
    with pytest.raises(StoreUnusable) as fault:
        await reader.newest()
    assert fault.value.code == "two_heads"


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_a_policy_nobody_signed_again_grows_stale(store: Store, clock: HandClock) -> None:
    await store.publish(rule("a"))
    reader = store.reader()
    await reader.newest()
    clock.advance(MAX_AGE)
    await reader.newest()
    clock.advance(timedelta(seconds=1))
    for stale in (reader, store.reader()):
        with pytest.raises(StoreUnusable) as fault:
            await stale.newest()
        assert fault.value.code == "too_old"


async def test_of_two_publishers_at_once_one_wins(store: Store) -> None:
    await store.publish(rule("a"))
    said = await asyncio.gather(
        *(store.publish(rule("a"), rule(f"b{n}")) for n in range(4)), return_exceptions=True
    )
    won = [one for one in said if isinstance(one, Head)]
    assert len(won) == 1
    assert all(isinstance(one, Head | Transient) for one in said)
    snapshot = await store.reader().newest()
    assert snapshot.id == won[0].snapshot_id
    again = await store.publish(rule("c"))
    assert again.seq > won[0].seq, "what the losers left behind is stepped over"
    assert names(await store.reader().newest()) == ["c"]


async def test_every_version_of_a_rule_is_kept_once(store: Store) -> None:
    await store.publish(rule("a"), rule("b"))
    await store.publish(rule("a", "as agreed anew"), rule("b"))
    await store.publish(rule("a", "as agreed anew"))
    kept = [row["RowKey"] for row in await store.policies.query("rule")]
    assert kept == ["global|a|00000001", "global|a|00000002", "global|b|00000001"]


async def test_a_signature_by_another_key_is_not_published(store: Store) -> None:
    async def rotated(message: bytes) -> tuple[str, bytes]:
        return "another", b"x" * 64

    with pytest.raises(StoreUnusable) as fault:
        await store.publisher.publish(
            [rule("a")], KID, rotated, published_by="ann", approved_by="bo"
        )
    assert fault.value.code == "wrong_key"
    assert await store.head() == {}


async def test_many_readers_at_once_load_one_body(store: Store) -> None:
    await store.publish(*(rule(f"r{n}") for n in range(120)))
    reader = store.reader()
    found = await asyncio.gather(*(reader.newest() for _ in range(10)))
    assert len({id(one) for one in found}) == 1


async def test_missing_tables_are_no_policy(account: Account, clock: HandClock) -> None:
    reader = PolicyTable(account.rows("NoHeads"), account.rows("No"), clock, Key().verify)
    with pytest.raises(StoreUnusable) as fault:
        await reader.newest()
    assert fault.value.code == "store_unusable"
