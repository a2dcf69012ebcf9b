"""The rules in Rego, run by regorus (PyPI opa-eval): one generated rule for each rule of ours.

Rego has no third truth value, so a question says which facts are missing, and each conjunct of a
deny holds also where its fact is. Windows are minutes of the week, as they are for Cedar.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from opa_eval import OpaEval

from local.bench.policy_rules import Record
from local.bench.policy_worker import Load, main
from tests.policy import cedar

_HEAD = """package bench
import rego.v1
default allowed := false
allowed if {
    every layer in ["global", "tenant", "target", "department", "action", "runtime"] {
        count(object.get(permits, layer, set())) > 0
        count(object.get(denies, layer, set())) == 0
    }
}
answer := {"allowed": allowed, "permits": permits, "denies": denies}
"""


def _policy(records: Sequence[Record]) -> str:
    lines = [_HEAD]
    for number, record in enumerate(records):
        if record["effect"] == "require":
            continue
        kind = "permits" if record["effect"] == "permit" else "denies"
        body = []
        for at, (missing, tests) in enumerate(_conjuncts(record.get("when", {}))):
            name = f"w{number}_{at}"
            lines += [f"{name} if {{ {test} }}" for test in tests]
            lines += [f"{name} if input.missing.{one}" for one in missing if kind == "denies"]
            body.append(name)
        if "unless" in record:
            conjuncts = list(_conjuncts(record["unless"]))
            every = [f"u{number}_{at}" for at in range(len(conjuncts))]
            for name, (_, tests) in zip(every, conjuncts, strict=True):
                lines += [f"{name} if {{ {test} }}" for test in tests]
            lines.append(f"u{number} if {{ {'; '.join(every)} }}")
            body.append(f"not u{number}")
        asked = "; ".join(body) or "true"
        lines.append(f'{kind}["{record["layer"]}"] contains "{record["id"]}" if {{ {asked} }}')
    return "\n".join(lines)


def _conjuncts(selectors: Record) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Give each selector as the facts it reads and the tests of which one must hold."""
    for section, written in selectors.items():
        for name, wanted in written.items():
            yield _conjunct(f"{section}.{name}", wanted)


def _conjunct(selector: str, wanted: Any) -> tuple[tuple[str, ...], list[str]]:
    if selector == "target.same_department":
        both = ("requester_department", "target_department")
        same = "==" if wanted else "!="
        return both, [f"input.{both[0]} {same} input.{both[1]}"]
    if selector == "runtime.window":
        zone = cedar.zone_attribute(wanted["tz"])
        return (zone,), [
            f"input.{zone} >= {first}; input.{zone} < {last}"
            for first, last in cedar.intervals(wanted)
        ]
    fact = cedar.fact_of(selector).replace(".", "_")
    words = f"{{{json.dumps(wanted)[1:-1]}}}"
    if selector.endswith("_any"):
        return (fact,), [f"some word in input.{fact}; word in {words}"]
    if selector.endswith("_none"):
        return (fact,), [f"count([w | some w in input.{fact}; w in {words}]) == 0; input.{fact}"]
    if isinstance(wanted, list):
        return (fact,), [f"input.{fact} in {words}"]
    if isinstance(wanted, bool):
        return (fact,), [f"input.{fact} == {json.dumps(wanted)}"]
    return (fact,), [f"input.{fact} {'>=' if selector.endswith('_min') else '<='} {wanted}"]


class Rego:
    """One compiled policy."""

    def __init__(self, records: Sequence[Record], folder: str) -> None:
        file = Path(folder) / "bench.rego"
        file.write_text(_policy(records), encoding="utf-8")
        self._engine = OpaEval(str(file), query="data.bench.answer")
        self._zones = cedar.zones_of(records)
        names = [name.replace(".", "_") for names in cedar.FACTS.values() for name in names]
        self._names = [*names, *map(cedar.zone_attribute, self._zones)]

    def ready(self, question: Record) -> str:
        """Give the facts as JSON, with those that are missing named."""
        known = cedar.request(question, self._zones)["context"]
        missing = {name: True for name in self._names if name not in known}
        return json.dumps({**known, "missing": missing})

    def permits(self, question: Any) -> bool:
        """Evaluate, with the names of all rules that decide."""
        return bool(self._engine.evaluate_parsed(question)["allowed"])


def prepare(records: Sequence[Record]) -> Load:
    """Leave everything, translation too, to the load."""
    folder = tempfile.mkdtemp(prefix="warrant-bench-rego-")
    return lambda: Rego(records, folder)


if __name__ == "__main__":
    main(prepare)
