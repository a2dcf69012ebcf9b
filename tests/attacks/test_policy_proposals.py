"""Attacks on the two steps of publishing: by an author, an approver, and whoever writes the table.

After each, what counted before still counts.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.errors import Permanent, StoreUnusable, Transient
from policy.decide import decide
from policy.entity import proposal_entity, proposal_key, proposal_of
from policy.proposal import GOOD_FOR, Proposal, PublishRefused
from policy.publishing import ONBOARDING
from policy.query import Query
from policy.simulate import PastDecision
from policy.snapshot import Head
from tests.stores.pieces import FreshTable, HandClock
from tests.stores.policy_pieces import ANN, BO, CY, Key, Someone, Store, names, rule, rules

pytestmark = pytest.mark.stack
Attack = Callable[[Store, str], Awaitable[None]]
LETTERS = "abcdefab-cdef-4abc-8def-abcdefabcdef"


@pytest.fixture
async def store(fresh_table: FreshTable, clock: HandClock) -> Store:
    """A store in which the rule `a` counts."""
    made = await Store.fresh(fresh_table, clock)
    await made.publisher.publish([rule("a")], None, published_by="op", approved_by=ONBOARDING)
    return made


async def proposed(store: Store, *named: str, by: Someone = ANN) -> str:
    """The hash under which somebody's rules wait."""
    return (await store.desk().propose(by, rules(*named), {}, 30)).proposal.diff


async def code_of(act: Awaitable[Any]) -> str:
    with pytest.raises((PublishRefused, Permanent, Transient)) as fault:
        await act
    return str(fault.value.code)


async def row_of(store: Store, diff: str) -> dict[str, Any]:
    return dict(await store.heads.get("head", proposal_key(diff)) or {})


async def edit(store: Store, named: str, **columns: Any) -> None:
    await store.heads.upsert({"PartitionKey": "head", "RowKey": proposal_key(named), **columns})


async def signed(store: Store, diff: str, key: Key, **changes: Any) -> None:
    """Put a proposal in place that the holder of a key signed."""
    said = proposal_of(await row_of(store, diff)).model_dump() | changes | {"signature": ""}
    one = Proposal(**said)
    _, raw = await key.sign(one.signing_bytes())
    signature = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    row = proposal_entity(one.model_copy(update={"signature": signature}))
    await store.heads.put(row | {"RowKey": proposal_key(diff)})


async def aged(store: Store, diff: str) -> None:
    store.clock.advance(GOOD_FOR + timedelta(seconds=1))


async def other_head(store: Store, diff: str) -> None:
    await store.desk().renew(CY)


async def other_body(store: Store, diff: str) -> None:
    (row,) = await store.snapshots.query("proposal")
    other = await proposed(store, "z", by=CY)
    (swapped,) = [
        r for r in await store.snapshots.query("proposal") if r["RowKey"] != row["RowKey"]
    ]
    await store.snapshots.put(dict(swapped) | {"RowKey": row["RowKey"]})
    assert other != diff


async def no_body(store: Store, diff: str) -> None:
    (row,) = await store.snapshots.query("proposal")
    await store.snapshots.delete(row)


async def anothers_row(store: Store, diff: str) -> None:
    other = await row_of(store, await proposed(store, "z", by=CY))
    await store.heads.put(other | {"RowKey": proposal_key(diff)})


async def taken_away(store: Store, diff: str) -> None:
    row = await store.heads.get("head", proposal_key(diff))
    assert row is not None
    await store.heads.delete(row)


async def more_history(store: Store, diff: str) -> None:
    """A decision of the past appears that the author was not shown."""
    snapshot = await store.reader().newest()
    facts = {"action": {"id": "group.member.add"}}
    store.decided.append(
        PastDecision.model_validate(
            {
                "request": "r1",
                "step": "s1",
                "phase": "execute",
                "at": store.clock.now() - timedelta(hours=1),
                "facts": facts,
                "decision": decide(snapshot.rules, Query.of(facts)),
            }
        )
    )


