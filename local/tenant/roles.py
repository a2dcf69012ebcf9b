"""What does each directory role allow?

Answers from roles.yaml: names and template ids, who may write which kind of group, who stands
above whom. Never looks at a request or a directory.
"""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from local.tenant.directory import GLOBAL_ADMINISTRATOR


class GroupWriters(BaseModel):
    """Roles that may change a group they do not own, by the kind of the group."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    any: frozenset[str]
    unified: frozenset[str]
    security: frozenset[str]


class _GroupTable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    group_members: GroupWriters
    group_owners: GroupWriters
    group_basic: GroupWriters
    role_assignable: frozenset[str]


class _Roles(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    templates: dict[str, str]
    group_writers: _GroupTable
    user_basic: frozenset[str]
    sensitive: frozenset[str]
    sensitive_writers: dict[str, frozenset[str]]


_TABLE = _Roles.model_validate(
    yaml.safe_load(Path(__file__).with_name("roles.yaml").read_text(encoding="utf-8"))
)

ROLE_TEMPLATES = _TABLE.templates
ROLE_NAMES = {template: name for name, template in ROLE_TEMPLATES.items()}
DEFAULT_USER_WID = "b79fbf4d-3ef9-4689-8143-76b194e85509"  # every member's token carries it
GROUP_WRITERS = _TABLE.group_writers
USER_BASIC = _TABLE.user_basic
SENSITIVE = _TABLE.sensitive


def stands_above(roles: frozenset[str], target_roles: frozenset[str], *, assignable: bool) -> bool:
    """Whether holders of `roles` may change sensitive properties of such a target.

    `assignable` says that the target is in, or owns, a role-assignable group.
    """
    if GLOBAL_ADMINISTRATOR in roles:
        return True
    of_groups = {"role_assignable_group"} if assignable else set()
    ranks = (target_roles | of_groups) or {"none"}
    table = _TABLE.sensitive_writers
    return all(roles & table.get(rank, table["otherwise"]) for rank in ranks)
