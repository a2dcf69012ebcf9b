"""The product's own run with scripted activities: what the world says is written down per request.

The activities keep the contract of `agent.calls` and nothing else: a step that was finished once
gives the same result again, whoever asks.
"""

import azure.durable_functions as df
import azure.functions as func

from agent import workflow
from tests.durable.scripts import SCRIPTS

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.orchestration_trigger(context_name="context", orchestration="run")
def run(context: df.DurableOrchestrationContext):  # type: ignore[no-untyped-def]
    return (yield from workflow.run(context))


@app.activity_trigger(input_name="ref")
async def assess(ref: dict) -> dict:  # type: ignore[type-arg]
    return SCRIPTS[ref["request"]].play("assess", ref)


@app.activity_trigger(input_name="ref")
async def execute(ref: dict) -> dict:  # type: ignore[type-arg]
    return SCRIPTS[ref["request"]].play("execute", ref)


@app.activity_trigger(input_name="ref")
async def answer(ref: dict) -> dict:  # type: ignore[type-arg]
    return SCRIPTS[ref["request"]].play("answer", ref)
