"""How the application proves itself to Entra, and that it may not ask for too much."""

from collections.abc import Callable
from typing import Any

import pytest

from agent.adapters.entra import EntraSettings, ManagedIdentityProof, VaultSecretProof
from agent.adapters.entra_exchange import Exchange
from agent.adapters.entra_tokens import EntraBroker
from agent.adapters.graph_wire import GraphWire
from agent.adapters.token_cache import TokenCache
from agent.adapters.vault import Vault
from agent.adapters.wire import Wire
from agent.errors import Permanent, Transient
from agent.values import Secret
from tests.adapters.cast import ALICE, BOB, CLIENT, CONTOSO, CORRELATION, SIGN_IN, sponsorship


@pytest.mark.usefixtures("lent")
async def test_a_secret_of_the_vault_can_prove_the_application(
    settings: EntraSettings, vault: Vault, wire: Wire, graph_wire: GraphWire, entra: Any, clock: Any
) -> None:
    await vault.set_secret("application", Secret("shared"))
    exchange = Exchange(CONTOSO, settings, VaultSecretProof(vault, "application"), wire)
    broker = EntraBroker(exchange, vault, graph_wire, TokenCache(clock), clock)
    await broker.requester(ALICE, SIGN_IN, CORRELATION).read("me")
    entra.exchanges.append(entra.graph_token(BOB))
    await broker.sponsor(sponsorship(clock), CORRELATION).read("me")
    assert [form["client_secret"] for form in entra.forms] == ["shared", "shared"]
    assert all("client_assertion" not in form for form in entra.forms)


async def test_the_managed_identity_proves_the_application(identity: Callable[..., Any]) -> None:
    import jwt

    proof = await ManagedIdentityProof(identity()).proof()
    claims = jwt.decode(proof.value.reveal(), options={"verify_signature": False})
    assert (proof.kind, claims["aud"]) == ("assertion", "api://AzureADTokenExchange")


async def test_an_identity_that_cannot_be_had_is_a_fault() -> None:
    from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

    class Broken:
        def __init__(self, fault: Exception) -> None:
            self.fault = fault

        async def get_token(self, *scopes: str, **options: Any) -> None:
            raise self.fault

    for raised, fault in (
        (ClientAuthenticationError("no identity"), Permanent),
        (ServiceRequestError("no route"), Transient),
    ):
        with pytest.raises(fault):
            await ManagedIdentityProof(Broken(raised)).proof()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"authority": "http://login.microsoftonline.com"},
        {"authority": "https://login.microsoftonline.com/common"},
        {"authority": "https://user@login.microsoftonline.com"},
        {"authority": "login.microsoftonline.com"},
        {"graph_scopes": ()},
        {"graph_scopes": ("https://graph.microsoft.com/.default",)},
        {"graph_scopes": ("User.Read Mail.Send",)},
        {"graph_scopes": ("",)},
        {"client_id": "me"},
    ],
)
def test_settings_that_would_ask_for_too_much_are_refused(changes: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"client_id": CLIENT, "graph_scopes": ("User.Read",)}
    with pytest.raises(ValueError, match=r"expected|at least 1|pattern"):
        EntraSettings(**{**usual, **changes})
