"""One execution's way through the budget, many at once: here, or in processes of their own.

`python -m tests.stores.racer ENDPOINT KEY TABLE MANY` prints a line when it is ready, waits for
one, and prints the requests that policy permitted, as JSON.
"""

import asyncio
import json
import sys
from typing import Any

from agent.adapters.budget_table import BudgetTable
from agent.adapters.clock import SystemClock
from agent.adapters.tables import open_account
from agent.allowance import Allowance
from agent.budget import Hour, Reservation
from agent.domain import Plan
from agent.plan import plan
from agent.ports import Budget, Clock
from agent.values import RequestId, StepId, fresh_id
from tests.unit.values import (
    FREYA,
    adding,
    classes,
    findings,
    group,
    request,
    rules,
    scene,
    touching,
)

BUDGET = 5


def limited(fact: str) -> Any:
    """The shipped policy, and five of something an hour."""
    limit = {
        "id": "test-budget",
        "layer": "runtime",
        "effect": "deny",
        "when": {"action": {"undo": False}},
        "unless": {"runtime": {f"{fact}_last_hour_max": BUDGET}},
    }
    return rules(limit)


def permitted(asked: RequestId, hour: Hour, fact: str = "changes") -> bool:
    """Whether policy lets one more change be made in this hour; it carries one licence."""
    at = scene(limited(fact), findings(group=group(licences=1)), classes(), request(id=asked), hour)
    return isinstance(plan(at, [adding()]), Plan)


async def execution(budget: Budget, clock: Clock, fact: str = "changes") -> RequestId | None:
    """Reserve, count, decide; give the place back when refused. What was permitted, or None."""
    asked, touch = RequestId(fresh_id()), touching(licences=1)
    allowance = Allowance(
        budget,
        Reservation(
            at=clock.now(),
            requester=FREYA,
            request=asked,
            step=StepId("s1"),
            attempt=1,
            touch=touch,
        ),
    )
    if permitted(asked, await allowance.counted(touch), fact):
        return asked
    await allowance.release()
    return None


async def _race(endpoint: str, key: str, table: str, many: int) -> list[str]:
    account = open_account(endpoint, None, key)
    budget = BudgetTable(account.rows(table), SystemClock())
    permitted(RequestId(fresh_id()), await budget.last_hour(FREYA))  # all that is needed is loaded
    try:
        print("ready", flush=True)  # noqa: T201
        await asyncio.to_thread(sys.stdin.readline)
        said = await asyncio.gather(*(execution(budget, SystemClock()) for _ in range(many)))
    finally:
        await account.close()
    return [one for one in said if one is not None]


if __name__ == "__main__":
    where, secret, name, number = sys.argv[1:]
    print(json.dumps(asyncio.run(_race(where, secret, name, int(number)))))  # noqa: T201
