"""What is being asked, once it is known who asks and that they may?

Answers the one value that every read and write receives, and the one value that a write returns.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.tenant.actor import Actor
from local.tenant.directory import Directory, Resource
from local.tenant.errors import missing
from local.tenant.estate import Settings, Tenant
from local.tenant.odata import Query
from local.tenant.operations import Operation
from local.tenant.records import Activity


@dataclass(frozen=True)
class Question:
    """An authorised request; `directory` is what this reader sees, possibly stale."""

    tenant: Tenant
    directory: Directory
    settings: Settings
    actor: Actor
    operation: Operation
    ids: dict[str, str]
    cast: str | None
    query: Query
    body: Any
    now: datetime

    def user_id(self) -> str:
        """The person the path names; 404 where there is none."""
        oid = self.directory.user_id(self.ids["user"])
        if oid is None:
            raise missing(self.ids["user"])
        return oid

    def group_id(self) -> str:
        """The group the path names; 404 where there is none."""
        if self.ids["group"] not in self.directory.groups:
            raise missing(self.ids["group"])
        return self.ids["group"]


@dataclass(frozen=True)
class Write:
    """A change that is ready to be committed; nothing has happened yet."""

    after: Directory
    touched: tuple[str, ...]  # ids whose reads may lag behind
    target: Resource  # what was changed, for the journal
    old: Resource
    new: Resource
    activities: tuple[Activity, ...]

    @property
    def changes_state(self) -> bool:
        """Whether committing makes any difference."""
        return self.old != self.new
