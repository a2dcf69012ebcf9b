"""Who may use a vault, and what happens when it is throttled."""

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from cryptography.hazmat.primitives.asymmetric import rsa

Name = Callable[[str], str]


def test_the_clients_verify_the_challenge_and_ask_for_this_vaults_audience(world: Any) -> None:
    credential = world.credential()
    with world.secrets(credential=credential, verify_challenge_resource=True) as client:
        list(client.list_properties_of_secrets())
    port = world.url().rpartition(":")[2]
    assert credential.scopes == [f"https://0.0.1:{port}/.default"]


def test_without_a_token_there_is_only_the_challenge(world: Any) -> None:
    status, headers = bare(world, {})
    assert status == 401
    assert headers["WWW-Authenticate"].startswith(f'Bearer authorization="{world.entra.url}/')


@pytest.mark.parametrize(
    ("wrong", "changes"),
    [
        ("expired by real time", {"exp": int(time.time()) - 60}),
        ("for another audience", {"aud": "https://graph.microsoft.com"}),
        ("of another tenant", {"tid": "fabrikam"}),
        ("of another issuer", {"iss": "https://sts.windows.net/elsewhere/"}),
        ("without an end", {"exp": None}),
        ("signed by a stranger", {"signed_by": rsa.generate_private_key(65537, 2048)}),
    ],
)
def test_a_token_that_does_not_hold_is_challenged(
    world: Any, wrong: str, changes: dict[str, Any]
) -> None:
    token = world.token(**changes)
    assert bare(world, {"Authorization": f"Bearer {token}"})[0] == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer x.y.z", "Basic abc", "Bearer " + "x" * 4000])
def test_something_that_is_no_token_is_challenged(world: Any, header: str) -> None:
    assert bare(world, {"Authorization": header})[0] == 401


def test_a_token_of_the_worlds_tomorrow_is_good_today(world: Any) -> None:
    ahead = int(time.time()) + 86_400
    token = world.token(nbf=ahead, iat=ahead, exp=ahead + 3600)
    assert bare(world, {"Authorization": f"Bearer {token}"})[0] == 200


def test_a_wrong_identity_meets_a_403(world: Any) -> None:
    stranger = world.credential(oid="somebody-else")
    with (
        world.secrets(credential=stranger) as client,
        pytest.raises(HttpResponseError) as refused,
    ):
        client.get_secret("anything")
    assert refused.value.status_code == 403
    assert refused.value.error is not None
    assert refused.value.error.code == "Forbidden"


def test_an_application_is_let_in_by_its_app_id(world: Any) -> None:
    token = world.token(oid="unknown", azp="aaaaaaaa-0001")
    assert bare(world, {"Authorization": f"Bearer {token}"})[0] == 200


def test_one_tenants_identity_cannot_open_the_other_tenants_vault(world: Any) -> None:
    wrong = world.secrets("fabrikam", credential=world.credential("contoso"))
    with wrong as client, pytest.raises(ClientAuthenticationError):
        client.set_secret("mine", "x")


def test_the_vaults_share_nothing(world: Any, name: Name) -> None:
    secret = name("apart")
    with world.secrets("contoso") as client:
        client.set_secret(secret, "contoso's")
    with world.secrets("fabrikam") as client:
        assert secret not in {p.name for p in client.list_properties_of_secrets()}


def test_a_throttled_client_waits_as_told_and_succeeds(world: Any, plant: Any) -> None:
    assert plant([{"fault": "429", "times": 1, "retry_after": 1}]) == 200
    with world.secrets() as client:
        list(client.list_properties_of_secrets())
    assert bare(world, {"Authorization": f"Bearer {world.token()}"})[0] == 200


def test_a_throttled_request_changes_nothing(world: Any, plant: Any, name: Name) -> None:
    secret = name("throttled")
    plant([{"match": {"method": "PUT", "path": "/secrets/*"}, "fault": "429", "times": 9}])
    with world.secrets(retry_total=0) as client:
        with pytest.raises(HttpResponseError) as refused:
            client.set_secret(secret, "x")
        assert refused.value.status_code == 429
        assert plant([], method="DELETE") == 200
        assert secret not in {p.name for p in client.list_properties_of_secrets()}


def test_only_the_admin_key_plants_faults(world: Any, plant: Any) -> None:
    assert plant([{"fault": "503"}], key="guessed") == 403
    assert plant([{"fault": "lightning"}]) == 400


def bare(world: Any, headers: dict[str, str]) -> tuple[int, Any]:
    """A call to the first vault with these headers: its status and the headers of its answer."""
    url = f"{world.url()}/secrets?api-version=7.5"
    trusted = ssl.create_default_context(cafile=world.tls.ca)
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - https to loopback
    try:
        with urllib.request.urlopen(request, context=trusted) as answer:  # noqa: S310
            return answer.status, answer.headers
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers
