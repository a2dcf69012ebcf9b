"""The work as a Microsoft Agent Framework workflow of three executors over its file checkpoints."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agent_framework import (
    Executor,
    FileCheckpointStorage,
    WorkflowBuilder,
    WorkflowContext,
    handler,
)

from local.bench.work import STAGES, State, Work
from local.bench.worker import main


class Stage(Executor):
    """A stage that hands its result to the next one."""

    def __init__(self, name: str, work: Work) -> None:
        super().__init__(id=name)
        self._call = getattr(work, name)

    @handler
    async def handle(self, given: dict, context: WorkflowContext[dict]) -> None:  # type: ignore[type-arg]
        """Run the stage."""
        await context.send_message(await self._call(given))


class LastStage(Executor):
    """The stage whose result is the workflow's."""

    def __init__(self, name: str, work: Work) -> None:
        super().__init__(id=name)
        self._call = getattr(work, name)

    @handler
    async def handle(self, given: dict, context: WorkflowContext[Any, dict]) -> None:  # type: ignore[type-arg]
        """Run the stage."""
        await context.yield_output(await self._call(given))


class AgentFramework:
    """A workflow for each run, because one runs one request at a time."""

    def __init__(self, work: Work, storage: Any) -> None:
        self._work, self._storage = work, storage

    async def run(self, key: str, given: State) -> State:
        """Start a workflow of this name."""
        return _output(await self._workflow(key).run(given))

    async def resume(self, key: str) -> State:
        """Find the newest checkpoint of this name and go on from it."""
        latest = await self._storage.get_latest(workflow_name=key)
        return _output(await self._workflow(key).run(checkpoint_id=latest.checkpoint_id))

    def _workflow(self, key: str) -> Any:
        *first, last = STAGES
        stages: list[Any] = [Stage(name, self._work) for name in first]
        stages.append(LastStage(last, self._work))
        builder = WorkflowBuilder(
            name=key, start_executor=stages[0], checkpoint_storage=self._storage
        )
        return builder.add_chain(stages).build()


def _output(result: Any) -> State:
    state: State = result.get_outputs()[-1]
    return state


@asynccontextmanager
async def agent_framework(work: Work, data: Path) -> AsyncIterator[AgentFramework]:
    """Open the workflows over files in `data`."""
    yield AgentFramework(work, FileCheckpointStorage(data / "checkpoints"))


if __name__ == "__main__":
    main(agent_framework)
