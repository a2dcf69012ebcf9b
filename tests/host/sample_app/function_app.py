"""A Durable app with every feature that the local host must serve: its HTTP and timer triggers."""

import asyncio
import base64
import json
import os
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func
from sample_activities import bp as activities
from sample_orchestrations import bp as orchestrations

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
app.register_functions(activities)
app.register_functions(orchestrations)


def _json(body: object, status: int = 200) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(body, default=str), status_code=status, mimetype="application/json"
    )


@app.route(route="start/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    given = json.loads(req.get_body()) if req.get_body() else None
    instance_id = await client.start_new(
        req.route_params["name"], req.params.get("id"), given, req.params.get("version")
    )
    return client.create_check_status_response(req, instance_id)


@app.route(route="raise/{id}/{event}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def raise_event(req: func.HttpRequest, client) -> func.HttpResponse:
    await client.raise_event(req.route_params["id"], req.route_params["event"], req.get_json())
    return func.HttpResponse(status_code=202)


@app.route(route="client/{verb}/{id?}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def use_client(req: func.HttpRequest, client) -> func.HttpResponse:
    verb, instance_id = req.route_params["verb"], req.route_params.get("id")
    if verb == "status":
        status = await client.get_status(instance_id, show_history=True)
        return _json(
            {"found": bool(status), "history": status.history, "as_json": status.to_json()}
            if status
            else {"found": False}
        )
    if verb == "all":
        return _json([each.instance_id for each in await client.get_status_all()])
    if verb == "purge":
        return _json((await client.purge_instance_history(instance_id)).instances_deleted)
    if verb == "restart":
        return _json(await client.restart(instance_id))
    await getattr(client, verb)(instance_id, "because")
    return _json(None)


@app.route(route="counter/{key}", methods=["GET", "POST"])
@app.durable_client_input(client_name="client")
async def counter_api(req: func.HttpRequest, client) -> func.HttpResponse:
    entity = df.EntityId("Counter", req.route_params["key"])
    if req.method == "POST":
        await client.signal_entity(entity, "add", req.get_json()["n"])
        return func.HttpResponse(status_code=202)
    state = await client.read_entity_state(entity)
    return _json({"exists": state.entity_exists, "state": state.entity_state})


@app.route(route="ping", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def ping(req: func.HttpRequest) -> str:
    return f"pong {req.params.get('x', '')}"


@app.route(route="admin_only", auth_level=func.AuthLevel.ADMIN)
def admin_only(req: func.HttpRequest) -> str:
    return "admin"


@app.route(route="echo/{id}", auth_level=func.AuthLevel.ANONYMOUS)
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return _json(
        {
            "method": req.method,
            "url": req.url,
            "x-many": req.headers.get("X-Many"),
            "params": dict(req.params),
            "route": dict(req.route_params),
            "body": base64.b64encode(req.get_body()).decode(),
            "function": context.function_name,
        }
    )


@app.route(route="items/{id:int}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def item(req: func.HttpRequest) -> str:
    return f"item {req.route_params['id']}"


@app.route(route="files/{*rest}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def files(req: func.HttpRequest) -> str:
    return req.route_params.get("rest", "none")


@app.route(route="nothing", auth_level=func.AuthLevel.ANONYMOUS)
def nothing(req: func.HttpRequest) -> None:
    return None


@app.route(route="cookies", auth_level=func.AuthLevel.ANONYMOUS)
def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(b"\x00\xff", status_code=201, mimetype="application/octet-stream")
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2; Path=/")
    response.headers.add("X-One", "first")
    return response


@app.route(route="boom", auth_level=func.AuthLevel.ANONYMOUS)
def boom(req: func.HttpRequest) -> str:
    raise RuntimeError("a secret of the inside")


@app.route(route="not_a_response", auth_level=func.AuthLevel.ANONYMOUS)
def not_a_response(req: func.HttpRequest):
    return {"a": "dict"}


@app.route(route="slow", auth_level=func.AuthLevel.ANONYMOUS)
async def slow(req: func.HttpRequest) -> str:
    await asyncio.sleep(0.3)
    _note("slow ended")
    return "done"


@app.timer_trigger(schedule="0 0 3 * * *", arg_name="timer")
@app.durable_client_input(client_name="client")
async def nightly(timer: func.TimerRequest, client) -> None:
    _note(f"nightly past_due={timer.past_due} {len(await client.get_status_all()) >= 0}")


@app.timer_trigger(schedule="1.00:00:00", arg_name="timer", run_on_startup=True)
def at_start(timer: func.TimerRequest) -> None:
    _note("at_start")


@app.timer_trigger(schedule="%SAMPLE_SCHEDULE%", arg_name="timer")
def failing(timer: func.TimerRequest) -> None:
    _note("failing")
    raise RuntimeError("the timer fails")


def _note(line: str) -> None:
    with Path(os.environ["SAMPLE_JOURNAL"]).open("a") as file:
        file.write(line + "\n")
