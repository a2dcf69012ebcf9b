"""Who gets a token from the simulated Entra ID, and which tokens Graph accepts."""

from typing import Any

import jwt
import pytest

GRAPH = "https://graph.microsoft.com"
OBO = {
    "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "requested_token_use": "on_behalf_of",
    "scope": f"{GRAPH}/.default",
}


async def test_a_token_without_access_evaluation_outlives_the_account(scene: Any) -> None:
    token = await scene.token("olga.brandt")
    path = f"/objects/users/{scene.upn('olga.brandt')}"
    await scene.world("PATCH", path, {"accountEnabled": False})
    assert (await scene.graph(token, "/me")).status_code == 200


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ("expired", 500133),
        ("tampered", 50013),
        ("other audience", 500131),
        ("other tenant", 50013),
        ("app token", 7000114),
        ("disabled", 50057),
        ("revoked", 50173),
        ("deleted", 50034),
        ("no consent", 65001),
        ("unconsented scope", 65001),
        ("other resource", 65001),
        ("two resources", 28000),
        ("no scope", 70011),
        ("wrong secret", 7000215),
        ("no secret", 7000218),
        ("unknown client", 700016),
        ("unknown tenant", 90002),
        ("unknown grant", 70003),
        ("not on behalf of", 900144),
    ],
)
async def test_the_table_of_refused_exchanges(scene: Any, spoil: str, code: int) -> None:
    tenant, fields = await _spoilt(scene, spoil)
    answer = await scene.form(tenant, **fields)
    body = answer.json()
    assert answer.status_code in (400, 401), body
    assert body["error_codes"] == [code], body
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert {"error", "timestamp", "trace_id", "correlation_id"} <= body.keys()
    last = scene.cloud.journal.calls_since(0)[-1]
    assert (last["service"], last["error"]) == ("entra", f"AADSTS{code}")


async def _spoilt(scene: Any, spoil: str) -> tuple[str, dict[str, str]]:
    fields = OBO | {"assertion": await scene.token("freya.holm", "api")}
    tenant = "nowhere.example" if spoil == "unknown tenant" else scene.tenant().id
    freya, consents = f"/objects/users/{scene.upn('freya.holm')}", "/objects/consents/"
    plants: dict[str, tuple[str, str, Any]] = {
        "expired": ("POST", "/clock", {"advance_seconds": 3601}),
        "disabled": ("PATCH", freya, {"accountEnabled": False}),
        "revoked": ("PATCH", freya, {"signInSessionsValidFromDateTime": "2099-01-01T00:00:00Z"}),
        "deleted": ("DELETE", freya, None),
        "no consent": ("PUT", consents + scene.app_id, {"scopes": []}),
    }
    if spoil in plants:
        await scene.world(*plants[spoil])
    return tenant, fields | await _spoilt_assertion(scene, spoil) | _spoilt_fields(spoil)


async def _spoilt_assertion(scene: Any, spoil: str) -> dict[str, str]:
    if spoil == "tampered":
        head, body, signature = (await scene.token("freya.holm", "api")).split(".")
        return {"assertion": f"{head}.{body}.{signature[::-1]}"}
    if spoil == "other audience":
        return {"assertion": await scene.token("freya.holm", "bot-user")}
    if spoil == "other tenant":
        return {"assertion": await scene.token("freya.holm@borealis.example", "api")}
    if spoil == "app token":
        app = {"grant_type": "client_credentials", "scope": f"{scene.app_id}/.default"}
        answer = await scene.form(scene.tenant().id, **app)
        return {"assertion": answer.json()["access_token"]}
    return {}


def _spoilt_fields(spoil: str) -> dict[str, str]:
    return {
        "unconsented scope": {"scope": f"{GRAPH}/User.Read {GRAPH}/Mail.Send"},
        "other resource": {"scope": "https://vault.azure.net/.default"},
        "two resources": {"scope": f"{GRAPH}/User.Read https://vault.azure.net/.default"},
        "no scope": {"scope": "openid"},
        "wrong secret": {"client_secret": "guess"},
        "no secret": {"client_secret": ""},
        "unknown client": {"client_id": "3c0f3d2e-0000-4000-8000-000000000000"},
        "unknown grant": {"grant_type": "password"},
        "not on behalf of": {"requested_token_use": ""},
    }.get(spoil, {})


async def test_a_refresh_token_brings_tokens_until_the_account_is_closed(scene: Any) -> None:
    ask = {"upn": scene.upn("nadia.petrov"), "audience": "api", "offline": True}
    first = (await scene.world("POST", "/token", ask)).json()["refresh_token"]
    fields = {"grant_type": "refresh_token", "scope": f"{GRAPH}/.default offline_access"}
    tenant = scene.tenant().id
    answer = (await scene.form(tenant, refresh_token=first, **fields)).json()
    assert (await scene.graph(answer["access_token"], "/me")).json()["surname"] == "Petrov"
    assert answer["refresh_token"] != first
    again = await scene.form(tenant, refresh_token=answer["refresh_token"], **fields)
    assert again.status_code == 200
    other = await scene.form(scene.tenant(1).id, refresh_token=first, **fields)
    assert other.json()["error_codes"] == [9002313]
    await scene.world("PATCH", f"/objects/users/{ask['upn']}", {"accountEnabled": False})
    closed = await scene.form(tenant, refresh_token=answer["refresh_token"], **fields)
    assert closed.json()["error_codes"] == [50057]


