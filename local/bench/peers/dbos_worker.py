"""The work as a DBOS workflow of three steps over SQLite."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dbos import DBOS, SetWorkflowID

from local.bench.work import STAGES, State, Work
from local.bench.worker import main


class Dbos:
    """One workflow function; a workflow id for each run."""

    def __init__(self, flow: Any) -> None:
        self._flow = flow

    async def run(self, key: str, given: State) -> State:
        """Start a workflow under this id."""
        with SetWorkflowID(key):
            handle = await DBOS.start_workflow_async(self._flow, given)
        state: State = await handle.get_result()
        return state

    async def resume(self, key: str) -> State:
        """Wait: DBOS took the workflow up again when it was launched."""
        handle: Any = await DBOS.retrieve_workflow_async(key)
        state: State = await handle.get_result()
        return state


def _function(stage: Any) -> Any:
    """Return a plain function: DBOS keeps notes on what it decorates, and methods take none."""

    async def step(given: State) -> State:
        state: State = await stage(given)
        return state

    return step


@asynccontextmanager
async def dbos(work: Work, data: Path) -> AsyncIterator[Dbos]:
    """Launch DBOS over a file in `data`."""
    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{data / 'dbos.db'}",
            "executor_id": "bench",
            "application_version": "bench",
            "log_level": "ERROR",
            "notification_listener_polling_interval_sec": 0.01,
        }
    )
    steps = [DBOS.step(name=name)(_function(getattr(work, name))) for name in STAGES]

    @DBOS.workflow(name="seed")
    async def flow(given: State) -> State:
        for step in steps:
            given = await step(given)
        return given

    DBOS.launch()
    try:
        yield Dbos(flow)
    finally:
        await asyncio.to_thread(DBOS.destroy)


if __name__ == "__main__":
    main(dbos)
