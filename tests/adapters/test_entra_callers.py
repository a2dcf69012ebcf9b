"""What a good token says of who calls, and for how long it is believed."""

from datetime import timedelta
from typing import Any

import pytest

from agent.adapters.entra import EntraSettings
from agent.adapters.entra_inbound import EntraDoor
from agent.adapters.wire import Wire
from agent.errors import NotAuthenticated
from tests.adapters.cast import ALICE, CLIENT, CONTOSO
from tests.adapters.minter import Minter


async def test_a_good_token_says_who_calls(door: EntraDoor, mint: Minter, clock: Any) -> None:
    signed_in = int(clock.now().timestamp()) - 400
    roles = {"roles": ["Auditor"], "scp": "openid access_as_user", "auth_time": signed_in}
    shown = mint.token(**roles, header={"x5t": "abc"})
    caller = await door.validate(shown)
    assert (caller.tenant, caller.person, caller.upn) == (CONTOSO, ALICE, "alice@contoso.com")
    assert caller.scopes == {"openid", "access_as_user"}
    assert caller.app_roles == {"Auditor"}
    assert caller.sign_in_age_minutes(clock.now()) == 6
    assert not caller.guest
    assert caller.assertion.reveal() == shown.removeprefix("Bearer ")
    assert caller.assertion.reveal() not in repr(caller)


async def test_either_form_of_the_audience_is_ours(door: EntraDoor, mint: Minter) -> None:
    assert (await door.validate(mint.token(aud=f"api://{CLIENT}"))).person == ALICE
    assert (await door.validate(mint.token().replace("Bearer", "bearer"))).person == ALICE


async def test_a_guest_passes_and_is_marked(door: EntraDoor, mint: Minter) -> None:
    home = f"https://sts.windows.net/{CONTOSO}/"
    for claims, guest in (
        ({"acct": 0}, False),
        ({"acct": 0, "idp": home}, False),
        ({"acct": 1}, True),
        ({"idp": "https://sts.windows.net/9999/"}, True),
        ({"idp": "live.com"}, True),
    ):
        assert (await door.validate(mint.token(**claims))).guest is guest


async def test_when_the_person_signed_in_is_unknown_unless_the_token_says_so(
    door: EntraDoor, mint: Minter, clock: Any
) -> None:
    caller = await door.validate(mint.token())
    assert caller.signed_in_at is None
    assert caller.sign_in_age_minutes(clock.now()) is None


async def test_a_token_is_verified_once_and_forgotten_at_its_end(
    door: EntraDoor, mint: Minter, clock: Any, entra: Any
) -> None:
    shown = mint.token()
    first = await door.validate(shown)
    assert await door.validate(shown) is first
    clock.advance(seconds=3600)
    assert await door.validate(shown) is not first
    clock.advance(seconds=60)
    with pytest.raises(NotAuthenticated, match="expired"):
        await door.validate(shown)
    assert entra.fetches == 1


async def test_a_tenant_taken_off_the_registry_is_out_at_once(
    settings: EntraSettings, wire: Wire, clock: Any, mint: Minter
) -> None:
    served = {CONTOSO}

    async def registry(tenant: str) -> bool:
        return tenant in served

    door, shown = EntraDoor(settings, registry, wire, clock), mint.token()
    await door.validate(shown)
    served.clear()
    with pytest.raises(NotAuthenticated, match="unknown_tenant"):
        await door.validate(shown)


async def test_no_more_than_two_thousand_callers_are_remembered(
    door: EntraDoor, mint: Minter, clock: Any
) -> None:
    caller = await door.validate(mint.token())
    door._known.update((n.to_bytes(32, "big"), caller) for n in range(1, 2_000))
    await door.validate(mint.token(jti="another"))
    assert len(door._known) == 2_000


async def test_a_sign_in_in_the_future_counts_as_now(
    door: EntraDoor, mint: Minter, clock: Any
) -> None:
    caller = await door.validate(mint.token(auth_time=int(clock.now().timestamp()) + 30))
    assert caller.sign_in_age_minutes(clock.now()) == 0
    assert caller.sign_in_age_minutes(clock.now() + timedelta(minutes=5)) == 4
