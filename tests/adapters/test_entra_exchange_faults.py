"""A failed exchange ends there: what each failure is called, and that nothing else is tried."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from agent.adapters.entra import EntraSettings
from agent.adapters.entra_exchange import Exchange
from agent.adapters.entra_tokens import EntraBroker
from agent.adapters.graph_wire import GraphWire
from agent.adapters.token_cache import TokenCache
from agent.adapters.vault import Vault
from agent.adapters.wire import Wire
from agent.errors import Fault, Permanent, SignInNeeded, Transient
from agent.values import Secret
from tests.adapters.cast import (
    ALICE,
    CLIENT,
    CONTOSO,
    CORRELATION,
    FABRIKAM,
    OBO,
    SIGN_IN,
    sponsorship,
)


def refusal(error: str, *numbers: int, suberror: str = "") -> tuple[int, dict[str, Any]]:
    described = f"AADSTS{numbers[0] if numbers else 0}: alice@contoso.com may not. Trace ID: 1"
    said: dict[str, Any] = {"error": error, "error_description": described}
    said |= {"error_codes": list(numbers), "claims": '{"access_token":{}}'}
    return 400, said | ({"suberror": suberror} if suberror else {})


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


@pytest.mark.usefixtures("lent")
async def test_an_ailing_vault_stops_a_sponsor(
    broker: EntraBroker, entra: Any, clock: Any, plant: Callable[..., Any]
) -> None:
    await plant("503", "/secrets/*")
    with pytest.raises(Permanent, match="vault_unreachable"):
        await broker.sponsor(sponsorship(clock), CORRELATION).read("me")
    assert not entra.forms
