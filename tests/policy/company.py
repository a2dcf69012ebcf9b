"""The rules of a small company, for tests of what rules can and cannot do.

They keep every invariant, each by as few rules as it takes: so it is known which rule keeps what.
They are beside the shipped packs on purpose: those grow, and then hold a promise by two rules.
"""

from typing import Any

from policy.rule import Layer, Rule

ADD, REMOVE = "group.member.add", "group.member.remove"
UNDO = {"action": {"undo": True}}
APPROVAL = {"kind": "approval", "by": "resource_owner", "expires_after": "PT8H", "when": "before"}
POWERS = ["grants_power", "destroys", "discloses_secret", "consents", "weakens_protection"]


def rule(name: str, effect: str, when: dict[str, Any], **more: Any) -> Rule:
    """One rule, of the global layer if nothing else is said."""
    record = {"schema": 1, "id": name, "layer": "global", "effect": effect, "reason": "because"}
    return Rule.of({**record, "when": when, **more})


def _refuses(name: str, when: dict[str, Any], **more: Any) -> Rule:
    return rule(name, "deny", when, remedy="Ask.", **more)


COMPANY: tuple[Rule, ...] = (
    rule("up-to-high-risk", "permit", {"action": {"risk_max": 3}}),
    _refuses("no-role-assignable", {"target": {"role_assignable": True}}),
    _refuses("no-privileged", {"target": {"privileged": True}}),
    _refuses("no-break-glass", {"target": {"tags_any": ["break_glass", "break-glass"]}}),
    _refuses("not-itself", {"target": {"tags_any": ["warrant"]}}),
    _refuses("not-its-policy", {"action": {"effects_any": ["changes_warrant"]}}),
    _refuses("no-emergency", {"requester": {"flags_any": ["break_glass"]}}, unless=UNDO),
    _refuses("no-risky", {"requester": {"flags_any": ["at_risk", "disabled"]}}, unless=UNDO),
    _refuses("no-leaver", {"requester": {"flags_any": ["leaver"]}}, unless=UNDO, layer="runtime"),
    _refuses("no-hold", {"requester": {"flags_any": ["security_hold"]}}, unless=UNDO),
    _refuses("no-guests", {"requester": {"kinds": ["guest"]}}, unless=UNDO, layer="tenant"),
    _refuses("not-many", {"action": {"undo": False}}, unless={"runtime": {"bulk_max": 10}}),
    rule(
        "powers-wait",
        "require",
        {"action": {"effects_any": POWERS, "undo": False}},
        obligations=[APPROVAL],
    ),
    rule(
        "members-only",
        "permit",
        {"action": {"families": ["group"]}, "requester": {"kinds": ["member"]}},
        layer="tenant",
    ),
    rule(
        "ordinary-groups",
        "permit",
        {"target": {"types": ["group"], "tags_none": ["restricted"], "privileged": False}},
        layer="target",
    ),
    rule("joining", "permit", {"action": {"ids": [ADD]}}, layer="department"),
    rule("leaving", "permit", {"action": {"ids": [REMOVE]}}, layer="department"),
    rule(
        "others-ask-the-owner",
        "require",
        {"action": {"ids": [ADD], "undo": False}, "target": {"same_department": False}},
        unless={"target": {"tags_any": ["provisional"]}},
        obligations=[APPROVAL],
        layer="department",
    ),
    rule("oneself", "permit", {"target": {"subject": "self"}}, layer="action"),
    rule(
        "administrators",
        "permit",
        {"requester": {"roles_any": ["Groups Administrator"]}},
        layer="action",
    ),
    rule("small", "permit", {"runtime": {"bulk_max": 10, "sign_in_risk_max": 1}}, layer="runtime"),
    *(
        rule(
            f"undo-{layer}",
            "permit",
            {"action": {"ids": [ADD, REMOVE], "undo": True}},
            layer=layer.value,
        )
        for layer in Layer
        if layer is not Layer.GLOBAL
    ),
)

OPEN: tuple[Rule, ...] = tuple(
    rule(f"open-{layer}", "permit", {}, layer=layer.value, baseline=True) for layer in Layer
)
