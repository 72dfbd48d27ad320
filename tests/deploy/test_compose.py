"""deploy/compose.yaml: valid by the compose specification, and as closed as it says."""

from __future__ import annotations

import copy
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from ingestion.config import Settings
from tests.support.commands import problem_of
from tests.support.dockerfile import ROOT

PATH = ROOT / "deploy" / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("prefect", "worker", "scorer", "metrics")


def problems(compose: dict[str, Any]) -> list[str]:
    schema = get_builtin_schema("vendor.compose-spec")
    validator = jsonschema.validators.validator_for(schema)(schema)
    return [error.message for error in validator.iter_errors(compose)]


def test_it_is_valid_by_the_compose_specification() -> None:
    assert problems(COMPOSE) == []


def test_the_specification_would_find_a_mistake() -> None:
    wrong = copy.deepcopy(COMPOSE)
    wrong["services"]["worker"]["restarts"] = "always"
    assert any("restarts" in message for message in problems(wrong))


def test_the_services_of_the_whole_are_there() -> None:
    assert set(SERVICES) == {*OURS, "mysql", "prometheus", "grafana", "backup"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_pinned_limited_watched_and_restarted(name: str) -> None:
    service = SERVICES[name]
    if name in OURS:
        assert service["image"] == "crypto-feature-warehouse:${CFW_VERSION:-0.1.0}"
    else:
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", service["image"])
    limits = service["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert re.fullmatch(r"\d+[MG]", limits["memory"])
    assert service["healthcheck"].get("test") or name == "backup"
    assert service["restart"] == ("no" if name == "backup" else "unless-stopped")
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"mysql"}))
def test_all_but_the_server_run_without_rights_on_a_read_only_root(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not {"privileged", "network_mode", "pid", "cap_add", "devices"} & set(service)


def test_every_port_is_on_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == 5
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_who_waits_for_whom() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}, name
            assert SERVICES[other]["healthcheck"]["test"]
    assert set(SERVICES["worker"]["depends_on"]) == {"mysql", "prefect"}
    assert set(SERVICES["prometheus"]["depends_on"]) == {"metrics"}


@pytest.mark.parametrize("name", ["worker", "scorer", "metrics"])
def test_commands_are_those_of_the_program(name: str) -> None:
    assert problem_of(["cfw", *SERVICES[name]["command"]]) is None


@pytest.mark.parametrize("name", OURS)
def test_health_checks_are_those_of_the_program(name: str) -> None:
    check = SERVICES[name]["healthcheck"]["test"]
    assert check[0] == "CMD"
    assert problem_of(check[1:]) is None
    if "--url" in check:
        port = re.search(r"127\.0\.0\.1:(\d+)/", check[check.index("--url") + 1])
        assert port is not None
        words = " ".join(map(str, [*service_words(name), "9108" if name == "scorer" else ""]))
        assert port[1] in words


def service_words(name: str) -> list[str]:
    service = SERVICES[name]
    return [*service.get("entrypoint", ()), *service.get("command", ())]


def test_no_secret_stands_in_the_file() -> None:
    text = PATH.read_text(encoding="utf-8")
    assert not re.search(r"mysql://[^/\s]*:[^$\s]+@", text)
    for name, service in SERVICES.items():
        for key, value in (service.get("environment") or {}).items():
            is_secret = re.search(r"PASSWORD|SECRET|TOKEN|API_KEY", key)
            by_file = key.endswith(("_FILE", "CFW_SECRETS_DIR"))
            assert not is_secret or by_file, f"{name}: {key}={value}"


def test_every_secret_of_a_service_is_a_setting_and_has_a_file(tmp_path: Path) -> None:
    made = subprocess.run(
        ["sh", str(ROOT / "deploy" / "make-secrets.sh")],
        env={"PATH": "/usr/bin:/bin", "CFW_SECRETS_DIR": str(tmp_path / "s")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "mysql_worker_password" in made.stdout
    files = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert files == {path.name for path in (tmp_path / "s").iterdir()}
    known = {f"CFW_{name.upper()}" for name in Settings.model_fields}
    for service in SERVICES.values():
        for secret in service.get("secrets", ()):
            name = secret if isinstance(secret, str) else secret["source"]
            assert name in COMPOSE["secrets"]
            if isinstance(secret, dict):
                assert secret["target"] in known


def test_least_privilege_each_service_has_its_own_user() -> None:
    def sources(name: str) -> set[str]:
        return {s["source"] for s in SERVICES[name]["secrets"] if isinstance(s, dict)}

    assert {name for name in sources("worker") if name.endswith("_url")} == {"worker_url"}
    assert sources("scorer") == {"loader_url"}
    assert sources("metrics") == {"monitor_url"}
    assert SERVICES["backup"]["secrets"] == ["mysql_backup_password"]
    for name in ("prefect", "prometheus"):
        assert "secrets" not in SERVICES[name]


def test_the_worker_leaves_torch_to_the_scorer() -> None:
    assert SERVICES["worker"]["environment"]["CFW_SCORE_MODELS"] == "vader"
    assert "CFW_SCORE_MODELS" not in SERVICES["scorer"]["environment"]
    for name in ("worker", "scorer", "metrics"):
        assert SERVICES[name]["environment"]["CFW_WAREHOUSE_URL"] == ""


def test_what_is_mounted_exists() -> None:
    for name, service in SERVICES.items():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert mount.endswith(":ro"), f"{name}: {mount}"
                assert (PATH.parent / source).exists(), f"{name}: {source}"
            else:
                assert source in COMPOSE["volumes"]


def test_git_ignores_the_secrets() -> None:
    done = subprocess.run(
        ["git", "check-ignore", "deploy/secrets/worker_url", ".env"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["deploy/secrets/worker_url", ".env"]
