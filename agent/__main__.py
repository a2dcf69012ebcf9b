"""`python3 -m agent`: the product on the command line. `audit` reads and signs the trail.

Nothing of Azure is loaded for a command that reaches no tenant.
"""

import sys
from typing import TYPE_CHECKING

from agent.cli_audit import main

if TYPE_CHECKING:
    from agent.audit_desk import AuditDesk


def _open_desk(tenant: str, token_file: str | None) -> "AuditDesk":
    from agent.audit_desk import AuditDesk

    return AuditDesk(tenant, token_file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], _open_desk))
