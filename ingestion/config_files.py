"""Settings from files, one per value: how a container is given its secrets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, SecretsSettingsSource

from ingestion.errors import SettingsError

#: Names the folder; each file in it is named as its variable and holds the value.
FOLDER = "CFW_SECRETS_DIR"


class FilesSource(SecretsSettingsSource):
    """Values from the files of ``CFW_SECRETS_DIR``; an empty file counts as unset."""

    def __init__(self, settings: type[BaseSettings]) -> None:
        """Take the folder from the environment.

        Raises:
            SettingsError: the folder is not there.
        """
        folder = os.environ.get(FOLDER)
        if folder and not Path(folder).is_dir():
            msg = f"{FOLDER}={folder}: no such folder; mount it, or unset {FOLDER}"
            raise SettingsError(msg)
        super().__init__(settings, secrets_dir=folder or None)

    def __call__(self) -> dict[str, Any]:
        """Return the values that are set."""
        return {name: value for name, value in super().__call__().items() if value}
