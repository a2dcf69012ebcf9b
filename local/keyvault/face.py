"""What is the same for the secrets and the keys of one vault?

Names, versions, paging, soft deletion, recovery and purge, and the errors of all of these.

Rules:
- a deleted object keeps its name: it can be recovered or purged, and nothing else can take it;
- a list shows identifiers and attributes, never a value and never a private key;
- a page is at most 25 long, as in Azure, and names where the next one starts.
"""

import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from aiohttp import web

from local.keyvault.store import Kind, Store, Version
from local.keyvault.wire import (
    RECOVERABLE_DAYS,
    RECOVERY_LEVEL,
    AttributesIn,
    VaultError,
    bad_parameter,
    seconds_now,
)

_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_PAGE = 25
_DAY_SECONDS = 86_400
Shown = dict[str, Any]


class Face(ABC):
    """One face of the vault that its clients know as `url`: its secrets, or its keys."""

    kind: ClassVar[Kind]

    def __init__(self, url: str, store: Store) -> None:
        self._url = url
        self._store = store

    def routes(self) -> list[web.RouteDef]:
        """Every call that both faces take; an empty version in a path means the latest."""
        all_, gone = f"/{self.kind}", f"/deleted{self.kind}"
        one, version = f"{all_}/{{name}}", f"{all_}/{{name}}/{{version:[^/]*}}"
        return [
            web.get(f"{one}/versions", self.list_versions),
            web.get(one, self.get),
            web.get(version, self.get),
            web.patch(one, self.update),
            web.patch(version, self.update),
            web.get(all_, self.list),
            web.delete(one, self.delete),
            web.get(gone, self.list_deleted),
            web.get(f"{gone}/{{name}}", self.deleted),
            web.post(f"{gone}/{{name}}/recover", self.recover),
            web.delete(f"{gone}/{{name}}", self.purge),
        ]

    @abstractmethod
    async def get(self, request: web.Request) -> web.Response:
        """One version, as much of it as may be seen."""

    @abstractmethod
    async def update(self, request: web.Request) -> web.Response:
        """Other attributes, tags and the like for one version."""

    @abstractmethod
    def shape(self, version: Version) -> Shown:
        """A version as it is answered when it is named, changed or deleted."""

    @abstractmethod
    def listed(self, version: Version, *, versioned: bool) -> Shown:
        """A version as it stands in a list, under an identifier with or without its version."""

    async def list(self, request: web.Request) -> web.Response:
        """Everything that is not deleted."""
        found = self._store.latest(self.kind, deleted=False)
        return self._page(request, found, partial(self.listed, versioned=False))

    async def list_versions(self, request: web.Request) -> web.Response:
        """Every version of one object."""
        name = self._name(request)
        found = self._store.versions(self.kind, name)
        if not found or self._store.deleted_at(self.kind, name) is not None:
            raise self._missing(name, "")
        return self._page(request, found, partial(self.listed, versioned=True))

    async def list_deleted(self, request: web.Request) -> web.Response:
        """Everything that is deleted and can still be recovered."""

        def gone(version: Version) -> Shown:
            return self.listed(version, versioned=False) | self._deletion(version.name)

        return self._page(request, self._store.latest(self.kind, deleted=True), gone)

    async def delete(self, request: web.Request) -> web.Response:
        """Delete: what was deleted and until when it can be recovered."""
        found = self.present(request)
        self._store.delete(self.kind, found.name, seconds_now())
        return web.json_response(self.shape(found) | self._deletion(found.name))

    async def deleted(self, request: web.Request) -> web.Response:
        """One deleted object."""
        found = self._deleted(request)
        return web.json_response(self.shape(found) | self._deletion(found.name))

    async def recover(self, request: web.Request) -> web.Response:
        """Undo a deletion."""
        found = self._deleted(request)
        self._store.recover(self.kind, found.name)
        return web.json_response(self.shape(found))

    async def purge(self, request: web.Request) -> web.Response:
        """End a deleted object for good, and of a key all that only it could prove."""
        self._store.purge(self.kind, self._deleted(request).name)
        return web.Response(status=204)

    def free_name(self, request: web.Request) -> str:
        """The name in the path for a new version; VaultError 409 while a deleted object has it."""
        name = self._name(request)
        if self._store.deleted_at(self.kind, name) is not None:
            message = (
                f"{self._noun} {name} is currently in a deleted but recoverable state, and its "
                "name cannot be reused; in this state, it can only be recovered or purged."
            )
            raise VaultError(409, "Conflict", message, "ObjectIsDeletedButRecoverable")
        return name

    def present(self, request: web.Request) -> Version:
        """The version that the path names, the latest if none; VaultError 404."""
        name, version = self._name(request), request.match_info.get("version", "")
        found = self._store.get(self.kind, name, version)
        if found is None:
            raise self._missing(name, version)
        return found

    def id(self, version: Version, *, versioned: bool = True) -> str:
        """The identifier of an object, with or without its version."""
        base = f"{self._url}/{self.kind}/{version.name}"
        return f"{base}/{version.version}" if versioned else base

    @property
    def _noun(self) -> str:
        return self.kind[:-1].capitalize()

    def _name(self, request: web.Request) -> str:
        """The name in the path; VaultError 400 if no object may have it."""
        name = request.match_info["name"]
        if not _NAME.fullmatch(name):
            raise bad_parameter(f"expected a {self.kind[:-1]} name of letters, digits and dashes")
        return name

    def _deleted(self, request: web.Request) -> Version:
        name = self._name(request)
        if self._store.deleted_at(self.kind, name) is None:
            raise VaultError(
                404, f"{self._noun}NotFound", f"Deleted {self._noun} not found: {name}"
            )
        return self._store.versions(self.kind, name)[-1]

    def _deletion(self, name: str) -> Shown:
        deleted_at = self._store.deleted_at(self.kind, name) or 0
        return {
            "recoveryId": f"{self._url}/deleted{self.kind}/{name}",
            "deletedDate": deleted_at,
            "scheduledPurgeDate": deleted_at + RECOVERABLE_DAYS * _DAY_SECONDS,
        }

    def _missing(self, name: str, version: str) -> VaultError:
        wanted = f"{name}/{version}" if version else name
        message = (
            f"A {self.kind[:-1]} with (name/id) {wanted} was not found in this key vault. If you "
            f"recently deleted this {self.kind[:-1]} you may be able to recover it using the "
            "correct recovery command."
        )
        return VaultError(404, f"{self._noun}NotFound", message)

    def _page(
        self, request: web.Request, found: Sequence[Version], shape: Callable[[Version], Shown]
    ) -> web.Response:
        size = _whole(request, "maxresults", 1, _PAGE, _PAGE)
        start = _whole(request, "$skiptoken", 0, len(found), 0)
        page = [shape(version) for version in found[start : start + size]]
        following = None
        if start + size < len(found):
            query = {**request.query, "$skiptoken": str(start + size)}
            following = f"{self._url}{request.rel_url.with_query(query)}"
        return web.json_response({"value": page, "nextLink": following})


