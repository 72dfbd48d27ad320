"""Proof that the mart looks neither ahead nor back further than it says; see docs/leakage.md."""

from __future__ import annotations

from flows.leakage.compare import ColumnProof
from flows.leakage.proof import Proof, prove

__all__ = ["ColumnProof", "Proof", "prove"]
