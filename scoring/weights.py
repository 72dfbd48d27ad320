"""Where weights come from: find them on this machine, fetch them, check them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scoring.config import ScoringSettings
from scoring.embedding import encoder_folder
from scoring.embedding import load as load_embedding
from scoring.errors import ModelRefused, ScoringError, WeightsUnavailable
from scoring.registry import ModelSpec, Registry, load_registry
from scoring.scorer import Scorer
from scoring.transformer import check_labels
from scoring.transformer import load as load_transformer
from scoring.vader import VaderScorer

ALLOW_PATTERNS = ("*.safetensors", "*.json", "*.txt")
REVISION_FILE = "REVISION"  # written by `pull` beside the weights, so that a stale copy shows


@dataclass(frozen=True, slots=True)
class MissingModel:
    """A model that cannot score now, why, and the line to type."""

    key: str
    model_id: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One line of `cfw models list`."""

    key: str
    model_id: str
    revision: str
    licence: str
    enabled: bool
    routes: str
    status: str
    path: str


def find_weights(spec: ModelSpec, settings: ScoringSettings) -> Path | None:
    """Return the folder with this model's weights, or None.

    A folder `<models_dir>/<key>` wins; else the pinned revision in the hub cache is taken. An
    embedding model's encoder always lies inside its package.

    Raises:
        ModelRefused: The local folder says that it holds another revision.
    """
    if spec.kind == "lexicon":
        return None
    if spec.kind == "embedding":
        try:
            return encoder_folder(spec.package)
        except WeightsUnavailable:
            return None
    if settings.models_dir is not None:
        folder = settings.models_dir / spec.key
        if (folder / "config.json").is_file():
            _refuse_stale(spec, folder)
            return folder
    if not spec.revision:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(
        spec.id, "config.json", cache_dir=_cache_dir(settings), revision=spec.revision
    )
    return Path(found).parent if isinstance(found, str) else None


def pull(spec: ModelSpec, settings: ScoringSettings) -> Path | None:
    """Fetch a model's pinned weights into `models_dir`, else into the hub cache.

    Returns:
        The folder with the weights; None for a lexicon or an embedding model, which ship inside
        their packages.

    Raises:
        WeightsUnavailable: No revision is pinned, the hub cannot be reached or refuses, or the
            package that carries the weights is not installed.
        ModelRefused: What arrived is not the model of the registry.
    """
    if spec.kind == "lexicon":
        return None
    if spec.kind == "embedding":
        encoder_folder(spec.package)
        return None
    if not spec.revision:
        msg = f"{spec.key} has no revision: pin the commit of {spec.id} in the model registry"
        raise WeightsUnavailable(msg)
    if settings.offline:
        msg = f"{spec.key} was not pulled: CFW_OFFLINE is set; unset it or copy the weights"
        raise WeightsUnavailable(msg)
    folder = _download(spec, settings)
    check_labels(spec, folder)
    if not list(folder.glob("*.safetensors")):
        msg = (
            f"{spec.id}@{spec.revision[:8]} offers no safetensors, and pickled weights are never "
            f"loaded; put a safetensors copy into CFW_MODELS_DIR/{spec.key}"
        )
        raise ModelRefused(msg)
    return folder


