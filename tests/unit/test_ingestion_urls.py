"""Canonical addresses: copies of an article share one, different articles do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.news.urls import canonical_url

PAGE = "https://example.com/2026/09/07/bitcoin-falls-below-60k"


@pytest.mark.parametrize(
    "copy",
    [
        PAGE,
        "http://example.com/2026/09/07/bitcoin-falls-below-60k",
        "HTTPS://Example.COM/2026/09/07/bitcoin-falls-below-60k/",
        "https://www.example.com:443/2026/09/07/bitcoin-falls-below-60k",
        "http://m.example.com:80/2026/09/07/bitcoin-falls-below-60k",
        "https://amp.example.com/2026/09/07/bitcoin-falls-below-60k",
        "https://www.m.example.com/2026/09/07//bitcoin-falls-below-60k",
        f"{PAGE}#comments",
        f"{PAGE}?utm_source=rss&UTM_Medium=feed&fbclid=abc",
        f"{PAGE}?source=rss_feed&ref=homepage",
        f"{PAGE}?gclid=1&",
        f"{PAGE}/amp/",
        f"{PAGE}?amp",
        f"{PAGE}?outputType=amp",
        f"{PAGE}.amp",
        "https://example.com/amp/2026/09/07/bitcoin-falls-below-60k",
        "https://www.google.com/amp/s/example.com/2026/09/07/bitcoin-falls-below-60k/amp/",
        "https://example-com.cdn.ampproject.org/c/s/example.com/2026/09/07/"
        "bitcoin-falls-below-60k/amp?usqp=mq331",
        "https://example.com/2026/09/07/bitcoin%2dfalls-below-60k",
        f"  {PAGE}  ",
    ],
)
def test_copies_of_an_article_share_their_address(copy: str) -> None:
    assert canonical_url(copy) == PAGE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/?p=123", "https://example.com/?p=124"),
        ("https://example.com/A", "https://example.com/a"),
        ("https://example.com/news?id=1&source=sec", "https://example.com/news?id=1&source=fed"),
        ("https://example.com/coins/amp", "https://example.com/coins"),
        ("https://news.example.com/a", "https://example.com/a"),
        ("https://example.com:8443/a", "https://example.com/a"),
        ("https://m.com/a", "https://com/a"),
        ("https://example.com/a?page=2", "https://example.com/a"),
        ("https://example.com/watch?v=1&view=full", "https://example.com/watch?v=1"),
    ],
)
def test_different_pages_keep_different_addresses(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Example.COM/A/?utm_source=rss&b=1#top", "https://example.com/A?b=1"),
        ("https://example.com/a?b=2&a=1&a=0", "https://example.com/a?a=0&a=1&b=2"),
        ("https://example.com/", "https://example.com"),
        ("https://example.com/caf\u00e9", "https://example.com/caf%C3%A9"),
        ("https://example.com/caf%c3%a9", "https://example.com/caf%C3%A9"),
        ("https://user:secret@example.com/a", "https://example.com/a"),
        ("http://[broken", "http://[broken"),
        ("http://a.example:99999/x", "http://a.example:99999/x"),
        ("mailto:a@example.com", "mailto:a@example.com"),
        ("not an address", "not an address"),
        ("", ""),
    ],
)
def test_spelling(url: str, expected: str) -> None:
    assert canonical_url(url) == expected


_PART = st.text("abAB01-._~%/&=?é \ud800\x00", max_size=12)


@given(
    st.sampled_from(["http://", "https://", "HTTP://", "", "ftp://"]),
    st.sampled_from(["www.m.example.com", "Example.com:80", "m.com", "a.b", "[::1]", ""]),
    st.sampled_from(["/amp/", "/", "/x-1/amp/amp", "/x.amp.html", "/1.amp.amp"]),
    _PART,
    st.sampled_from(["", "?", "?utm_a=1&b=%20", "?amp=1&c", "?b=2&b=1"]),
)
def test_a_canonical_address_is_its_own(
    scheme: str, host: str, path: str, tail: str, query: str
) -> None:
    once = canonical_url(f"{scheme}{host}{path}{tail}{query}")
    assert canonical_url(once) == once
    once.encode("utf-8")