ATTACKS: dict[str, tuple[Attack, str]] = {
    "expired": (aged, "expired"),
    "unsigned": (lambda s, d: edit(s, d, signature=""), "unsigned"),
    "forged by another key": (lambda s, d: signed(s, d, Key()), "bad_signature"),
    "a key nobody knows": (lambda s, d: edit(s, d, kid="mine"), "bad_signature"),
    "author edited": (lambda s, d: edit(s, d, author=CY.person), "bad_signature"),
    "author in other letters": (
        lambda s, d: edit(s, d, author=LETTERS.upper()),
        "proposal_unreadable",
    ),
    "made younger": (lambda s, d: edit(s, d, proposed_at="2026-03-02T10:00:00Z"), "bad_signature"),
    "of the future": (
        lambda s, d: signed(s, d, s.key, proposed_at=s.clock.now() + timedelta(hours=1)),
        "from_the_future",
    ),
    "a field nobody knows": (lambda s, d: edit(s, d, approved=True), "proposal_unreadable"),
    "for another head": (lambda s, d: edit(s, d, base="0" * 64), "bad_signature"),
    "signed for another head": (lambda s, d: signed(s, d, s.key, base_seq=9), "head_moved"),
    "the head moved meanwhile": (other_head, "head_moved"),
    "another's row under this hash": (anothers_row, "mixed"),
    "another body": (other_body, "digest_mismatch"),
    "no body": (no_body, "body_missing"),
    "another simulation": (more_history, "not_what_was_seen"),
    "taken away": (taken_away, "no_proposal"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_proposal_in_doubt_never_counts(store: Store, attack: str) -> None:
    diff = await proposed(store, "a", "b")
    act, code = ATTACKS[attack]
    await act(store, diff)
    assert await code_of(store.desk().approve(BO, diff)) == code
    assert names(await store.reader().newest()) == ["a"]


COLUMNS = ("snapshot_id", "sha256", "base", "diff", "simulation", "author", "since", "proposed_at")


@pytest.mark.parametrize("column", [*COLUMNS, "kid", "base_seq"])
async def test_one_bit_in_any_column_of_a_proposal_is_seen(store: Store, column: str) -> None:
    diff = await proposed(store, "a", "b")
    value = (await row_of(store, diff))[column]
    at = len(str(value)) - 3
    flipped = (
        value ^ 4
        if isinstance(value, int)
        else value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
    )
    await edit(store, diff, **{column: flipped})
    assert await code_of(store.desk().approve(BO, diff)) in ("bad_signature", "proposal_unreadable")
    assert names(await store.reader().newest()) == ["a"]


SECOND_PERSONS: dict[str, tuple[Someone, str]] = {
    "the author": (Someone(LETTERS), "same_person"),
    "the author in capitals": (Someone(LETTERS.upper()), "same_person"),
    "nobody's admin": (replace(BO, app_roles=frozenset()), "not_admin"),
    "an admin of something else": (replace(BO, app_roles=frozenset({"Admin"})), "not_admin"),
    "a role in other letters": (replace(BO, app_roles=frozenset({"warrant.admin"})), "not_admin"),
    "a guest": (replace(BO, guest=True), "guest"),
    "somebody of another organisation": (
        replace(BO, tenant="22222222-2222-4222-8222-222222222222"),
        "wrong_tenant",
    ),
}


@pytest.mark.parametrize("who", SECOND_PERSONS)
async def test_only_another_admin_of_the_organisation_approves(store: Store, who: str) -> None:
    diff = await proposed(store, "a", "b", by=Someone(LETTERS))
    person, code = SECOND_PERSONS[who]
    assert await code_of(store.desk().approve(person, diff)) == code
    assert names(await store.reader().newest()) == ["a"]


@pytest.mark.parametrize(
    "who", [w for w, (_, code) in SECOND_PERSONS.items() if code != "same_person"]
)
async def test_whoever_may_not_approve_may_not_propose_or_renew(store: Store, who: str) -> None:
    person, code = SECOND_PERSONS[who]
    desk = store.desk()
    for act in (
        desk.propose(person, rules("b"), {}, 30),
        desk.roll_back(person, 1, {}, 30),
        desk.review(person, "0" * 64),
        desk.simulated(person, rules("b"), 30),
        desk.renew(person),
    ):
        assert await code_of(act) == code


async def test_a_proposal_is_approved_once(store: Store) -> None:
    diff = await proposed(store, "a", "b")
    await store.desk().approve(BO, diff)
    assert await code_of(store.desk().approve(CY, diff)) == "head_moved"


async def test_of_two_approvers_at_once_one_counts(store: Store) -> None:
    diff = await proposed(store, "a", "b")
    said = await asyncio.gather(
        *(store.desk().approve(who, diff) for who in (BO, CY)), return_exceptions=True
    )
    won = [one for one in said if isinstance(one, Head)]
    assert len(won) == 1
    assert all(isinstance(one, Head | Transient | PublishRefused) for one in said)
    assert (await store.reader().newest()).seq == won[0].seq


async def test_of_two_proposals_approved_at_once_one_counts(store: Store) -> None:
    one, other = await proposed(store, "a", "b"), await proposed(store, "a", "c", by=BO)
    said = await asyncio.gather(
        store.desk().approve(CY, one), store.desk().approve(CY, other), return_exceptions=True
    )
    assert sum(isinstance(head, Head) for head in said) == 1
    assert all(isinstance(head, Head | Transient | PublishRefused) for head in said)
    counted = names(await store.reader().newest())
    assert counted in (["a", "b"], ["a", "c"]), counted
    late = other if counted == ["a", "b"] else one
    assert await code_of(store.desk().approve(CY, late)) == "head_moved"


async def test_an_old_head_put_back_can_be_neither_renewed_nor_built_on(store: Store) -> None:
    old = dict(await store.heads.get("head", "active") or {})
    await store.desk().approve(BO, await proposed(store, "a", "b"))
    await store.heads.put(old)
    desk = store.desk()
    for act in (
        desk.renew(ANN),
        desk.propose(ANN, rules("z"), {}, 30),
        desk.roll_back(ANN, 1, {}, 30),
    ):
        with pytest.raises(StoreUnusable) as fault:
            await act
        assert fault.value.code == "rolled_back"
