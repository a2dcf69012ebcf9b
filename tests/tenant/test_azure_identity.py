"""The unmodified Azure Identity library signs in here as it does at Microsoft."""

from typing import Any

import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ManagedIdentityCredential, OnBehalfOfCredential

GRAPH = "https://graph.microsoft.com"


@pytest.fixture
def identity(scene: Any, monkeypatch: pytest.MonkeyPatch) -> ManagedIdentityCredential:
    """The managed identity that App Service would offer."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{scene.cloud.world_url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", scene.cloud.estate.identity_header)
    return ManagedIdentityCredential()


async def _on_behalf_of(
    scene: Any, proof: str, assertion: str, *scopes: str, tenant: str | None = None, **more: Any
) -> dict[str, Any]:
    credential = OnBehalfOfCredential(
        tenant or scene.tenant().id,
        scene.app_id,
        client_assertion_func=lambda: proof,
        user_assertion=assertion,
        authority=scene.cloud.entra_url,
        disable_instance_discovery=True,
        connection_verify=str(scene.ca),
    )
    async with credential:
        token = await credential.get_token(*(scopes or (f"{GRAPH}/.default",)), **more)
    claims: dict[str, Any] = jwt.decode(token.token, options={"verify_signature": False})
    return claims | {"token": token.token}


async def _proof(identity: ManagedIdentityCredential) -> str:
    async with identity:
        return (await identity.get_token("api://AzureADTokenExchange/.default")).token


async def test_the_real_sdk_acts_on_behalf_of_a_person(
    scene: Any, identity: ManagedIdentityCredential
) -> None:
    proof = await _proof(identity)
    assertion = await scene.token("olga.brandt", "api")
    claims = await _on_behalf_of(scene, proof, assertion)
    assert claims["oid"] == scene.person("olga.brandt")
    assert claims["aud"] == GRAPH
    assert claims["iss"] == f"{scene.cloud.entra_url}/{scene.tenant().id}/v2.0"
    assert "GroupMember.ReadWrite.All" in claims["scp"].split()
    assert claims["azp"] == scene.app_id
    assert claims["exp"] - claims["iat"] == 3600
    assert (await scene.graph(claims["token"], "/me")).json()["displayName"] == "Olga Brandt"


async def test_only_the_scopes_asked_for_are_granted(
    scene: Any, identity: ManagedIdentityCredential
) -> None:
    proof, assertion = await _proof(identity), await scene.token("olga.brandt", "api")
    claims = await _on_behalf_of(scene, proof, assertion, f"{GRAPH}/User.Read")
    assert claims["scp"] == "User.Read"


async def test_the_real_sdk_announces_access_evaluation(
    scene: Any, identity: ManagedIdentityCredential
) -> None:
    proof, assertion = await _proof(identity), await scene.token("olga.brandt", "api")
    claims = await _on_behalf_of(scene, proof, assertion, enable_cae=True)
    await scene.world("PATCH", f"/objects/users/{claims['oid']}", {"accountEnabled": False})
    answer = await scene.graph(claims["token"], "/me")
    assert answer.status_code == 401
    assert 'error="insufficient_claims"' in answer.headers["WWW-Authenticate"]


async def test_the_platform_issues_tokens_for_any_resource_and_identity(
    scene: Any, identity: ManagedIdentityCredential
) -> None:
    async with identity:
        vault = await identity.get_token("https://vault.azure.net/.default")
    claims = jwt.decode(vault.token, options={"verify_signature": False})
    first = next(iter(scene.cloud.estate.identities.values()))
    assert claims["aud"] == "https://vault.azure.net"
    assert (claims["oid"], claims["appid"]) == (first.principal_id, first.client_id)
    async with ManagedIdentityCredential(client_id=scene.cloud.estate.bot_app_id) as bot:
        token = await bot.get_token("https://api.botframework.com/.default")
    claims = jwt.decode(token.token, options={"verify_signature": False})
    assert claims["appid"] == scene.cloud.estate.bot_app_id


async def test_a_wrong_identity_header_gets_nothing(scene: Any) -> None:
    answer = await scene.world("GET", "/msi/token", resource="https://vault.azure.net")
    assert answer.status_code == 401
    assert "access_token" not in answer.json()


async def test_a_managed_identity_token_survives_a_clock_moved_after_it_was_cached(
    scene: Any, identity: ManagedIdentityCredential
) -> None:
    proof = await _proof(identity)
    await scene.world("POST", "/clock", {"advance_seconds": 48 * 3600})
    assertion = await scene.token("olga.brandt", "api")
    assert (await _on_behalf_of(scene, proof, assertion))["oid"] == scene.person("olga.brandt")


@pytest.mark.parametrize(
    ("wrong", "code"), [("audience", 700212), ("subject", 700213), ("signature", 700027)]
)
async def test_a_client_assertion_must_be_a_federated_identity_of_this_app(
    scene: Any, wrong: str, code: int
) -> None:
    estate, query = scene.cloud.estate, {"resource": "api://AzureADTokenExchange"}
    if wrong == "audience":
        query["resource"] = "https://vault.azure.net"
    if wrong == "subject":
        query["client_id"] = estate.bot_app_id
    header = {"X-IDENTITY-HEADER": estate.identity_header}
    url = f"{scene.cloud.world_url}/msi/token"
    proof = (await scene.client.get(url, params=query, headers=header)).json()["access_token"]
    if wrong == "signature":
        proof = proof[:-8] + "AAAAAAAA"
    assertion = await scene.token("olga.brandt", "api")
    with pytest.raises(ClientAuthenticationError, match=rf"AADSTS{code}"):
        await _on_behalf_of(scene, proof, assertion)
