"""Signed checkpoints in a blob container that lets nobody change or remove them.

Rules
- a blob is written with `If-None-Match: *`: a name is given once, whatever the container's policy
  says; keeping the same content again changes nothing, other content under a name is a fork, and
  StoreUnusable("checkpoint_differs");
- the immutability policy is the container's own, set where the app has no right to lift it; the
  running app never creates a container;
- a missing container, a refused sign-in and an unreachable account are StoreUnusable; a busy or
  silent one is Transient, after at most PATIENCE seconds.

Never here: what a checkpoint says. The SDK is imported when a container is opened.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agent.adapters.columns import key
from agent.adapters.tables import PATIENCE
from agent.errors import StoreUnusable, Transient

if TYPE_CHECKING:
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.storage.blob.aio import ContainerClient

_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_TAKEN = frozenset({409, 412})  # there, or there and immutable


class CheckpointBlobs:
    """A tenant's checkpoints in its immutable container."""

    def __init__(self, container: "ContainerClient") -> None:
        self._container = container

    async def put(self, name: str, content: bytes) -> None:
        """Keep a checkpoint for good. Raises StoreUnusable, Transient, Permanent("bad_key")."""
        from azure.core.exceptions import HttpResponseError

        async with _faults():
            try:
                await self._container.upload_blob(key(name), content, overwrite=False)
            except HttpResponseError as error:
                if error.status_code not in _TAKEN:
                    raise
            else:
                return
        if await self.get(name) != content:
            raise StoreUnusable(
                "checkpoint_differs", f"expected nothing else to be kept as checkpoint `{name}`"
            )

    async def get(self, name: str) -> bytes | None:
        """Return a checkpoint as it was kept, or None where there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        async with _faults():
            try:
                stream = await self._container.download_blob(key(name))
                return await stream.readall()
            except ResourceNotFoundError as error:
                if _word(error) == "ContainerNotFound":
                    raise
        return None

    async def names(self) -> list[str]:
        """Return the names of all that is kept, in order."""
        async with _faults():
            return sorted([name async for name in self._container.list_blob_names()])

    async def close(self) -> None:
        """Close the connections."""
        await self._container.close()


def open_container(
    endpoint: str, container: str, credential: "AsyncTokenCredential | AzureNamedKeyCredential"
) -> CheckpointBlobs:
    """Open a container of an account by the app's own identity, or a key of this machine."""
    from azure.storage.blob.aio import ContainerClient

    return CheckpointBlobs(
        ContainerClient(
            endpoint, container, credential=credential, retry_total=2, use_env_settings=False
        )
    )


@asynccontextmanager
async def _faults() -> AsyncIterator[None]:
    from azure.core.exceptions import AzureError

    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except TimeoutError:
        raise Transient("store_busy", f"expected blobs to answer in {PATIENCE:g} s") from None
    except AzureError as error:
        status = getattr(error, "status_code", None)
        if status in _BUSY:
            raise Transient("store_busy", f"expected blobs to answer, saw {status}") from None
        seen = f"{status} {_word(error)}" if status else type(error).__name__
        raise StoreUnusable("store_unusable", f"expected usable blobs, saw {seen}") from None


def _word(error: Exception) -> str:
    return str(getattr(getattr(error, "error_code", ""), "value", getattr(error, "error_code", "")))
