"""A stand-in for every provider, on loopback, over the project's sample or a folder of data.

Use it in a test::

    with running_sandbox(generate_sample()) as sandbox:
        settings = Settings(**sandbox.env())
        sandbox.faults.add("/coinbase", "status", status=429)

or in the foreground with ``serve``.
"""

from ingestion.sandbox.app import create_app
from ingestion.sandbox.folder import load_folder
from ingestion.sandbox.model import (
    AnnualValue,
    Bars,
    FearGreedDay,
    MacroSeries,
    MacroVintage,
    OnchainVersion,
    SandboxData,
    Snapshots,
)
from ingestion.sandbox.model_texts import Article, ArticleEdit, Post, Submission, User
from ingestion.sandbox.sample import generate_sample
from ingestion.sandbox.server import RunningSandbox, running_sandbox, sandbox_env, serve

__all__ = [
    "AnnualValue",
    "Article",
    "ArticleEdit",
    "Bars",
    "FearGreedDay",
    "MacroSeries",
    "MacroVintage",
    "OnchainVersion",
    "Post",
    "RunningSandbox",
    "SandboxData",
    "Snapshots",
    "Submission",
    "User",
    "create_app",
    "generate_sample",
    "load_folder",
    "running_sandbox",
    "sandbox_env",
    "serve",
]
