"""Which organisations, registrations and identities exist, and what may be seen of them now?

Answers the whole mutable state of the simulated cloud and keeps it across a clean stop. Never
decides who may read or write; never talks HTTP.

Rules:
- a directory is replaced, never mutated; what a write replaced is kept for stale reads;
- planting (the stage manager's hand) is visible at once, everywhere;
- a write through Graph may be unseen by the next reads of the objects it touched
  (`replication_reads`), and by indexed queries for a while (`index_seconds`);
- saving is one file, replaced atomically; it happens on a clean stop.
"""

import json
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from local.tenant.directory import Directory, Resource


class Settings(BaseModel):
    """What the stage manager may tune."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    graph_ms: int = 0  # added to every Graph answer
    entra_ms: int = 0  # added to every token answer
    audit_seconds: float = 120.0  # how late a directoryAudit or sign-in can be read
    replication_reads: int = 0  # how many by-id reads miss a fresh write
    index_seconds: float = 5.0  # how late advanced queries see a write
    throttling: bool = False  # enforce Microsoft's published limits
    site_trimming: bool = False  # SharePoint refuses sites the person cannot open


class App(BaseModel):
    """An app registration with the identities that may sign in as it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str
    name: str
    secret: str
    federated: tuple[str, ...]  # principal ids


class Identity(BaseModel):
    """A managed identity of the platform."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    tenant: str
    client_id: str
    principal_id: str


@dataclass
class _Stale:
    before: Directory
    reads: int


@dataclass
class Tenant:
    """One organisation: its directory now and shortly before, its logs and its consents."""

    id: str
    name: str
    domain: str
    directory: Directory
    consents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    audits: list[Resource] = field(default_factory=list)
    sign_ins: list[Resource] = field(default_factory=list)
    organization: Resource = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plant(self.directory)

    def plant(self, directory: Directory) -> None:
        """Make `directory` what every read sees, at once."""
        self.directory = self._previous = self._indexed = directory
        self._index_stale_until = datetime.min.replace(tzinfo=UTC)
        self._stale: dict[str, _Stale] = {}

    def commit(
        self, after: Directory, touched: Iterable[str], now: datetime, settings: Settings
    ) -> None:
        """Replace the directory as Graph would: true at once, seen when it has spread."""
        before = self.directory
        if now >= self._index_stale_until:
            self._indexed = before
        self._index_stale_until = now + timedelta(seconds=settings.index_seconds)
        self._previous = before
        self.directory = after
        for oid in touched:
            self._stale[oid] = _Stale(before, settings.replication_reads)

    def seen_by_id(self, touched: Iterable[str]) -> Directory:
        """The directory that a read of these objects meets; uses up one stale read of each."""
        answer = self.directory
        for oid in touched:
            lag = self._stale.get(oid)
            if lag and lag.reads > 0:
                lag.reads -= 1
                answer = lag.before
        return answer

    def seen_by_index(self, now: datetime) -> Directory:
        """The directory that advanced queries meet."""
        return self._indexed if now < self._index_stale_until else self.directory

    def before_last_write(self) -> Directory:
        """The directory as it was before the last write through Graph."""
        return self._previous


@dataclass
class Estate:
    """The simulated cloud: everything that outlives a request."""

    tenants: dict[str, Tenant]
    apps: dict[str, App]
    identities: dict[str, Identity]  # by client id
    bot_app_id: str
    identity_header: str
    settings: Settings = field(default_factory=Settings)
    refresh_tokens: dict[str, dict[str, Any]] = field(default_factory=dict)

    def tenant(self, key: str) -> Tenant | None:
        """A tenant by id or domain."""
        lowered = key.lower()
        by_domain = (t for t in self.tenants.values() if t.domain == lowered)
        return self.tenants.get(lowered) or next(by_domain, None)

    def tenant_of_upn(self, upn: str) -> Tenant | None:
        """The tenant whose directory knows this user principal name."""
        known = (t for t in self.tenants.values() if upn.lower() in t.directory.upns)
        return next(known, None)

    def first_tenant(self) -> Tenant:
        """The tenant that calls without a tenant speak of."""
        return next(iter(self.tenants.values()))

    def app(self) -> App:
        """The agent's own registration."""
        return next(iter(self.apps.values()))


def dump(estate: Estate) -> dict[str, Any]:
    """The estate as JSON-ready data."""
    return {
        "tenants": [_dump_tenant(tenant) for tenant in estate.tenants.values()],
        "apps": [app.model_dump() for app in estate.apps.values()],
        "identities": [identity.model_dump() for identity in estate.identities.values()],
        "bot_app_id": estate.bot_app_id,
        "identity_header": estate.identity_header,
        "settings": estate.settings.model_dump(),
        "refresh_tokens": estate.refresh_tokens,
    }


def load(data: dict[str, Any]) -> Estate:
    """The estate that `dump` described."""
    apps = [App.model_validate(app) for app in data["apps"]]
    identities = [Identity.model_validate(identity) for identity in data["identities"]]
    tenants = [_load_tenant(tenant) for tenant in data["tenants"]]
    return Estate(
        tenants={tenant.id: tenant for tenant in tenants},
        apps={app.client_id: app for app in apps},
        identities={identity.client_id: identity for identity in identities},
        bot_app_id=data["bot_app_id"],
        identity_header=data["identity_header"],
        settings=Settings.model_validate(data["settings"]),
        refresh_tokens=data["refresh_tokens"],
    )


def write_json(path: Path, data: Any) -> None:
    """Replace `path` atomically by `data` as JSON."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        json.dump(data, file, ensure_ascii=False)
    Path(file.name).replace(path)


def _dump_tenant(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": tenant.id,
        "name": tenant.name,
        "domain": tenant.domain,
        "directory": asdict(tenant.directory),
        "consents": tenant.consents,
        "audits": tenant.audits,
        "sign_ins": tenant.sign_ins,
        "organization": tenant.organization,
    }


def _load_tenant(data: dict[str, Any]) -> Tenant:
    stored = dict(data["directory"])
    for relation in ("members", "owners", "role_members"):
        stored[relation] = {left: tuple(rights) for left, rights in stored[relation].items()}
    consents = {app: tuple(scopes) for app, scopes in data["consents"].items()}
    return Tenant(**{**data, "directory": Directory(**stored), "consents": consents})
