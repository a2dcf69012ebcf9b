"""Ask what an intent needs to know: read-only, at once, in at most two waves.

Rules
- every question goes to Graph as a named person: the requester, or a sponsor who lent that very
  lookup; nobody to ask as -> Unknown, with the reason;
- a lookup that fails is a finding too (Unknown): policy decides what doubt costs;
- wave one needs only the requester and the names they said; wave two the groups found.

Never here: changes, decisions.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from agent.domain import Finding, Intent
from agent.errors import Fault
from agent.lookups import LOOKUPS, Lookup, Question
from agent.ports import M365, Clock
from agent.values import GroupId, PersonId

_BY_NAME: Mapping[str, Lookup] = {kind.name: kind() for kind in LOOKUPS}
WAVE_ONE = ("person", "standing", "risk")
WAVE_TWO = ("owners", "membership", "site", "history")
FRESH = ("person", "standing", "risk", "group", "owners")


class Readers:
    """As whom each lookup is asked: the acting person, or the sponsor who lent it."""

    def __init__(self, acting: M365, lent: Mapping[str, M365]) -> None:
        self._acting = acting
        self._lent = lent

    def of(self, lookup: Lookup) -> M365 | None:
        """Return the Graph to ask, or None when nobody's token may read this."""
        return self._lent.get(lookup.name) if lookup.as_sponsor else self._acting


async def look(
    readers: Readers, clock: Clock, asked: Iterable[tuple[str, Question]]
) -> tuple[Finding, ...]:
    """Put questions at once and return a finding for each, in order."""
    return tuple(
        await asyncio.gather(*(_one(readers, clock, _BY_NAME[name], q) for name, q in asked))
    )


async def _one(readers: Readers, clock: Clock, lookup: Lookup, question: Question) -> Finding:
    m365 = readers.of(lookup)
    about = lookup.about(question)
    base = {"lookup": lookup.name, "about": about, "source": lookup.source, "read_at": clock.now()}
    if m365 is None:
        why = f"no sponsor lends the lookup `{lookup.name}`"
        return Finding.model_validate({**base, "seen": None, "unknown": why})
    base["read_as"] = m365.person
    try:
        return Finding.model_validate({**base, "seen": await lookup.ask(m365, question)})
    except Fault as fault:
        # Doubt is an answer: the fact stays Unknown, which never helps a permit.
        return Finding.model_validate({**base, "seen": None, "unknown": str(fault)})


def first_questions(person: PersonId, intent: Intent) -> list[tuple[str, Question]]:
    """Return what can be asked before any resource is known by id."""
    asked = [(name, Question(person=person)) for name in WAVE_ONE]
    if intent.subject not in (None, person):
        asked.append(("person", Question(person=PersonId(str(intent.subject)))))
    asked += [("resource", Question(person=person, name=named)) for named in intent.resources]
    asked += [("group", Question(person=person, group=group)) for group in intent.group_ids]
    return asked


def group_questions(subject: PersonId, groups: Sequence[GroupId]) -> list[tuple[str, Question]]:
    """Return what is asked of each group once it is known by id."""
    return [(name, Question(person=subject, group=group)) for group in groups for name in WAVE_TWO]


def fresh_questions(person: PersonId, group: GroupId) -> list[tuple[str, Question]]:
    """Return the safety facts that are read again right before a change."""
    return [(name, Question(person=person, group=group)) for name in FRESH]
