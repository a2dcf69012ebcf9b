"""The secrets face of a vault: set, read, list, change, delete, recover, purge.

A disabled secret cannot be read; one outside its `nbf` and `exp` can, in Azure as here: those are
notes for its reader. Never shows a value in a list or after a deletion.
"""

from typing import Any

from aiohttp import web

from local.keyvault import vault as shared
from local.keyvault.store import Version
from local.keyvault.vault import Vault
from local.keyvault.wire import SetSecret, UpdateSecret, forbidden, read


class Secrets:
    """The handlers of /secrets and /deletedsecrets."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def routes(self) -> list[web.RouteDef]:
        """Every call on secrets; an empty version in a path means the latest."""
        one, version = "/secrets/{name}", "/secrets/{name}/{version:[^/]*}"
        gone = "/deletedsecrets/{name}"
        return [
            web.put(one, self.set),
            web.get("/secrets/{name}/versions", self.list_versions),
            web.get(one, self.get),
            web.get(version, self.get),
            web.patch(one, self.update),
            web.patch(version, self.update),
            web.get("/secrets", self.list),
            web.delete(one, self.delete),
            web.get("/deletedsecrets", self.list_deleted),
            web.get(gone, self.deleted),
            web.post(f"{gone}/recover", self.recover),
            web.delete(gone, self.purge),
        ]

    async def set(self, request: web.Request) -> web.Response:
        """A new version with a value."""
        name = self._vault.free_name("secrets", request)
        body = await read(request, SetSecret)
        made = shared.fresh(name, body.value.encode(), body.attributes, body.tags)
        made = made.model_copy(update={"content_type": body.content_type})
        self._vault.store.add("secrets", made)
        return web.json_response(self._with_value(made))

    async def get(self, request: web.Request) -> web.Response:
        """The value of one version."""
        found = self._vault.present("secrets", request)
        if not found.enabled:
            raise forbidden("Operation get is not allowed on a disabled secret.", "SecretDisabled")
        return web.json_response(self._with_value(found))

    async def update(self, request: web.Request) -> web.Response:
        """Other attributes, tags or content type for one version."""
        found = self._vault.present("secrets", request)
        body = await read(request, UpdateSecret)
        now = shared.changed(found, body.attributes, body.tags)
        if body.content_type is not None:
            now = now.model_copy(update={"content_type": body.content_type})
        self._vault.store.change("secrets", now)
        return web.json_response(self._shape(now))

    async def list(self, request: web.Request) -> web.Response:
        """Every secret that is not deleted."""
        return self._vault.list("secrets", request, self._item)

    async def list_versions(self, request: web.Request) -> web.Response:
        """Every version of one secret."""
        return self._vault.list_versions("secrets", request, self._shape)

    async def list_deleted(self, request: web.Request) -> web.Response:
        """Every deleted secret."""
        return self._vault.list_deleted("secrets", request, self._item)

    async def delete(self, request: web.Request) -> web.Response:
        """Delete; recoverable."""
        return self._vault.delete("secrets", request, self._shape)

    async def deleted(self, request: web.Request) -> web.Response:
        """One deleted secret."""
        return self._vault.deleted("secrets", request, self._shape)

    async def recover(self, request: web.Request) -> web.Response:
        """Undo a deletion."""
        return self._vault.recover("secrets", request, self._shape)

    async def purge(self, request: web.Request) -> web.Response:
        """End a deleted secret for good."""
        return self._vault.purge("secrets", request)

    def _shape(self, version: Version, *, versioned: bool = True) -> dict[str, Any]:
        shape: dict[str, Any] = {
            "id": self._vault.id("secrets", version, versioned=versioned),
            "attributes": shared.attributes(version),
        }
        if version.content_type is not None:
            shape["contentType"] = version.content_type
        if version.tags is not None:
            shape["tags"] = version.tags
        return shape

    def _item(self, version: Version) -> dict[str, Any]:
        return self._shape(version, versioned=False)

    def _with_value(self, version: Version) -> dict[str, Any]:
        return {"value": version.material.decode(), **self._shape(version)}
