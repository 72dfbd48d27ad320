"""A Dockerfile as data, and its last stage as folders of this machine: a container without Docker.

What Docker would do by layers is done by copies and links: the files that the build copies, the
Python packages that it installs and no others, the variables of the last stage and no others, a
user of its own who may write to the volumes and to /tmp alone.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path

import pathspec
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
#: What of the image's root lies below ours; the rest is this machine's.
_MOVED = ("/opt", "/app", "/data", "/models", "/tmp")  # noqa: S108 - the image's
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


@dataclass
class Stage:
    """One stage: its base image and what follows, arguments filled in."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, keyword: str) -> list[str]:
        """Return the arguments of every instruction of a kind."""
        return [text for word, text in self.steps if word == keyword]

    def last(self, keyword: str) -> str:
        """Return the arguments of the instruction that counts."""
        return self.all(keyword)[-1]

    def pairs(self, keyword: str) -> dict[str, str]:
        """Return the KEY=value pairs of every ENV or LABEL."""
        words = (word for text in self.all(keyword) for word in shlex.split(text))
        return dict(word.split("=", 1) for word in words)


def stages(text: str) -> list[Stage]:
    """Return the stages of a Dockerfile."""
    found: list[Stage] = []
    arguments: dict[str, str] = {}
    for keyword, rest in _instructions(text):
        if keyword == "ARG":
            name, _, value = rest.partition("=")
            arguments[name] = value
        filled = rest if keyword == "RUN" else _filled(rest, arguments)
        if keyword == "FROM":
            base, _, name = filled.partition(" AS ")
            found.append(Stage(base, name))
        elif found:
            found[-1].steps.append((keyword, filled))
    return found


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line.strip():
            keyword, _, rest = line.strip().partition(" ")
            yield keyword, rest.strip()


def _filled(text: str, arguments: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda m: arguments.get(m[1] or m[2], m[0]), text)


def runtime_packages(requirements: Path) -> set[str]:
    """Return what the image installs: the section above Development, and all that it needs."""
    text = requirements.read_text(encoding="utf-8").split("# Development")[0]
    wanted = [Requirement(line) for line in text.splitlines() if line and line[0] != "#"]
    found: dict[tuple[str, str], None] = {}
    while wanted:
        need = wanted.pop()
        for extra in ("", *need.extras):
            key = (canonicalize_name(need.name), extra)
            if key in found:
                continue
            found[key] = None
            for line in distribution(need.name).requires or []:
                further = Requirement(line)
                if not further.marker or further.marker.evaluate({"extra": extra}):
                    wanted.append(further)
    return {name for name, _ in found}


