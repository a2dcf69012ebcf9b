"""Azurite as the local world starts it, seen through the clients that the product uses."""

import socket
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from local import azurite
from local.azurite import AzuriteError, StorageAccount
from local.processes import Processes

NAMES = ("contoso", "fabrikam")


def tables(account: StorageAccount, key: str | None = None) -> TableServiceClient:
    credential = AzureNamedKeyCredential(account.name, key or account.key)
    return TableServiceClient(account.tables, credential=credential)


@pytest.mark.stack
def test_rows_and_keys_survive_a_clean_stop(tmp_path: Path) -> None:
    with Processes() as processes:
        first = azurite.start(processes, tmp_path, NAMES)
        with tables(first.accounts["contoso"]) as client:
            row = {"PartitionKey": "p", "RowKey": "r", "n": 1}
            client.create_table("Rows").create_entity(row)
        with tables(first.accounts["fabrikam"]) as client:
            assert list(client.list_tables()) == []
        blobs = BlobServiceClient(first.accounts["contoso"].blobs, first.accounts["contoso"].key)
        with blobs:
            blobs.create_container("checkpoints").upload_blob("1", b"head")
    with Processes() as processes:
        again = azurite.start(processes, tmp_path, NAMES)
        assert again.accounts["contoso"].key == first.accounts["contoso"].key
        with tables(again.accounts["contoso"]) as client:
            assert client.get_table_client("Rows").get_entity("p", "r")["n"] == 1


@pytest.mark.stack
@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
def test_one_accounts_key_does_not_open_the_other(tmp_path: Path) -> None:
    with Processes() as processes:
        running = azurite.start(processes, tmp_path, NAMES)
        assert (tmp_path / "accounts.json").stat().st_mode & 0o077 == 0
        wrong = tables(running.accounts["contoso"], running.accounts["fabrikam"].key)
        with wrong, pytest.raises(HttpResponseError, match="AuthorizationFailure"):
            list(wrong.list_tables())


@pytest.mark.stack
def test_a_busy_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, Processes() as processes:
        port = taken.getsockname()[1]
        with pytest.raises(AzuriteError, match=f"expected port {port} to be free") as fault:
            azurite.start(processes, tmp_path, NAMES, table_port=port)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("name", ["UPPER", "ab", "a-b", "x" * 25])
def test_a_name_that_azure_would_refuse_is_refused(tmp_path: Path, name: str) -> None:
    with Processes() as processes, pytest.raises(AzuriteError, match="3-24 letters"):
        azurite.start(processes, tmp_path, [name])


def test_a_missing_node_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azurite, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with Processes() as processes, pytest.raises(AzuriteError, match=r"Node\.js 18 or newer"):
        azurite.start(processes, tmp_path, NAMES)
