"""The unmodified azure-keyvault-secrets clients against the stand-in vault."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.secrets import SecretClient
from azure.keyvault.secrets.aio import SecretClient as AsyncSecretClient

Name = Callable[[str], str]


@pytest.fixture
def client(world: Any) -> Iterator[SecretClient]:
    with world.secrets() as client:
        yield client


def test_a_secret_that_was_set_is_read_back(client: SecretClient, name: Name) -> None:
    secret = name("token")
    made = client.set_secret(secret, "p4ss ü", content_type="text/plain", tags={"for": "okta"})
    seen = client.get_secret(secret)
    assert seen.value == "p4ss ü"
    assert seen.id == made.id
    assert seen.properties.tags == {"for": "okta"}
    assert seen.properties.content_type == "text/plain"
    assert seen.properties.recovery_level == "Recoverable+Purgeable"


def test_an_older_version_stays_readable(client: SecretClient, name: Name) -> None:
    secret = name("rotated")
    old = client.set_secret(secret, "old")
    client.set_secret(secret, "new")
    assert client.get_secret(secret).value == "new"
    assert client.get_secret(secret, old.properties.version).value == "old"
    versions = {p.version for p in client.list_properties_of_secret_versions(secret)}
    assert len(versions) == 2
    assert old.properties.version in versions


def test_attributes_are_kept_and_changed(client: SecretClient, name: Name) -> None:
    secret = name("dated")
    day = datetime(2030, 1, 2, tzinfo=UTC)
    client.set_secret(secret, "x", expires_on=day, not_before=day - timedelta(days=400))
    changed = client.update_secret_properties(secret, tags={"k": "v"}, content_type="new")
    assert changed.expires_on == day
    assert changed.tags == {"k": "v"}
    assert client.get_secret(secret).properties.content_type == "new"


def test_a_disabled_secret_cannot_be_read(client: SecretClient, name: Name) -> None:
    secret = name("off")
    client.set_secret(secret, "x", enabled=False)
    with pytest.raises(HttpResponseError) as refused:
        client.get_secret(secret)
    assert refused.value.status_code == 403
    assert "disabled" in str(refused.value)


def test_a_list_names_every_secret_once_and_shows_no_value(
    client: SecretClient, name: Name
) -> None:
    stem = name("many")
    wanted = {f"{stem}-{n}" for n in range(30)}
    for secret in wanted:
        client.set_secret(secret, "hidden")
    listed = [
        p.name for p in client.list_properties_of_secrets() if p.name and p.name.startswith(stem)
    ]
    assert sorted(listed) == sorted(wanted)


def test_a_deleted_secret_is_gone_until_recovered(client: SecretClient, name: Name) -> None:
    secret = name("lost")
    client.set_secret(secret, "kept")
    deletion = client.begin_delete_secret(secret)
    deletion.wait()
    assert deletion.result().recovery_id
    with pytest.raises(ResourceNotFoundError):
        client.get_secret(secret)
    with pytest.raises(ResourceExistsError):
        client.set_secret(secret, "taken")
    assert secret in {deleted.name for deleted in client.list_deleted_secrets()}
    assert client.get_deleted_secret(secret).scheduled_purge_date
    client.begin_recover_deleted_secret(secret).wait()
    assert client.get_secret(secret).value == "kept"


def test_a_purged_secret_is_gone_for_good(client: SecretClient, name: Name) -> None:
    secret = name("shredded")
    client.set_secret(secret, "x")
    client.begin_delete_secret(secret).wait()
    client.purge_deleted_secret(secret)
    with pytest.raises(ResourceNotFoundError):
        client.get_deleted_secret(secret)
    client.set_secret(secret, "a new one")
    assert [p.name for p in client.list_properties_of_secret_versions(secret)] == [secret]


@pytest.mark.parametrize("secret", ["under_score", "dot.ted"])
def test_an_impossible_name_is_a_bad_parameter(client: SecretClient, secret: str) -> None:
    with pytest.raises(HttpResponseError) as refused:
        client.set_secret(secret, "x")
    assert refused.value.status_code == 400


def test_a_value_that_is_too_long_is_refused(client: SecretClient, name: Name) -> None:
    with pytest.raises(HttpResponseError) as refused:
        client.set_secret(name("long"), "x" * 25_601)
    assert refused.value.status_code == 400
    assert "xxxx" not in str(refused.value)


async def test_the_aio_client_is_served_alike(world: Any, name: Name, credential_aio: Any) -> None:
    secret = name("aio")
    async with AsyncSecretClient(world.url(), credential_aio, **world.trust()) as client:
        await client.set_secret(secret, "first")
        assert (await client.get_secret(secret)).value == "first"
        listed = [p.name async for p in client.list_properties_of_secrets()]
        assert secret in listed
        deleted = await client.delete_secret(secret)
        assert deleted.name == secret
        await client.purge_deleted_secret(secret)


def test_kill_9_loses_no_secret_that_was_answered(world: Any, name: Name) -> None:
    secret = name("durable")
    with world.secrets() as client:
        version = client.set_secret(secret, "survives").properties.version
    world.restart_after_kill()
    with world.secrets() as client:
        seen = client.get_secret(secret)
    assert seen.value == "survives"
    assert seen.properties.version == version


def test_the_state_of_a_vault_is_readable_by_its_owner_only(world: Any) -> None:
    files = [*world.data.glob("*.sqlite3*"), world.data / "admin.key"]
    assert len(files) > 2
    assert [file.stat().st_mode & 0o077 for file in files] == [0] * len(files)
