"""Witnesses of the trail: what is kept under a name is kept for good."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob.aio import ContainerClient

from agent.adapters.audit_blobs import CheckpointBlobs, open_container
from agent.checkpoints import Witness
from agent.errors import Permanent, StoreUnusable
from local.azurite import StorageAccount

pytestmark = pytest.mark.stack
CONTAINER = "checkpoints"


async def container_of(storage: StorageAccount, name: str) -> str:
    key = AzureNamedKeyCredential(storage.name, storage.key)
    async with ContainerClient(storage.blobs, name, credential=key) as client:
        await client.create_container()
    return name


@pytest.fixture
async def blobs(
    storage: StorageAccount, request: pytest.FixtureRequest
) -> AsyncIterator[CheckpointBlobs]:
    name = await container_of(storage, f"c{abs(hash(request.node.name)):x}")
    key = AzureNamedKeyCredential(storage.name, storage.key)
    opened = open_container(storage.blobs, name, key)
    yield opened
    await opened.close()


@pytest.fixture
def witness(blobs: CheckpointBlobs) -> Witness:
    return blobs


async def test_what_was_kept_is_read_back_and_listed_in_order(witness: Witness) -> None:
    for size in (3000, 1000, 2000):
        await witness.put(f"{size:012d}.json", f"root {size} é".encode())
    assert await witness.names() == [f"{size:012d}.json" for size in (1000, 2000, 3000)]
    assert await witness.get("000000002000.json") == "root 2000 é".encode()
    assert await witness.get("000000004000.json") is None


async def test_the_same_again_changes_nothing_and_another_is_a_fork(witness: Witness) -> None:
    await witness.put("000000001000.json", b"one")
    await witness.put("000000001000.json", b"one")
    with pytest.raises(StoreUnusable, match="checkpoint_differs"):
        await witness.put("000000001000.json", b"other")
    assert await witness.get("000000001000.json") == b"one"


async def test_of_many_that_keep_different_things_under_a_name_one_succeeds(
    witness: Witness,
) -> None:
    said = await asyncio.gather(
        *(witness.put("1.json", str(n).encode()) for n in range(6)), return_exceptions=True
    )
    assert sum(one is None for one in said) == 1
    assert await witness.get("1.json") == str(said.index(None)).encode()


@pytest.mark.parametrize("name", ["a|b", "a/b", "", "x" * 201, "é"])
async def test_a_name_that_could_be_read_in_two_ways_is_refused(
    witness: Witness, name: str
) -> None:
    with pytest.raises(Permanent, match="bad_key"):
        await witness.put(name, b"x")


async def test_without_a_container_nothing_is_taken_as_kept(storage: StorageAccount) -> None:
    key = AzureNamedKeyCredential(storage.name, storage.key)
    absent = open_container(storage.blobs, "absent", key)
    for attempt in (absent.put("1.json", b"x"), absent.get("1.json"), absent.names()):
        with pytest.raises(StoreUnusable, match="NotFound"):
            await attempt
    await absent.close()