@pytest.mark.parametrize(("days", "revoked", "code"), [(91, False, 700082), (1, True, 50173)])
async def test_a_refresh_token_ends(scene: Any, days: int, revoked: bool, code: int) -> None:
    ask = {"upn": scene.upn("nadia.petrov"), "audience": "api", "offline": True}
    token = (await scene.world("POST", "/token", ask)).json()["refresh_token"]
    await scene.world("POST", "/clock", {"advance_seconds": days * 86400})
    if revoked:
        now = (await scene.world("GET", "/clock")).json()["now"]
        changed = {"signInSessionsValidFromDateTime": now}
        await scene.world("PATCH", f"/objects/users/{ask['upn']}", changed)
    fields = {"grant_type": "refresh_token", "scope": f"{GRAPH}/.default"}
    answer = await scene.form(scene.tenant().id, refresh_token=token, **fields)
    assert answer.json()["error_codes"] == [code]
    assert "refresh_token" not in answer.json()


async def test_without_offline_access_there_is_no_refresh_token(scene: Any) -> None:
    assertion = await scene.token("olga.brandt", "api")
    body = (await scene.form(scene.tenant().id, assertion=assertion, **OBO)).json()
    assert "refresh_token" not in body
    asked = OBO | {"scope": f"{GRAPH}/.default offline_access"}
    body = (await scene.form(scene.tenant().id, assertion=assertion, **asked)).json()
    assert body["refresh_token"]


async def test_a_disabled_person_cannot_sign_in(scene: Any) -> None:
    answer = await scene.world("POST", "/token", {"upn": scene.upn("tom.reyes"), "audience": "api"})
    assert answer.json()["error_codes"] == [50057]


async def test_an_app_only_token_reaches_nothing_and_is_seen(scene: Any) -> None:
    fields = {"grant_type": "client_credentials", "scope": f"{GRAPH}/.default"}
    token = (await scene.form(scene.tenant().id, **fields)).json()["access_token"]
    for path in ("/users", "/groups", f"/users/{scene.person('freya.holm')}", "/me"):
        assert (await scene.graph(token, path)).status_code == 403, path
    group, freya = scene.group("Finance"), scene.person("freya.holm")
    assert (await scene.add(token, group, freya)).status_code == 403
    calls = [c for c in scene.cloud.journal.calls_since(0) if c["service"] == "graph"]
    assert [call["delegated"] for call in calls] == [False] * 5


@pytest.mark.parametrize(
    ("bend", "message"),
    [
        ({"lifetime_seconds": -1}, "80049228"),
        ({"claims": {"aud": "https://vault.azure.net"}}, "Invalid audience"),
        ({"claims": {"iss": "https://evil.example/v2.0"}}, "Invalid issuer"),
        ({"claims": {"tid": "00000000-0000-4000-8000-000000000000"}}, "Invalid issuer"),
        ({"audience": "api"}, "Invalid audience"),
    ],
)
async def test_graph_refuses_a_bent_token(scene: Any, bend: dict[str, Any], message: str) -> None:
    token = await scene.token("olga.brandt", **{"audience": "graph", **bend})
    answer = await scene.graph(token, "/me")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize("claims", [{"idtyp": "app"}, {"scp": ""}])
async def test_scopes_without_a_person_and_a_person_without_scopes_open_nothing(
    scene: Any, claims: dict[str, Any]
) -> None:
    token = await scene.token("olga.brandt", claims=claims)
    assert (await scene.graph(token, "/users")).status_code == 403


@pytest.mark.parametrize("token", ["x", "garbage", "a.b.c"])
async def test_graph_refuses_what_is_no_token(scene: Any, token: str) -> None:
    answer = await scene.graph(token, "/me")
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        401,
        "InvalidAuthenticationToken",
    )


async def test_graph_refuses_other_algorithms_and_foreign_keys(scene: Any) -> None:
    good = await scene.token("olga.brandt")
    claims = jwt.decode(good, options={"verify_signature": False})
    kid = jwt.get_unverified_header(good)["kid"]
    secret = "0123456789abcdef0123456789abcdef"
    for forged in (
        jwt.encode(claims, secret, algorithm="HS256", headers={"kid": kid}),
        jwt.encode(claims, "", algorithm="none", headers={"kid": kid}),
    ):
        assert (await scene.graph(forged, "/me")).status_code == 401


async def test_a_retired_key_verifies_nothing(scene: Any) -> None:
    old = await scene.token("olga.brandt")
    await scene.world("POST", "/keys", {"retire": False})
    assert (await scene.graph(old, "/me")).status_code == 200
    await scene.world("POST", "/keys", {"retire": True})
    assert (await scene.graph(old, "/me")).status_code == 401
    fresh = await scene.token("olga.brandt")
    keys = await scene.client.get(f"{scene.cloud.entra_url}/common/discovery/v2.0/keys")
    published = jwt.PyJWKSet.from_dict(keys.json())
    kid = jwt.get_unverified_header(fresh)["kid"]
    claims = jwt.decode(fresh, published[kid], algorithms=["RS256"], audience=GRAPH)
    assert claims["upn"] == scene.upn("olga.brandt")


async def test_discovery_names_the_tenants_own_endpoints(scene: Any) -> None:
    tenant = scene.tenant(1)
    path = f"{scene.cloud.entra_url}/{tenant.domain}/v2.0/.well-known/openid-configuration"
    found = (await scene.client.get(path)).json()
    assert found["issuer"] == f"{scene.cloud.entra_url}/{tenant.id}/v2.0"
    assert found["token_endpoint"].endswith(f"/{tenant.id}/oauth2/v2.0/token")
