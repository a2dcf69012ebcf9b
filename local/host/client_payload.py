"""What does a durable client binding hand to a function?

The JSON of the extension (BindingHelper.cs): where the app reaches its own host, and the URLs it
may give to others. Pure.

Rules:
- `rpcBaseUrl` carries a secret of this process in its path, so only the app itself can use it;
- the management URLs carry the system key: whoever is handed one may act on *every* instance;
- `managementUrls.id` is a placeholder that the SDK replaces wherever it stands in the URLs.
"""

import json
from urllib.parse import quote

WEBHOOK_PATH = "/runtime/webhooks/durabletask/"
RPC_PATH = "/durabletask/"
_PLACEHOLDER = "INSTANCEID"


class Links:
    """The URLs of one host at `origin` (scheme and authority)."""

    def __init__(self, origin: str, hub: str, key: str, secret: str) -> None:
        self._origin, self._hub, self._secret = origin, hub, secret
        self._required = f"code={quote(key, safe='')}"
        self._payload = json.dumps(self._client_payload())

    @property
    def client_payload(self) -> str:
        """The value of a durable client binding."""
        return self._payload

    def management(self, instance_id: str) -> dict[str, str]:
        """The check-status payload of one instance."""
        urls = self._management(quote(instance_id, safe=""))
        return {**urls, "id": instance_id}

    def _client_payload(self) -> dict[str, object]:
        base = self._origin + WEBHOOK_PATH.rstrip("/")
        begin = f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]?"
        pause = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&"
        return {
            "taskHubName": self._hub,
            "creationUrls": {
                "createNewInstancePostUri": begin + self._required,
                "createAndWaitOnNewInstancePostUri": begin + pause + self._required,
            },
            "managementUrls": self._management(_PLACEHOLDER),
            "baseUrl": base,
            "requiredQueryStringParameters": self._required,
            "rpcBaseUrl": f"{self._origin}{RPC_PATH}{self._secret}/",
        }

    def _management(self, instance_id: str) -> dict[str, str]:
        one = f"{self._origin}{WEBHOOK_PATH}instances/{instance_id}"
        query = f"taskHub={quote(self._hub, safe='')}&connection=Storage&{self._required}"
        return {
            "id": instance_id,
            "statusQueryGetUri": f"{one}?{query}",
            "sendEventPostUri": f"{one}/raiseEvent/{{eventName}}?{query}",
            "terminatePostUri": f"{one}/terminate?reason={{text}}&{query}",
            "rewindPostUri": f"{one}/rewind?reason={{text}}&{query}",
            "purgeHistoryDeleteUri": f"{one}?{query}",
            "restartPostUri": f"{one}/restart?{query}",
            "suspendPostUri": f"{one}/suspend?reason={{text}}&{query}",
            "resumePostUri": f"{one}/resume?reason={{text}}&{query}",
        }
