"""What a scoring run tells: per model, per text that failed, and how far it is."""

from dataclasses import dataclass, field
from datetime import datetime

from scoring.weights import MissingModel


@dataclass(frozen=True, slots=True)
class TextFailure:
    """A text that could not be scored this time; the next run tries it again."""

    text_id: str
    reason: str


@dataclass(slots=True)
class ModelReport:
    """What one model did in a run.

    Attributes:
        queued: Texts that waited when the run began.
        stopped: Why the model gave up early; empty if it did not.
        oldest: When the oldest of them became available.
    """

    key: str
    model_id: str
    model_revision: str
    queued: int = 0
    scored: int = 0
    failed: int = 0
    seconds: float = 0.0
    failures: list[TextFailure] = field(default_factory=list)
    stopped: str = ""
    oldest: datetime | None = None

    @property
    def done(self) -> int:
        """Texts dealt with so far."""
        return self.scored + self.failed


@dataclass(slots=True)
class ScoringReport:
    """What a run did: per model, the mentions found, and the models that could not run."""

    models: list[ModelReport] = field(default_factory=list)
    missing: list[MissingModel] = field(default_factory=list)
    mentions: int = 0

    @property
    def scored(self) -> int:
        """Scores written by all models."""
        return sum(model.scored for model in self.models)

    @property
    def failed(self) -> int:
        """Texts that no score could be written for, summed over models."""
        return sum(model.failed for model in self.models)

    def lines(self) -> list[str]:
        """Return the report as lines for a person."""
        out = [
            f"{model.key}: {model.scored} of {model.queued} texts scored, "
            f"{model.failed} failed, {model.seconds:.1f} s"
            + (f" (stopped: {model.stopped})" if model.stopped else "")
            for model in self.models
        ]
        out.append(f"mentions: {self.mentions} rows")
        out += [
            f"{gone.key}: not run, its columns stay NULL ({gone.reason}); type: {gone.remedy}"
            for gone in self.missing
        ]
        return out


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a model is; handed to `on_progress` after every load."""

    key: str
    done: int
    total: int
    model: ModelReport
