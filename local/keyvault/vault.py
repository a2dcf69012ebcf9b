"""What is the same for the secrets and the keys of one vault?

Names, versions, paging, soft deletion, recovery and purge, and the errors of all of these.

Rules:
- a deleted object keeps its name: it can be recovered or purged, and nothing else can take it;
- a list shows identifiers and attributes, never a value and never a private key;
- a page is at most 25 long, as in Azure, and names where the next one starts.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

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
_NOUN = {"secrets": "Secret", "keys": "Key"}
Shape = Callable[[Version], dict[str, Any]]


class Vault:
    """One vault, known to its clients as `url`."""

    def __init__(self, url: str, store: Store) -> None:
        self.url = url
        self.store = store

    def name(self, kind: Kind, request: web.Request) -> str:
        """The name in the path; VaultError 400 if no object may have it."""
        name = request.match_info["name"]
        if not _NAME.fullmatch(name):
            raise bad_parameter(f"expected a {kind[:-1]} name of letters, digits and dashes")
        return name

    def free_name(self, kind: Kind, request: web.Request) -> str:
        """The name in the path for a new version; VaultError 409 while a deleted object has it."""
        name = self.name(kind, request)
        if self.store.deleted_at(kind, name) is not None:
            message = (
                f"{_NOUN[kind]} {name} is currently in a deleted but recoverable state, and its "
                "name cannot be reused; in this state, it can only be recovered or purged."
            )
            raise VaultError(409, "Conflict", message, "ObjectIsDeletedButRecoverable")
        return name

    def present(self, kind: Kind, request: web.Request) -> Version:
        """The version that the path names, the latest if none; VaultError 404."""
        name, version = self.name(kind, request), request.match_info.get("version", "")
        found = self.store.get(kind, name, version)
        if found is None:
            raise self._missing(kind, name, version)
        return found

    def id(self, kind: Kind, version: Version, *, versioned: bool = True) -> str:
        """The identifier of an object, with or without its version."""
        base = f"{self.url}/{kind}/{version.name}"
        return f"{base}/{version.version}" if versioned else base

    def list(self, kind: Kind, request: web.Request, shape: Shape) -> web.Response:
        """GET /secrets, /keys."""
        return self._page(request, self.store.latest(kind, deleted=False), shape)

    def list_versions(self, kind: Kind, request: web.Request, shape: Shape) -> web.Response:
        """GET /secrets/{name}/versions."""
        name = self.name(kind, request)
        found = self.store.versions(kind, name)
        if not found or self.store.deleted_at(kind, name) is not None:
            raise self._missing(kind, name, "")
        return self._page(request, found, shape)

    def list_deleted(self, kind: Kind, request: web.Request, shape: Shape) -> web.Response:
        """GET /deletedsecrets, /deletedkeys."""

        def gone(version: Version) -> dict[str, Any]:
            return shape(version) | self._deletion(kind, version.name)

        return self._page(request, self.store.latest(kind, deleted=True), gone)

    def delete(self, kind: Kind, request: web.Request, shape: Shape) -> web.Response:
        """DELETE /secrets/{name}: what was deleted and until when it can be recovered."""
        found = self.present(kind, request)
        self.store.delete(kind, found.name, seconds_now())
        return web.json_response(shape(found) | self._deletion(kind, found.name))

    def deleted(self, kind: Kind, request: web.Request, shape: Shape) -> web.Response:
        """GET /deletedsecrets/{name}."""
        found = self._deleted(kind, request)
        return web.json_response(shape(found) | self._deletion(kind, found.name))

    def recover(self, kind: Kind, request: web.Request, shape: Shape) -> web.Response:
        """POST /deletedsecrets/{name}/recover."""
        found = self._deleted(kind, request)
        self.store.recover(kind, found.name)
        return web.json_response(shape(found))

    def purge(self, kind: Kind, request: web.Request) -> web.Response:
        """DELETE /deletedsecrets/{name}: gone for good."""
        self.store.purge(kind, self._deleted(kind, request).name)
        return web.Response(status=204)

    def _deleted(self, kind: Kind, request: web.Request) -> Version:
        name = self.name(kind, request)
        if self.store.deleted_at(kind, name) is None:
            raise VaultError(
                404, f"{_NOUN[kind]}NotFound", f"Deleted {_NOUN[kind]} not found: {name}"
            )
        return self.store.versions(kind, name)[-1]

    def _deletion(self, kind: Kind, name: str) -> dict[str, Any]:
        deleted_at = self.store.deleted_at(kind, name) or 0
        return {
            "recoveryId": f"{self.url}/deleted{kind}/{name}",
            "deletedDate": deleted_at,
            "scheduledPurgeDate": deleted_at + RECOVERABLE_DAYS * _DAY_SECONDS,
        }

    def _missing(self, kind: Kind, name: str, version: str) -> VaultError:
        wanted = f"{name}/{version}" if version else name
        message = (
            f"A {kind[:-1]} with (name/id) {wanted} was not found in this key vault. If you "
            f"recently deleted this {kind[:-1]} you may be able to recover it using the correct "
            "recovery command."
        )
        return VaultError(404, f"{_NOUN[kind]}NotFound", message)

    def _page(self, request: web.Request, found: Sequence[Version], shape: Shape) -> web.Response:
        size = _whole(request, "maxresults", 1, _PAGE, _PAGE)
        start = _whole(request, "$skiptoken", 0, len(found), 0)
        page = [shape(version) for version in found[start : start + size]]
        following = None
        if start + size < len(found):
            query = {**request.query, "$skiptoken": str(start + size)}
            following = f"{self.url}{request.rel_url.with_query(query)}"
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
