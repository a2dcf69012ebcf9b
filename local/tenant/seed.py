"""What may a seed file say?

Answers the checked content of seed.yaml: people, groups, roles, licences and logs of each
organisation, and the registrations they share. Never builds anything from it (see planting).

Rules:
- a field that is not named here is an error;
- times are distances from the moment of seeding, because logs age.
"""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

DEFAULT_SEED = Path(__file__).with_name("seed.yaml")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeedApp(_Entry):
    """An app registration; `federated` names managed identities."""

    client_id: str
    name: str
    secret: str
    federated: tuple[str, ...] = ()


class SeedPerson(_Entry):
    """A person or guest; `upn` without the domain."""

    upn: str
    id: str
    name: str
    title: str | None = None
    department: str | None = None
    manager: str | None = None
    sku: str | None = None
    kind: Literal["Member", "Guest"] = "Member"
    mail: str | None = None
    enabled: bool = True
    synced: bool = False


class SeedGroup(_Entry):
    """A group; members are addresses, `group:nick`, or everyone."""

    nick: str
    id: str
    name: str
    kind: Literal["unified", "security", "distribution"]
    about: str
    owners: tuple[str, ...] = ()
    members: tuple[str, ...] | Literal["everyone"] = ()
    site: str | None = None
    visibility: Literal["Private", "Public"] = "Private"
    role_assignable: bool = False
    synced: bool = False
    rule: str | None = None


class SeedSku(_Entry):
    """A licence subscription."""

    sku_id: str
    part: str
    seats: int


class SeedRisk(_Entry):
    """What Identity Protection says of a person."""

    person: str
    level: str
    state: str
    detail: str
    hours_ago: float


class SeedAudit(_Entry):
    """One thing that the directory's log remembers."""

    days_ago: float
    activity: str
    by: str
    person: str
    group: str | None = None


class SeedSignIn(_Entry):
    """One interactive sign-in."""

    hours_ago: float
    person: str
    app: str
    ip: str
    city: str
    country: str
    risk: str = "none"
    error: int = 0


class SeedTenant(_Entry):
    """One organisation."""

    id: str
    name: str
    domain: str
    sharepoint: str
    country: str
    consented: tuple[str, ...]
    skus: tuple[SeedSku, ...]
    people: tuple[SeedPerson, ...]
    roles: dict[str, tuple[str, ...]]
    groups: tuple[SeedGroup, ...]
    risk: tuple[SeedRisk, ...] = ()
    audits: tuple[SeedAudit, ...] = ()
    sign_ins: tuple[SeedSignIn, ...] = ()


class SeededIdentity(_Entry):
    """A managed identity; `tenant` is a key of `tenants`."""

    name: str
    tenant: str
    client_id: str
    principal_id: str


class Seed(_Entry):
    """The whole file."""

    apps: dict[str, SeedApp]
    managed_identities: tuple[SeededIdentity, ...]
    bot_identity: str
    identity_header: str
    tenants: dict[str, SeedTenant]


def read_seed(path: Path) -> Seed:
    """The checked content of a seed file."""
    return Seed.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
