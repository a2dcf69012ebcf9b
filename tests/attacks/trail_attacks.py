"""What may be done to a trail by whoever may write its tables but has not the signing key."""

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from agent.audit.chain import ZERO, link_hash
from agent.records import AuditRecord
from tests.unit.trails import Trail, at, body, chained


class Attack(NamedTuple):
    """A mutated trail; `first` is the first record that is not what it was."""

    trail: Trail
    first: int
    codes: frozenset[str]
    exact: bool = True  # a finding names that record alone; else an interval of checkpoints has it
    shows: int = 0  # how many records later it shows


Kind = Callable[[Trail, random.Random], Attack]


def found(*codes: str) -> frozenset[str]:
    return frozenset(codes)


def rewritten(record: AuditRecord, **fields: Any) -> AuditRecord:
    """Another body with the hash made good: the link to the next one breaks."""
    said = {**record.body, **fields}
    return record.model_copy(
        update={"body": said, "hash": link_hash(record.seq, record.prev, said)}
    )


def relinked(records: list[AuditRecord], start: int) -> list[AuditRecord]:
    """All from place `start` (0 is the first) numbered and linked anew: the perfect forgery."""
    prev = records[start - 1].hash if start else ZERO
    return records[:start] + chained([one.body for one in records[start:]], start + 1, prev)


def place_in(whole: Trail, dice: random.Random, spare: int = 0) -> int:
    return dice.randrange(len(whole.records) - spare)


def replaced(whole: Trail, place: int, **update: Any) -> Trail:
    records = list(whole.records)
    records[place] = records[place].model_copy(update=update)
    return whole.but(records=records)


FORGED = {"actor": "somebody else"}


def edit(whole: Trail, dice: random.Random) -> Attack:
    place = place_in(whole, dice)
    name = dice.choice(["phase", "at", "digest", "why", "new"])
    changed = {**whole.records[place].body, name: at(place + 3) if name == "at" else "another"}
    return Attack(replaced(whole, place, body=changed), place + 1, found("edited"))


def edit_and_hash(whole: Trail, dice: random.Random) -> Attack:
    place = place_in(whole, dice, spare=1)
    records = list(whole.records)
    records[place] = rewritten(records[place], **FORGED)
    return Attack(whole.but(records=records), place + 1, found("edited", "recomputed"))


def edit_and_recompute(whole: Trail, dice: random.Random) -> Attack:
    place = place_in(whole, dice)
    records = list(whole.records)
    records[place] = rewritten(records[place], **FORGED)
    done = relinked(records, place)
    return Attack(whole.but(records=done), place + 1, found("recomputed"), exact=False)


def edit_hash_only(whole: Trail, dice: random.Random) -> Attack:
    place = place_in(whole, dice)
    done = replaced(whole, place, hash="ab" * 32)
    return Attack(done, place + 1, found("edited", "recomputed"))


def edit_prev_only(whole: Trail, dice: random.Random) -> Attack:
    place = place_in(whole, dice)
    return Attack(replaced(whole, place, prev="ab" * 32), place + 1, found("edited"))


def delete(whole: Trail, dice: random.Random) -> Attack:
    place = place_in(whole, dice, spare=1)
    records = whole.records[:place] + whole.records[place + 1 :]
    return Attack(whole.but(records=records), place + 1, found("deleted"))


def delete_a_run(whole: Trail, dice: random.Random) -> Attack:
    place = place_in(whole, dice, spare=6)
    records = whole.records[:place] + whole.records[place + dice.randint(2, 5) :]
    return Attack(whole.but(records=records), place + 1, found("deleted"), exact=False)


def delete_and_renumber(whole: Trail, dice: random.Random) -> Attack:
    place = place_in(whole, dice, spare=1)
    later = [one.model_copy(update={"seq": one.seq - 1}) for one in whole.records[place + 1 :]]
    done = whole.but(records=whole.records[:place] + later)
    return Attack(done, place + 1, found("edited", "recomputed", "truncated"))


def delete_and_recompute(whole: Trail, dice: random.Random) -> Attack:
    place = place_in(whole, dice, spare=1)
    done = relinked(whole.records[:place] + whole.records[place + 1 :], place)
    codes = found("recomputed", "truncated")  # with one record less the newest size is not reached
    return Attack(whole.but(records=done), place + 1, codes, exact=False)


