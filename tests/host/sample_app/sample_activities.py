"""The activities and the entity of the sample app."""

import asyncio
import os
import time
from pathlib import Path

import azure.durable_functions as df

bp = df.Blueprint()
FAILURES: dict[str, int] = {}


def note(line: str) -> None:
    with Path(os.environ["SAMPLE_JOURNAL"]).open("a") as file:
        file.write(line + "\n")


@bp.activity_trigger(input_name="number")
def square(number: int) -> int:
    return number * number


@bp.activity_trigger(input_name="value")
async def echo_value(value: object) -> object:
    return value


@bp.activity_trigger(input_name="value", activity="renamed_activity")
def renamed(value: object) -> str:
    return f"renamed {value}"


@bp.activity_trigger(input_name="job")
async def work(job: dict) -> object:
    note(f"{job['key']} begins")
    await asyncio.sleep(job.get("seconds", 0))
    note(f"{job['key']} ends")
    return job.get("say")


@bp.activity_trigger(input_name="job")
def work_in_thread(job: dict) -> str:
    note(f"{job['key']} begins")
    time.sleep(job["seconds"])
    return job["key"]


@bp.activity_trigger(input_name="job")
def flaky(job: dict) -> str:
    """Fails `fails` times for each key, then succeeds."""
    FAILURES[job["key"]] = seen = FAILURES.get(job["key"], 0) + 1
    if seen <= job["fails"]:
        raise ValueError(f"boom {seen}")
    return f"ok after {seen}"


@bp.activity_trigger(input_name="value")
async def cancels_itself(value: object) -> None:
    raise asyncio.CancelledError("the inner call was cancelled")


@bp.activity_trigger(input_name="value")
def not_json(value: object) -> object:
    return {1, 2}


@bp.entity_trigger(context_name="context", entity_name="Counter")
def count(context: df.DurableEntityContext) -> None:
    state = context.get_state(lambda: 0)
    match context.operation_name:
        case "add":
            state += context.get_input()
            context.set_state(state)
            context.set_result(state)
        case "get":
            context.set_result(state)
        case "reset":
            context.destruct_on_exit()
        case "slow_add":
            note("entity adds")
            context.set_state(state + context.get_input())
            context.set_result(state + context.get_input())
        case other:
            raise ValueError(f"unknown operation {other}")
