"""The least a Durable app can do: a run of n activities, one after the other, each instant."""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

app = df.DFApp()


@app.orchestration_trigger(context_name="context", orchestration="chain")
def chain(context: df.DurableOrchestrationContext):  # type: ignore[no-untyped-def]
    return (yield from _chain(context))


def _chain(context: Any) -> Generator[Any, Any, int]:
    many: int = context.get_input()
    for number in range(many):
        yield context.call_activity("instant", number)
    return many


@app.activity_trigger(input_name="number")
async def instant(number: int) -> int:
    return number
