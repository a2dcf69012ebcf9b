"""Who is not let in learns nothing, and what is not theirs is not there.

A call without a good sign-in leaves no record and changes nothing; a request of somebody else
reads like one that never was.
"""

import pytest

from tests.api.bench import (
    ABROAD,
    CALLS,
    GOOD,
    NOBODYS,
    OF_ONE,
    TAKES_A_BODY,
    Bench,
    check,
    refused,
)

pytestmark = pytest.mark.stack

NOT_LET_IN = {
    "for Graph": (401, "wrong_audience"),
    "for the bot": (401, "wrong_audience"),
    "expired": (401, "expired"),
    "of an application": (403, "not_a_person"),
    "without our scope": (403, "scope_missing"),
    "of a tenant nobody knows": (401, "unknown_tenant"),
    "in the name of another tenant": (401, "wrong_issuer"),
    "cut short": (401, "bad_signature"),
    "with another signature": (401, "bad_signature"),
    "": (401, "no_token"),
    "Bearer": (401, "bad_header"),
    "Bearer garbage": (401, "bad_header"),
    "Bearer a.b.c": (401, "bad_token"),
    "Basic dXNlcjpwYXNz": (401, "bad_header"),
    "Bearer " + "a" * 5_000: (401, "bad_header"),
}


@pytest.mark.parametrize("call", CALLS)
async def test_who_is_not_let_in_learns_nothing_and_leaves_nothing(bench: Bench, call: str) -> None:
    await bench.trail.new()
    mark = bench.stage.mark()
    for token, (status, code) in NOT_LET_IN.items():
        reply = bench.send(call, GOOD.get(call), request=bench.mine, token=token)
        check(reply, status, code)
        assert ("www-authenticate" in reply.headers) == (status == 401)
    check(bench.send(call, GOOD.get(call), request=bench.mine, token=None), 401, "no_token")
    assert bench.stage.changes(mark) == []
    assert await bench.trail.new() == []


@pytest.mark.parametrize("call", TAKES_A_BODY)
async def test_who_is_not_let_in_is_told_so_before_the_body_is_looked_at(
    bench: Bench, call: str
) -> None:
    for body in (b"", b"\x00\xff", b"{" * 70_000):
        check(bench.send(call, body, token="Bearer a.b.c"), 401, "bad_token")


@pytest.mark.parametrize("call", OF_ONE)
async def test_what_is_not_mine_is_not_there(bench: Bench, call: str) -> None:
    theirs = await refused(bench, 404, "not_found", call, body=GOOD.get(call), request=bench.others)
    nobodys = await refused(bench, 404, "not_found", call, body=GOOD.get(call), request=NOBODYS)
    assert theirs.body == nobodys.body


async def test_another_organisations_request_is_not_there_either(bench: Bench) -> None:
    token = f"Bearer {bench.stage.token(ABROAD)}"
    check(bench.send("show_request", request=bench.mine, token=token), 404, "not_found")


async def test_no_answer_may_be_kept_or_sniffed(bench: Bench) -> None:
    for call in CALLS:
        reply = bench.send(call, GOOD.get(call), request=NOBODYS, token=None)
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