def _download(spec: ModelSpec, settings: ScoringSettings) -> Path:
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    local = None if settings.models_dir is None else settings.models_dir / spec.key
    try:
        folder = Path(
            snapshot_download(
                spec.id,
                revision=spec.revision,
                allow_patterns=list(ALLOW_PATTERNS),
                cache_dir=_cache_dir(settings),
                local_dir=local,
            )
        )
    except (HfHubHTTPError, HFValidationError, httpx.HTTPError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        msg = (
            f"could not pull {spec.id}@{spec.revision[:8]} from the hub ({reason}); check the "
            f"network, or copy the weights into CFW_MODELS_DIR/{spec.key}"
        )
        raise WeightsUnavailable(msg) from error
    if local is not None:
        (local / REVISION_FILE).write_text(spec.revision + "\n", encoding="utf-8")
    return folder


def load_scorer(spec: ModelSpec, settings: ScoringSettings) -> Scorer:
    """Load one model and prove its wiring on its golden sentences.

    Raises:
        WeightsUnavailable: The weights are not on this machine.
        ModelRefused: The weights are there but are not the model of the registry.
    """
    if spec.kind == "lexicon":
        return VaderScorer(spec)
    if spec.kind == "embedding":
        return _proved(load_embedding(spec, settings), spec)
    folder = find_weights(spec, settings)
    if folder is None:
        msg = (
            f"{spec.key}: no weights of {spec.id} on this machine; "
            f"fetch them with: cfw models pull {spec.key}"
        )
        raise WeightsUnavailable(msg)
    return _proved(load_transformer(spec, folder, settings), spec)


def _proved(scorer: Scorer, spec: ModelSpec) -> Scorer:
    wrong = golden_failures(scorer, spec)
    if wrong:
        msg = f"{spec.key}: golden sentences fail, so it is refused: {'; '.join(wrong)}"
        raise ModelRefused(msg)
    return scorer


def golden_failures(scorer: Scorer, spec: ModelSpec) -> list[str]:
    """Return one line per golden sentence whose score has the wrong sign."""
    scores = scorer.score([sentence.text for sentence in spec.golden]) if spec.golden else []
    return [
        f"'{sentence.text}' scored {score.score:+.3f}, expected {sentence.sign}"
        for sentence, score in zip(spec.golden, scores, strict=True)
        if (score.score > 0) != (sentence.sign == "positive") or score.score == 0
    ]


def check(spec: ModelSpec, settings: ScoringSettings) -> str:
    """Load a model as scoring would, and say in one line what was proved.

    Raises:
        ScoringError: Whatever would keep it from scoring.
    """
    scorer = load_scorer(spec, settings)
    proved = f"labels and {len(spec.golden)} golden sentences" if spec.labels else "lexicon"
    return f"{spec.key} {scorer.model_revision[:8]}: {proved} ok ({scorer.precision})"


def list_models(settings: ScoringSettings, registry: Registry | None = None) -> list[ModelRow]:
    """Return a row per known model, with whether its weights are on this machine."""
    models = (registry or load_registry(settings.models_file)).models
    return [_row(spec, settings) for spec in models]


def build_scorers(
    settings: ScoringSettings,
    registry: Registry | None = None,
    on_loaded: Callable[[str, float], None] = lambda _key, _seconds: None,
) -> tuple[list[Scorer], list[MissingModel]]:
    """Load every selected model; those that cannot be loaded are told, not raised.

    Args:
        on_loaded: Told of each model that was loaded, and in how many seconds.

    Raises:
        RegistryError: The registry or the selection itself is wrong.
    """
    registry = registry or load_registry(settings.models_file)
    scorers: list[Scorer] = []
    missing: list[MissingModel] = []
    for spec in registry.selected(settings.selected_models()):
        started = time.monotonic()
        try:
            scorers.append(load_scorer(spec, settings))
            on_loaded(spec.key, time.monotonic() - started)
        except ScoringError as error:
            absent = isinstance(error, WeightsUnavailable)
            reason = f"no weights of {spec.id} on this machine" if absent else str(error)
            remedy = f"cfw models {'pull' if absent else 'check'} {spec.key}"
            if absent and spec.kind == "embedding":
                remedy = "make setup"  # its weights come with a package, not from the hub
            missing.append(MissingModel(spec.key, spec.id, reason, remedy))
    return scorers, missing


def _row(spec: ModelSpec, settings: ScoringSettings) -> ModelRow:
    path, status = "", "in the package" if spec.kind == "lexicon" else "missing"
    try:
        folder = find_weights(spec, settings)
    except ModelRefused as error:
        folder, status = None, str(error)
    if folder is not None:
        path = str(folder)
        here = "in the package" if spec.kind == "embedding" else "present"
        status = here if list(folder.glob("*.safetensors")) else "no safetensors"
    elif spec.kind == "transformer" and not spec.revision:
        status = "needs a pinned revision"
    routes = ",".join(spec.routes)
    return ModelRow(
        spec.key, spec.id, spec.pinned_revision, spec.licence, spec.enabled, routes, status, path
    )


def _refuse_stale(spec: ModelSpec, folder: Path) -> None:
    mark = folder / REVISION_FILE
    if not mark.is_file():
        return  # weights that someone placed by hand: they vouch for the revision
    held = mark.read_text(encoding="utf-8").strip()
    if held != spec.revision:
        msg = (
            f"{spec.key}: {folder} holds revision {held[:8]}, the registry pins "
            f"{spec.revision[:8]}; remove the folder and pull again"
        )
        raise ModelRefused(msg)


def _cache_dir(settings: ScoringSettings) -> Path | None:
    return None if settings.hf_home is None else settings.hf_home / "hub"
