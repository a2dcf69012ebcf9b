"""Who plays in these tests: fixed ids, what they sign in with and what they lend."""

from datetime import timedelta
from typing import Any

from agent.domain import Sponsorship
from agent.values import PersonId, Secret, TenantId

CONTOSO = TenantId("11111111-1111-4111-8111-111111111111")
FABRIKAM = TenantId("22222222-2222-4222-8222-222222222222")
ALICE = PersonId("a1111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
BOB = PersonId("b2222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb")
CLIENT = "c3333333-cccc-4ccc-8ccc-cccccccccccc"
IDENTITY = "d4444444-dddd-4ddd-8ddd-dddddddddddd"
CORRELATION = "e5555555-eeee-4eee-8eee-eeeeeeeeeeee"
STRANGER = "33333333-3333-4333-8333-333333333333"
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
