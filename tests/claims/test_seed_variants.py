"""The seed request in its variants: each ends as promised, by the tenant's own state and log.

After each, the tenants' memberships are told again from the trail alone (local/demo/rederive.py).
They are the variants that `python3 -m local demo` tells as a story (local/demo/variants.py).
"""

import pytest

from local.demo import rederive
from local.demo.exhibits import Exhibit
from local.demo.performance import over_all
from local.demo.play import Play, Variant
from local.demo.variants import VARIANTS
from local.stage import Stage
from local.up import World

pytestmark = pytest.mark.stack


def named(variant: Variant) -> str:
    return f"{variant.letter}-{variant.title.lower().replace(' ', '_')}"


@pytest.mark.parametrize("variant", VARIANTS, ids=named)
def test_every_variant_of_the_seed_request_ends_as_promised(
    variant: Variant, world: World, stage: Stage
) -> None:
    told: list[Exhibit] = []
    try:
        play = Play(world, told.append)
        checks = [*variant.run(play), rederive.check(play)]
    finally:
        stage.heal()
    broken = [f"{c.what}: expected {c.expected}, saw {c.seen}" for c in checks if not c.ok]
    assert not broken, "\n".join(broken)
    assert len(checks) > 1
    assert told


def test_nothing_reached_microsoft_365_without_a_person_and_the_trail_explains_every_change(
    world: World,
) -> None:
    play = Play(world, [].append)
    broken = [f"{c.what}: expected {c.expected}, saw {c.seen}" for c in over_all(play) if not c.ok]
    assert not broken, "\n".join(broken)
