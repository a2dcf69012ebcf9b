"""The task list of a service desk, and how a decision on it is written down in one line.

`decided` asks one row under one rule set. What is owed is written with the marks of the list: O the
owner, M the manager, A the administrators, S the security team, a number for more than one person;
then how fresh the proof must be, when it ends, and whether a reason, a ticket or a word is owed.
"""

from typing import Any

import yaml

from policy.actions import CATALOGUE
from policy.decide import RuleSet, decide
from policy.obligations import (
    Approval,
    Justify,
    Notify,
    Obligation,
    StepUp,
    Ticket,
    TimeBound,
)
from policy.query import Query

ADMINS = "00000000-0000-4000-8000-000000000ad1"
SECURITY = "00000000-0000-4000-8000-0000000005ec"
MANAGERS = "00000000-0000-4000-8000-000000000b05"
PARAMETERS = {"admin_group": ADMINS, "security_group": SECURITY}
_MARKS = {"resource_owner": "O", "manager": "M", f"group:{ADMINS}": "A", f"group:{SECURITY}": "S"}


def facts(action: str, who: str, whose: str = "self", given: str = "") -> dict[str, Any]:
    """All facts of one change by an ordinary person on an ordinary Monday, as the agent gives them.

    `who` is employee, manager, owner, guest, or the directory role that somebody holds. `given` are
    facts that are otherwise, such as `target.tags=[leaver]`, one after the other; `?` is unknown.
    """
    asked = _ordinary(action, who, whose)
    for one in given.split():
        name, _, said = one.partition("=")
        section, _, leaf = name.partition(".")
        value = yaml.safe_load(said.replace("_", " ") if leaf == "department" else said)
        asked[section][leaf] = None if said == "?" else value
    return asked


def _ordinary(action: str, who: str, whose: str) -> dict[str, Any]:
    kind = CATALOGUE[action]
    plain = who in {"employee", "manager", "owner", "guest"}
    return {
        "action": {
            **{"id": kind.id, "family": kind.family, "risk": kind.risk, "undo": False},
            **{"reversible": kind.reversible, "effects": sorted(kind.effects)},
        },
        "requester": {
            "id": "00000000-0000-0000-0000-0000000000a1",
            "department": "Finance",
            "groups": [MANAGERS] if who == "manager" else [],
            "roles": [] if plain else [who],
            "kind": "guest" if who == "guest" else "member",
            "flags": [],
        },
        "target": {
            "type": kind.target,
            "id": "00000000-0000-0000-0000-0000000000b1",
            "tags": [],
            "department": "Finance",
            "subject": whose,
            "owner_is_requester": who == "owner",
            "privileged": kind.target == "role",
            "role_assignable": False,
        },
        "runtime": {
            "now": "2026-11-23T09:00:00Z",
            "channel": "teams",
            "sign_in_age_minutes": 5,
            "sign_in_risk": 0,
            "device_compliant": True,
            "bulk_count": 1,
            "changes_last_hour": 1,
            "subjects_last_hour": 1,
            "licences_last_hour": 1 if kind.family == "licence" else 0,
            "privileged_last_hour": 1 if kind.target == "role" else 0,
        },
        "plan": {
            "actions": [kind.id],
            "before": [],
            "subjects": 1,
            "licences": 1 if kind.family == "licence" else 0,
            "privileged": 1 if kind.target == "role" else 0,
        },
    }


def decided(rules: RuleSet, asked: dict[str, Any]) -> str:
    """Decide; `no`, or `yes` and what is owed."""
    decision = decide(rules, Query.of(asked))
    if decision.effect == "deny":
        return "no"
    return " ".join(["yes", *sorted(map(_mark, decision.obligations))])


def _mark(owed: Obligation) -> str:
    match owed:
        case Approval(when="before"):
            return _MARKS[owed.by] + (str(owed.quorum) if owed.quorum > 1 else "")
        case Approval():
            return f"{_MARKS[owed.by]}-after"
        case StepUp():
            return f"proof<{owed.max_age}"
        case TimeBound():
            return f"until<{owed.max}"
        case Notify():
            return f"tell-{_MARKS.get(owed.who, owed.who)}"
        case Justify():
            return "why"
        case Ticket():
            return "ticket"
