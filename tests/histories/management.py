"""The Durable management API of a running local host, as the holder of its key sees it."""

import json
from typing import Any
from urllib.parse import quote

from local.stage import Reply, http
from local.up import World


class Management:
    """Every orchestration of one host: status, history, events. Needs the host's key."""

    def __init__(self, world: World) -> None:
        self._base = f"{world.facts['functions']}/runtime/webhooks/durabletask"
        self.key = (world.data / "host.key").read_text("ascii")

    def call(self, method: str, path: str, body: object = None, key: str | None = None) -> Reply:
        """One call, with the host's key unless another is given."""
        headers = {"x-functions-key": self.key if key is None else key}
        return http(method, f"{self._base}/{path}", body, headers)

    def status(self, instance: str) -> dict[str, Any]:
        """The status of one instance, with the history that the API shows of it."""
        shown = "showHistory=true&showHistoryOutput=true"
        found: dict[str, Any] = self.call("GET", f"instances/{quote(instance)}?{shown}").body
        return found

    def instances(self) -> list[str]:
        """The ids of all instances."""
        found, token = [], ""
        while True:
            headers = {"x-functions-key": self.key}
            if token:
                headers["x-ms-continuation-token"] = token
            reply = http("GET", f"{self._base}/instances?top=100", None, headers)
            found += [str(one["instanceId"]) for one in reply.body]
            token = reply.headers.get("x-ms-continuation-token", "")
            if not token:
                return found

    def raise_event(self, instance: str, name: str, value: object) -> Reply:
        """Raise an event, as anybody could who holds the key."""
        return self.call("POST", f"instances/{quote(instance)}/raiseEvent/{quote(name)}", value)


def said(reply: Reply) -> str:
    """Everything an answer says, headers too, as one text to search in."""
    return json.dumps([dict(reply.headers), reply.body], ensure_ascii=False)
