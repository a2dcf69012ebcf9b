"""The durable runs, through the Durable client that a trigger is given.

Rules: the SDK reports every refusal as a bare Exception, so what it means is found by asking for
the instance; a finished instance of the same id would silently be replaced by a new start, which
the request row prevents (a request that has ended is never started again). Never here: payloads;
the client's management URLs, which carry the system key.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.calls import Ref, instance_id
from agent.errors import Transient

ORCHESTRATOR = "run"
KEPT = timedelta(days=1)  # how long the history of a finished run is kept
_log = logging.getLogger("warrant.runs")


class DurableRuns:
    """`admit.Runs` on azure.durable_functions.DurableOrchestrationClient."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def start(self, ref: Ref) -> None:
        """Start the run of a request that has none. Raises Transient when it cannot be started."""
        given = ref.model_dump(mode="json", include={"tenant", "request"})
        try:
            await self._client.start_new(ORCHESTRATOR, instance_id(ref), given)
        except Exception as refused:
            # two repeats at once: the other one started it, which is all that was wanted
            if not await self.known(ref):
                raise Transient(
                    "not_started", "expected the run to start, saw a refusal"
                ) from refused

    async def known(self, ref: Ref) -> bool:
        """Whether a run of this request was ever started."""
        status = await self._client.get_status(instance_id(ref))
        return bool(status and status.instance_id)

    async def purge(self, before: datetime) -> int:
        """Forget the histories of runs that began before this time and have ended; how many."""
        from azure.durable_functions import OrchestrationRuntimeStatus as State

        ended = [State.Completed, State.Failed, State.Terminated, State.Canceled]
        purged = await self._client.purge_instance_history_by(
            created_time_from=datetime.fromtimestamp(0, UTC),
            created_time_to=before,
            runtime_status=ended,
        )
        return int(purged.instances_deleted)

    async def wake(self, ref: Ref, event: str) -> None:
        """Wake a run that may wait for this event; a run that has ended is left alone."""
        try:
            await self._client.raise_event(instance_id(ref), event, "")
        except Exception as refused:
            if not await self.known(ref):
                raise Transient("not_woken", "expected a run to wake, saw none") from refused
            _log.info("run %s was not waiting for %s any more", instance_id(ref), event)
