"""Settings from files: how containers get their secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.config import Settings
from ingestion.errors import SettingsError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CFW_SECRETS_DIR", str(tmp_path))
    return tmp_path


def test_a_file_is_a_setting_and_its_value_stays_secret(folder: Path) -> None:
    (folder / "CFW_WAREHOUSE_URL").write_text("mysql://u:hunter2@h:3306\n", encoding="utf-8")
    (folder / "CFW_FRED_API_KEY").write_text("f" * 32, encoding="utf-8")
    settings = Settings()
    assert settings.warehouse_url == "mysql://u:hunter2@h:3306"
    assert settings.fred_api_key is not None
    assert set(settings.secrets()) == {"hunter2", "f" * 32}
    assert "hunter2" not in f"{settings!r} {settings}"


def test_the_environment_wins_and_an_empty_value_counts_as_unset(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "CFW_SCHEMA_PREFIX").write_text("filed", encoding="utf-8")
    (folder / "CFW_FRED_API_KEY").write_text("\n", encoding="utf-8")
    monkeypatch.setenv("CFW_SCHEMA_PREFIX", "")
    assert Settings().schema_prefix == "filed"
    assert Settings().fred_api_key is None
    monkeypatch.setenv("CFW_SCHEMA_PREFIX", "set")
    assert Settings().schema_prefix == "set"
    assert Settings(schema_prefix="given").schema_prefix == "given"


def test_files_are_links_as_kubernetes_mounts_them(folder: Path) -> None:
    (folder / "..2026").mkdir()
    (folder / "..2026" / "CFW_SCHEMA_PREFIX").write_text("linked", encoding="utf-8")
    (folder / "..data").symlink_to("..2026")
    (folder / "CFW_SCHEMA_PREFIX").symlink_to("..data/CFW_SCHEMA_PREFIX")
    assert Settings().schema_prefix == "linked"


def test_a_folder_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFW_SECRETS_DIR", "/no/such/folder")
    with pytest.raises(SettingsError, match="CFW_SECRETS_DIR=/no/such/folder: no such folder"):
        Settings()
