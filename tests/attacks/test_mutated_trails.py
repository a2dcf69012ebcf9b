"""Whoever may write the tables but has not the signing key is found out, at the right place.

Each kind of attack runs over many trails, at places and sizes of a fixed sequence; together more
than five thousand. What cannot be found, the end behind the newest checkpoint, is stated as such.
"""

import random
from typing import Any

import pytest

from agent.audit.checkpoint import Checkpoint
from agent.audit.verify import Verdict
from tests.attacks.trail_attacks import FORGED, KINDS, Attack, Kind, relinked, rewritten
from tests.unit.trails import (
    KID,
    OTHER,
    OURS,
    THEIRS,
    Trail,
    body,
    chained,
    places,
    signed,
    trail,
    verdict,
)

EACH = 280
SIZES = (30, 37, 40, 41, 46)  # with and without an end behind the newest checkpoint


def judged(attack: Attack, seen: Verdict) -> bool:
    """Check a verdict; return whether the attack was found, else it must be stated as uncovered."""
    if not seen.findings:
        assert seen.signed_to < attack.first
        assert seen.uncovered is not None or len(attack.trail.records) == seen.signed_to
        assert not attack.exact or attack.first >= len(attack.trail.records)
        return False
    named = places(seen.findings)
    assert {code for code, _, _ in named} <= attack.codes, (attack.first, named)
    reaches = [(first or 0, last or 0) for _, first, last in named]
    assert all(last >= attack.first for _, last in reaches), (attack.first, named)
    place = attack.first + attack.shows
    if seen.uncovered and not attack.exact:
        reaches.append(seen.uncovered)  # stated to be open, beside what was found
    assert any(first <= place <= last for first, last in reaches), (place, named)
    if attack.exact:
        assert (place, place) in reaches, (place, named)
    return True


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_attack_on_the_table_is_found_at_its_place(kind: Kind) -> None:
    dice = random.Random(kind.__name__)
    caught = 0
    for _ in range(EACH):
        whole = trail(dice.choice(SIZES))
        attack = kind(whole, dice)
        hit = judged(attack, attack.trail.verdict())
        assert hit or attack.first > whole.signed_to
        caught += hit
    assert caught > EACH // 2


@pytest.mark.parametrize("count", [1, 9, 10, 11, 20, 33, 40, 64])
def test_a_trail_that_nobody_touched_has_no_findings(count: int) -> None:
    whole = trail(count, every=count if count < 10 else 10)
    seen = whole.verdict()
    assert seen.findings == ()
    assert (seen.records, seen.last, seen.signed_to) == (count, count, whole.signed_to)
    behind = (whole.signed_to + 1, count)
    assert seen.uncovered == (behind if whole.signed_to < count else None)


def test_an_end_behind_the_newest_checkpoint_can_be_cut_and_the_verdict_says_so() -> None:
    whole = trail(37)
    for keep in range(30, 37):
        seen = whole.but(records=whole.records[:keep]).verdict()
        assert seen.findings == ()
        assert seen.signed_to == 30
        assert seen.uncovered == ((31, keep) if keep > 30 else None)


def test_what_was_cut_together_with_its_checkpoints_shows_by_a_witness() -> None:
    whole = trail(46)
    witness = [whole.checkpoints[-1].line()]
    for keep in range(1, 40):
        left = [one for one in whole.checkpoints if one.size <= keep]
        cut = whole.but(records=whole.records[:keep], checkpoints=left)
        alone, told = cut.verdict(), cut.verdict(witness=witness)
        assert {code for code, _, _ in places(alone.findings)} <= {"missing_checkpoint"}
        assert ("truncated", keep + 1, 40) in places(told.findings)


def test_what_was_rewritten_together_with_its_checkpoints_shows_by_a_witness() -> None:
    whole = trail(40)
    for place in range(40):
        records = list(whole.records)
        records[place] = rewritten(records[place], **FORGED)
        kept = [one for one in whole.checkpoints if one.size <= place]
        forged = whole.but(records=relinked(records, place), checkpoints=kept)
        told = forged.verdict(witness=[one.line() for one in whole.checkpoints])
        first = place // 10 * 10 + 1
        assert places(told.findings)[0] == ("recomputed", first, first + 9)


