"""The orchestrations of the sample app: one for each thing a host can get wrong."""

from collections import Counter
from datetime import timedelta

import azure.durable_functions as df

bp = df.Blueprint()
REPLAYS: Counter[str] = Counter()


def orchestration(function):
    return bp.orchestration_trigger(context_name="context")(function)


def _after(context, seconds):
    return context.create_timer(context.current_utc_datetime + timedelta(seconds=seconds))


@orchestration
def fan_out(context):
    numbers = range((context.get_input() or {"n": 4})["n"])
    squares = yield context.task_all([context.call_activity("square", each) for each in numbers])
    context.set_custom_status({"sum": sum(squares)})
    echoed = yield context.call_activity("echo_value", {"a": [1, None, "ü"]})
    return {"sum": sum(squares), "echoed": echoed}


@orchestration
def chain(context):
    total = 0
    for each in range(context.get_input()["n"]):
        total += yield context.call_activity("square", each)
    return total


@orchestration
def give_back(context):
    yield context.call_activity("echo_value", None)
    given = context.get_input()
    return {"input": given, "type": type(given).__name__, "version": context.version}


@orchestration
def call_any(context):
    given = context.get_input()
    try:
        return (yield context.call_activity(given["name"], given.get("input")))
    except Exception as fault:
        return {"caught": str(fault)}


@orchestration
def retry(context):
    given = context.get_input()
    job = {"key": context.instance_id, "fails": given["fails"]}
    options = df.RetryOptions(given["pause"], given["attempts"])
    begun = context.current_utc_datetime
    try:
        result = yield context.call_activity_with_retry("flaky", options, job)
    except Exception as fault:
        result = {"caught": str(fault).splitlines()[0]}
    seconds = (context.current_utc_datetime - begun).total_seconds()
    return {"result": result, "seconds": seconds}


@orchestration
def racing_retries(context):
    one = {"key": context.instance_id + "a", "fails": 1}
    two = {"key": context.instance_id + "b", "fails": 2}
    return (
        yield context.task_all(
            [
                context.call_activity_with_retry("flaky", df.RetryOptions(150, 3), one),
                context.call_activity_with_retry("flaky", df.RetryOptions(50, 4), two),
                context.call_activity("square", 9),
            ]
        )
    )


@orchestration
def all_with_failure(context):
    begun = context.current_utc_datetime
    slow = {"key": context.instance_id, "seconds": 0.4}
    failing = {"key": context.instance_id + "f", "fails": 1}
    try:
        yield context.task_all(
            [context.call_activity("work", slow), context.call_activity("flaky", failing)]
        )
    except Exception:
        yield context.call_activity("square", 1)
        return (context.current_utc_datetime - begun).total_seconds()


@orchestration
def approval(context):
    timer = _after(context, (context.get_input() or {"seconds": 30})["seconds"])
    decision = context.wait_for_external_event("Approval")
    winner = yield context.task_any([timer, decision])
    if winner is not decision:
        return {"decision": "timeout"}
    timer.cancel()
    yield context.call_activity("square", 2)
    return {"decision": decision.result, "type": type(decision.result).__name__}


@orchestration
def two_waits(context):
    yield context.call_activity("work", {"key": context.instance_id, "seconds": 0.2})
    first = yield context.wait_for_external_event("Go")
    context.set_custom_status({"first": first})
    second = yield context.wait_for_external_event("Go")
    context.set_custom_status({"first": first, "second": second})
    yield context.call_activity("square", 2)
    return [first, second]


@orchestration
def two_waits_with_deadlines(context):
    yield context.call_activity("work", {"key": context.instance_id, "seconds": 0.2})
    answers = []
    for _ in range(2):
        event = context.wait_for_external_event("Go")
        winner = yield context.task_any([event, _after(context, 0.3)])
        answers.append(event.result if winner is event else "timeout")
        yield context.call_activity("square", 2)
    return answers


@orchestration
def parent(context):
    named = yield context.call_sub_orchestrator("fan_out", {"n": 3}, context.instance_id + ":c")
    known = yield context.call_sub_orchestrator("who_am_i", {"x": 1})
    try:
        yield context.call_sub_orchestrator("fails", None)
    except Exception as fault:
        return {"named": named, "known": known, "error": str(fault)}


