"""Cleaning of texts, and the hash that identifies them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.text import article_text, clean_text, strip_controls, text_hash


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Bitcoin &amp; ETF&#8217;s rally", "Bitcoin & ETF\u2019s rally"),
        ("<p style='x'>Up <b>5%</b></p><img src=a>", "Up 5%"),
        ("&lt;p&gt;escaped &amp;amp; twice&lt;/p&gt;", "escaped & twice"),
        ("a<script>alert('x')</script>b", "a b"),
        ("a <!-- hidden --> b", "a b"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("tabs\tand\r\nlines\u00a0here", "tabs and lines here"),
        ("nul\x00 bell\x07 escape\x1b[0m", "nul bell escape[0m"),
        ("to the moon 🚀🚀 👩‍👩‍👧", "to the moon 🚀🚀 👩‍👩‍👧"),
        ("e\u0301", "é"),
        ("broken \ud83d half", "broken half"),
        ("   ", ""),
    ],
)
def test_texts_become_plain(raw: str, expected: str) -> None:
    assert clean_text(raw) == expected


@pytest.mark.parametrize(
    ("title", "summary", "expected"),
    [
        ("Title", "Summary", "Title. Summary"),
        ("Is it?", "Yes", "Is it? Yes"),
        ("Done.", "Yes", "Done. Yes"),
        ("Title", None, "Title"),
        (None, "Summary", "Summary"),
        ("Title", "<img src='x'>", "Title"),
        (None, "", ""),
    ],
)
def test_an_article_is_title_and_summary(
    title: str | None, summary: str | None, expected: str
) -> None:
    assert article_text(title, summary) == expected


def test_the_hash_is_of_the_text_alone() -> None:
    assert text_hash("a") == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


@given(st.text())
def test_cleaned_text_can_be_stored_and_cleaning_again_changes_no_storable_property(
    raw: str,
) -> None:
    clean = clean_text(raw)
    clean.encode("utf-8")
    assert clean == clean.strip()
    assert "\x00" not in clean
    assert "  " not in clean
    assert strip_controls(clean) == clean
