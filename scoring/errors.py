"""Errors of the scoring package: each message is one line that names the remedy."""


class ScoringError(Exception):
    """Base of every error this package raises on purpose."""


class RegistryError(ScoringError):
    """The model registry holds something that cannot be used."""


class ModelRefused(ScoringError):
    """Weights are present, but they are not the model the registry describes."""


class WeightsUnavailable(ScoringError):
    """Weights are not on this machine and could not be fetched."""


class LabelsError(ScoringError):
    """A file of labelled texts cannot be used."""
