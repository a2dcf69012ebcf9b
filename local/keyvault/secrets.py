"""The secrets face of a vault: set, read, list, change, delete, recover, purge.

A disabled secret cannot be read; one outside its `nbf` and `exp` can, in Azure as here: those are
notes for its reader. Never shows a value in a list or after a deletion.
"""

from typing import Any, ClassVar

from aiohttp import web

from local.keyvault import face
from local.keyvault.face import Face
from local.keyvault.store import Version
from local.keyvault.wire import SetSecret, UpdateSecret, forbidden, read


class Secrets(Face):
    """The handlers of /secrets and /deletedsecrets."""

    kind: ClassVar = "secrets"

    def routes(self) -> list[web.RouteDef]:
        """Every call on secrets."""
        return [web.put("/secrets/{name}", self.set), *super().routes()]

    async def set(self, request: web.Request) -> web.Response:
        """A new version with a value."""
        name = self.free_name(request)
        body = await read(request, SetSecret)
        made = face.fresh(name, body.value.encode(), body.attributes, body.tags)
        made = made.model_copy(update={"content_type": body.content_type})
        self._store.add(self.kind, made)
        return web.json_response(self._with_value(made))

    async def get(self, request: web.Request) -> web.Response:
        """The value of one version."""
        found = self.present(request)
        if not found.enabled:
            raise forbidden("Operation get is not allowed on a disabled secret.", "SecretDisabled")
        return web.json_response(self._with_value(found))

    async def update(self, request: web.Request) -> web.Response:
        """Other attributes, tags or content type for one version."""
        found = self.present(request)
        body = await read(request, UpdateSecret)
        now = face.changed(found, body.attributes, body.tags)
        if body.content_type is not None:
            now = now.model_copy(update={"content_type": body.content_type})
        self._store.change(self.kind, now)
        return web.json_response(self.shape(now))

    def shape(self, version: Version) -> dict[str, Any]:
        return self.listed(version, versioned=True)

    def listed(self, version: Version, *, versioned: bool) -> dict[str, Any]:
        shape: dict[str, Any] = {
            "id": self.id(version, versioned=versioned),
            "attributes": face.attributes(version),
        }
        if version.content_type is not None:
            shape["contentType"] = version.content_type
        if version.tags is not None:
            shape["tags"] = version.tags
        return shape

    def _with_value(self, version: Version) -> dict[str, Any]:
        return {"value": version.material.decode(), **self.shape(version)}
