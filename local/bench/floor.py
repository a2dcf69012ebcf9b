"""The yardstick: the same work in one plain asyncio process, with nothing to survive a crash."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from local.bench.work import State, Work
from local.bench.worker import main


class Floor:
    """The three stages, one after the other."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def run(self, key: str, given: State) -> State:
        """Run all stages; the key is of no use here."""
        work = self._work
        return await work.answer(await work.execute(await work.assess(given)))

    async def resume(self, key: str) -> State:
        """Nothing is left of a run whose process was killed."""
        return {"run": key, "status": "lost"}


@asynccontextmanager
async def floor(work: Work, data: Path) -> AsyncIterator[Floor]:
    """Open the engine that is none."""
    yield Floor(work)


if __name__ == "__main__":
    main(floor)
