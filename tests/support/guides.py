"""The commands of README and guides: those that can be run, and those that can only be checked.

A fence's info string says which: ``sh``, ``bash`` or ``console`` alone is run; one more word says
what it would need, and the block is checked by its names.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

from tests.support.commands import problem_of
from tests.support.dockerfile import ROOT
from tests.support.kustomize import identity, render

SHELLS = ("sh", "bash", "console")
#: What a block may need that a test has not: a container engine, a cluster, ...
NEEDS = ("docker", "kubectl", "server", "root", "network", "data", "slow", "stays")
#: Programs that the checked blocks may name.
_PROGRAMS = {
    *("mysql", "mysqldump", "mariadb", "mariadb-dump", "gzip", "gunzip", "sleep", "timedatectl"),
    *(
        "export",
        "eval",
        "kind",
        "docker",
        "kubectl",
        "make",
        "sh",
        "bash",
        "cfw",
        "python",
        "prefect",
    ),
}
_FENCE = re.compile(r"^( *)```(\w+)[ \t]*([^\n]*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(cfw [a-z][^`]*)`")
_ASSIGNED = re.compile(r"^\w+=")


@dataclass(frozen=True)
class Block:
    """A fenced block of commands.

    Attributes:
        line: where it begins in its page.
        needs: what it would need to be run; empty if it is run.
        text: the commands, unindented.
    """

    page: Path
    line: int
    needs: str
    text: str

    @property
    def place(self) -> str:
        """Where it stands, for a reader."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return README and every guide."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Return the shell blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        indent, language, needs, body = match.groups()
        if language in SHELLS:
            lines = [line.removeprefix(indent) for line in body.splitlines()]
            if language == "console":
                lines = [line[2:] for line in lines if line.startswith("$ ")]
            number = text[: match.start()].count("\n") + 1
            found.append(Block(page, number, needs.strip(), "\n".join(lines)))
    return found


def bare_fences(page: Path) -> list[int]:
    """Return the lines of fences that open without saying what they hold."""
    found, is_open = [], False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip().startswith("```"):
            if not is_open and line.strip() == "```":
                found.append(number)
            is_open = not is_open
    return found


def inline_commands(page: Path) -> Iterator[str]:
    """Yield the `cfw ...` code spans of a page."""
    yield from _INLINE.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))


def simple_commands(text: str) -> Iterator[list[str]]:
    """Yield the simple commands of a shell text as words, without assignments and redirections."""
    joined = re.sub(r"\\\n\s*", " ", text)
    joined = re.sub(r"<<'(\w+)'.*?^\1$", "", joined, flags=re.MULTILINE | re.DOTALL)
    for line in joined.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for token in [*lexer, ";"]:
            if set(token) <= set("|&;"):
                if words:
                    yield words
                words = []
            elif words or not _ASSIGNED.match(token):
                words.append(token)


def problems(block: Block) -> list[str]:
    """Return what is wrong with a block that is not run."""
    if block.needs not in NEEDS:
        return [f"{block.place}: '{block.needs}' is none of {', '.join(NEEDS)}"]
    found = []
    for words in simple_commands(block.text):
        problem = _problem(words)
        if problem:
            found.append(f"{block.place}: {problem}")
    return found


def _problem(words: list[str]) -> str | None:
    for sign, name in pairwise(words):
        if sign == "<" and name.startswith(("deploy/", "docs/")) and not (ROOT / name).exists():
            return f"{name} is not there"
    words = words[: next((i for i, word in enumerate(words) if set(word) <= set("<>")), len(words))]
    program = Path(words[0]).name
    if program not in _PROGRAMS:
        return f"{program} is no program that a guide may name"
    if program in ("cfw", "python"):
        return problem_of(words) or _module(words)
    if program == "make":
        return _target(words[1:])
    if program in ("sh", "bash") and not (ROOT / words[1]).is_file():
        return f"{words[1]} is not there"
    if program == "docker":
        return _docker(words)
    if program == "kubectl":
        return _kubectl(words)
    return None


def _module(words: list[str]) -> str | None:
    if words[1:2] == ["-m"] and importlib.util.find_spec(words[2]) is None:
        return f"no module {words[2]}"
    return None


def _target(names: list[str]) -> str | None:
    known = re.findall(
        r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    missing = [name for name in names if not name.startswith("#") and name not in known]
    return f"no target {', '.join(missing)} in the Makefile" if missing else None


def _docker(words: list[str]) -> str | None:
    if words[1] == "build":
        file = words[words.index("-f") + 1]
        return None if (ROOT / file).is_file() else f"{file} is not there"
    if words[1] != "compose":
        return None
    file = words[words.index("-f") + 1]
    services = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["services"]
    rest = words[words.index("-f") + 2 :]
    verb = rest.pop(0)
    known = {"up", "ps", "exec", "run", "logs", "stop", "start", "kill", "restart", "build"}
    if verb not in known:
        return f"docker compose {verb} is not among {', '.join(sorted(known))}"
    with_value = {"--signal", "--since", "--entrypoint"}
    is_own_entrypoint = "--entrypoint" not in rest
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in with_value else rest[1:]
    if verb in ("exec", "run"):
        if not rest or rest[0] not in services:
            return f"no service {' '.join(rest[:1])} in {file}"
        command = rest[1:]
        if verb == "run" and is_own_entrypoint and command:
            command = ["cfw", *command]
        return problem_of(command)
    missing = [name for name in rest if name not in services]
    return f"no service {', '.join(missing)} in {file}" if missing else None


def _kubectl(words: list[str]) -> str | None:
    for flag in ("-k", "-f"):
        if flag in words and words[words.index(flag) + 1] != "-":
            path = words[words.index(flag) + 1]
            if not (ROOT / path).exists():
                return f"{path} is not there"
    manifests = render(ROOT / "deploy" / "kubernetes" / "overlays" / "local")
    names = {(kind.lower(), name) for kind, name in map(identity, manifests)}
    labels = {str(document.get("metadata", {}).get("name")) for document in manifests}
    for word in words:
        kind, slash, name = word.removeprefix("--from=").partition("/")
        if slash and kind in {"deployment", "statefulset", "cronjob"} and (kind, name) not in names:
            return f"no {word} in the manifests"
        if "app.kubernetes.io/name=" in word and word.partition("=")[2] not in labels:
            return f"nothing is labelled {word}"
    return problem_of(words[words.index("--") + 1 :]) if "--" in words else None
