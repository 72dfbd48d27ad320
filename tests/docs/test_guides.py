"""Every command of README and guides is run, or, where it needs more than a test has, checked."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox
from tests.support.commands import problem_of
from tests.support.dockerfile import ROOT
from tests.support.guides import (
    Block,
    bare_fences,
    blocks,
    inline_commands,
    pages,
    problems,
    simple_commands,
)

pytestmark = pytest.mark.xdist_group("guides")

NAMES = [str(page.relative_to(ROOT)) for page in pages()]
RUN = [
    name
    for name in NAMES
    if name != "README.md" and any(not block.needs for block in blocks(ROOT / name))
]


@dataclass
class Project:
    """A copy of the working tree in which commands are run."""

    folder: Path
    environment: dict[str, str]

    def run(self, found: list[Block], timeout: float = 900) -> None:
        """Run the blocks of a page in one shell, one after the other; fail at the first error."""
        lines = ["set -euo pipefail"]
        for block in found:
            lines += [f"echo '== {block.place}'", block.text]
        process = subprocess.Popen(
            ["bash", "-c", "\n".join(lines)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
        assert process.returncode == 0, output[-3000:]
        assert "Traceback" not in output, output[-3000:]


def tracked_files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [name for name in names if not name.startswith(".venv")]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(generate_sample()) as running:
        yield running


@pytest.fixture(scope="module")
def readme(tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox) -> Project:
    """The working tree, copied, after every command of the README was run in it."""
    folder = tmp_path_factory.mktemp("guides") / "project"
    for name in tracked_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    # Older than any environment, so that `make` does not install packages anew.
    for name in ("requirements.lock", "pyproject.toml"):
        os.utime(folder / name, (0, 0))
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("CFW_", "PREFECT_"))}
    project = Project(
        folder,
        {
            **outside,
            **sandbox.env(),
            "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
            "PATH": os.pathsep.join([str(folder / ".venv" / "bin"), os.environ["PATH"]]),
            "CFW_SYMBOLS": "BTC,ETH",
            "CFW_SCORE_MODELS": "vader",
            "CFW_HTTP_BACKOFF_SECONDS": "0",
            "CFW_SECRETS_DIR": "",
        },
    )
    project.run([block for block in blocks(ROOT / "README.md") if not block.needs], timeout=1500)
    project.environment["CFW_WAREHOUSE_URL"] = "duckdb:///data/demo.duckdb"
    return project


def test_the_readme_can_be_followed_word_for_word(readme: Project) -> None:
    assert (readme.folder / "data" / "demo.duckdb").is_file()


@pytest.mark.parametrize("name", RUN)
def test_the_commands_of_a_guide_run(name: str, readme: Project, tmp_path: Path) -> None:
    """Each in a copy of its own, with the warehouse that the README built."""
    copy = tmp_path / "project"
    shutil.copytree(readme.folder, copy, symlinks=True)
    path = readme.environment["PATH"].replace(str(readme.folder), str(copy))
    python_path = readme.environment["PYTHONPATH"].replace(str(readme.folder), str(copy))
    environment = {**readme.environment, "PATH": path, "PYTHONPATH": python_path}
    project = Project(copy, environment)
    project.run([block for block in blocks(ROOT / name) if not block.needs])


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_that_are_not_run_are_right_by_name(name: str) -> None:
    found = [line for block in blocks(ROOT / name) if block.needs for line in problems(block)]
    assert found == []


@pytest.mark.parametrize("name", NAMES)
def test_every_fence_says_what_it_holds(name: str) -> None:
    assert bare_fences(ROOT / name) == []


@pytest.mark.parametrize("name", NAMES)
def test_commands_in_the_text_are_those_of_the_program(name: str) -> None:
    """`cfw coverage --by day`: the words up to the first that is no plain word or option."""
    for span in inline_commands(ROOT / name):
        words = re.split(r"[^\w\s=:./,-]|\.\.\.", span)[0].split()
        problem = problem_of(words) or ""
        assert "No such" not in problem, f"{name}: `{span}`: {problem}"


def test_links_between_the_guides_lead_somewhere() -> None:
    for name in NAMES:
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#[^)]*)?\)", text):
            assert not target or (ROOT / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_anchors_between_the_guides_are_headings() -> None:
    for name in NAMES:
        text = (ROOT / name).read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)]+)\)", text):
            page = (ROOT / name).parent / target if target else ROOT / name
            headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
            known = {re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings}
            assert anchor in known, f"{name}: {target}#{anchor}"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("cfw stauts", "No such command"),
        ("cfw status --jsn", "No such option"),
        ("CFW_X=1 .venv/bin/cfw ingest prices | cat", "cat is no program"),
        ("docker compose -f deploy/compose.yaml up wroker", "no service wroker"),
        ("docker compose -f deploy/compose.yaml exec worker cfw stats", "No such command"),
        ("docker compose -f deploy/compose.yaml run --rm scorer models pul x", "No such command"),
        ("kubectl apply -k deploy/kubernetes/overlays/nowhere", "is not there"),
        ("kubectl exec deployment/cfw-nobody -- cfw status", "no deployment/cfw-nobody"),
        ("kubectl -n x exec deployment/cfw-worker -- cfw stats", "No such command"),
        ("sh deploy/no-such.sh", "is not there"),
        ("make nothing", "no target nothing"),
        ("python -m bench.nothing", "no module"),
    ],
)
def test_the_check_finds_what_is_wrong(text: str, part: str) -> None:
    found = problems(Block(ROOT / "README.md", 1, "server", text))
    assert len(found) == 1
    assert part in found[0]


def test_a_shell_text_is_taken_apart() -> None:
    text = "A=1 cfw run && cfw score  # why\nB=2 gunzip < x.gz | mysql -u 'a b' \\\n  -p &"
    assert list(simple_commands(text)) == [
        ["cfw", "run"],
        ["cfw", "score"],
        ["gunzip", "<", "x.gz"],
        ["mysql", "-u", "a b", "-p"],
    ]
