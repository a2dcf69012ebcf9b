"""One bench for each module; when the module is through, no run was started by it."""

from collections.abc import AsyncIterator

import pytest

from agent.adapters.audit_table import AuditTable
from agent.adapters.tables import open_account
from local.stage import Stage
from local.up import World
from tests.api.bench import ABROAD, GROUP, ME, OTHER, Bench, Trail
from tests.histories.management import Management


@pytest.fixture(scope="module")
async def bench(world: World) -> AsyncIterator[Bench]:
    stage = Stage(world.facts)
    tid = world.facts["tenants"][0]["id"]
    at = world.facts["tables"][tid]
    account = open_account(at["endpoint"], None, at["key"])
    trail = Trail(
        AuditTable(*(account.rows(name) for name in ("Audit", "AuditIndex", "AuditInbox")))
    )
    mine = stage.token(ME)
    tokens = {
        "mine": f"Bearer {mine}",
        "for Graph": f"Bearer {stage.token(ME, 'graph')}",
        "for the bot": f"Bearer {stage.token(ME, 'bot-user')}",
        "expired": f"Bearer {stage.token(ME, lifetime_seconds=-3_600)}",
        "of an application": f"Bearer {stage.token(ME, claims={'idtyp': 'app'})}",
        "without our scope": f"Bearer {stage.token(ME, scopes=['User.Read'])}",
        "of a tenant nobody knows": f"Bearer {stage.token(ME, claims={'tid': GROUP})}",
        "in the name of another tenant": f"Bearer {stage.token(ABROAD, claims={'tid': tid})}",
        "cut short": f"Bearer {mine[:-20]}",
        "with another signature": f"Bearer {mine[:-8]}AAAAAAAA",
    }
    made = []
    for who in (OTHER, ME):
        person = stage.person(who)
        made.append(person.ask("hello"))
        person.follow(made[-1])
    bench = Bench(world, stage, trail, Management(world), tokens, *made)
    bench.ran = sorted(bench.management.instances())
    own = stage.person(ME).call("GET", "/requests").body["items"]
    yield bench
    assert sorted(bench.management.instances()) == bench.ran, "a run was started"
    assert stage.person(ME).call("GET", "/requests").body["items"] == own, "a request was kept"
    await account.close()
