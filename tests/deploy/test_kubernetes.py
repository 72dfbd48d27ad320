"""The manifests: valid against the API, within the quota, nothing looser than they say."""

from __future__ import annotations

import base64
import os
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.support.commands import problem_of
from tests.support.dockerfile import ROOT
from tests.support.kustomize import Document, documents, identity, pods, real_render, render

FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("local", "production")
#: The oldest and the newest version of the API that the manifests are held against.
VERSIONS = ("1.29", "1.37")
#: What the collectors of the project before this one were given.
QUOTA = {"cpu": Decimal(2), "memory": Decimal(2 * 10**9)}
_UNITS = {"m": Decimal("0.001"), "M": Decimal(10**6), "G": Decimal(10**9)}
_UNITS |= {"Mi": Decimal(2**20), "Gi": Decimal(2**30)}


def amount(text: Any) -> Decimal:
    """Return a Kubernetes quantity as a number."""
    for unit in sorted(_UNITS, key=len, reverse=True):
        if str(text).endswith(unit):
            return Decimal(str(text).removesuffix(unit)) * _UNITS[unit]
    return Decimal(str(text))


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> list[Document]:
    return render(FOLDER / "overlays" / request.param)


def of_kind(found: list[Document], *kinds: str) -> list[Document]:
    return [document for document in found if document["kind"] in kinds]


def containers(found: list[Document]) -> list[tuple[Document, Document]]:
    return [(p, c) for d in found for p in pods(d) for c in p["spec"]["containers"]]