def insert(whole: Trail, dice: random.Random) -> Attack:
    """A row more under a number that is taken, well linked to what is before it."""
    place = place_in(whole, dice)
    forged = rewritten(whole.records[place], **FORGED)
    records = list(whole.records)
    records.insert(place + dice.randint(0, 1), forged)
    return Attack(whole.but(records=records), place + 1, found("forked", "edited", "recomputed"))


def insert_and_renumber(whole: Trail, dice: random.Random) -> Attack:
    place = place_in(whole, dice, spare=1)
    forged = chained([body(place + 1) | FORGED], place + 1, whole.records[place].prev)
    later = [one.model_copy(update={"seq": one.seq + 1}) for one in whole.records[place:]]
    done = whole.but(records=whole.records[:place] + forged + later)
    # the forged one is linked as it should be: what shows is that the next was moved
    return Attack(done, place + 1, found("edited", "recomputed"), shows=1)


def insert_and_recompute(whole: Trail, dice: random.Random) -> Attack:
    place = place_in(whole, dice)
    records = list(whole.records)
    records.insert(place, rewritten(records[place], **FORGED))
    codes = found("recomputed")
    return Attack(whole.but(records=relinked(records, place)), place + 1, codes, exact=False)


def insert_behind_the_end(whole: Trail, dice: random.Random) -> Attack:
    count = len(whole.records)
    forged = chained([body(count + 1) | FORGED], count + 1, f"{dice.getrandbits(256):064x}")
    first = count + 1 if whole.signed_to == count else count
    return Attack(whole.but(records=whole.records + forged), first, found("inserted", "edited"))


def two_places(whole: Trail, dice: random.Random) -> tuple[int, int]:
    low, high = sorted(dice.sample(range(len(whole.records)), 2))
    return low, high


def swap_bodies(whole: Trail, dice: random.Random) -> Attack:
    low, high = two_places(whole, dice)
    one, other = whole.records[low].body, whole.records[high].body
    swapped = replaced(replaced(whole, low, body=other), high, body=one)
    return Attack(swapped, low + 1, found("edited", "clock_backwards"))


def swap_rows(whole: Trail, dice: random.Random) -> Attack:
    """All but the number changes place: the rows' keys stay as they are."""
    low, high = two_places(whole, dice)
    one, other = whole.records[low], whole.records[high]
    swapped = replaced(whole, low, body=other.body, prev=other.prev, hash=other.hash)
    swapped = replaced(swapped, high, body=one.body, prev=one.prev, hash=one.hash)
    return Attack(swapped, low + 1, found("edited", "clock_backwards", "recomputed"))


def swap_and_recompute(whole: Trail, dice: random.Random) -> Attack:
    low, high = two_places(whole, dice)
    records = list(whole.records)
    one, other = records[low].body, records[high].body
    records[low] = records[low].model_copy(update={"body": other | {"at": one["at"]}})
    records[high] = records[high].model_copy(update={"body": one | {"at": other["at"]}})
    done = whole.but(records=relinked(records, low))
    return Attack(done, low + 1, found("recomputed"), exact=False)


def swap_lines(whole: Trail, dice: random.Random) -> Attack:
    low, high = two_places(whole, dice)

    def reorder(lines: list[bytes]) -> list[bytes]:
        lines[low], lines[high] = lines[high], lines[low]
        return lines

    return Attack(whole.but(reorder=reorder), low + 1, found("swapped", "clock_backwards"))


def truncate(whole: Trail, dice: random.Random) -> Attack:
    keep = dice.randrange(1, whole.signed_to)
    done = whole.but(records=whole.records[:keep])
    return Attack(done, keep + 1, found("truncated"), exact=False)


def fork(whole: Trail, dice: random.Random) -> Attack:
    """A second branch from some record on, behind the first one."""
    place = place_in(whole, dice)
    branch = list(whole.records)
    branch[place] = rewritten(branch[place], **FORGED)
    second = relinked(branch, place)[place:]
    codes = found("forked", "clock_backwards")
    return Attack(whole.but(records=whole.records + second), place + 1, codes)


KINDS: tuple[Kind, ...] = (
    edit,
    edit_and_hash,
    edit_and_recompute,
    edit_hash_only,
    edit_prev_only,
    delete,
    delete_a_run,
    delete_and_renumber,
    delete_and_recompute,
    insert,
    insert_and_renumber,
    insert_and_recompute,
    insert_behind_the_end,
    swap_bodies,
    swap_rows,
    swap_and_recompute,
    swap_lines,
    truncate,
    fork,
)
