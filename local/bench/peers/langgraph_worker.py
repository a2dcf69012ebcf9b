"""The work as a LangGraph graph of three nodes over its SQLite saver, synced at every step."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

from local.bench.work import STAGES, State, Work
from local.bench.worker import main


class Carried(TypedDict):
    """What the graph hands from node to node."""

    state: State


class LangGraph:
    """One compiled graph; a thread of it for each run."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph

    async def run(self, key: str, given: State) -> State:
        """Start a thread."""
        return await self._invoke(key, {"state": given})

    async def resume(self, key: str) -> State:
        """Invoke the thread without input: LangGraph goes on at its last checkpoint."""
        return await self._invoke(key, None)

    async def _invoke(self, key: str, given: Any) -> State:
        thread = {"configurable": {"thread_id": key}}
        ended = await self._graph.ainvoke(given, config=thread, durability="sync")
        state: State = ended["state"]
        return state


def _node(stage: Any) -> Any:
    async def node(carried: Carried) -> Carried:
        return {"state": await stage(carried["state"])}

    return node


@asynccontextmanager
async def langgraph(work: Work, data: Path) -> AsyncIterator[LangGraph]:
    """Open the graph over a file in `data`."""
    builder = StateGraph(Carried)
    for before, stage in zip((START, *STAGES), STAGES, strict=False):
        builder.add_node(stage, _node(getattr(work, stage)))
        builder.add_edge(before, stage)
    builder.add_edge(STAGES[-1], END)
    async with AsyncSqliteSaver.from_conn_string(str(data / "langgraph.db")) as saver:
        yield LangGraph(builder.compile(checkpointer=saver))


if __name__ == "__main__":
    main(langgraph)
