"""Wires ingestion, scoring and dbt: Prefect flows and the command line."""

import os

# Read by Prefect and dbt when they start: nothing calls home.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
