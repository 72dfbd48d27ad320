"""The run journal on a server, with the rights of the role that runs the flows."""

from __future__ import annotations

from tests.support.journals import check_journal
from tests.support.mysql_server import ServerForTest


def test_the_journal_keeps_what_ran(server: ServerForTest) -> None:
    """The same as on DuckDB; the schema is one of the prefix."""
    check_journal(server.settings())
    assert server.databases() == [f"{server.prefix}_ops"]
