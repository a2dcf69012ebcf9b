"""Record the histories again: `python -m tests.histories.record`.

Plays every story on a fresh local world, stops the host, and writes what it kept of each run beside
this file. To be done only when `agent/workflow.py` has changed on purpose in a way that running
requests cannot follow; what is written must hold ids, outcomes and times only, and that is checked
before anything is written.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from local.host.app import App
from local.host.store import Store
from local.stage import Stage
from local.up import world
from tests.durable.machine import Listening, replayed, scripted_app
from tests.histories.stories import tell_all

FOLDER = Path(__file__).parent / "recorded"


def record() -> dict[str, Any]:
    """Play every story and return what the host kept of each run, by name."""
    with tempfile.TemporaryDirectory() as data, world(Path(data)) as running:
        requests = tell_all(Stage(running.facts))
        running.functions.terminate()  # the store belongs to one process
        store = Store(running.data / "durable.db")
        try:
            tenant = running.facts["tenants"][0]["id"]
            kept = {name: _of(store, f"{tenant}.{request}") for name, request in requests.items()}
        finally:
            store.close()
    with scripted_app() as app:
        return {name: one | {"actions": _asked(app, one)} for name, one in kept.items()}


def _of(store: Store, instance: str) -> dict[str, Any]:
    """What the host kept of one run."""
    row = store.instance(instance)
    assert row is not None, f"{instance} left no history"
    return {
        "instance": instance,
        "input": row.input,
        "status": row.status,
        "output": row.output,
        "steps": store.history(instance),
    }


def _asked(app: App, recorded: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything that the orchestrator asked for by the end, in the SDK's words."""
    sdk = Listening()
    list(replayed(app, recorded, sdk))
    return sdk.actions


def main() -> int:
    """Record and write; 1 when what was recorded may not be kept."""
    from tests.histories.test_histories import strangers

    recorded = record()
    if personal := {name: found for name, one in recorded.items() if (found := strangers(one))}:
        print(f"not written: these are no ids, outcomes or times: {personal}", file=sys.stderr)  # noqa: T201
        return 1
    FOLDER.mkdir(exist_ok=True)
    for name, one in recorded.items():
        (FOLDER / f"{name}.json").write_text(json.dumps(one, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
