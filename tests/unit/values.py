"""What the unit tests are made of: a requester, findings as the lookups file them, real policy.

Decisions come from `policy.decide.decide` over the shipped packs, plus the few extra rules a test
writes down; nothing here stands in for the product's own code.
"""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.actions import Action, AddGroupMember, RemoveGroupMember
from agent.budget import Hour, PlannedChange, Reservation, Touch, spent
from agent.domain import (
    Ask,
    Classification,
    Finding,
    Intent,
    Plan,
    Refusal,
    Request,
    ResourceName,
    Step,
    Work,
)
from agent.facts import Moment, Notes, touch_of
from agent.plan import Scene, Stopped, plan
from agent.receipts import Receipt, Vote
from agent.records import RequestRecord
from agent.values import GroupId, PersonId, RequestId, StepId
from policy.decide import RuleSet, SnapshotRef
from policy.pack import SHIPPED, load
from policy.rule import Rule

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FREYA = PersonId("3bada4c5-93a8-4b0d-99b6-a4464402b985")
OLGA = PersonId("b376a909-dc4a-4c74-a9bd-d9931a4cedb2")
SAM = PersonId("9421c3e1-72f2-4007-8348-6eb9345674c5")
NADIA = PersonId("855af681-d3c0-4965-ae18-55ffd5a4213f")
HELEN = PersonId("730a8660-04c5-438c-891f-e285dae092d0")
FINANCE = GroupId("549c08d2-25ab-4d56-b09a-36ff559bf277")
SALES = GroupId("ad997e1b-e884-4efb-acfa-99d92bb1fbd0")
SHIPPED_RULES = load(SHIPPED / "global", SHIPPED / "tenant-default")


def rules(*extra: Mapping[str, Any], without: Collection[str] = ()) -> RuleSet:
    """The shipped packs, with further rules, or without some of them."""
    kept = [rule for rule in SHIPPED_RULES if rule.id not in without]
    more = [Rule.of({"schema": 1, "reason": "a test says so", **rule}) for rule in extra]
    return RuleSet.of([*kept, *more], SnapshotRef(id="a" * 64, seq=7))


def require(*obligations: Mapping[str, Any], **when: Any) -> dict[str, Any]:
    """A rule that demands something of every change but an undo."""
    return {
        "id": f"test-require-{abs(hash(json.dumps(obligations)))}",
        "layer": "action",
        "effect": "require",
        "when": when or {"action": {"undo": False}},
        "obligations": list(obligations),
    }


def request(requester: PersonId = FREYA, **changes: Any) -> Request:
    said = {
        "id": RequestId("0123456789abcdef" * 2),
        "requester": requester,
        "upn": "freya.holm@alderfinch.example",
        "channel": "http",
        "ask": Ask(text="I can't get into the Finance SharePoint."),
        "created_at": NOW,
        "signed_in_at": NOW - timedelta(minutes=5),
    }
    return Request.model_validate(said | changes)


def found(lookup: str, about: str, seen: Any, unknown: str | None = None) -> Finding:
    return Finding(
        lookup=lookup,
        about=about,
        seen=seen,
        unknown=unknown,
        source=f"GET /{lookup}",
        read_at=NOW,
        read_as=FREYA,
    )


def group(identity: GroupId = FINANCE, display: str = "Finance", **changes: Any) -> dict[str, Any]:
    """A group as the lookups describe it."""
    facts = {
        "id": identity,
        "display": display,
        "unified": True,
        "dynamic": False,
        "synced": False,
        "mail_only": False,
        "role_assignable": False,
        "licences": 0,
    }
    return facts | changes


def findings(who: PersonId = FREYA, target: GroupId = FINANCE, **changes: Any) -> list[Finding]:
    """What the lookups see of a Finance person in good standing; None leaves a finding out."""
    seen: dict[str, Any] = {
        "person": {"enabled": True, "department": "Finance", "kind": "Member", "display": "Freya"},
        "standing": {"groups": [], "roles": []},
        "risk": {"level": "none", "state": "none"},
        "group": group(target),
        "owners": [OLGA],
        "membership": False,
    }
    about = {"person": who, "standing": who, "risk": who}
    return [
        found(name, about.get(name, target), said)
        for name, said in (seen | changes).items()
        if said is not None
    ]