def test_quantities_are_read_as_kubernetes_reads_them() -> None:
    given = ("250m", "2", "1300M", "2G", "512Mi", "1Gi")
    assert [amount(text) for text in given] == [
        *(Decimal("0.25"), Decimal(2), Decimal(1_300_000_000)),
        *(Decimal(2_000_000_000), Decimal(536_870_912), Decimal(1_073_741_824)),
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_is_valid_and_has_no_unknown_field(
    overlay: list[Document], version: str
) -> None:
    assert len(overlay) > 20
    for document in [*overlay, *documents((FOLDER / "secrets.example.yaml").read_text())]:
        kubernetes_validate.validate(document, version, strict=True)


def test_the_schemas_would_find_a_mistake() -> None:
    [wrong] = [d for d in render(FOLDER / "base") if identity(d) == ("Deployment", "cfw-worker")]
    wrong["spec"]["replica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_overlays_are_what_kustomize_makes_of_them(name: str) -> None:
    """Where kustomize is not installed, that they can be resolved at all."""
    ours = render(FOLDER / "overlays" / name)
    theirs = real_render(FOLDER / "overlays" / name)
    assert len({identity(document) for document in ours}) == len(ours)
    if theirs is not None:
        assert sorted(ours, key=identity) == sorted(theirs, key=identity)


def test_collectors_keep_within_their_quota(overlay: list[Document]) -> None:
    total = {"cpu": Decimal(0), "memory": Decimal(0)}
    for pod, container in containers(overlay):
        is_collector = pod["metadata"]["labels"]["app.kubernetes.io/component"] == "collector"
        assert is_collector == (pod["spec"].get("priorityClassName") == "cfw-collector")
        if is_collector:
            for name in total:
                total[name] += amount(container["resources"]["limits"][name])
    assert 0 < total["cpu"] <= QUOTA["cpu"]
    assert 0 < total["memory"] <= QUOTA["memory"]
    [quota] = [d for d in overlay if identity(d) == ("ResourceQuota", "cfw-collectors")]
    hard = quota["spec"]["hard"]
    assert {name: amount(hard[f"limits.{name}"]) for name in QUOTA} == QUOTA
    [scope] = quota["spec"]["scopeSelector"]["matchExpressions"]
    assert scope["values"] == ["cfw-collector"]


def test_all_pods_fit_into_the_namespace(overlay: list[Document]) -> None:
    [quota] = [d for d in overlay if identity(d) == ("ResourceQuota", "cfw-all")]
    for name in ("cpu", "memory"):
        used = sum(amount(c["resources"]["limits"][name]) for _, c in containers(overlay))
        assert used <= amount(quota["spec"]["hard"][f"limits.{name}"])
    claims = of_kind(overlay, "PersistentVolumeClaim")
    templates = [d["spec"].get("volumeClaimTemplates", []) for d in of_kind(overlay, "StatefulSet")]
    assert len(claims) + sum(map(len, templates)) <= int(
        quota["spec"]["hard"]["persistentvolumeclaims"]
    )


def test_every_container_is_restrained(overlay: list[Document]) -> None:
    for pod, container in containers(overlay):
        spec, own = pod["spec"], container["securityContext"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert own["readOnlyRootFilesystem"] is True
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert not [v for v in spec["volumes"] if "hostPath" in v]
        resources = container["resources"]
        for name in ("cpu", "memory"):
            assert amount(resources["requests"][name]) <= amount(resources["limits"][name])
        assert ":latest" not in container["image"]
        if not container["image"].split(":")[0].endswith("crypto-feature-warehouse"):
            assert "@sha256:" in container["image"]
    [account] = of_kind(overlay, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False


def test_every_volume_that_is_mounted_exists_and_tmp_is_one_of_them(
    overlay: list[Document],
) -> None:
    names = {identity(document) for document in overlay}
    secrets = {identity(d)[1] for d in documents((FOLDER / "secrets.example.yaml").read_text())}
    for pod, container in containers(overlay):
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        templates = {"data"} if container["name"] == "mysql" else set()
        assert set(mounts.values()) <= set(volumes) | templates
        assert "/tmp" in mounts  # noqa: S108
        for volume in volumes.values():
            if "secret" in volume:
                assert volume["secret"]["secretName"] in secrets
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", claim) in names
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"]
        for source in container.get("envFrom", ()):
            assert ("ConfigMap", source["configMapRef"]["name"]) in names


def test_services_budgets_and_policies_select_pods_that_exist(overlay: list[Document]) -> None:
    labels = [pod["metadata"]["labels"] for document in overlay for pod in pods(document)]

    def selects(wanted: dict[str, str]) -> bool:
        return any(wanted.items() <= found.items() for found in labels)

    for document in of_kind(overlay, "Service"):
        assert selects(document["spec"]["selector"]), identity(document)
    for document in of_kind(overlay, "PodDisruptionBudget"):
        assert selects(document["spec"]["selector"]["matchLabels"]), identity(document)
    for document in of_kind(overlay, "NetworkPolicy"):
        spec = document["spec"]
        peers = [p for rule in spec.get("egress", []) for p in rule.get("to", [])]
        peers += [p for rule in spec.get("ingress", []) for p in rule.get("from", [])]
        chosen = [spec["podSelector"], *(p["podSelector"] for p in peers if "podSelector" in p)]
        for selector in chosen:
            assert not selector or selects(selector["matchLabels"]), identity(document)


def test_nothing_is_open_unless_a_policy_says_so(overlay: list[Document]) -> None:
    policies = {d["metadata"]["name"]: d["spec"] for d in of_kind(overlay, "NetworkPolicy")}
    assert policies["cfw-nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    server = policies["cfw-server"]["egress"]
    assert all(rule["to"] for rule in server), "each overlay says where its server is"
    [outside] = policies["cfw-providers"]["egress"]
    assert [port["port"] for port in outside["ports"]] == [443]


def test_every_command_is_one_of_the_program(overlay: list[Document]) -> None:
    seen = set()
    for pod, container in containers(overlay):
        if not container["image"].split(":")[0].endswith("crypto-feature-warehouse"):
            continue
        if "args" in container:
            words = ["cfw", *map(str, container["args"])]
            seen.add(words[1])
            assert problem_of(words) is None
        for name in ("startupProbe", "livenessProbe", "readinessProbe"):
            if "Job" not in str(pod["spec"].get("restartPolicy")) and name in container:
                probe = container[name]
                if "exec" in probe:
                    assert problem_of(list(map(str, probe["exec"]["command"]))) is None
                else:
                    ports = {port["name"] for port in container["ports"]}
                    assert probe["httpGet"]["port"] in ports
    assert seen == {"serve", "score", "metrics", "transform"}


def test_what_stays_has_probes_and_what_ends_has_limits(overlay: list[Document]) -> None:
    for document in of_kind(overlay, "Deployment", "StatefulSet"):
        for container in pods(document)[0]["spec"]["containers"]:
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)
    for document in of_kind(overlay, "CronJob"):
        spec = document["spec"]
        assert spec["concurrencyPolicy"] == "Forbid"
        assert spec["timeZone"] == "Etc/UTC"
        assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0


def test_no_secret_is_in_the_repository() -> None:
    for path in (FOLDER / "secrets.example.yaml", ROOT / "deploy" / "mysql" / "users.sql"):
        text = path.read_text(encoding="utf-8")
        assert "CHANGE_ME" in text
    for document in documents((FOLDER / "secrets.example.yaml").read_text()):
        assert all("CHANGE_ME" in value for value in document["stringData"].values())
    for name in OVERLAYS:
        assert not of_kind(render(FOLDER / "overlays" / name), "Secret")


def test_the_secrets_are_made_as_the_template_says(tmp_path: Path) -> None:
    environment = {**os.environ, "CFW_SECRETS_DIR": str(tmp_path / "s")}

    def script(name: str, *words: str) -> str:
        command = ["sh", str(ROOT / "deploy" / name), *words]
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout

    script("make-secrets.sh", "db.example.com:3307")
    first = script("kubernetes/make-secrets.sh")
    script("make-secrets.sh", "another:1")
    assert script("kubernetes/make-secrets.sh") == first, "a secret that is there stays"
    made = {identity(d): d["data"] for d in documents(first)}
    template = documents((FOLDER / "secrets.example.yaml").read_text())
    assert {name: set(data) for name, data in made.items()} == {
        identity(d): set(d["stringData"]) for d in template
    }
    for document in documents(first):
        kubernetes_validate.validate(document, VERSIONS[-1], strict=True)
    url = base64.b64decode(made["Secret", "cfw-worker"]["CFW_WAREHOUSE_URL"]).decode()
    password = (tmp_path / "s" / "mysql_worker_password").read_text()
    assert url == f"mysql://cfw_worker:{password}@db.example.com:3307"
    assert len(password) == 48
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0


def test_yaml_of_the_folder_is_used() -> None:
    """A manifest that no kustomization names would rot."""
    for folder in (FOLDER / "base", *((FOLDER / "overlays" / name) for name in OVERLAYS)):
        plan = yaml.safe_load((folder / "kustomization.yaml").read_text())
        named = {*plan["resources"], *(patch["path"] for patch in plan.get("patches", ()))}
        assert {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"} <= named
