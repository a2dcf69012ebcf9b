"""The seed request in its variants: what is promised of each, and how the promise is proved.

The same functions are told as a story by `python3 -m local demo` and held by tests/claims.
"""

from collections.abc import Sequence

from local.demo import granted, trouble, withheld
from local.demo.play import Variant

VARIANTS: Sequence[Variant] = (
    Variant(
        "a",
        "Somebody of Finance is let in",
        "granted under a sponsorship, and verified by reading it back",
        "membership, change log and Entra's audit log of the tenant; receipt; trail",
        granted.under_a_sponsorship,
    ),
    Variant(
        "b",
        "Somebody of Sales is let in by the owner",
        "the owner is asked and says yes; the owner's own token makes the change",
        "change log: the actor is the owner, delegated; nothing sent before the yes",
        granted.by_the_owner,
    ),
    Variant(
        "c1",
        "The owner says no",
        "nothing is granted; the no is final",
        "membership; no write in the tenant's call log; a later yes is 409",
        withheld.owner_says_no,
    ),
    Variant(
        "c2",
        "Nobody answers in time",
        "silence until the deadline is a no",
        "membership; no write in the tenant's call log; a late yes is 410",
        withheld.nobody_answers,
    ),
    Variant(
        "c3",
        "Let in for now, then silence",
        "granted at once, undone when nobody says yes, verified gone",
        "membership before and after; change log: one add, one remove",
        granted.for_a_while,
    ),
    Variant(
        "d",
        "A flagged account is refused",
        "refused, told why, nothing changed",
        "risk state and membership in the tenant; no write in its call log",
        withheld.flagged,
    ),
    Variant(
        "e",
        "Graph fails half-way",
        "the first change is undone and verified gone; a person gets the full account",
        "change log: add, remove; both memberships; the service desk's ticket",
        trouble.half_way,
    ),
    Variant(
        "f1",
        "The same message three times",
        "one request, one effect",
        "change log: one write; one id in all answers",
        trouble.twice,
    ),
    Variant(
        "f2",
        "kill -9 at three points of the loop",
        "after a restart it is finished, with exactly one state-changing write",
        "change log after each kill; membership; the whole audit chain",
        trouble.killed,
    ),
    Variant(
        "g1",
        "No rule matches any more",
        "decided twice: permitted at planning, silent before the act, nothing changed",
        "no write in the tenant's call log; both decisions in the trail",
        trouble.rule_withdrawn,
    ),
    Variant(
        "g2",
        "The policy is gone",
        "nothing is permitted; the person is told",
        "membership; no write in the tenant's call log",
        trouble.policy_gone,
    ),
    Variant(
        "g3",
        "The audit table is gone",
        "what cannot be recorded is not done; the person is told",
        "no write in the tenant's call log, at the door and right before the act",
        trouble.trail_gone,
    ),
    Variant(
        "h",
        "Somebody who owns nothing",
        "cannot make Warrant use anybody else's right",
        "no write in the tenant's call log; memberships; 403 and 404",
        withheld.owns_nothing,
    ),
    Variant(
        "i",
        "Her namesake in the other organisation",
        "let in at home, by her own organisation's sponsor; nothing crosses over",
        "memberships and change log of both tenants; calls to one of them only",
        granted.in_the_other_organisation,
    ),
)


def chosen(only: str | None) -> list[Variant]:
    """The variants of a list like `a,c,f2`; a letter means all that begin with it.

    Raises ValueError for one that does not exist.
    """
    if only is None:
        return list(VARIANTS)
    wanted = [part.strip().lower() for part in only.split(",") if part.strip()]
    found = [v for v in VARIANTS if v.letter in wanted or v.letter[0] in wanted]
    known = {v.letter for v in VARIANTS} | {v.letter[0] for v in VARIANTS}
    unknown = sorted(set(wanted) - known)
    if unknown or not found:
        letters = ", ".join(v.letter for v in VARIANTS)
        raise ValueError(f"expected some of {letters}, saw `{only}`")
    return found
