"""The shell of an auditor: the commands as they are typed, and what they did."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.adapters.tables import open_account
from agent.adapters.vault import pem_of
from local.stage import Stage
from local.up import ROOT, World

AF = "@alderfinch.example"
AUDITOR = {"roles": ["Warrant.Auditor"]}


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    def facts(self) -> Any:
        assert self.code == 0, self.err + self.out
        return json.loads(self.out)

    def records(self) -> list[dict[str, Any]]:
        assert self.code == 0, self.err
        return [json.loads(line)["body"] for line in self.out.split("\n")[:-1]]


@dataclass(frozen=True)
class Terminal:
    """A shell of an auditor of the first organisation."""

    world: World
    stage: Stage
    folder: Path

    @property
    def tenant(self) -> str:
        return str(self.world.facts["tenants"][0]["id"])

    def audit(self, *arguments: str, who: str | None = None, **token: Any) -> Ran:
        """Run one command, signed in as somebody; without anybody it needs no sign-in."""
        signed_in = []
        if who is not None:
            file = self.folder / "token"
            file.touch(mode=0o600)
            at = "" if "@" in who else AF
            file.write_text(self.stage.token(who + at, **({"claims": AUDITOR} | token)))
            signed_in = ["--tenant", self.tenant, "--token-file", str(file)]
        return self.run(*arguments, *signed_in, environment=self.world.environment)

    def run(self, *arguments: str, environment: dict[str, str] | None = None) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "agent", "audit", *arguments],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def policy(self, what: str) -> Any:
        """What the policy store shows."""
        command = [sys.executable, "-m", "policy", "show", what, "--json", "--tenant", self.tenant]
        given = {**os.environ, **self.world.environment}
        done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, check=True)
        return json.loads(done.stdout)

    def public_key(self) -> str:
        """The tenant's public audit key as onboarding pinned it, in PEM."""
        own = self.world.environment["REGISTRY_ENDPOINT"]
        name = own.rstrip("/").rsplit("/", 1)[-1]
        secret = json.loads(self.world.environment["UNSAFE_STORAGE_KEYS"])[name]

        async def read() -> str:
            account = open_account(own, None, secret)
            try:
                found = await account.rows("Registry").get("tenant", self.tenant)
            finally:
                await account.close()
            assert found is not None
            return pem_of(json.loads(found["audit_key"]))

        return asyncio.run(read())

    def taken(self, *arguments: str) -> list[dict[str, Any]]:
        return self.audit("export", "--format", "ndjson", *arguments, who="helen.cho").records()
