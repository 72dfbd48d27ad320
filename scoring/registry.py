"""The model registry: which models exist, what their classes mean, which texts they read."""

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scoring.errors import RegistryError

Meaning = Literal["negative", "neutral", "positive"]
Route = Literal["crypto", "market", "posts"]

BUILT_IN = Path(__file__).with_name("models.toml")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassLabel(_Frozen):
    """One output class: the name the weights give it, and what it means."""

    name: str = Field(min_length=1)
    meaning: Meaning


class GoldenSentence(_Frozen):
    """A sentence whose score must have a known sign."""

    text: str = Field(min_length=1)
    sign: Literal["positive", "negative"]


class ModelSpec(_Frozen):
    """Everything the project knows about one model.

    Attributes:
        encoder: Name of the encoder that an embedding model sits on.
        head: File of an embedding model's head, relative to the scoring package.
        labels: The classes in index order; empty for a lexicon.
        max_length: Tokens the model was trained on; longer texts are cut.
        routes: The texts it scores: article categories, and `posts`.
    """

    key: str = Field(pattern=r"^[a-z0-9_]+$")
    kind: Literal["transformer", "lexicon", "embedding"]
    id: str = Field(min_length=1, max_length=96)
    package: str = ""
    encoder: str = ""
    head: str = ""
    revision: str = Field(default="", max_length=64)
    licence: str = Field(min_length=1)
    enabled: bool = False
    max_length: int = Field(default=512, ge=8, le=8192)
    routes: tuple[Route, ...] = Field(min_length=1)
    labels: tuple[ClassLabel, ...] = ()
    golden: tuple[GoldenSentence, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind == "lexicon":
            if not self.package:
                msg = f"model {self.key}: a lexicon needs the name of its package"
                raise ValueError(msg)
            return self
        if self.kind == "embedding" and not (self.package and self.encoder and self.head):
            msg = f"model {self.key}: an embedding model needs a package, an encoder and a head"
            raise ValueError(msg)
        meanings = [label.meaning for label in self.labels]
        if len(set(meanings)) != len(meanings) or not {"negative", "positive"} <= set(meanings):
            msg = f"model {self.key}: labels must mean positive and negative once each"
            raise ValueError(msg)
        if self.enabled and not self.revision:
            msg = f"model {self.key}: pin a revision before it is enabled"
            raise ValueError(msg)
        return self

    @property
    def pinned_revision(self) -> str:
        """The revision that scores carry.

        The hub's commit, a lexicon's package version, or an embedding model's encoder version
        and short hash of its head.
        """
        return version(self.package) if self.kind == "lexicon" else self.revision

    def class_index(self, meaning: Meaning) -> int | None:
        """Return the index of the class with this meaning, or None if the model has none."""
        for index, label in enumerate(self.labels):
            if label.meaning == meaning:
                return index
        return None


class Registry(_Frozen):
    """All known models; keys and ids are unique."""

    models: tuple[ModelSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        for field in ("key", "id"):
            values = [getattr(model, field) for model in self.models]
            if len(set(values)) != len(values):
                msg = f"two models share a {field}: {sorted(values)}"
                raise ValueError(msg)
        return self

    def get(self, key: str) -> ModelSpec:
        """Return the model with this key; an unknown key is an error that lists the known ones."""
        for model in self.models:
            if model.key == key:
                return model
        known = ", ".join(model.key for model in self.models)
        msg = f"no model '{key}' in the registry; known: {known}"
        raise RegistryError(msg)

    def by_id(self, model_id: str) -> ModelSpec:
        """Return the model whose scores are stored under this id."""
        for model in self.models:
            if model.id == model_id:
                return model
        msg = f"no model with id '{model_id}' in the registry; add it to scoring/models.toml"
        raise RegistryError(msg)

    def selected(self, keys: Sequence[str] = ()) -> tuple[ModelSpec, ...]:
        """Return the models to score with: those named, else those enabled.

        Raises:
            RegistryError: A named model is unknown or has no pinned revision.
        """
        if not keys:
            return tuple(model for model in self.models if model.enabled)
        chosen = tuple(self.get(key) for key in keys)
        for model in chosen:
            if model.kind == "transformer" and not model.revision:
                msg = (
                    f"model {model.key} has no revision: pin the commit of {model.id} in a copy "
                    "of scoring/models.toml and set CFW_MODELS_FILE to it"
                )
                raise RegistryError(msg)
        return chosen


@lru_cache(maxsize=8)
def load_registry(path: Path | None = None) -> Registry:
    """Read and check a registry file, by default the one that ships with the project.

    Raises:
        RegistryError: The file is missing, is not TOML, or describes an unusable model.
    """
    source = path or BUILT_IN
    try:
        return Registry.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        reason = "; ".join(str(error).split("\n"))
        msg = f"cannot use the model registry {source}: {reason}"
        raise RegistryError(msg) from error
