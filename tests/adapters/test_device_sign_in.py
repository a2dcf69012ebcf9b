"""Signing in by a device code, against an Entra of one page over TLS."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any
from urllib.parse import parse_qs

import pytest

from agent.errors import NotAuthenticated
from agent.settings import Settings
from agent.sign_in import sign_in
from local import certificates

TENANT = "11111111-1111-4111-8111-111111111111"
API = "1c99c70c-55f5-4ea3-a199-b971bce16d7b"
UID = {"uid": "00000000-0000-4000-8000-00000000000a", "utid": TENANT}


def coded(claims: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()


class Entra:
    """Answers discovery, the device code and the token of one tenant; keeps what it was asked."""

    def __init__(self, tls: certificates.Certificates) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.refuses = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = SSLContext(PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.cert, tls.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._thread.start()

    def id_token(self) -> str:
        now = int(time.time())
        claims = {"iss": f"{self.url}/{TENANT}/v2.0", "aud": API, "iat": now, "exp": now + 60}
        whose = {"sub": "s", "oid": UID["uid"], "tid": TENANT, "preferred_username": "ann"}
        return f"{coded({'alg': 'none'})}.{coded(claims | whose)}."

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        entra = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                base = f"{entra.url}/{TENANT}"
                self._say(
                    200,
                    {
                        "issuer": f"{base}/v2.0",
                        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                        "token_endpoint": f"{base}/oauth2/v2.0/token",
                        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                    },
                )

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                entra.asked.append(parse_qs(self.rfile.read(length).decode()))
                if self.path.endswith("/devicecode"):
                    code = {"user_code": "ABC-123", "device_code": "d", "expires_in": 60}
                    where = {"verification_uri": "https://microsoft.com/devicelogin"}
                    self._say(200, code | where | {"interval": 1, "message": "go"})
                elif entra.refuses:
                    self._say(400, {"error": "authorization_declined"})
                else:
                    token = {"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 3600}
                    whose = {"id_token": entra.id_token(), "client_info": coded(UID)}
                    self._say(200, token | whose | {"scope": "access_as_user"})

            def _say(self, status: int, body: dict[str, Any]) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Tests read no access log."""

        return Handler


@pytest.fixture
def entra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entra]:
    tls = certificates.ensure(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.ca))
    running = Entra(tls)
    yield running
    running.close()


def settings(entra: Entra) -> Settings:
    return Settings.of(
        {
            "REGISTRY_ENDPOINT": "https://warrant.table.core.windows.net",
            "API_CLIENT_ID": API,
            "AZURE_CLIENT_ID": API,
            "AZURE_AUTHORITY_HOST": entra.url,
        }
    )


def test_the_code_is_told_on_standard_error_and_the_token_is_for_the_api(
    entra: Entra, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sign_in(settings(entra), TENANT) == "a.b.c"
    said = capsys.readouterr()
    assert said.err == "Sign in at https://microsoft.com/devicelogin with the code ABC-123\n"
    assert said.out == ""
    first = entra.asked[0]
    assert first["client_id"] == [API]
    assert f"api://{API}/access_as_user" in first["scope"][0].split()


def test_whoever_declines_is_refused_without_a_word_of_what_was_sent(entra: Entra) -> None:
    entra.refuses = True
    with pytest.raises(NotAuthenticated) as refused:
        sign_in(settings(entra), TENANT)
    assert refused.value.code == "no_sign_in"
    assert "ABC-123" not in refused.value.sentence