def classes(
    target: GroupId = FINANCE, tags: frozenset[str] = frozenset({"finance"}), who: PersonId = FREYA
) -> dict[str, Classification]:
    """What the tenant says of the person and the group."""
    return {
        who: Classification(id=who, tags=frozenset(), department=None, privileged=False),
        target: Classification(id=target, tags=tags, department="Finance", privileged=False),
    }


def act(*names: str, kind: str = "site", operation: str = "grant") -> Intent:
    resources = tuple(
        ResourceName.model_validate({"name": name, "kind": kind}) for name in names or ("Finance",)
    )
    return Intent.model_validate(
        {
            "kind": "act",
            "intent": "access_change",
            "operation": operation,
            "resources": resources,
            "subject": FREYA,
        }
    )


NOTHING_YET = Hour(requester=(), tenant=())


def touching(who: PersonId = FREYA, **changes: Any) -> Touch:
    """An ordinary change for a person."""
    return Touch.model_validate({"subject": who, "licences": 0, "privileged": False, **changes})


def reserved(request: str, step: str = "s1", attempt: int = 1, **changes: Any) -> Reservation:
    """What another request of this hour has reserved; `changes` are of what it touches."""
    said = {"at": NOW, "requester": FREYA, "request": request, "step": step, "attempt": attempt}
    return Reservation.model_validate({**said, "touch": touching(**changes)})


def alone(hour: Hour = NOTHING_YET, undo: bool = False) -> Moment:
    """The moment of a plan of one change, `adding()`, in an hour of which this is known."""
    one = PlannedChange(
        step=StepId("s1"),
        action="group.member.add",
        touch=touch_of(adding(), Notes(findings()), classes()),
    )
    added_up = spent(hour, request().id, [one])
    return Moment(now=NOW, plan=(one,), step=one.step, spent=added_up, undo=undo)


def scene(
    policy: RuleSet | None = None,
    seen: list[Finding] | None = None,
    classed: Mapping[str, Classification] | None = None,
    asked: Request | None = None,
    hour: Hour = NOTHING_YET,
) -> Scene:
    """A Finance person asks for the Finance site, unless a test says otherwise."""
    return Scene(
        request=asked or request(),
        intent=act(),
        notes=Notes(findings() if seen is None else seen),
        classes=classes() if classed is None else classed,
        hour=hour,
        rules=policy or rules(),
        now=NOW,
    )


def adding(target: GroupId = FINANCE, who: PersonId = FREYA) -> AddGroupMember:
    return AddGroupMember(user=who, group=target)


def removing(target: GroupId = FINANCE, who: PersonId = FREYA) -> RemoveGroupMember:
    return RemoveGroupMember(user=who, group=target)


def planned(at: Scene, *actions: Action[Any]) -> Plan:
    """The plan, in a test that expects one."""
    made = plan(at, actions or [adding()])
    assert isinstance(made, Plan), made
    return made


def refused(at: Scene, *actions: Action[Any]) -> Refusal:
    """The refusal, in a test that expects one."""
    made = plan(at, actions or [adding()])
    assert isinstance(made, Stopped), made
    return made.refusal


def step(*extra: Mapping[str, Any], target: GroupId = FINANCE) -> Step:
    """One planned step, under the shipped policy and further rules."""
    at = scene(rules(*extra), findings(target=target, group=group(target)), classes(target=target))
    return planned(at, adding(target)).steps[0]


def vote(of: Step, who: PersonId = OLGA, decision: str = "approve", **changes: Any) -> Vote:
    said = {
        "step": of.id,
        "slot": "resource_owner",
        "approver": who,
        "decision": decision,
        "digest": of.digest,
        "at": NOW,
    }
    return Vote.model_validate(said | changes)


def record(work: Work | None, **changes: Any) -> RequestRecord:
    said = {"request": request(), "body_digest": "b" * 64, "status": "running", "work": work}
    return RequestRecord.model_validate(said | changes)


def receipt(of: Step, outcome: str, direction: str = "do", **changes: Any) -> Receipt:
    said = {"step": of.id, "direction": direction, "outcome": outcome, "at": NOW}
    return Receipt.model_validate(said | changes)