def with_checkpoint(whole: Trail, place: int, forged: Checkpoint) -> Trail:
    checkpoints = list(whole.checkpoints)
    checkpoints[place] = forged
    return whole.but(checkpoints=checkpoints)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize(
    ("update", "code"),
    [
        ({"root": "ab" * 32}, "bad_signature"),
        ({"last_hash": "ab" * 32}, "bad_signature"),
        ({"at": trail(40).checkpoints[0].at.replace(year=2027)}, "bad_signature"),
        ({"size": 7}, "bad_signature"),
        ({"signature": "A" * 86}, "bad_signature"),
        ({"kid": KID + "0"}, "unknown_key"),
        ({"tenant": OTHER}, "foreign_tenant"),
    ],
)
def test_a_changed_checkpoint_is_found_and_does_not_count(
    update: dict[str, Any], code: str, place: int
) -> None:
    whole = trail(40)
    forged = whole.checkpoints[place].model_copy(update=update)
    seen = with_checkpoint(whole, place, forged).verdict()
    line = 2 + place if "size" not in update else 2  # the bundle has them in order of size
    assert [(one.code, one.line) for one in seen.findings] == [(code, line)]
    assert seen.signed_to == (40 if place < 3 else 30)
    assert seen.uncovered == (None if place < 3 else (31, 40))


@pytest.mark.parametrize("start", range(0, 40, 3))
@pytest.mark.parametrize(
    ("kid", "named", "code"),
    [
        (KID, OURS, "bad_signature"),  # under the name of our key
        (KID, THEIRS, "unknown_key"),  # our key's name is said to mean theirs
        (KID + "0", THEIRS, "unknown_key"),  # under a name of their own
    ],
)
def test_checkpoints_signed_by_another_key_do_not_make_a_rewritten_trail_good(
    kid: str, named: Any, code: str, start: int
) -> None:
    whole = trail(40)
    records = list(whole.records)
    records[start] = rewritten(records[start], **FORGED)
    records = relinked(records, start)
    forged = [
        one.model_copy(update={"kid": kid})
        for one in signed(records, range(10, 41, 10), THEIRS.signer())
    ]
    keys = {KID: OURS.pem.decode()} | {kid: named.pem.decode()}
    seen = whole.but(records=records, checkpoints=forged, keys=keys).verdict()
    assert [one.code for one in seen.findings] == [code] * 4 + ["missing_checkpoint"]
    assert (seen.signed_to, seen.uncovered) == (0, (1, 40))


def test_two_signed_statements_of_one_size_are_a_fork() -> None:
    whole = trail(40)
    branch = chained([body(seq) | FORGED for seq in range(1, 41)])
    other = signed(branch, [20])
    both = whole.but(checkpoints=whole.checkpoints[:2] + other + whole.checkpoints[2:])
    assert places(both.verdict().findings) == [("forked", 20, 20)]
    kept_elsewhere = whole.verdict(witness=[other[0].line()])
    assert ("forked", 20, 20) in places(kept_elsewhere.findings)


def test_the_same_statement_twice_is_none() -> None:
    whole = trail(40)
    again = whole.verdict(witness=[one.line() for one in whole.checkpoints])
    assert again.findings == ()


@pytest.mark.parametrize("seed", range(600))
def test_a_flipped_bit_of_a_record_or_checkpoint_is_found_on_its_line(seed: int) -> None:
    dice = random.Random(seed)
    lines = trail(30).lines()
    place = dice.randrange(1, len(lines))
    line = bytearray(lines[place])
    at_byte = dice.randrange(len(line) - 1)
    line[at_byte] ^= 1 << dice.randrange(7)
    if place <= 3 and lines[place][at_byte + 1 : at_byte + 3] == b'",':
        return  # the last digit of a signature: four of its bits say nothing
    lines[place] = bytes(line)
    seen = verdict(lines)
    assert seen.findings
    seq = place - 3  # behind the header and three checkpoints
    number = place + 1
    assert any(
        one.line == number or (one.first or 0) <= seq <= (one.last or 0) for one in seen.findings
    )