@orchestration
def parent_of_one(context):
    given = context.get_input()
    try:
        return (
            yield context.call_sub_orchestrator(given["name"], given.get("input"), given.get("id"))
        )
    except Exception as fault:
        return {"caught": str(fault).splitlines()[0]}


@orchestration
def parent_with_retry(context):
    key = {"key": context.instance_id, "fails": 1}
    options = df.RetryOptions(50, 3)
    return (
        yield context.call_sub_orchestrator_with_retry(
            "fragile", options, key, "child:" + key["key"]
        )
    )


@orchestration
def fragile(context):
    return (yield context.call_activity("flaky", context.get_input()))


@orchestration
def who_am_i(context):
    yield _after(context, 0.01)
    return {
        "parent": context.parent_instance_id,
        "input": context.get_input(),
        "uuid": context.new_uuid(),
    }


@orchestration
def fails(context):
    yield context.call_activity("square", 2)
    raise RuntimeError("orchestrator blew up")


@orchestration
def long_work(context):
    given = context.get_input()
    yield _after(context, given["seconds"])
    return (yield context.call_activity("work", {"key": given["key"], "say": "late"}))


@orchestration
def renew_timer(context):
    """A timer loses, the next generation sets one under the same number."""
    given = context.get_input() or {"n": 0}
    if given["n"]:
        begun = context.current_utc_datetime
        yield _after(context, 0.6)
        return (context.current_utc_datetime - begun).total_seconds()
    yield context.task_any([_after(context, 0.3), context.wait_for_external_event("go")])
    context.continue_as_new({"n": 1})


@orchestration
def renew_result(context):
    """An activity loses, the next generation begins one under the same number."""
    given = context.get_input() or {"n": 0}
    say = "new" if given["n"] else "old"
    job = {"key": f"{context.instance_id}-{say}", "seconds": 0.3, "say": say}
    task = context.call_activity("work", job)
    if given["n"]:
        return (yield task)
    yield context.task_any([task, context.wait_for_external_event("go")])
    context.continue_as_new({"n": 1})


@orchestration
def count_up(context):
    number = (context.get_input() or {"n": 0})["n"]
    yield _after(context, 0.02)
    if number >= 3:
        return number
    context.continue_as_new({"n": number + 1})


@orchestration
def use_entity(context):
    entity = df.EntityId("Counter", context.instance_id)
    context.signal_entity(entity, "add", 5)
    added = yield context.call_entity(entity, "add", 2)
    seen = yield context.call_entity(entity, "get")
    try:
        yield context.call_entity(entity, "bad")
    except Exception as fault:
        error = str(fault)
    yield context.call_entity(entity, "reset")
    again = yield context.call_entity(entity, "get")
    return {"added": added, "seen": seen, "error": error, "again": again}


@orchestration
def slow_entity(context):
    yield _after(context, context.get_input()["seconds"])
    entity = df.EntityId("Counter", context.instance_id)
    yield context.call_entity(entity, "slow_add", 1)
    return (yield context.call_entity(entity, "get"))


@orchestration
def signals_only(context):
    context.signal_entity(df.EntityId("Counter", context.get_input()["key"]), "add", 7)
    return "signalled"


@orchestration
def when_replaying(context):
    seen = []
    for each in range(3):
        seen.append(context.is_replaying)
        yield context.call_activity("square", each)
    return [*seen, context.is_replaying]


@orchestration
def changes_its_mind(context):
    REPLAYS[context.instance_id] += 1
    name = "square" if REPLAYS[context.instance_id] == 1 else "echo_value"
    yield context.call_activity(name, 3)
    yield context.call_activity("square", 3)


@orchestration
def calls_http(context):
    return (yield context.call_http("GET", "http://127.0.0.1:1/"))


@orchestration
def long_wait(context):
    timer = _after(context, 10 * 24 * 3600)
    decision = context.wait_for_external_event("Approval")
    winner = yield context.task_any([timer, decision])
    yield context.call_activity("square", 2)
    return "event" if winner is decision else "timer"


@orchestration
def sleep_until(context):
    yield _after(context, context.get_input()["seconds"])
    return context.current_utc_datetime.isoformat()


@orchestration
async def is_async(context):
    return "never"


@orchestration
def returns_what_is_not_json(context):
    yield context.call_activity("square", 1)
    return {1, 2}
