"""Delegated, never borrowed: every exchange is a person's own, and so is the token it brings."""

import asyncio
from typing import Any

import pytest

from agent.adapters.entra_tokens import EntraBroker
from agent.errors import Permanent, SignInNeeded
from agent.values import Secret
from tests.adapters.cast import ALICE, BOB, CLIENT, CORRELATION, FABRIKAM, OBO, SIGN_IN, sponsorship


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
