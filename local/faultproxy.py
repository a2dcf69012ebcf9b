"""What if the process dies just before, or just after, the store has carried out this call?

A small HTTP proxy on the loopback that stands in front of Azurite. It passes every call on as it
came, keeps a log of them, and holds the n-th one that matches: before it is passed on, or after the
store has answered and before the caller hears of it. Whoever planted the hold then kills what it
likes and lets go.

Rules
- a held call whose caller has gone is never passed on (`before`) and never answered (`after`);
- what is matched is the method, the decoded path, and, where given, the body as text;
- signatures survive: storage signs the path and the date, not the host and port;
- it answers nothing by itself: a store that does not answer is a connection that ends.
"""

import asyncio
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

When = Literal["before", "after"]
_LARGEST_BODY = 8 * 1024 * 1024
_GLANCE_SECONDS = 0.01
_PATIENCE_SECONDS = 10.0
_NOT_PASSED_ON = ("host", "content-length", "transfer-encoding", "connection")


class HoldError(Exception):
    """The call that a hold waits for did not come."""


@dataclass(frozen=True)
class Passed:
    """One call that went through: when it came, what it was, and how the store answered."""

    at: float  # monotonic seconds
    method: str
    path: str
    status: int
    seconds: float


@dataclass
class Hold:
    """One planted hold; `seen` counts matching calls."""

    method: str
    path: re.Pattern[str]
    body: re.Pattern[str] | None
    when: When
    nth: int
    seen: int = 0
    _reached: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)

    def meets(self, method: str, path: str, body: str) -> bool:
        """Whether this is the call that is to be held; counts those that match."""
        fits = method == self.method and self.path.search(path) is not None
        if not fits or (self.body is not None and not self.body.search(body)):
            return False
        self.seen += 1
        return self.seen == self.nth

    def wait(self, seconds: float = _PATIENCE_SECONDS) -> None:
        """Return once the call is held. Raises HoldError when it does not come."""
        if not self._reached.wait(seconds):
            raise HoldError(
                f"expected {self.method} {self.path.pattern} within {seconds:g} s, saw {self.seen}"
                " that match"
            )

    def release(self) -> None:
        """Let the call go on, if its caller is still there."""
        self._released.set()

    async def keep(self, request: web.Request) -> bool:
        """Hold a call; False when its caller has gone meanwhile."""
        self._reached.set()
        # a connection that breaks sets no event: it can only be looked at
        while not self._released.is_set() and not _gone(request):  # noqa: ASYNC110
            await asyncio.sleep(_GLANCE_SECONDS)
        return not _gone(request)


class FaultProxy:
    """Fronts for any number of stores, each on a port of its own, in one thread."""

    def __init__(self) -> None:
        self.log: list[Passed] = []
        self._holds: list[Hold] = []
        self._fronts: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runners: list[web.AppRunner] = []
        self._session: aiohttp.ClientSession | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *fault: object) -> None:
        self.heal()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_PATIENCE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_SECONDS)
        self._loop.close()

    def front(self, address: str) -> str:
        """Return the address that stands in front of this one; the path stays."""
        parts = urlsplit(address)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._fronts:
            opened = asyncio.run_coroutine_threadsafe(self._listen(origin), self._loop)
            self._fronts[origin] = opened.result(_PATIENCE_SECONDS)
        return self._fronts[origin] + parts.path

    def hold(
        self, method: str, path: str, when: When, *, body: str | None = None, nth: int = 1
    ) -> Hold:
        """Hold the n-th call from now on that matches."""
        wanted = re.compile(body) if body is not None else None
        planted = Hold(method.upper(), re.compile(path), wanted, when, nth)
        self._holds.append(planted)
        return planted

    def heal(self) -> None:
        """Take every hold away; calls that were held go on."""
        for planted in self._holds:
            planted.release()
        self._holds = []

    async def _listen(self, origin: str) -> str:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._pass(origin, request)

        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{tail:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handle_signals=False)
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def _pass(self, origin: str, request: web.Request) -> web.StreamResponse:
        came, raw = time.monotonic(), await request.read()
        path, text = unquote(request.raw_path), raw.decode("utf-8", "replace")
        met = [h for h in list(self._holds) if h.meets(request.method, path, text)]
        if any([not await h.keep(request) for h in met if h.when == "before"]):
            return _ended(request)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _NOT_PASSED_ON}
        async with self._client().request(
            request.method,
            URL(origin + request.raw_path, encoded=True),
            data=raw or None,
            headers=headers,
            skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
        self.log.append(Passed(came, request.method, path, answer.status, time.monotonic() - came))
        if any([not await h.keep(request) for h in met if h.when == "after"]):
            return _ended(request)
        kept = [(k, v) for k, v in answer.headers.items() if k.lower() not in _NOT_PASSED_ON]
        return web.Response(status=answer.status, body=body, headers=dict(kept))

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    async def _close(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
        if self._session is not None:
            await self._session.close()


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _ended(request: web.Request) -> web.StreamResponse:
    """End the connection: whoever asked is gone, or is to believe that the store is."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=502)
