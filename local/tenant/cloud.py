"""What do Graph, Entra ID and the stage manager share?

Answers the one value that all three listeners hold: state, clock, keys, faults and logs; and the
two acts that touch all of them, saving and resetting. Never answers a request.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from local.clock import ShiftedClock, write_offset
from local.tenant.actor import Actor
from local.tenant.estate import Estate, Settings, Tenant, dump, load, write_json
from local.tenant.faults import Faults
from local.tenant.logs import Journal
from local.tenant.planting import plant
from local.tenant.question import Write
from local.tenant.records import audit_entry, fresh_id
from local.tenant.seed import Seed
from local.tenant.throttle import Limits
from local.tenant.tokens import Signer

STATE_FILE = "tenant.json"


@dataclass
class Cloud:
    """Everything the simulated Microsoft 365 consists of."""

    seed: Seed
    clock_file: Path
    clock: ShiftedClock
    estate: Estate
    signer: Signer
    journal: Journal = field(default_factory=Journal)
    faults: Faults = field(default_factory=Faults)
    limits: Limits = field(default_factory=Limits)
    graph_url: str = ""
    entra_url: str = ""
    world_url: str = ""

    def now(self) -> datetime:
        """The shifted time."""
        return self.clock.now()

    def issuer(self, tenant_id: str) -> str:
        """The issuer of a tenant's tokens."""
        return f"{self.entra_url}/{tenant_id}/v2.0"

    def tune(self, changes: dict[str, object]) -> Settings:
        """Replace some settings; raises ValidationError for what is not one."""
        merged = self.estate.settings.model_dump() | changes
        self.estate.settings = Settings.model_validate(merged)
        return self.estate.settings

    def move_clock(self, seconds: float) -> float:
        """Shift time for everybody by this many more seconds; the new offset."""
        offset = self.clock.offset() + seconds
        write_offset(self.clock_file, offset)
        return offset

    def commit(self, tenant: Tenant, write: Write, actor: Actor) -> None:
        """Make a write true, and let Entra's own log know."""
        if not write.changes_state:
            return
        now = self.now()
        by = tenant.directory.users.get(actor.oid)
        app = self.estate.apps.get(actor.app_id)
        tenant.commit(write.after, write.touched, now, self.estate.settings)
        tenant.audits.extend(
            audit_entry(activity, entry_id=fresh_id(), at=now, by=by, app=app)
            for activity in write.activities
        )

    def reset(self) -> None:
        """Back to the seed: state, settings, clock, faults, limits and logs.

        Keys and refresh tokens stay: others were handed them, and cannot be told.
        """
        self.faults.clear()
        write_offset(self.clock_file, 0.0)
        handed_out = self.estate.refresh_tokens
        self.estate = plant(self.seed, self.now())
        self.estate.refresh_tokens = handed_out
        self.limits.clear()
        self.journal.clear()

    def save(self, folder: Path) -> None:
        """Keep state, logs, keys and addresses in `folder`, replaced atomically."""
        data = {
            "estate": dump(self.estate),
            "journal": self.journal.dump(),
            "keys": self.signer.pems(),
            "urls": [self.graph_url, self.entra_url, self.world_url],
        }
        write_json(folder / STATE_FILE, data)


def open_cloud(seed: Seed, folder: Path, clock_file: Path) -> Cloud:
    """The cloud kept in `folder`, or a fresh one from the seed."""
    clock = ShiftedClock(clock_file)
    kept = folder / STATE_FILE
    if not kept.exists():
        return Cloud(seed, clock_file, clock, plant(seed, clock.now()), Signer())
    data = json.loads(kept.read_text(encoding="utf-8"))
    cloud = Cloud(seed, clock_file, clock, load(data["estate"]), Signer(data["keys"]))
    cloud.journal.restore(data["journal"])
    cloud.graph_url, cloud.entra_url, cloud.world_url = data["urls"]
    return cloud
