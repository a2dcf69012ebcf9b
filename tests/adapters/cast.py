"""Who plays in these tests: fixed ids."""

from agent.values import PersonId, TenantId

CONTOSO = TenantId("11111111-1111-4111-8111-111111111111")
FABRIKAM = TenantId("22222222-2222-4222-8222-222222222222")
ALICE = PersonId("a1111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
BOB = PersonId("b2222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb")
CLIENT = "c3333333-cccc-4ccc-8ccc-cccccccccccc"
IDENTITY = "d4444444-dddd-4ddd-8ddd-dddddddddddd"
CORRELATION = "e5555555-eeee-4eee-8eee-eeeeeeeeeeee"
