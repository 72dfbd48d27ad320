"""The container image without Docker: what it declares, and its commands under its conditions."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox
from tests.support.dockerfile import ROOT, Container, build, runtime_packages, stages
from tests.support.ports import free_port

pytestmark = pytest.mark.xdist_group("image")

TEXT = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
#: What a developer needs and an operator does not.
DEVELOPMENT = {
    *("pytest", "pytest-xdist", "hypothesis", "mypy", "ruff", "sqlfluff", "ta-lib"),
    *("sqlfluff-templater-dbt", "kubernetes-validate", "check-jsonschema", "pip"),
}


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    """The image's last stage as folders; not below pytest's own, which nobody else may enter."""
    root = Path(tempfile.mkdtemp(prefix="cfw-image-"))
    yield build(root)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(generate_sample()) as running:
        yield running


@pytest.fixture(scope="module")
def settings(sandbox: RunningSandbox) -> dict[str, str]:
    start = sandbox.state.now - timedelta(days=3)
    return {
        **sandbox.env(),
        "CFW_SYMBOLS": "BTC,ETH",
        "CFW_HISTORY_START": start.isoformat(),
        "CFW_SCORE_MODELS": "vader",
    }


def test_every_stage_starts_from_one_image_pinned_by_tag_and_digest() -> None:
    bases = {stage.base for stage in stages(TEXT)}
    assert len(bases) == 1
    tag, _, digest = bases.pop().partition("@sha256:")
    assert tag.startswith("python:3.11.")
    assert len(digest) == 64
    assert int(digest, 16)


def test_the_image_declares_how_it_wants_to_run() -> None:
    last = stages(TEXT)[-1]
    user, group = last.last("USER").split(":")
    assert min(int(user), int(group)) >= 10000
    assert {"title", "description", "licenses", "version", "revision", "created"} == {
        name.removeprefix("org.opencontainers.image.") for name in last.pairs("LABEL")
    }
    assert not last.all("ADD")
    assert last.last("VOLUME") == '["/data", "/models"]'
    assert last.last("STOPSIGNAL") == "SIGTERM"
    written = {"CFW_DATA_DIR", "PREFECT_HOME", "CFW_HF_HOME", "HF_HOME", "HOME", "TMPDIR"}
    environment = last.pairs("ENV")
    assert all(environment[name].startswith(("/data", "/models", "/tmp")) for name in written)  # noqa: S108
    words = ("password", "secret", "token", "api_key")
    assert not [name for name in environment if any(word in name.lower() for word in words)]


def test_no_development_tool_is_installed() -> None:
    packages = runtime_packages(ROOT / "requirements.in")
    assert not DEVELOPMENT & packages
    assert {"dbt-core", "dbt-mysql", "dlt", "prefect", "torch", "typer"} <= packages


def test_every_package_of_the_image_is_pinned() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lock if "==" in line}
    assert runtime_packages(ROOT / "requirements.in") <= {name.replace(".", "-") for name in pinned}


def test_nothing_but_the_program_is_copied(container: Container) -> None:
    assert {path.name for path in container.path("/app").iterdir()} == {
        *("LICENSE", "profiles.yml", "dbt_project", "ingestion", "scoring", "flows"),
    }
    names = {path.name for path in container.path("/app").rglob("*")}
    assert not {"secrets", ".env", "target", "__pycache__"} & names


def test_entrypoint_and_command_start(container: Container) -> None:
    done = container.run([*container.entrypoint, *container.command])
    assert done.returncode == 0, done.stderr
    assert "Usage: cfw" in done.stdout


def test_a_run_writes_to_the_volumes_alone(container: Container, settings: dict[str, str]) -> None:
    before = container.fixed_files()
    for command in (
        ["ingest", "prices"],
        ["score"],
        ["transform", "--select", "assets", "--select", "stg_prices__bars"],
    ):
        done = container.run([*container.entrypoint, *command], settings, timeout=600)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    assert container.fixed_files() == before
    assert container.path("/data/warehouse.duckdb").is_file()
    tables = container.run([*container.entrypoint, "tables"], settings)
    assert "stg_prices__bars" in tables.stdout
    good = container.run(container.healthcheck, settings)
    assert (good.returncode, good.stdout) == (0, "ok\n"), good.stderr


def test_the_user_of_the_image_cannot_write_elsewhere(container: Container) -> None:
    if os.geteuid() != 0:
        container.path("/app").chmod(0o555)
    done = container.run(["python", "-c", f"open({str(container.path('/app/x'))!r}, 'w')"])
    assert done.returncode != 0
    assert "Permission denied" in done.stderr


def test_the_health_check_says_what_is_wrong(container: Container) -> None:
    url = "mysql://cfw_worker:hunter2@127.0.0.1:1"
    down = container.run(container.healthcheck, {"CFW_WAREHOUSE_URL": url})
    assert down.returncode == 1
    assert "the warehouse does not answer: server cfw_worker@127.0.0.1:1" in down.stderr
    assert "hunter2" not in down.stderr
    no_folder = container.run(
        container.healthcheck, {"CFW_DATA_DIR": str(container.path("/app/d"))}
    )
    assert no_folder.returncode == 1
    assert "cannot be written" in no_folder.stderr
    wrong = container.run(container.healthcheck, {"CFW_SCHEMA_PREFIX": "No-Good"})
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("error: CFW_SCHEMA_PREFIX: must be")


def test_the_prefect_server_of_the_compose_file_runs_in_the_image(container: Container) -> None:
    """Its own check answers, and turns bad when the server has ended."""
    service = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["prefect"]
    port = str(free_port())
    command = [word.replace("4200", port) for word in service["entrypoint"]]
    check = [word.replace("4200", port) for word in service["healthcheck"]["test"][1:]]
    process = subprocess.Popen(
        container.arguments(command),
        env=container.environment(),
        cwd=container.path("/"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while (done := container.run(check)).returncode != 0:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, done.stderr
            time.sleep(1)
        with urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            assert b"<html" in page.read().lower(), "the user interface is served too"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
    assert container.run(check).returncode == 1
