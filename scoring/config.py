"""Settings of the scoring step, read from the environment or `.env` (prefix `CFW_`)."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ScoringSettings(BaseSettings):
    """How and with what the texts are scored.

    Attributes:
        models_dir: Folder with one sub-folder of weights per model key; it wins over the hub
            cache, and `cfw models pull` writes into it when it is set.
        models_file: A registry to use in place of the built-in `scoring/models.toml`.
        score_models: Comma list of model keys to score with; empty means those the registry
            enables.
        hf_home: Home of the Hugging Face cache; empty means the library's own default.
        offline: Forbid `pull` to use the network. Scoring itself never uses it.
        device: Where the transformers run; `auto` takes a GPU when there is one.
        threads: CPU threads of torch; empty leaves torch's own choice.
        batch_tokens: Tokens per batch, the bound on memory; empty takes what is fast on the device.
        precision: Number format of weights and activations; the softmax is always float32. `auto`
            takes bfloat16 where the hardware computes it, else float32; `int8` is for CPUs.
        score_chunk: Texts scored between two loads: what a kill can lose at most.
        labels_dir: Folder of labelled files that `cfw evaluate` measures on besides the set that
            ships; empty means ../shared/data/labels where it is there.
        score_poll_seconds: How often the resident worker looks for new texts.
        score_retry_minutes: How long the resident worker leaves a failed text alone.
        score_stale_seconds: Without a finished chunk or pass for so long, it is not healthy.
        score_host: Address of its `/health` and `/metrics`; in a container 0.0.0.0.
        score_port: Port of both; 0 takes a free one.
    """

    model_config = SettingsConfigDict(
        env_prefix="CFW_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
    )

    models_dir: Path | None = None
    models_file: Path | None = None
    score_models: str = ""
    hf_home: Path | None = None
    offline: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int | None = Field(default=None, ge=1)
    batch_tokens: int | None = Field(default=None, ge=512)
    precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    score_chunk: int = Field(default=500, ge=1)
    labels_dir: Path | None = None
    score_poll_seconds: float = Field(default=15.0, gt=0)
    score_retry_minutes: float = Field(default=10.0, ge=0)
    score_stale_seconds: float = Field(default=300.0, gt=0)
    score_host: str = "127.0.0.1"
    score_port: int = Field(default=9108, ge=0, le=65535)

    def selected_models(self) -> tuple[str, ...]:
        """Return the model keys asked for, or nothing when the registry decides."""
        return tuple(key.strip() for key in self.score_models.split(",") if key.strip())
