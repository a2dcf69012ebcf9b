"""Everything this agent can do to a tenant. A change not listed here cannot be planned."""

from typing import Any

from pydantic import ValidationError

from agent.actions._action import Action, Irreversible
from agent.actions.group_membership import AddGroupMember, RemoveGroupMember
from agent.domain import ActionSpec

ACTIONS: tuple[type[Action[Any]], ...] = (
    AddGroupMember,
    RemoveGroupMember,
)

_BY_NAME = {kind.name: kind for kind in ACTIONS}


class UnknownAction(LookupError):  # noqa: N818 - a caller's mistake, answered with 422
    """No action of that name is registered."""


class BadArguments(ValueError):  # noqa: N818 - likewise
    """The action is known, its arguments are not what it takes."""


def action_of(spec: ActionSpec) -> Action[Any]:
    """Return the action a specification names. Raises UnknownAction and BadArguments."""
    kind = _BY_NAME.get(spec.name)
    if kind is None:
        raise UnknownAction(
            f"expected one of {', '.join(sorted(_BY_NAME))}, saw `{spec.name[:60]}`"
        )
    try:
        return kind.model_validate(spec.arguments, strict=True)
    except ValidationError as e:
        wrong = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in e.errors())
        raise BadArguments(f"arguments of {spec.name}: {wrong}") from None


__all__ = [
    "ACTIONS",
    "Action",
    "AddGroupMember",
    "BadArguments",
    "Irreversible",
    "RemoveGroupMember",
    "UnknownAction",
    "action_of",
]
