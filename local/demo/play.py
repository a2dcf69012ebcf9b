"""A performance: seeded people use the product over HTTP while the stage manager watches.

Rules
- what happened is asked of the simulated tenant's own state and log, never of the product;
- every variant makes its own room first (`outside`), so that it can be played at any time, in any
  order, again and again on the same data;
- nothing is printed here: what is worth showing goes to `tell`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.records import AuditRecord
from local.demo.archive import Archive
from local.demo.exhibits import Check, Direction, Dossier, Exhibit, Handover, Part, Speech
from local.stage import Person, Reply, Stage, StoryError
from local.up import World

SEED_SENTENCE = "I can't get into the Finance SharePoint."
PATIENCE_SECONDS = 30.0
WRITES = ("POST", "PATCH", "PUT", "DELETE")

Tell = Callable[[Exhibit], None]


@dataclass(frozen=True)
class Mark:
    """A moment in the tenant's two logs: what comes after it is what a variant caused.

    `earlier` are the requests that had begun before: what they still do is another story's.
    """

    change: int = 0
    call: int = 0
    earlier: frozenset[str] = frozenset()

    def begins(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry of a log belongs to what began at this moment."""
        return str(entry["client_request_id"]) not in self.earlier


class Play:
    """The stage, the people on it and what they did, for one or more variants."""

    def __init__(self, world: World, tell: Tell) -> None:
        self.world, self.tell = world, tell
        self.stage = Stage(world.facts)
        self.archive = Archive(world.facts, world.environment)
        self.tenants: Mapping[str, str] = {t["domain"]: t["id"] for t in world.facts["tenants"]}
        self._home = str(world.facts["tenants"][0]["domain"])
        ids = self.tenants.values()
        self.people = {p["oid"]: p for t in ids for p in self.stage.people(t)}
        self.groups = {
            g["id"]: g["displayName"] for t in ids for g in self.stage.objects("groups", t)
        }
        self.began, self.at_first = self.stage.now(), self.memberships()
        self.removed: list[tuple[datetime, tuple[str, str]]] = []  # by hand: when, group and person

    def upn(self, nick: str) -> str:
        """The sign-in name of somebody; without a domain, of the first organisation."""
        return nick if "@" in nick else f"{nick}@{self._home}"

    def tenant(self, nick: str) -> str:
        """The organisation somebody belongs to."""
        return self.tenants[self.upn(nick).rpartition("@")[2]]

    def oid(self, nick: str) -> str:
        """Somebody's object id."""
        return next(str(oid) for oid, p in self.people.items() if p["upn"] == self.upn(nick))

    def name(self, oid: str) -> str:
        """How the directory shows a person; an id that is nobody's stays an id."""
        return str(self.people[oid]["name"]) if oid in self.people else oid

    def person(self, nick: str) -> Person:
        """Somebody who uses the product."""
        return self.stage.person(self.upn(nick))

    def outside(self, nick: str, *groups: str) -> None:
        """Make sure, as an administrator would, that a person is not in these groups."""
        oid, tenant = self.oid(nick), self.tenant(nick)
        for name in groups:
            group = self.stage.group(name, tenant)
            if oid in group["members"]:
                left = [member for member in group["members"] if member != oid]
                self.stage.set_object("groups", group["id"], {"members": left}, tenant)
                self.removed.append((self.stage.now(), (group["id"], oid)))

    def memberships(self) -> dict[str, list[str]]:
        """Who is in which group of any organisation, says the tenant itself."""
        found = [g for t in self.tenants.values() for g in self.stage.objects("groups", t)]
        return {str(group["id"]): group["members"] for group in found}

    def is_member(self, nick: str, group: str) -> bool:
        """Whether the tenant itself says that a person is in a group of theirs."""
        return self.oid(nick) in self.stage.group(group, self.tenant(nick))["members"]

    def mark(self) -> Mark:
        """This moment in the tenant's logs."""
        calls = self.stage.calls()
        return Mark(
            change=self.stage.mark(),
            call=max((c["seq"] for c in calls), default=0),
            earlier=frozenset(str(c["client_request_id"]) for c in calls),
        )

    def asks(self, nick: str, text: str = SEED_SENTENCE, key: str | None = None) -> str:
        """Somebody says what they need; the id of the request."""
        self.tell(Speech(self.oid(nick), text))
        return self.person(nick).ask(text, key)

    def sends(self, nick: str, text: str, key: str) -> Reply:
        """Somebody sends a sentence under an Idempotency-Key; the answer, whatever it is."""
        return self.person(nick).call("POST", "/requests", {"text": text}, {"idempotency-key": key})

    def note(self, text: str) -> None:
        """Tell what happens on the stage."""
        self.tell(Direction(text))

    def pending(self, approver: str, request: str) -> dict[str, Any]:
        """What waits for an approver's decision about one request."""
        return self.person(approver).pending(request)

    def show(self, nick: str, request: str, part: Part = "whole", *, full: bool = False) -> Dossier:
        """Gather a request as it stands now and tell it, or a part of it."""
        person = self.person(nick)
        trail = tuple(AuditRecord.model_validate(r) for r in person.trail(request))
        dossier = Dossier(
            view=person.see(request),
            work=self.archive.work(self.tenant(nick), request),
            trail=trail,
            writes=tuple(w for w in self.stage.changes() if _of_request(w, request)),
            part=part,
            full=full,
        )
        self.tell(dossier)
        return dossier

    def handed_over(self, nick: str, request: str) -> dict[str, Any]:
        """The ticket of a request, as the service desk sees it; an empty one when there is none."""
        found = [t for t in self.person(nick).tickets() if t["request"] == request]
        ticket: dict[str, Any] = found[0] if found else {}
        if ticket:
            self.tell(Handover(self.oid(nick), ticket))
        return ticket

    def until(self, what: str, seen: Callable[[], bool]) -> None:
        """Wait until something is so; StoryError when it does not come about."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not seen():
            if time.monotonic() > end:
                raise StoryError(f"expected {what} within {PATIENCE_SECONDS:g} s, saw it not")
            time.sleep(0.02)

    def until_held(self, since: Mark) -> None:
        """Wait until a planted hold has caught its call, as the tenant's log shows it."""

        def held() -> bool:
            calls = self.stage.calls(since.call)
            return any(str(c["fault"]).startswith("hold") and c["status"] is None for c in calls)

        self.until("a held call", held)

    def restart(self) -> float:
        """Start the Functions host again after it was killed; the seconds that took."""
        began = time.monotonic()
        self.world.restart_functions()
        return time.monotonic() - began

    def written(self, since: Mark) -> list[str]:
        """Every change since a moment, as the tenant's log has it: what, and with whose token."""
        made = self.stage.changes(since.change)
        return [self.sentence(c) for c in made if since.begins(c)]

    def sentence(self, change: Mapping[str, Any]) -> str:
        """One entry of the tenant's log of changes in words."""
        target = change["target"]
        group = self.groups.get(target["id"], target["id"])
        who = self.name(str(target.get("object")))
        verb, towards = ("add", "to") if change["method"] == "POST" else ("remove", "from")
        hands = f"with {self.name(change['oid'])}'s token" if change["delegated"] else "app-only"
        effect = "" if change["changed"] else " (no effect)"
        return f"{verb} {who} {towards} {group}, {hands}{effect}"

    def calls(self, since: Mark, methods: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Every call to Microsoft Graph since a moment, refused ones too."""
        return [
            c
            for c in self.stage.calls(since.call)
            if c["service"] == "graph"
            and since.begins(c)
            and (not methods or c["method"] in methods)
        ]


def _of_request(change: Mapping[str, Any], request: str) -> bool:
    return str(change["client_request_id"]).replace("-", "") == request


@dataclass(frozen=True)
class Variant:
    """One way the seed request can go, what is promised of it, and how that is proved."""

    letter: str
    title: str
    promise: str
    proof: str
    run: Callable[[Play], list[Check]]
