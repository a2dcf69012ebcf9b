"""The fault proxy, between a real client and a real server on the loopback."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from local.faultproxy import FaultProxy, HoldError

Seen = list[tuple[str, str, bytes]]


class Store(BaseHTTPRequestHandler):
    """Answers everything and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    seen: Seen

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.seen.append((self.command, self.path, body))
        self.send_response(201)
        self.send_header("x-auth-seen", self.headers.get("authorization", ""))
        self.send_header("content-length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815 - names the standard library looks for

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def store() -> Iterator[tuple[str, Seen]]:
    handler = type("Handler", (Store,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/account", handler.seen  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


class Call:
    """One request on a connection of its own, in a thread, so that it may be held."""

    def __init__(self, base: str, method: str, path: str, body: bytes | None = None) -> None:
        place = urlsplit(base)
        self.connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=5)
        self.path, self.status, self.failed = place.path + path, 0, False
        self.headers: dict[str, str] = {}
        self._given = (method, body)
        self.thread = threading.Thread(target=self._send)
        self.thread.start()

    def _send(self) -> None:
        method, body = self._given
        try:
            self.connection.request(method, self.path, body, {"Authorization": "SharedKey a:b"})
            answer = self.connection.getresponse()
            self.status, self.headers = answer.status, dict(answer.getheaders())
            answer.read()
        except OSError:
            self.failed = True
        finally:
            self.connection.close()

    def cut(self) -> None:
        """End the connection as a killed process would."""
        sock = self.connection.sock
        assert sock is not None
        sock.shutdown(2)
        self.thread.join(5)

    def done(self) -> "Call":
        self.thread.join(5)
        return self


def test_a_call_passes_through_as_it_came(store: tuple[str, Seen]) -> None:
    address, seen = store
    with FaultProxy() as proxy:
        front = proxy.front(address)
        call = Call(front, "POST", "/T()?$filter=a%20eq%20'b%2Fc'", b"{}").done()
        assert front.endswith("/account")
        assert front != address
        assert [(e.method, e.status) for e in proxy.log] == [("POST", 201)]
    assert call.status == 201
    assert call.headers["x-auth-seen"] == "SharedKey a:b"
    assert seen == [("POST", "/account/T()?$filter=a%20eq%20'b%2Fc'", b"{}")]


def test_two_accounts_of_one_store_share_a_front(store: tuple[str, Seen]) -> None:
    address, _ = store
    with FaultProxy() as proxy:
        first = proxy.front(address)
        second = proxy.front(address.replace("/account", "/other"))
        assert second == first.replace("/account", "/other")


def test_a_call_held_before_is_unknown_to_the_store_until_released(
    store: tuple[str, Seen],
) -> None:
    address, seen = store
    with FaultProxy() as proxy:
        front = proxy.front(address)
        hold = proxy.hold("POST", r"/Audit$", "before")
        call = Call(front, "POST", "/Audit", b"intent")
        hold.wait()
        assert seen == []
        hold.release()
        assert call.done().status == 201
    assert len(seen) == 1


def test_a_call_held_after_is_done_and_nobody_has_heard(store: tuple[str, Seen]) -> None:
    address, seen = store
    with FaultProxy() as proxy:
        hold = proxy.hold("PATCH", r"/T\(", "after")
        call = Call(proxy.front(address), "PATCH", "/T(1)", b"x")
        hold.wait()
        assert seen == [("PATCH", "/account/T(1)", b"x")]
        assert call.status == 0
        proxy.heal()
        assert call.done().status == 201


def test_whoever_is_killed_while_held_before_never_reaches_the_store(
    store: tuple[str, Seen],
) -> None:
    address, seen = store
    with FaultProxy() as proxy:
        front = proxy.front(address)
        hold = proxy.hold("POST", "/Audit", "before")
        call = Call(front, "POST", "/Audit", b"intent")
        hold.wait()
        call.cut()
        assert call.failed
        proxy.heal()
        assert Call(front, "GET", "/next").done().status == 201
    assert [path for _, path, _ in seen] == ["/account/next"]


def test_the_nth_call_with_that_body_is_held_and_no_other(store: tuple[str, Seen]) -> None:
    address, seen = store
    with FaultProxy() as proxy:
        front = proxy.front(address)
        hold = proxy.hold("POST", "/Audit", "after", body="outcome", nth=2)
        for body in (b"outcome 1", b"intent"):
            assert Call(front, "POST", "/Audit", body).done().status == 201
        second = Call(front, "POST", "/Audit", b"outcome 2")
        hold.wait()
        assert Call(front, "POST", "/Audit", b"outcome 3").done().status == 201
        hold.release()
        second.done()
    assert len(seen) == 4


def test_a_hold_that_is_never_reached_says_so(store: tuple[str, Seen]) -> None:
    address, _ = store
    with FaultProxy() as proxy:
        hold = proxy.hold("POST", "/Audit", "before")
        Call(proxy.front(address), "GET", "/Audit").done()
        with pytest.raises(HoldError, match=r"expected POST /Audit within 0\.05 s, saw 0"):
            hold.wait(0.05)
