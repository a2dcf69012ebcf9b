"""Who is at the door: a table of hostile tokens, key roll-over, and what a good one says."""

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from agent.adapters.entra import EntraSettings
from agent.adapters.entra_inbound import Caller, EntraDoor
from agent.adapters.wire import Wire
from agent.errors import NotAuthenticated, Transient
from tests.adapters.cast import ALICE, CLIENT, CONTOSO, FABRIKAM

REMOVED = object()
STRANGER = "33333333-3333-4333-8333-333333333333"
OUTSIDER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to refuse


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Minter:
    """Builds tokens by hand, so that nothing a library would refuse to write is out of reach."""

    def __init__(self, entra: Any, clock: Any) -> None:
        self.entra, self.clock = entra, clock

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.clock.now().timestamp())
        usual = {
            "iss": f"{self.entra.url}/{CONTOSO}/v2.0",
            "aud": CLIENT,
            "ver": "2.0",
            "tid": CONTOSO,
            "oid": ALICE,
            "iat": now - 10,
            "nbf": now - 10,
            "exp": now + 3600,
            "scp": "access_as_user",
            "preferred_username": "alice@contoso.com",
        }
        return {k: v for k, v in {**usual, **changes}.items() if v is not REMOVED}

    def signed(self, header: str, body: str, key: Any = None) -> str:
        signing = f"{b64(header.encode())}.{b64(body.encode())}"
        key = key or self.entra.keys["first"]
        signature = key.sign(signing.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"Bearer {signing}.{b64(signature)}"

    def token(
        self, *, key: Any = None, header: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        usual = {"typ": "JWT", "alg": "RS256", "kid": "first"}
        head = {k: v for k, v in {**usual, **(header or {})}.items() if v is not REMOVED}
        return self.signed(json.dumps(head), json.dumps(self.claims(**changes)), key)


@pytest.fixture
def mint(entra: Any, clock: Any) -> Minter:
    return Minter(entra, clock)


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def door(settings: EntraSettings, wire: Wire, clock: Any, asked: list[str]) -> EntraDoor:
    async def registry(tenant: str) -> bool:
        asked.append(tenant)
        return tenant in (CONTOSO, FABRIKAM)

    return EntraDoor(settings, registry, wire, clock)


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


async def test_a_new_key_is_found_and_an_old_one_falls(
    door: EntraDoor, mint: Minter, entra: Any, clock: Any
) -> None:
    await door.validate(mint.token())
    entra.keys = {"second": OUTSIDER, **entra.keys}
    new = mint.token(key=OUTSIDER, header={"kid": "second"})
    with pytest.raises(NotAuthenticated, match="unknown_key"):
        await door.validate(new)  # within the minute of the first fetch
    clock.advance(seconds=60)
    assert (await door.validate(new)).person == ALICE
    first = entra.keys.pop("first")
    clock.advance(hours=12)
    with pytest.raises(NotAuthenticated, match="unknown_key"):
        await door.validate(mint.token(key=first))


async def test_unknown_keys_cause_one_fetch_a_minute(
    door: EntraDoor, mint: Minter, entra: Any, clock: Any
) -> None:
    await door.validate(mint.token())
    for minute in range(1, 4):
        clock.advance(seconds=60)
        shown = [mint.token(header={"kid": f"k{n}"}) for n in range(30)]
        calls = (door.validate(each) for each in shown)
        seen = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(fault, NotAuthenticated) for fault in seen)
        assert entra.fetches == 1 + minute


async def test_many_first_callers_share_one_fetch(
    door: EntraDoor, mint: Minter, entra: Any
) -> None:
    shown = [mint.token(jti=str(n)) for n in range(30)]
    callers = await asyncio.gather(*(door.validate(each) for each in shown))
    assert all(isinstance(caller, Caller) for caller in callers)
    assert entra.fetches == 1


async def test_without_any_keys_it_is_our_trouble_and_not_the_callers(
    door: EntraDoor, mint: Minter, entra: Any, clock: Any
) -> None:
    entra.broken = True
    for _ in range(3):
        with pytest.raises(Transient):
            await door.validate(mint.token())
    assert entra.fetches == 1
    entra.broken = False
    clock.advance(seconds=60)
    assert (await door.validate(mint.token())).person == ALICE


async def test_keys_outlive_an_outage_of_entra_for_a_day_and_no_longer(
    door: EntraDoor, mint: Minter, entra: Any, clock: Any
) -> None:
    await door.validate(mint.token())
    entra.broken = True
    for hours in (13, 10):
        clock.advance(hours=hours)
        assert (await door.validate(mint.token())).person == ALICE
        with pytest.raises(NotAuthenticated, match="unknown_key"):
            await door.validate(mint.token(header={"kid": "second"}))
    clock.advance(hours=1)
    with pytest.raises(Transient):
        await door.validate(mint.token())


def published(entra: Any, **changes: Any) -> list[dict[str, Any]]:
    (jwk,) = entra.jwks()
    return [{**jwk, **changes}]


def small(entra: Any) -> list[dict[str, Any]]:
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(SMALL.public_key(), as_dict=True)
    return [{**jwk, "kid": "first", "use": "sig"}]


@pytest.mark.parametrize(
    "keys",
    [
        lambda e: [],
        lambda e: [*e.jwks(), *e.jwks()],
        lambda e: published(e, use="enc"),
        lambda e: published(e, alg="RS512"),
        lambda e: published(e, kty="oct", k="c2VjcmV0"),
        lambda e: published(e, kid=["first"]),
        lambda e: published(e, n="!"),
        lambda e: published(e, n=7),
        lambda e: published(e, issuer=f"{e.url}/{FABRIKAM}/v2.0"),
        lambda e: published(e, issuer=7),
        lambda e: ["first", None, {}],
        small,
    ],
)
async def test_a_key_that_is_not_meant_for_this_is_no_key(
    keys: Callable[[Any], Any], door: EntraDoor, mint: Minter, entra: Any
) -> None:
    entra.published = keys(entra)
    shown = mint.token(key=SMALL) if keys is small else mint.token()
    with pytest.raises(NotAuthenticated, match="unknown_key"):
        await door.validate(shown)


async def test_a_key_named_for_this_issuer_is_good(
    door: EntraDoor, mint: Minter, entra: Any, clock: Any
) -> None:
    entra.published = published(entra, issuer=f"{entra.url}/{{tenantid}}/v2.0", alg="RS256")
    assert (await door.validate(mint.token())).person == ALICE


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example/v2.0"},
        {"issuer": None},
        {"jwks_uri": "https://evil.example/keys"},
        {"jwks_uri": "http://127.0.0.1/keys"},
        {"jwks_uri": None},
        {"jwks_uri": 7},
    ],
)
async def test_metadata_that_leads_elsewhere_is_not_followed(
    metadata: dict[str, Any], door: EntraDoor, mint: Minter, entra: Any
) -> None:
    entra.metadata = metadata
    with pytest.raises(Transient, match="odd_metadata"):
        await door.validate(mint.token())


async def test_metadata_beyond_all_size_is_not_read(
    door: EntraDoor, mint: Minter, entra: Any
) -> None:
    entra.metadata = {"padding": "x" * 300_000}
    with pytest.raises(Transient, match="oversized"):
        await door.validate(mint.token())


async def test_a_sign_in_in_the_future_counts_as_now(
    door: EntraDoor, mint: Minter, clock: Any
) -> None:
    caller = await door.validate(mint.token(auth_time=int(clock.now().timestamp()) + 30))
    assert caller.sign_in_age_minutes(clock.now()) == 0
    assert caller.sign_in_age_minutes(clock.now() + timedelta(minutes=5)) == 4
