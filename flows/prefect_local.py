"""Prefect for one run on one machine: a temporary server in the warehouse's own folder.

Import this before ``prefect``. Where PREFECT_API_URL names a server, that one is used and nothing
here applies to it.
"""

from __future__ import annotations

import os
from pathlib import Path

#: Services of a temporary server that a single run does not need.
_UNUSED = ("SCHEDULER", "LATE_RUNS", "PAUSE_EXPIRATIONS", "FOREMAN", "TRIGGERS", "DB_VACUUM")


def use_local_server(data_dir: Path) -> None:
    """Point Prefect's defaults at ``data_dir``; settings the user made stay as they are."""
    home = data_dir.absolute() / "prefect"
    # Prefect does not create the folders above its own.
    home.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PREFECT_HOME", str(home))
    # The first start creates the server's database; a busy machine needs more than 20 s.
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    if "PREFECT_API_URL" not in os.environ:
        # The command line prints each failure as one line; Prefect would add its tracebacks.
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
        os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
        # Libraries inside the temporary server: one that is told to end cancels its connections.
        os.environ.setdefault("PREFECT_LOGGING_ROOT_LEVEL", "CRITICAL")
        for service in _UNUSED:
            os.environ.setdefault(f"PREFECT_SERVER_SERVICES_{service}_ENABLED", "false")
