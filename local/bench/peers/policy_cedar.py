"""The rules in Cedar, through cedarpy: PolicySet handles parsed once, one call for each.

A handle a layer, and one of what is required: Cedar has no third effect, and obligations are asked
for in every decision of the others, too.
"""

from collections.abc import Sequence
from typing import Any

from cedarpy import Entities, PolicySet, is_authorized

from local.bench.policy_rules import Record
from local.bench.policy_worker import Load, main
from tests.policy import cedar


class Cedar:
    """Six layers and the requirements, each a parsed PolicySet."""

    def __init__(self, records: Sequence[Record]) -> None:
        texts = cedar.policy_texts(records)
        self._zones = cedar.zones_of(records)
        self._layers = [PolicySet.from_str(texts[layer]) for layer in cedar.LAYERS]
        self._requirements = PolicySet.from_str(texts[cedar.REQUIREMENTS])
        self._nobody = Entities.from_json_str("[]")

    def ready(self, question: Record) -> Any:
        """Leave out of the context what is in doubt."""
        return cedar.request(question, self._zones)

    def permits(self, question: Any) -> bool:
        """Ask all layers, as Warrant does, so that every deciding rule is named."""
        said = [is_authorized(question, layer, self._nobody) for layer in self._layers]
        is_authorized(question, self._requirements, self._nobody)
        return all(one.allowed for one in said)


def prepare(records: Sequence[Record]) -> Load:
    """Leave everything, translation too, to the load."""
    return lambda: Cedar(records)


if __name__ == "__main__":
    main(prepare)