def fresh(name: str, material: bytes, given: AttributesIn, tags: dict[str, str] | None) -> Version:
    """A new version, enabled unless the caller said otherwise."""
    now = seconds_now()
    return Version(
        name=name,
        version=secrets.token_hex(16),
        material=material,
        enabled=given.enabled is not False,
        nbf=given.nbf,
        exp=given.exp,
        created=now,
        updated=now,
        tags=tags,
    )


def changed(found: Version, given: AttributesIn, tags: dict[str, str] | None) -> Version:
    """`found` with the attributes that the caller gave; the others stay."""
    update: dict[str, Any] = given.model_dump(exclude_none=True, exclude={"exportable"})
    if tags is not None:
        update["tags"] = tags
    return found.model_copy(update={**update, "updated": seconds_now()})


def attributes(version: Version) -> dict[str, Any]:
    """The attributes as clients read them; a time that was not set is absent."""
    seen = {
        "enabled": version.enabled,
        "nbf": version.nbf,
        "exp": version.exp,
        "created": version.created,
        "updated": version.updated,
        "recoveryLevel": RECOVERY_LEVEL,
        "recoverableDays": RECOVERABLE_DAYS,
    }
    return {name: value for name, value in seen.items() if value is not None}


def _whole(request: web.Request, name: str, least: int, most: int, default: int) -> int:
    given = request.query.get(name)
    if given is None:
        return default
    if not given.isascii() or not given.isdigit() or not least <= int(given) <= most:
        raise bad_parameter(f"expected {name} from {least} to {most}, saw `{given[:20]}`")
    return int(given)
