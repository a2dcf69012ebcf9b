"""Composition only: triggers, the run and its activities, by name. No logic lives here."""

import azure.durable_functions as df
import azure.functions as func

from agent.boot import ROUTES, Process

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)  # the Entra token is the key
process = Process()


def _serve(name: str, route: str, method: str) -> None:
    """Register one HTTP call of the API."""

    async def call(
        req: func.HttpRequest, client: df.DurableOrchestrationClient
    ) -> func.HttpResponse:
        return await process.serve(name, req, client)

    call.__name__ = name
    bound = app.durable_client_input(client_name="client")(call)
    app.route(route=route, methods=[method])(app.function_name(name)(bound))


for _route in ROUTES:
    _serve(*_route)


@app.route(route="health", methods=["GET"])
async def health(req: func.HttpRequest) -> func.HttpResponse:
    return await process.health()


@app.timer_trigger(schedule="0 7 * * * *", arg_name="timer")
@app.durable_client_input(client_name="client")
async def purge_histories(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    await process.purge(client)


@app.timer_trigger(schedule="0 37 * * * *", arg_name="timer")
async def reconcile_logs(timer: func.TimerRequest) -> None:
    await process.reconcile()


# More often than a checkpoint is due, so that none is later than 15 minutes and the skew allowed.
@app.timer_trigger(schedule="0 */3 * * * *", arg_name="timer")
async def checkpoint(timer: func.TimerRequest) -> None:
    await process.checkpoint()


@app.orchestration_trigger(context_name="context", orchestration="run")
def run(context: df.DurableOrchestrationContext):  # type: ignore[no-untyped-def]
    return (yield from process.run(context))


@app.activity_trigger(input_name="ref")
async def assess(ref: dict) -> dict:  # type: ignore[type-arg]
    return await process.activity("assess", ref)


@app.activity_trigger(input_name="ref")
async def execute(ref: dict) -> dict:  # type: ignore[type-arg]
    return await process.activity("execute", ref)


@app.activity_trigger(input_name="ref")
async def answer(ref: dict) -> dict:  # type: ignore[type-arg]
    return await process.activity("answer", ref)
