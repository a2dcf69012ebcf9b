"""A checkpoint is signed when it is due, by the right key, and only over what extends the last."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from pydantic import ValidationError

from agent.audit import checkpoint, verifier
from agent.audit.chain import VERSION, ZERO
from agent.audit.checkpoint import Checkpoint, CheckpointRefused, due, follows, is_signed, issue
from agent.audit.merkle import Frontier, Tree
from tests.unit.trails import BEGIN, KID, OTHER, OURS, TENANT, THEIRS, Key, trail, tree_of

MINUTE = timedelta(minutes=1)


def signed_of(size: int) -> Checkpoint:
    return Checkpoint(
        tenant=TENANT, size=size, root="a" * 64, last_hash="b" * 64, at=BEGIN, kid=KID
    )


def verify_with(key: Key) -> checkpoint.Verify:
    def verify(kid: str, message: bytes, raw: bytes) -> bool:
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        try:
            public = key.private.public_key()
            public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return kid == KID

    return verify


@pytest.mark.parametrize(
    ("before", "size", "age", "wanted"),
    [
        (None, 0, None, None),
        (None, 1, 0 * MINUTE, None),
        (None, 1, 15 * MINUTE - timedelta(seconds=1), None),
        (None, 1, 15 * MINUTE, 1),
        (None, 999, 14 * MINUTE, None),
        (None, 1000, 0 * MINUTE, 1000),
        (None, 2750, 99 * MINUTE, 1000),  # cut at every thousand, however many wait
        (1000, 1000, None, None),
        (1000, 1999, MINUTE, None),
        (1000, 1999, 20 * MINUTE, 1999),
        (1000, 2000, MINUTE, 2000),
        (1234, 2240, MINUTE, 2234),
    ],
)
def test_a_checkpoint_is_due_after_a_thousand_records_or_fifteen_minutes(
    before: int | None, size: int, age: timedelta | None, wanted: int | None
) -> None:
    last = signed_of(before) if before else None
    assert due(last, size, BEGIN - age if age is not None else None, BEGIN) == wanted


def test_whoever_verifies_expects_checkpoints_as_often_as_they_are_due() -> None:
    assert (verifier.EVERY, verifier.WITHIN) == (checkpoint.EVERY, checkpoint.WITHIN)
    assert verifier.SKEW == checkpoint.SKEW
    assert VERSION in verifier.VERSIONS


def test_what_is_signed_is_canonical_and_says_what_it_is() -> None:
    assert signed_of(7).signing_bytes().decode() == (
        f'{{"at":"2026-11-23T09:00:00Z","kid":"{KID}","kind":"warrant.audit.checkpoint",'
        f'"last_hash":"{"b" * 64}","root":"{"a" * 64}","size":7,"tenant":"{TENANT}","v":1}}'
    )


def test_a_time_is_told_in_utc() -> None:
    local = datetime(2026, 11, 23, 11, 0, tzinfo=timezone(2 * 60 * MINUTE))
    told = Checkpoint(**signed_of(7).model_dump() | {"at": local})
    assert told.at.tzinfo is UTC
    assert told == signed_of(7)


def test_a_signature_holds_for_its_key_and_its_words_only() -> None:
    one = trail(10).checkpoints[0]
    assert is_signed(one, verify_with(OURS))
    assert not is_signed(one, verify_with(THEIRS))
    assert not is_signed(one.model_copy(update={"size": 11}), verify_with(OURS))
    assert not is_signed(one.model_copy(update={"tenant": OTHER}), verify_with(OURS))
    assert not is_signed(one.model_copy(update={"signature": ""}), verify_with(OURS))


@pytest.mark.parametrize(
    "answer", [("another", b"\0" * 64), (KID, b""), (KID, b"\0" * 63), (KID, b"\0" * 72)]
)
def test_what_another_key_or_kind_of_key_signed_is_refused(answer: tuple[str, bytes]) -> None:
    async def sign(_: bytes) -> tuple[str, bytes]:
        return answer

    making = issue(TENANT, Frontier(1, [bytes(32)]), ZERO, BEGIN, kid=KID, sign=sign)
    with pytest.raises(CheckpointRefused, match="wrong_key"):
        asyncio.run(making)


def test_an_empty_trail_is_not_signed() -> None:
    making = issue(TENANT, Frontier(), ZERO, BEGIN, kid=KID, sign=OURS.signer())
    with pytest.raises(ValidationError):
        asyncio.run(making)


def test_every_checkpoint_may_follow_every_earlier_one() -> None:
    whole = trail(46)
    tree = tree_of(whole.records)
    for place, before in enumerate(whole.checkpoints):
        for after in whole.checkpoints[place:]:
            follows(before, after, tree.consistency(before.size, after.size))


def forged(**update: Any) -> Checkpoint:
    return trail(40).checkpoints[2].model_copy(update=update)


@pytest.mark.parametrize(
    ("after", "code"),
    [
        (forged(tenant=OTHER), "foreign_tenant"),
        (trail(40).checkpoints[0], "truncated"),
        (forged(at=BEGIN), "clock_backwards"),
        (forged(root="a" * 64), "forked"),
        (forged(size=31), "forked"),
        (trail(40).checkpoints[1].model_copy(update={"last_hash": "a" * 64}), "forked"),
        (trail(40).checkpoints[1].model_copy(update={"root": "a" * 64}), "forked"),
    ],
)
def test_what_does_not_keep_all_that_was_signed_before_is_refused(
    after: Checkpoint, code: str
) -> None:
    whole = trail(40)
    before = whole.checkpoints[1]
    tree = tree_of(whole.records)
    proof = tree.consistency(20, max(after.size, 20))
    with pytest.raises(CheckpointRefused) as refused:
        follows(before, after, proof)
    assert refused.value.code == code
    assert refused.value.sentence


def test_a_rewritten_trail_cannot_follow_what_was_signed() -> None:
    whole, other = trail(40), Tree()
    for record in whole.records:
        other.add(bytes.fromhex(record.hash))  # other leaves under the same ends
    after = forged(root=other.root(30).hex())
    with pytest.raises(CheckpointRefused, match="forked"):
        follows(whole.checkpoints[1], after, other.consistency(20, 30))
