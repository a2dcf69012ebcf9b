"""What the app is told by its environment, and what it asks of Microsoft: both exactly."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.actions import ACTIONS
from agent.audit.checkpoint import CheckpointRefused
from agent.errors import StoreUnusable
from agent.lookups import LOOKUPS
from agent.settings import Settings, SettingsError
from agent.values import TenantId
from agent.wiring import Deployment, graph_scopes

GUID = "1c99c70c-55f5-4ea3-a199-b971bce16d7b"
AZURE = {
    "REGISTRY_ENDPOINT": "https://warrant.table.core.windows.net",
    "API_CLIENT_ID": GUID,
    "AZURE_CLIENT_ID": GUID.upper(),
}
SWITCHES = {
    "UNSAFE_STORAGE_KEYS": '{"account": "key"}',
    "UNSAFE_GRAPH_LOOPBACK": "1",
    "UNSAFE_CLOCK_FILE": "clock-file",
}


def wrong(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as told:
        Settings.of(environment)
    return str(told.value)


def test_what_azure_gives_is_enough() -> None:
    settings = Settings.of(AZURE)
    assert settings.azure_authority_host == "https://login.microsoftonline.com"
    assert settings.graph_base_url == "https://graph.microsoft.com/v1.0"
    assert settings.azure_client_id == GUID
    assert (settings.unsafe_storage_keys, settings.unsafe_clock_file) == ({}, None)
    assert settings.unsafe_graph_loopback is False


def test_what_is_not_ours_does_not_concern_us() -> None:
    assert Settings.of({**AZURE, "PATH": "/bin", "WEBSITE_INSTANCE_ID": "x"}) == Settings.of(AZURE)


def test_on_one_machine_the_unsafe_switches_are_read() -> None:
    settings = Settings.of({**AZURE, **SWITCHES})
    assert settings.unsafe_storage_keys == {"account": "key"}
    assert settings.unsafe_graph_loopback is True
    assert settings.unsafe_clock_file == Path("clock-file")


def test_every_problem_is_listed_at_once() -> None:
    told = wrong(
        {
            "API_CLIENT_ID": "not-a-guid",
            "GRAPH_BASE_URL": "graph",
            "UNSAFE_GRAPH_LOOPBACK": "yes",
            "UNSAFE_STORAGE_KEYS": "[1",
        }
    )
    for name in (
        "REGISTRY_ENDPOINT",
        "API_CLIENT_ID",
        "AZURE_CLIENT_ID",
        "GRAPH_BASE_URL",
        "UNSAFE_GRAPH_LOOPBACK",
        "UNSAFE_STORAGE_KEYS",
    ):
        assert name in told
    assert "AZURE_AUTHORITY_HOST" not in told


@pytest.mark.parametrize("name", AZURE)
def test_a_setting_that_is_missing_is_named(name: str) -> None:
    told = wrong({k: v for k, v in AZURE.items() if k != name})
    assert f"{name}: expected" in told
    assert "saw nothing" in told


@pytest.mark.parametrize("keys", ["", "[]", '{"a": 1}', "{", '"key"', "null"])
def test_storage_keys_are_names_and_keys_and_are_never_shown(keys: str) -> None:
    assert "UNSAFE_STORAGE_KEYS: expected a JSON object" in wrong(
        {**AZURE, "UNSAFE_STORAGE_KEYS": keys}
    )
    told = wrong({**AZURE, "UNSAFE_STORAGE_KEYS": '["sesame"]'})
    assert "sesame" not in told
    assert "sesame" not in repr(Settings.of({**AZURE, "UNSAFE_STORAGE_KEYS": '{"a": "sesame"}'}))


@pytest.mark.parametrize(
    "switch",
    [*SWITCHES, "UNSAFE_BOT_LOOPBACK", "UNSAFE_", "unsafe_graph_loopback", "UnsafeAnything"],
)
def test_a_dangerous_switch_refuses_in_azure(switch: str) -> None:
    """Whatever its value, and also one that this version does not know."""
    for value in (SWITCHES.get(switch, "1"), "0", ""):
        told = wrong({**AZURE, "WEBSITE_INSTANCE_ID": "0123", switch: value})
        assert switch in told
        assert "must not be set in Azure" in told


def test_every_unsafe_setting_that_exists_is_covered_above() -> None:
    unsafe = {name.upper() for name in Settings.__slots__ if name.startswith("unsafe")}
    assert unsafe == set(SWITCHES)


@pytest.mark.parametrize("name", ["GRAPH_BASE_URL", "AZURE_AUTHORITY_HOST"])
async def test_a_plain_http_address_is_refused_before_anything_is_sent(name: str) -> None:
    with pytest.raises(ValueError, match="https"):
        Deployment(Settings.of({**AZURE, name: "http://graph.example"}))


async def test_plain_http_is_for_the_loopback_only_even_with_the_switch() -> None:
    unsafe = {**AZURE, "UNSAFE_GRAPH_LOOPBACK": "1"}
    with pytest.raises(ValueError, match="https"):
        Deployment(Settings.of({**unsafe, "GRAPH_BASE_URL": "http://10.0.0.5/v1.0"}))
    deployment = Deployment(Settings.of({**unsafe, "GRAPH_BASE_URL": "http://127.0.0.1:9/v1.0"}))
    await deployment.close()


def test_the_scopes_asked_for_are_the_union_of_what_actions_and_lookups_need() -> None:
    needed = {scope for action in ACTIONS for scope in action.needs.scopes}
    needed |= {scope for lookup in LOOKUPS for scope in lookup.scopes}
    assert set(graph_scopes()) == {f"https://graph.microsoft.com/{scope}" for scope in needed}
    assert len(graph_scopes()) == len(needed)


def test_no_scope_is_wider_than_its_purpose() -> None:
    """The list an administrator consents to: a change here is a change of what they trust."""
    assert [scope.rsplit("/", 1)[1] for scope in graph_scopes()] == [
        "AuditLog.Read.All",
        "GroupMember.Read.All",
        "GroupMember.ReadWrite.All",
        "IdentityRiskyUser.Read.All",
        "Sites.Read.All",
        "User.Read.All",
    ]


class Signing:
    """What signs one tenant's trail, or cannot."""

    def __init__(self, fault: Exception | None) -> None:
        self.fault, self.asked = fault, 0

    async def issue(self) -> list[str]:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return ["a checkpoint"]


class Many(Deployment):
    """A deployment of several tenants: a number each, and whether it is switched on."""

    def __init__(self, signing: dict[str, Signing], off: str) -> None:
        super().__init__(Settings.of(AZURE))
        self.signing, self.off = signing, off

    def registry(self) -> Any:
        return self

    async def every(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(id=name, enabled=name != self.off) for name in self.signing]

    async def checkpointing(self, tenant: TenantId) -> Any:
        return self.signing[tenant]


@pytest.mark.parametrize(
    "fault",
    [StoreUnusable("store_unusable", "no table"), CheckpointRefused("truncated", "cut")],
)
async def test_a_tenant_that_cannot_be_signed_is_told_and_keeps_no_other_waiting(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    signing = {"t1": Signing(None), "t2": Signing(fault), "t3": Signing(None), "t4": Signing(None)}
    many = Many(signing, off="t4")
    with pytest.raises(StoreUnusable) as told:
        await many.checkpoint_all()
    assert told.value.code == "no_checkpoint"
    assert [one.asked for one in signing.values()] == [1, 1, 1, 0]
    assert "t2" in caplog.text
    signing["t2"].fault = None
    assert await many.checkpoint_all() == 3
    await many.close()
