"""`make docs`: the feature catalogue's page, and dbt's site with the lineage as one file.

The site describes the warehouse of the settings; where there is none yet, the demo's.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from flows import catalogue
from flows.dbt import run_dbt, target_folder
from flows.demo import DEMO_PATH, run_demo
from ingestion.config import Settings
from ingestion.engine import duckdb_path

SITE = Path("docs/index.html")


def build_site(settings: Settings) -> Path:
    """Write dbt's docs of a built warehouse as one page without other files; return its path.

    Raises:
        TransformError: dbt could not read the project or the warehouse.
    """
    run_dbt(settings, ["docs", "generate", "--static"])
    page = settings.data_dir.absolute() / SITE
    page.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(target_folder(settings) / "static_index.html", page)
    return page


def main() -> None:
    """Write both."""
    catalogue.main()
    settings = Settings()
    if not settings.is_server and not duckdb_path(settings.warehouse_url).exists():
        if not DEMO_PATH.exists():
            sys.stderr.write("no warehouse yet: building the demo's for the site\n")
            run_demo()
        settings = Settings(warehouse_url=f"duckdb:///{DEMO_PATH}")
    sys.stdout.write(f"{build_site(settings)}: open it in a browser\n")


if __name__ == "__main__":
    main()
