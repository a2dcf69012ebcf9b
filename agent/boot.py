"""What a starting process needs: the routes by name, the checked settings; all else on first use.

The Functions host imports the app to index it, on every cold start. So this module and
`agent.settings` import nothing of ours but each other: models, adapters and SDKs are loaded by the
first call that needs them (tests/unit/test_boot.py looks at sys.modules).
"""

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agent.settings import Settings

if TYPE_CHECKING:
    from azure.functions import HttpRequest, HttpResponse

    from agent.activities import Activities
    from agent.channels.http import HttpApi
    from agent.wiring import Deployment

# name of the function, route below /api, method; the handlers stand in agent.channels.http
ROUTES = (
    ("create_request", "v1/requests", "POST"),
    ("list_requests", "v1/requests", "GET"),
    ("show_request", "v1/requests/{id}", "GET"),
    ("reply_to_request", "v1/requests/{id}/reply", "POST"),
    ("list_approvals", "v1/approvals", "GET"),
    ("decide_approval", "v1/requests/{id}/approvals", "POST"),
    ("list_tickets", "v1/tickets", "GET"),
    ("show_audit", "v1/audit", "GET"),
)


class Process:
    """The app of this process."""

    def __init__(self) -> None:
        # Durable payloads may name no classes to be built from: set before anything is decoded.
        os.environ["AZURE_FUNCTIONS_DURABLE_STRICT_TYPING"] = "1"  # noqa: TID251
        self.settings = Settings.of(os.environ)  # noqa: TID251 - the one place that reads it

    @cached_property
    def deployment(self) -> "Deployment":
        """Adapters and tenants."""
        from agent.wiring import Deployment, quiet

        quiet()
        return Deployment(self.settings)

    @cached_property
    def api(self) -> "HttpApi":
        """The HTTP face."""
        from agent.channels.http import HttpApi

        return HttpApi(self.deployment.door.validate, self.deployment.for_tenant)

    @cached_property
    def activities(self) -> "Activities":
        """The hops of a run."""
        from agent.activities import Activities

        return Activities(self.deployment.for_tenant)

    async def serve(self, name: str, req: "HttpRequest", client: Any) -> "HttpResponse":
        """Answer one HTTP call by the name of its function."""
        from agent.adapters.runs import DurableRuns
        from agent.channels.http import HANDLERS

        return await self.api.serve(req, DurableRuns(client), HANDLERS[name])

    async def health(self) -> "HttpResponse":
        """Answer whether this process can serve."""
        from agent.channels import health

        return await health.check(self.deployment.ready)

    async def activity(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """Carry out one activity by name."""
        done: dict[str, Any] = await getattr(self.activities, name)(given)
        return done

    async def purge(self, client: Any) -> int:
        """Forget finished histories; they hold ids only, and even those not for ever."""
        from agent.adapters.runs import KEPT, DurableRuns

        return await DurableRuns(client).purge(self.deployment.clock.now() - KEPT)

    async def reconcile(self) -> None:
        """Set every tenant's trail against Microsoft's own log of it."""
        from agent.reconcile import reconcile_each
        from agent.values import TenantId

        served = [TenantId(r.id) for r in await self.deployment.registry().every() if r.enabled]
        application = self.settings.api_client_id
        await reconcile_each(served, self.deployment.for_tenant, application)

    async def checkpoint(self) -> int:
        """Sign what is due of every tenant's trail; return how many checkpoints that made."""
        return await self.deployment.checkpoint_all()

    def run(self, context: Any) -> Any:
        """Return the run of one request, as a generator."""
        from agent import workflow

        return workflow.run(context)