@dataclass
class Container:
    """The last stage of the Dockerfile as folders below ``root``.

    Attributes:
        root: stands for /; /usr/local is this machine's Python.
        stage: what the image declares.
        drop: what makes a command run as the image's user; nothing where we are not root.
    """

    root: Path
    stage: Stage
    drop: list[str] = field(default_factory=list)

    def path(self, inside: str) -> Path:
        """Return where a path of the container lies on this machine."""
        return self.root / inside.lstrip("/")

    @property
    def entrypoint(self) -> list[str]:
        """The image's ENTRYPOINT."""
        return list(json.loads(self.stage.last("ENTRYPOINT")))

    @property
    def command(self) -> list[str]:
        """The image's CMD."""
        return list(json.loads(self.stage.last("CMD")))

    @property
    def healthcheck(self) -> list[str]:
        """The image's HEALTHCHECK."""
        return list(json.loads(self.stage.last("HEALTHCHECK").split("CMD ", 1)[1]))

    def environment(self, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables of the image, its paths moved, and ``changes``."""
        own = {name: self._moved(value) for name, value in self.stage.pairs("ENV").items()}
        return {**own, **(changes or {})}

    def arguments(self, command: Sequence[str]) -> list[str]:
        """Return a command line that runs as the image's user, or as ourselves if not root."""
        program = shutil.which(command[0], path=self._moved(self.stage.pairs("ENV")["PATH"]))
        assert program, f"{command[0]} is not in the image's PATH"
        line = [program, *command[1:]]
        return [*self.drop, *line]

    def run(
        self, command: Sequence[str], changes: Mapping[str, str] | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as the container would."""
        return subprocess.run(
            self.arguments(command),
            env=self.environment(changes),
            cwd=self.path(self.stage.last("WORKDIR")),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def fixed_files(self) -> dict[str, tuple[int, int]]:
        """Return size and time of every file of the read-only part."""
        stats = {path: path.stat() for path in self.path("/app").rglob("*") if path.is_file()}
        return {str(path): (s.st_size, s.st_mtime_ns) for path, s in stats.items()}

    def _moved(self, value: str) -> str:
        parts = re.split(r"(:(?=/))", value)
        return "".join(str(self.path(p)) if p.startswith(_MOVED) else p for p in parts)


def build(root: Path) -> Container:
    """Lay the last stage of the Dockerfile out below ``root``."""
    build_stage, last = stages((ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"))
    made = Container(root, last)
    for copied in last.all("COPY"):
        assert copied.startswith(f"--from={build_stage.name} "), f"{copied}: from the build alone"
    # What the build removes again is not in /app.
    removed = [text for run in build_stage.all("RUN") for text in re.findall(r"&& rm (.+)$", run)]
    gone = {name for names in removed for name in names.split()}
    _link_packages(made.path("/opt/venv"))
    for line in build_stage.all("COPY"):
        *sources, target = line.split()
        for source in sources:
            if source not in gone:
                _copy(source, made, target)
    launcher = made.path("/opt/venv/bin/cfw")
    text = launcher.read_text(encoding="utf-8")
    launcher.write_text(text.replace("/opt/venv", str(made.path("/opt/venv"))), encoding="utf-8")
    owner = last.last("USER").split(":")
    for folder in (*json.loads(last.last("VOLUME")), _MOVED[-1]):
        made.path(folder).mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(made.path(folder), int(owner[0]), int(owner[1]))
    for path in (root, *root.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    made.drop = _as_user(made)
    return made


def _as_user(made: Container) -> list[str]:
    """Return the prefix that drops root's rights.

    A Python below root's own folder is out of every other user's reach: then the one right to read
    everywhere is kept. It allows no writing.
    """
    if os.geteuid() != 0:
        return []
    user, _, group = made.stage.last("USER").partition(":")
    plain = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs"]
    for caps in ("-all", "-all,+dac_read_search"):
        prefix = [*plain, f"--inh-caps={caps}", f"--ambient-caps={caps}", "--"]
        python = str(made.path("/opt/venv/bin/python"))
        command = [*prefix, python, "-c", "import sys, typer; print(sys.version)"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout.strip() == sys.version:
            return prefix
    pytest.fail("no user but root can start this Python; install it where others may read")


def _copy(source: str, made: Container, target: str) -> None:
    place = made.path(target if target.startswith("/") else f"/app/{target}")
    for name in _context(source):
        if (ROOT / source).is_dir():
            to = place / Path(name).relative_to(source)
        else:
            to = place / name if target.endswith("/") else place
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, to)
    assert place.exists(), f"COPY {source}: nothing of it passes .dockerignore"


def _context(source: str) -> list[str]:
    """Return the files below a path that .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    # Docker's patterns begin at the root of the context; git's mean any folder.
    rooted = [re.sub(r"^(!?)(?!\*\*|#)(?=.)", r"\1/", line) for line in lines]
    ignored = pathspec.PathSpec.from_lines("gitwildmatch", rooted)
    here = ROOT / source
    files = [here] if here.is_file() else [path for path in here.rglob("*") if path.is_file()]
    names = [str(path.relative_to(ROOT)) for path in files]
    return [name for name in names if not ignored.match_file(name)]


def _link_packages(venv: Path) -> None:
    """Make a virtual environment of links to the packages that the image installs."""
    folder = venv / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    folder.mkdir(parents=True)
    (venv / "bin").mkdir()
    home = Path(sys.executable).resolve()
    (venv / "pyvenv.cfg").write_text(
        f"home = {home.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
    (venv / "bin" / "python").symlink_to(home)
    for name in runtime_packages(ROOT / "requirements.in"):
        package = distribution(name)
        for file in package.files or []:
            top = file.parts[0]
            if top in ("..", "__pycache__"):
                _script(venv, Path(str(file.locate())))
            elif not (folder / top).is_symlink():
                (folder / top).symlink_to(Path(str(package.locate_file(top))).resolve())


def _script(venv: Path, script: Path) -> None:
    """Copy a console script, so that it starts the linked environment's Python."""
    if script.parent.name != "bin" or not script.is_file():
        return
    text = script.read_bytes()
    if text.startswith(b"#!") and b"python" in text.splitlines()[0]:
        copy = venv / "bin" / script.name
        first = f"#!{venv}/bin/python".encode()
        copy.write_bytes(b"\n".join([first, *text.splitlines()[1:]]) + b"\n")
        copy.chmod(0o755)
