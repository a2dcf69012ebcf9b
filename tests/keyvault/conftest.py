"""The stand-in vaults as a real process, a tiny Entra that publishes keys, and real credentials."""

import json
import os
import secrets
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.keyvault.keys import KeyClient
from azure.keyvault.secrets import SecretClient
from cryptography.hazmat.primitives.asymmetric import rsa

from local import certificates
from local.processes import Child, Processes, json_line

TENANTS = {"contoso": "11111111-1111-4111-8111-111111111111", "fabrikam": "2" * 8 + "-2222"}
IDENTITIES = {"contoso": "aaaaaaaa-0001", "fabrikam": "bbbbbbbb-0002"}


class Entra:
    """Publishes one signing key by OpenID discovery and signs whatever token a test wants."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def token(self, changes: dict[str, Any], **claims: Any) -> str:
        """A signed token; `changes` replace claims, and `signed_by` the key."""
        usual = {
            "iss": f"https://sts.windows.net/{claims['tid']}/",
            "exp": int(time.time()) + 3600,
        }
        signed = {**usual, **claims, **changes}
        key = signed.pop("signed_by", self.key)
        return jwt.encode(signed, key, "RS256", headers={"kid": "first"})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        entra = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(entra._published(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Tests read no access log."""

        return Handler

    def _published(self, path: str) -> dict[str, Any]:
        if path.endswith("/openid-configuration"):
            tenant = path.split("/")[1]
            return {"issuer": f"{self.url}/{tenant}/v2.0", "jwks_uri": f"{self.url}/keys"}
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**jwk, "kid": "first", "use": "sig"}]}


@dataclass
class Credential:
    """A credential as azure-identity's are; signs for the scope that the challenge asked for."""

    entra: Entra
    tenant: str
    oid: str
    changes: dict[str, Any] = field(default_factory=dict)
    scopes: list[str] = field(default_factory=list)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.scopes += scopes
        audience = scopes[0].removesuffix("/.default")
        token = self.entra.token(self.changes, aud=audience, tid=self.tenant, oid=self.oid)
        return AccessToken(token, int(time.time()) + 3600)


class AsyncCredential:
    """The same for the aio clients."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return self._credential.get_token(*scopes)

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        seen = self._credential.get_token(*scopes)
        return AccessTokenInfo(seen.token, seen.expires_on)

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> "AsyncCredential":
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self.close()


@dataclass
class World:
    """Two running vaults of two tenants."""

    entra: Entra
    tls: certificates.Certificates
    data: Path
    processes: Processes
    child: Child[dict[str, Any]]

    def url(self, vault: str = "contoso") -> str:
        return str(self.child.ready["vaults"][vault])

    def credential(self, vault: str = "contoso", **changes: Any) -> Credential:
        return Credential(self.entra, TENANTS[vault], IDENTITIES[vault], changes)

    def token(self, vault: str = "contoso", **changes: Any) -> str:
        audience = "https://vault.azure.net"
        return self.entra.token(changes, aud=audience, tid=TENANTS[vault], oid=IDENTITIES[vault])

    def secrets(self, vault: str = "contoso", **options: Any) -> SecretClient:
        credential = options.pop("credential", None) or self.credential(vault)
        return SecretClient(self.url(vault), credential, **self.trust(), **options)

    def keys(self) -> KeyClient:
        return KeyClient(self.url(), self.credential(), **self.trust())

    def trust(self) -> dict[str, str]:
        """What SSL_CERT_FILE and REQUESTS_CA_BUNDLE say to a process that starts with them."""
        return {"connection_verify": os.fspath(self.tls.ca)}

    def admin_key(self) -> str:
        return Path(self.child.ready["admin_key_file"]).read_text(encoding="ascii")

    def restart_after_kill(self) -> None:
        self.child.kill9()
        self.child = start(self.processes, self.entra, self.tls, self.data)


def start(
    processes: Processes, entra: Entra, tls: certificates.Certificates, data: Path
) -> Child[dict[str, Any]]:
    """Start the vaults as `local up` does."""
    command: list[str | Path] = [sys.executable, "-m", "local.keyvault", "--data", data]
    command += ["--cert", tls.cert, "--key", tls.key, "--ca", tls.ca, "--entra", entra.url]
    for name, tenant in TENANTS.items():
        command += ["--vault", f"{name}=0", "--tenant", f"{name}={tenant}"]
        command += ["--allow", f"{name}={IDENTITIES[name]}"]
    return processes.start(command, log=data / "vaults.log", ready=json_line)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("vaults")
    tls = certificates.ensure(folder / "tls")
    entra = Entra()
    try:
        with Processes() as processes:
            child = start(processes, entra, tls, folder / "data")
            yield World(entra, tls, folder / "data", processes, child)
    finally:
        entra.close()


@pytest.fixture
def name() -> Callable[[str], str]:
    """Object names that no other test has used."""
    return lambda stem: f"{stem}-{secrets.token_hex(4)}"


@pytest.fixture
def credential_aio(world: World) -> AsyncCredential:
    return AsyncCredential(world.credential())


@pytest.fixture
def ask(world: World) -> Callable[..., tuple[int, Any]]:
    """A bare call to the vault with a good token, for what the clients do not send."""

    def call(method: str, url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        content = json.dumps(body).encode() if body is not None else None
        sent = {"Authorization": f"Bearer {world.token()}", **headers}
        request = urllib.request.Request(  # noqa: S310 - https to loopback
            f"{url}?api-version=7.5", content, sent, method=method
        )
        trusted = ssl.create_default_context(cafile=world.tls.ca)
        try:
            with urllib.request.urlopen(  # noqa: S310
                request, context=trusted
            ) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)

    return call


@pytest.fixture
def plant(world: World, ask: Callable[..., tuple[int, Any]]) -> Callable[..., int]:
    """Plant faults in the first vault; the status of the answer."""

    def call(faults: Any, method: str = "POST", key: str | None = None) -> int:
        admin = {"X-Admin-Key": world.admin_key() if key is None else key}
        status: int = ask(method, f"{world.url()}/__faults", faults, **admin)[0]
        return status

    return call
