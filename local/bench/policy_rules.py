"""Which rules and which questions is the policy engine measured with? Made up, and always the same.

Rules
- the mix of a large tenant: most rules say what may be done to which target by which department;
  three layers have a baseline permit, the other three permit by rules only, so that silence and
  its nearest miss are part of what is measured; two hard denies come with every size;
- every record is legal and every engine is given the very same ones; the seed says which;
- one fact in twenty of a question is missing, so doubt is part of what is measured.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

Record = dict[str, Any]

LAYERS = {"global": 2, "tenant": 8, "target": 35, "department": 25, "action": 20, "runtime": 10}
DEPARTMENTS = tuple(f"department {n}" for n in range(10))
GROUPS = tuple(f"{n:08x}-0000-4000-8000-000000000000" for n in range(200))
ROLES = tuple(f"role {n}" for n in range(6))
FAMILIES = ("user", "group", "site", "licence", "device")
ACTIONS = tuple(f"{family}.action{n}" for family in FAMILIES for n in range(5))
TYPES = ("user", "group", "site", "team", "app", "device", "licence", "mailbox")
TAGS = tuple(f"tag {n}" for n in range(10))
TARGETS = tuple(f"{n:08x}-0000-4000-9000-000000000000" for n in range(5000))
CHANNELS = ("teams", "api", "flow", "console")
ZONES = ("Europe/Berlin", "UTC")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
MISSING = 0.05


def records(many: int, seed: int = 1) -> list[Record]:
    """Make this many rules, three baseline permits and two hard denies among them."""
    rng, always = random.Random(seed), list(_always())
    layers = rng.choices(list(LAYERS), list(LAYERS.values()), k=many - len(always))
    return [*always, *(_rule(rng, number, layer) for number, layer in enumerate(layers))]


def _always() -> Iterator[Record]:
    for layer in ("global", "tenant", "runtime"):
        yield _record(f"baseline-{layer}", layer, "permit") | {"baseline": True}
    for name, when in (
        ("no-roles", {"target": {"role_assignable": True}}),
        ("no-flags", {"requester": {"flags_any": ["at_risk", "disabled"]}}),
    ):
        yield _record(name, "global", "deny") | {"when": when, "remedy": "Ask the service desk."}


def _record(name: str, layer: str, effect: str) -> Record:
    return {
        "schema": 1,
        "id": name,
        "layer": layer,
        "effect": effect,
        "reason": f"Because of {name}, as this organisation has decided.",
    }


def _rule(rng: random.Random, number: int, layer: str) -> Record:
    effect = rng.choices(["permit", "deny", "require"], [55, 30, 15])[0]
    record = _record(f"rule-{number:05d}", layer, effect)
    # What denies names what it is about more closely than a permit: else nothing is permitted.
    record["when"] = _selectors(rng, layer, rng.randint(0, 2) if effect == "permit" else 5)
    if effect == "permit":
        return record
    record["remedy"] = "Ask the service desk."
    if rng.random() < 0.15:
        record["unless"] = {"requester": {"roles_any": _some(rng, ROLES, 1)}}
    if effect == "require":
        record["obligations"] = [_obligation(rng)]
    return record


def _obligation(rng: random.Random) -> Record:
    approval = {
        "kind": "approval",
        "by": rng.choice(["resource_owner", "manager", f"group:{rng.choice(GROUPS[:3])}"]),
        "quorum": rng.randint(1, 2),
        "expires_after": rng.choice(["PT1H", "PT8H", "P1D"]),
    }
    others = [
        {"kind": "time_bound", "max": rng.choice(["P1D", "P30D"])},
        {"kind": "step_up", "max_age": rng.choice(["PT5M", "PT1H"])},
        {"kind": "notify", "who": "manager"},
        {"kind": "ticket"},
        {"kind": "justify"},
    ]
    return rng.choice([approval, approval, approval, *others])


def _some(rng: random.Random, words: tuple[str, ...], most: int) -> list[str]:
    return rng.sample(words, rng.randint(1, most))


def _selectors(rng: random.Random, layer: str, many: int) -> dict[str, Record]:
    about: dict[str, Record] = {
        "action": {
            "ids": _some(rng, ACTIONS, 4),
            "families": _some(rng, FAMILIES, 2),
            "risk_max": rng.randint(1, 3),
            "reversible": True,
        },
        "requester": {
            "departments": _some(rng, DEPARTMENTS, 2),
            "groups_any": _some(rng, GROUPS, 5),
            "groups_none": _some(rng, GROUPS, 5),
            "roles_any": _some(rng, ROLES, 2),
            "roles_none": _some(rng, ROLES, 2),
        },
        "target": {
            "types": _some(rng, TYPES, 3),
            "ids": _some(rng, TARGETS, 8),
            "tags_any": _some(rng, TAGS, 3),
            "tags_none": _some(rng, TAGS, 3),
            "same_department": True,
            "owner_is_requester": rng.random() < 0.5,
        },
        "runtime": {
            "channels": _some(rng, CHANNELS, 2),
            "window": _window(rng),
            "sign_in_age_max_minutes": rng.choice([15, 60, 480]),
            "sign_in_risk_max": rng.randint(0, 2),
            "bulk_max": rng.choice([1, 10, 50]),
        },
    }
    home = {"target": "target", "department": "requester", "action": "action"}.get(layer, "runtime")
    fields = [(section, name) for section, group in about.items() for name in group]
    own = [field for field in fields if field[0] == home]
    what = rng.choices([("action", "ids"), ("action", "families"), rng.choice(own)], [5, 3, 2])
    chosen = {*what, rng.choice(own), *rng.sample(fields, many)}
    selectors: dict[str, Record] = {}
    for section, name in sorted(chosen):
        selectors.setdefault(section, {})[name] = about[section][name]
    return selectors


def _window(rng: random.Random) -> Record:
    opens, closes = rng.choice([("08:00", "18:00"), ("06:00", "22:00"), ("22:00", "06:00")])
    days = rng.choice([DAYS[:5], DAYS, DAYS[5:]])
    return {"tz": rng.choice(ZONES), "days": list(days), "from": opens, "to": closes}


def questions(many: int, seed: int = 2) -> Iterator[Record]:
    """Make this many queries."""
    rng = random.Random(seed)
    for _ in range(many):
        yield {
            section: {name: fact for name, fact in facts.items() if rng.random() >= MISSING}
            for section, facts in _facts(rng).items()
        }


def _facts(rng: random.Random) -> dict[str, Record]:
    action = rng.choice(ACTIONS)
    return {
        "action": {
            "id": action,
            "family": action.partition(".")[0],
            "risk": rng.randint(0, 3),
            "reversible": rng.random() < 0.8,
            "undo": False,
            "effects": [],
        },
        "requester": {
            "id": f"{rng.randrange(10_000):08x}-0000-4000-a000-000000000000",
            "department": rng.choice(DEPARTMENTS),
            "groups": _some(rng, GROUPS, 12),
            "roles": _some(rng, ROLES, 2) if rng.random() < 0.3 else [],
            "kind": "member",
            "flags": ["at_risk"] if rng.random() < 0.02 else [],
        },
        "target": {
            "type": rng.choice(TYPES),
            "id": rng.choice(TARGETS),
            "tags": _some(rng, TAGS, 3),
            "department": rng.choice(DEPARTMENTS),
            "subject": rng.choice(["self", "other"]),
            "owner_is_requester": rng.random() < 0.2,
            "privileged": rng.random() < 0.05,
            "role_assignable": rng.random() < 0.05,
        },
        "runtime": {
            "now": (MONDAY + timedelta(minutes=rng.randrange(10_080))).isoformat(),
            "channel": rng.choice(CHANNELS),
            "sign_in_age_minutes": rng.randrange(600),
            "sign_in_risk": rng.choice([0, 0, 0, 1, 2, 3]),
            "device_compliant": rng.random() < 0.9,
            "bulk_count": rng.choice([1, 1, 1, 5, 20]),
            "changes_last_hour": rng.randrange(10),
        },
    }
