"""What `kustomize build` makes of the folders in deploy/kubernetes/, for machines without it.

Only the features that these folders use are known; any other is an error. The one difference: names
of generated ConfigMaps stay without their hash. Where kubectl or kustomize is installed, a test
holds this against the real one.
"""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
_KNOWN = {
    *("apiVersion", "kind", "namespace", "labels", "resources", "images", "patches"),
    "configMapGenerator",
}
_CLUSTER_WIDE = {"Namespace", "PriorityClass"}
#: Lists whose items are merged by a key, as the API declares it; other lists are replaced.
_MERGE_KEYS = {"containers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath"}
_HASH = re.compile(r"-[a-z0-9]{10}$")


def render(folder: Path) -> list[Document]:
    """Return the documents of a folder with a kustomization.yaml.

    Raises:
        ValueError: a feature that is not known here, a file that is not there, or a patch that
            meets no document.
    """
    plan = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    if unknown := set(plan) - _KNOWN:
        msg = f"{folder}: {', '.join(sorted(unknown))} not known here"
        raise ValueError(msg)
    found: list[Document] = []
    for name in plan.get("resources", ()):
        path = (folder / name).resolve()
        if path.is_dir():
            found += render(path)
        elif path.is_relative_to(folder.resolve()):
            found += documents(path.read_text(encoding="utf-8"))
        else:
            msg = f"{folder}: {name} lies outside, which kustomize refuses"
            raise ValueError(msg)
    for generator in plan.get("configMapGenerator", ()):
        _generate(generator, folder, found)
    for patch in plan.get("patches", ()):
        for change in documents((folder / patch["path"]).read_text(encoding="utf-8")):
            _merge(_target(found, change), change)
    for document in found:
        _finish(document, plan)
    return found


def documents(text: str) -> list[Document]:
    """Return the documents of a YAML text."""
    return [document for document in yaml.safe_load_all(text) if document]


def real_render(folder: Path) -> list[Document] | None:
    """Return what the installed kustomize makes of it, hashes taken off; None without one."""
    for command in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if shutil.which(command[0]) is None:
            continue
        done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ValueError(done.stderr)
        names = {
            document["metadata"]["name"]
            for document in documents(done.stdout)
            if document["kind"] == "ConfigMap"
        }
        text = done.stdout
        for name in names:
            text = text.replace(name, _HASH.sub("", name))
        return documents(text)
    return None


def identity(document: Document) -> tuple[str, str]:
    """Return what names a document within one namespace."""
    return document["kind"], document["metadata"]["name"]


def _generate(generator: Document, folder: Path, found: list[Document]) -> None:
    data = dict(line.split("=", 1) for line in generator.get("literals", ()))
    for name in generator.get("files", ()):
        data[name] = (folder / name).read_text(encoding="utf-8")
    made = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": generator["name"]},
        "data": data,
    }
    if generator.get("behavior") == "merge":
        _target(found, made)["data"].update(data)
    else:
        found.append(made)


def _target(found: list[Document], change: Document) -> Document:
    same = [document for document in found if identity(document) == identity(change)]
    if len(same) != 1:
        msg = f"patch of {identity(change)}: {len(same)} documents of that name"
        raise ValueError(msg)
    return same[0]


def _merge(old: Document, change: Document) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            _merge(old[key], value)
        elif key in _MERGE_KEYS and isinstance(old.get(key), list):
            for item in value:
                same = [o for o in old[key] if o[_MERGE_KEYS[key]] == item[_MERGE_KEYS[key]]]
                _merge(same[0], item) if same else old[key].append(item)
        else:
            old[key] = copy.deepcopy(value)


def _finish(document: Document, plan: Document) -> None:
    metadata = document["metadata"]
    if plan.get("namespace") and document["kind"] not in _CLUSTER_WIDE:
        metadata["namespace"] = plan["namespace"]
    for group in plan.get("labels", ()):
        metadata.setdefault("labels", {}).update(group["pairs"])
    for pod in pods(document):
        for container in pod["spec"]["containers"]:
            for image in plan.get("images", ()):
                if re.split(r"[:@]", container["image"])[0] == image["name"]:
                    name = image.get("newName", image["name"])
                    container["image"] = f"{name}:{image['newTag']}"


def pods(document: Document) -> list[Document]:
    """Return the pod templates of a document."""
    spec = document.get("spec", {})
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return [spec["template"]] if "template" in spec else []
