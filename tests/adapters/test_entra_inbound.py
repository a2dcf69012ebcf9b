"""Who is at the door: a table of hostile tokens, each refused by a rule of its own."""

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from agent.adapters.entra_inbound import EntraDoor
from agent.errors import NotAuthenticated
from tests.adapters.cast import ALICE, CLIENT, CONTOSO, FABRIKAM, STRANGER
from tests.adapters.minter import OUTSIDER, REMOVED, Minter, b64

Hostile = Callable[[Minter], str | None]


def hs256(mint: Minter) -> str:
    """The old trick: the public key as a shared secret."""
    import hmac

    pem = (
        mint.entra.keys["first"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    head = b64(b'{"alg":"HS256","kid":"first","typ":"JWT"}')
    signing = f"{head}.{b64(json.dumps(mint.claims()).encode())}"
    return f"Bearer {signing}.{b64(hmac.digest(pem, signing.encode(), 'sha256'))}"


def own_key(name: str) -> Hostile:
    own = jwt.algorithms.RSAAlgorithm.to_jwk(OUTSIDER.public_key(), as_dict=True)
    value: Any = {**own, "kid": "mine"} if name == "jwk" else "https://evil.example/keys"
    return lambda m: m.token(key=OUTSIDER, header={name: value})


def swapped(mint: Minter) -> str:
    """The header and signature of one token around the body of another."""
    head, _, signature = mint.token().split(".")
    body = b64(json.dumps(mint.claims(oid="b" * 8 + ALICE[8:])).encode())
    return f"{head}.{body}.{signature}"


def twice(name: str, first: str, second: str) -> Hostile:
    def build(mint: Minter) -> str:
        header = '{"alg":"RS256","typ":"JWT","kid":"first"}'
        body = json.dumps(mint.claims())
        if name == "kid":
            header = f'{{"kid":"{first}","alg":"RS256","kid":"{second}"}}'
        else:
            body = f'{{"{name}":"{first}",{body[1:]}'
        return mint.signed(header, body)

    return build


def at(**moved: Any) -> Hostile:
    """A token whose times are moved against now, in seconds."""
    return lambda m: m.token(
        **{name: int(m.clock.now().timestamp()) + by for name, by in moved.items()}
    )


HOSTILE: list[tuple[str, Hostile, int, str]] = [
    ("nothing", lambda m: None, 401, "no_token"),
    ("an empty header", lambda m: "", 401, "no_token"),
    ("another scheme", lambda m: m.token().replace("Bearer", "Basic"), 401, "bad_header"),
    ("no scheme", lambda m: m.token().removeprefix("Bearer "), 401, "bad_header"),
    ("two bearers", lambda m: f"Bearer {m.token()}", 401, "bad_header"),
    ("two tokens", lambda m: f"{m.token()}, {m.token()}", 401, "bad_header"),
    ("a line break behind", lambda m: m.token() + "\n", 401, "bad_header"),
    ("two spaces", lambda m: m.token().replace(" ", "  "), 401, "bad_header"),
    ("two parts", lambda m: m.token().rpartition(".")[0], 401, "bad_header"),
    ("four parts", lambda m: m.token() + ".x", 401, "bad_header"),
    ("an empty signature", lambda m: m.token().rpartition(".")[0] + ".", 401, "bad_header"),
    ("too long", lambda m: m.token(x="y" * 16_000), 401, "bad_header"),
    ("not ASCII", lambda m: m.token() + "ä", 401, "bad_header"),
    ("a header that is no JSON", lambda m: m.signed("{", "{}"), 401, "bad_token"),
    ("a header that is a list", lambda m: m.signed("[]", "{}"), 401, "bad_token"),
    ("a very deep header", lambda m: m.signed("[" * 5_000, "{}"), 401, "bad_token"),
    ("a header that is no base64", lambda m: "Bearer a.b.c", 401, "bad_token"),
    ("alg none", lambda m: m.token(header={"alg": "none"}), 401, "bad_algorithm"),
    ("alg NONE", lambda m: m.token(header={"alg": "NONE"}), 401, "bad_algorithm"),
    ("no alg", lambda m: m.token(header={"alg": REMOVED}), 401, "bad_algorithm"),
    ("alg a list", lambda m: m.token(header={"alg": ["RS256"]}), 401, "bad_algorithm"),
    ("HS256 with the public key", hs256, 401, "bad_algorithm"),
    ("RS512", lambda m: m.token(header={"alg": "RS512"}), 401, "bad_algorithm"),
    ("no kid", lambda m: m.token(header={"kid": REMOVED}), 401, "bad_algorithm"),
    ("kid a number", lambda m: m.token(header={"kid": 1}), 401, "bad_algorithm"),
    ("kid empty", lambda m: m.token(header={"kid": ""}), 401, "bad_algorithm"),
    ("kid a very long text", lambda m: m.token(header={"kid": "k" * 129}), 401, "bad_algorithm"),
    ("kid with a line break", lambda m: m.token(header={"kid": "first\n"}), 401, "bad_algorithm"),
    ("kid twice", twice("kid", "mine", "first"), 401, "bad_token"),
    ("jku", own_key("jku"), 401, "odd_header"),
    ("x5u", own_key("x5u"), 401, "odd_header"),
    ("jwk", own_key("jwk"), 401, "odd_header"),
    ("x5c", own_key("x5c"), 401, "odd_header"),
    ("crit", lambda m: m.token(header={"crit": ["exp"]}), 401, "odd_header"),
    ("b64 false", lambda m: m.token(header={"b64": False}), 401, "odd_header"),
    ("an unknown kid", lambda m: m.token(header={"kid": "second"}), 401, "unknown_key"),
    ("kid a path", lambda m: m.token(header={"kid": "../first"}), 401, "unknown_key"),
    ("another's signature", lambda m: m.token(key=OUTSIDER), 401, "bad_signature"),
    ("a body swapped in", swapped, 401, "bad_signature"),
    ("no tid", lambda m: m.token(tid=REMOVED), 401, "no_tenant"),
    ("tid common", lambda m: m.token(tid="common"), 401, "no_tenant"),
    ("tid a path", lambda m: m.token(tid=f"{CONTOSO}/../x"), 401, "no_tenant"),
    ("tid a list", lambda m: m.token(tid=[CONTOSO]), 401, "no_tenant"),
    ("tid twice", twice("tid", FABRIKAM, CONTOSO), 401, "bad_token"),
    ("a tenant we do not know", lambda m: m.token(tid=STRANGER), 401, "unknown_tenant"),
    ("our issuer, another tenant", lambda m: m.token(tid=FABRIKAM), 401, "wrong_issuer"),
    (
        "another tenant's issuer",
        lambda m: m.token(iss=f"{m.entra.url}/{FABRIKAM}/v2.0"),
        401,
        "wrong_issuer",
    ),
    (
        "a version 1 token",
        lambda m: m.token(ver="1.0", iss=f"https://sts.windows.net/{CONTOSO}/"),
        401,
        "wrong_issuer",
    ),
    ("version 1.0 by v2's issuer", lambda m: m.token(ver="1.0"), 401, "wrong_issuer"),
    ("issuer with a slash", lambda m: m.token(iss=m.claims()["iss"] + "/"), 401, "wrong_issuer"),
    ("no version", lambda m: m.token(ver=REMOVED), 401, "bad_claims"),
    ("Graph's token", lambda m: m.token(aud="https://graph.microsoft.com"), 401, "wrong_audience"),
    ("another app's", lambda m: m.token(aud=STRANGER), 401, "wrong_audience"),
    ("a list of audiences", lambda m: m.token(aud=[CLIENT]), 401, "bad_claims"),
    ("no audience", lambda m: m.token(aud=REMOVED), 401, "bad_claims"),
    ("no client", lambda m: m.token(azp=REMOVED), 401, "bad_claims"),
    ("a client by name", lambda m: m.token(azp="teams"), 401, "bad_claims"),
    ("no exp", lambda m: m.token(exp=REMOVED), 401, "bad_claims"),
    ("no nbf", lambda m: m.token(nbf=REMOVED), 401, "bad_claims"),
    ("no iat", lambda m: m.token(iat=REMOVED), 401, "bad_claims"),
    ("exp a text", lambda m: m.token(exp="9999999999"), 401, "bad_claims"),
    ("exp true", lambda m: m.token(exp=True), 401, "bad_claims"),
    ("exp beyond all time", lambda m: m.token(exp=10**30), 401, "bad_claims"),
    ("exp infinite", lambda m: m.token(exp=float("inf")), 401, "bad_claims"),
    ("expired over a minute ago", at(exp=-60), 401, "expired"),
    ("valid in over a minute", at(nbf=61), 401, "not_yet_valid"),
    ("issued in over a minute", at(iat=61), 401, "not_yet_valid"),
    ("no oid", lambda m: m.token(oid=REMOVED), 401, "bad_claims"),
    ("oid a name", lambda m: m.token(oid="alice"), 401, "bad_claims"),
    ("scp a list", lambda m: m.token(scp=["access_as_user"]), 401, "bad_claims"),
    ("roles a text", lambda m: m.token(roles="Auditor"), 401, "bad_claims"),
    (
        "a body that is a list",
        lambda m: m.signed('{"alg":"RS256","kid":"first"}', "[]"),
        401,
        "bad_token",
    ),
    (
        "an application",
        lambda m: m.token(idtyp="app", scp=REMOVED, roles=["x"]),
        403,
        "not_a_person",
    ),
    ("an application that has a scope", lambda m: m.token(idtyp="app"), 403, "not_a_person"),
    ("no scope", lambda m: m.token(scp=REMOVED), 403, "scope_missing"),
    ("another scope", lambda m: m.token(scp="User.Read"), 403, "scope_missing"),
    ("nearly the scope", lambda m: m.token(scp="access_as_user2 x"), 403, "scope_missing"),
    ("only app roles", lambda m: m.token(scp="", roles=["access_as_user"]), 403, "scope_missing"),
]


@pytest.mark.parametrize(
    ("build", "status", "code"), [row[1:] for row in HOSTILE], ids=[r[0] for r in HOSTILE]
)
async def test_a_hostile_token_is_refused(
    build: Hostile, status: int, code: str, door: EntraDoor, mint: Minter
) -> None:
    await door.validate(mint.token())  # the door works, and knows the keys
    shown = build(mint)
    for _ in range(2):
        with pytest.raises(NotAuthenticated) as seen:
            await door.validate(shown)
        assert (seen.value.code, seen.value.status) == (code, status)
    for told in ("alice", "evil.example", STRANGER, ALICE, "eyJ"):
        assert told not in str(seen.value)


@examples(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shown=st.one_of(st.text(), st.from_regex(r"\ABearer [\w-]*\.[\w-]*\.[\w-]*\Z")))
async def test_no_text_at_all_is_an_error_of_ours(shown: str, door: EntraDoor) -> None:
    with pytest.raises(NotAuthenticated) as seen:
        await door.validate(shown)
    assert seen.value.status == 401


@pytest.mark.parametrize("moved", [{"exp": -59}, {"nbf": 60}, {"iat": 60}])
async def test_a_minute_of_leeway_is_given(
    moved: dict[str, int], door: EntraDoor, mint: Minter
) -> None:
    assert (await door.validate(at(**moved)(mint))).person == ALICE  # type: ignore[arg-type]


async def test_nothing_is_fetched_for_a_tenant_we_do_not_know(
    door: EntraDoor, mint: Minter, entra: Any, asked: list[str]
) -> None:
    with pytest.raises(NotAuthenticated, match="unknown_tenant"):
        await door.validate(mint.token(tid=STRANGER, iss=f"{entra.url}/{STRANGER}/v2.0"))
    assert (asked, entra.fetches) == ([STRANGER], 0)
