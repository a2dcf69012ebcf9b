"""Delegated, never borrowed: every exchange is a person's own, and a failed one ends there."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from agent.adapters.entra import EntraSettings, ManagedIdentityProof, VaultSecretProof
from agent.adapters.entra_exchange import Exchange
from agent.adapters.entra_tokens import EntraBroker
from agent.adapters.graph_wire import GraphWire
from agent.adapters.token_cache import TokenCache
from agent.adapters.vault import Vault
from agent.adapters.wire import Wire
from agent.domain import Sponsorship
from agent.errors import Fault, Permanent, SignInNeeded, Transient
from agent.values import Secret
from tests.adapters.cast import ALICE, BOB, CLIENT, CONTOSO, CORRELATION, FABRIKAM

SIGN_IN = Secret("alices-sign-in-token")
OBO = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def sponsorship(clock: Any, **changes: Any) -> Sponsorship:
    usual = {
        "id": "s1",
        "sponsor": BOB,
        "actions": frozenset({"group.member.add"}),
        "lookups": frozenset({"risk"}),
        "expires_at": clock.now() + timedelta(days=30),
    }
    return Sponsorship.model_validate({**usual, **changes})


def refusal(error: str, *numbers: int, suberror: str = "") -> tuple[int, dict[str, Any]]:
    described = f"AADSTS{numbers[0] if numbers else 0}: alice@contoso.com may not. Trace ID: 1"
    said: dict[str, Any] = {"error": error, "error_description": described}
    said |= {"error_codes": list(numbers), "claims": '{"access_token":{}}'}
    return 400, said | ({"suberror": suberror} if suberror else {})


@pytest.fixture
def broker(
    settings: EntraSettings,
    vault: Vault,
    wire: Wire,
    graph_wire: GraphWire,
    graph: Any,
    clock: Any,
    fixed_proof: Any,
) -> EntraBroker:
    exchange = Exchange(CONTOSO, settings, fixed_proof, wire)
    return EntraBroker(exchange, vault, graph_wire, TokenCache(clock), clock)


@pytest.fixture
async def lent(vault: Vault) -> None:
    await vault.set_secret("sponsorship-s1", Secret("bobs-refresh-token"))


async def test_a_request_acts_on_behalf_of_the_requester(
    broker: EntraBroker, entra: Any, graph: Any
) -> None:
    token = entra.graph_token()
    entra.exchanges.append(token)
    await broker.requester(ALICE, SIGN_IN, CORRELATION).read("me")
    (form,) = entra.forms
    assert form["grant_type"] == OBO
    assert form["requested_token_use"] == "on_behalf_of"
    assert form["assertion"] == "alices-sign-in-token"
    assert form["client_id"] == CLIENT
    assert form["client_assertion"] == "identity-assertion"
    assert form["scope"] == "https://graph.microsoft.com/User.Read"
    assert "client_secret" not in form
    assert graph.calls[0].headers["Authorization"] == f"Bearer {token}"


@pytest.mark.usefixtures("lent")
async def test_a_sponsor_acts_by_their_own_refresh_token(
    broker: EntraBroker, entra: Any, graph: Any, clock: Any
) -> None:
    token = entra.graph_token(BOB)
    entra.exchanges.append(token)
    sponsor = broker.sponsor(sponsorship(clock), CORRELATION)
    await sponsor.read("users", ALICE)
    assert sponsor.person == BOB
    (form,) = entra.forms
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": "bobs-refresh-token",
        "client_id": CLIENT,
        "scope": "https://graph.microsoft.com/User.Read",
        "client_assertion": "identity-assertion",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert graph.calls[0].headers["Authorization"] == f"Bearer {token}"


async def test_fifty_calls_at_once_share_one_exchange(broker: EntraBroker, entra: Any) -> None:
    entra.delay = 0.05
    person = broker.requester(ALICE, SIGN_IN, CORRELATION)
    other = broker.requester(ALICE, SIGN_IN, CORRELATION.replace("e5", "f5"))
    await asyncio.gather(*(each.read("me") for each in (person, other) for _ in range(25)))
    assert len(entra.forms) == 1


async def test_another_sign_in_of_the_same_person_is_exchanged_anew(
    broker: EntraBroker, entra: Any
) -> None:
    for assertion in ("first", "second", "first"):
        await broker.requester(ALICE, Secret(assertion), CORRELATION).read("me")
    assert [form["assertion"] for form in entra.forms] == ["first", "second"]


async def test_a_person_never_gets_a_token_that_another_one_lent(
    broker: EntraBroker, entra: Any
) -> None:
    await broker.requester(ALICE, SIGN_IN, CORRELATION).read("me")
    with pytest.raises(Permanent, match="wrong_person"):
        await broker.requester(BOB, SIGN_IN, CORRELATION).read("me")
    assert len(entra.forms) == 2


async def test_a_token_that_graph_refused_is_not_used_again(
    broker: EntraBroker, entra: Any, graph: Any
) -> None:
    person = broker.requester(ALICE, SIGN_IN, CORRELATION)
    graph.answers.append((401, {"error": {"code": "x"}}))
    with pytest.raises(SignInNeeded, match="token_refused"):
        await person.read("me")
    assert len(entra.forms) == 1
    await person.read("me")
    assert len(entra.forms) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"person": BOB},
        {"tenant": FABRIKAM},
        {"oid": None},
        {"tid": None},
        {"oid": ALICE + "0"},
        {"scp": None, "roles": ["User.Read.All"]},
        {"scp": "", "roles": ["User.Read.All"]},
        {"scp": " "},
        {"scp": None, "idtyp": "app"},
        {"idtyp": "app"},
        {"exp": None},
        {"exp": "soon"},
    ],
)
@pytest.mark.usefixtures("lent")
async def test_a_token_of_anybody_else_is_refused(
    changes: dict[str, Any], broker: EntraBroker, entra: Any, graph: Any, clock: Any
) -> None:
    entra.exchanges.append(entra.graph_token(**changes))
    with pytest.raises(Permanent, match="wrong_person"):
        await broker.requester(ALICE, SIGN_IN, CORRELATION).read("me")
    entra.exchanges.append(entra.graph_token(**changes))
    alices = sponsorship(clock, sponsor=ALICE)
    with pytest.raises(Permanent, match="wrong_person"):
        await broker.sponsor(alices, CORRELATION).read("me")
    assert len(entra.forms) == 2
    assert not graph.calls


async def test_a_token_that_cannot_be_read_is_refused(broker: EntraBroker, entra: Any) -> None:
    for token in ("opaque", "a.b.c", ""):
        entra.exchanges.append(token)
        with pytest.raises(Permanent, match="wrong_person"):
            await broker.requester(ALICE, SIGN_IN, CORRELATION).read("me")


FAILURES: list[tuple[Any, type[Fault], str]] = [
    (refusal("interaction_required", 50076), SignInNeeded, "interaction_required"),
    (refusal("interaction_required"), SignInNeeded, "interaction_required"),
    (refusal("invalid_grant", 50079), SignInNeeded, "interaction_required"),
    (refusal("invalid_grant", 53003), SignInNeeded, "interaction_required"),
    (refusal("consent_required", 65001), SignInNeeded, "consent_required"),
    (refusal("invalid_grant", 65001), SignInNeeded, "consent_required"),
    (refusal("invalid_grant", suberror="consent_required"), SignInNeeded, "consent_required"),
    (refusal("invalid_grant", 500133), SignInNeeded, "sign_in_expired"),
    (refusal("invalid_grant", 50013), SignInNeeded, "sign_in_expired"),
    (refusal("invalid_grant", 700082), SignInNeeded, "sign_in_expired"),
    (refusal("invalid_grant", 50173), SignInNeeded, "sign_in_expired"),
    (refusal("invalid_grant", 50057), SignInNeeded, "account_disabled"),
    (refusal("invalid_grant", 99999), SignInNeeded, "sign_in_refused"),
    (refusal("invalid_client", 7000215), Permanent, "application_refused"),
    (refusal("unauthorized_client", 700016), Permanent, "application_refused"),
    (refusal("invalid_scope", 70011), Permanent, "application_refused"),
    (refusal("temporarily_unavailable", 90033), Transient, "entra_unavailable"),
    ((429, {"error": "throttled"}, {"Retry-After": "17"}), Transient, "entra_unavailable"),
    ((500, {"error": "server_error"}), Transient, "entra_unavailable"),
    ((503, {"error": "temporarily_unavailable"}), Transient, "entra_unavailable"),
    ((200, {"error_codes": [1]}), Transient, "entra_unavailable"),
    ((200, {}), Transient, "entra_unavailable"),
    ((400, {}), Transient, "entra_unavailable"),
    ((400, {"error": ["x"], "error_codes": "x"}), Transient, "entra_unavailable"),
]


@pytest.mark.parametrize(("answer", "fault", "code"), FAILURES)
async def test_a_failed_exchange_ends_there(
    answer: Any,
    fault: type[Fault],
    code: str,
    broker: EntraBroker,
    entra: Any,
    graph: Any,
    clock: Any,
    vault: Vault,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await vault.set_secret("sponsorship-s1", Secret("bobs-refresh-token"))
    caplog.set_level(logging.INFO)
    people = (
        broker.requester(ALICE, SIGN_IN, CORRELATION),
        broker.sponsor(sponsorship(clock), CORRELATION),
    )
    for number, person in enumerate(people, 1):
        entra.exchanges.append(answer)
        with pytest.raises(fault) as seen:
            await person.read("me")
        assert type(seen.value) is fault
        assert seen.value.code == code
        assert len(entra.forms) == number
        assert "alice@contoso.com" not in str(seen.value)
    assert [form["grant_type"] for form in entra.forms] == [OBO, "refresh_token"]
    assert not graph.calls
    for secret in ("alice@contoso.com", "alices-sign-in-token", "bobs-refresh-token"):
        assert secret not in caplog.text


@pytest.mark.parametrize("content_type", ["text/html", "application/json", "text/plain; charset=x"])
@pytest.mark.parametrize("status", [200, 400, 502])
@pytest.mark.usefixtures("lent")
async def test_an_answer_that_is_no_answer_is_transient(
    status: int, content_type: str, broker: EntraBroker, entra: Any, clock: Any
) -> None:
    for person in (
        broker.requester(ALICE, SIGN_IN, CORRELATION),
        broker.sponsor(sponsorship(clock), CORRELATION),
    ):
        html = web.Response(status=status, body=b"<html>", headers={"Content-Type": content_type})
        entra.exchanges.append(html)
        with pytest.raises(Transient, match="entra_unavailable"):
            await person.read("me")
    assert len(entra.forms) == 2


@pytest.mark.usefixtures("lent")
async def test_a_grant_is_not_carried_to_where_a_redirect_points(
    broker: EntraBroker, entra: Any, clock: Any
) -> None:
    elsewhere = {"Location": f"{entra.url}/{FABRIKAM}/oauth2/v2.0/token"}
    for number, person in enumerate(
        (
            broker.requester(ALICE, SIGN_IN, CORRELATION),
            broker.sponsor(sponsorship(clock), CORRELATION),
        ),
        1,
    ):
        entra.exchanges.append(web.Response(status=307, headers=elsewhere))
        with pytest.raises(Transient, match="entra_unavailable"):
            await person.read("me")
        assert len(entra.forms) == number


@pytest.mark.usefixtures("lent")
async def test_an_entra_that_cannot_be_reached_is_transient(
    nowhere: int,
    vault: Vault,
    wire: Wire,
    graph_wire: GraphWire,
    fixed_proof: Any,
    clock: Any,
) -> None:
    away = EntraSettings(
        client_id=CLIENT, authority=f"https://127.0.0.1:{nowhere}", graph_scopes=("User.Read",)
    )
    exchange = Exchange(CONTOSO, away, fixed_proof, wire)
    broker = EntraBroker(exchange, vault, graph_wire, TokenCache(clock), clock)
    with pytest.raises(Transient, match="entra_unavailable"):
        await broker.requester(ALICE, SIGN_IN, CORRELATION).read("me")
    with pytest.raises(Transient, match="unreachable"):
        await broker.sponsor(sponsorship(clock), CORRELATION).read("me")


async def test_the_delay_that_entra_asks_for_is_handed_on(broker: EntraBroker, entra: Any) -> None:
    entra.exchanges.append((429, {"error": "x"}, {"Retry-After": "17"}))
    with pytest.raises(Transient) as seen:
        await broker.requester(ALICE, SIGN_IN, CORRELATION).read("me")
    assert seen.value.delay == timedelta(seconds=17)


async def test_a_sponsor_without_a_kept_sign_in_must_sign_in(
    broker: EntraBroker, entra: Any, clock: Any
) -> None:
    nobody = sponsorship(clock, id="nobody-lent-this")
    with pytest.raises(SignInNeeded, match="sponsor_not_signed_in"):
        await broker.sponsor(nobody, CORRELATION).read("me")
    assert not entra.forms


@pytest.mark.usefixtures("lent")
async def test_a_sponsorship_that_ended_lends_nothing(
    broker: EntraBroker, entra: Any, clock: Any
) -> None:
    for ended in (
        sponsorship(clock, expires_at=clock.now()),
        sponsorship(clock, revoked_at=clock.now()),
    ):
        with pytest.raises(Permanent, match="sponsorship_ended"):
            await broker.sponsor(ended, CORRELATION).read("me")
    assert not entra.forms


@pytest.mark.usefixtures("lent")
async def test_an_ailing_vault_stops_a_sponsor(
    broker: EntraBroker, entra: Any, clock: Any, plant: Callable[..., Any]
) -> None:
    await plant("503", "/secrets/*")
    with pytest.raises(Permanent, match="vault_unreachable"):
        await broker.sponsor(sponsorship(clock), CORRELATION).read("me")
    assert not entra.forms


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
