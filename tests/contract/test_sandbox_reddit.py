"""Reddit as the sandbox speaks it: tokens, listings, posts by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from ingestion.sandbox import RunningSandbox
from ingestion.sandbox.reddit import CLIENT_ID, CLIENT_SECRET

ACCESS = "/reddit/api/v1/access_token"
NEW = "/reddit/r/CryptoCurrency/new"
GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.base_url) as opened:
        answer = opened.post(ACCESS, data=GRANT, auth=(CLIENT_ID, CLIENT_SECRET)).json()
        assert (answer["token_type"], answer["expires_in"]) == ("bearer", 86_400)
        opened.headers["Authorization"] = f"bearer {answer['access_token']}"
        yield opened


def test_a_wrong_app_and_a_wrong_token_are_401(client: httpx.Client) -> None:
    assert client.post(ACCESS, data=GRANT, auth=(CLIENT_ID, "x")).status_code == 401
    wrong = client.post(ACCESS, data={}, auth=(CLIENT_ID, CLIENT_SECRET))
    assert (wrong.status_code, wrong.json()) == (200, {"error": "unsupported_grant_type"})
    assert client.get(NEW, headers={"Authorization": "bearer x"}).status_code == 401
    assert client.get("/reddit/r/nope/new").status_code == 404


def test_a_token_is_refused_on_the_next_day(sandbox: RunningSandbox, client: httpx.Client) -> None:
    assert client.get(NEW).status_code == 200
    sandbox.set_clock(sandbox.state.now + timedelta(days=1))
    assert client.get(NEW).status_code == 401


def test_a_listing_pages_back_through_every_post(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    own = [p for p in sandbox.data.submissions if p.subreddit == "CryptoCurrency"]
    names: list[str] = []
    after: str | None = ""
    while after is not None:
        answer = client.get(NEW, params={"limit": "100", "after": after})
        page = answer.json()["data"]
        assert len(page["children"]) == page["dist"] <= 100
        assert float(answer.headers["x-ratelimit-remaining"]) > 0
        names += [child["data"]["name"] for child in page["children"]]
        after = page["after"]
    assert names == [p.name for p in sorted(own, key=lambda p: p.number, reverse=True)]
    assert len(names) > 100


def test_posts_change_with_time(sandbox: RunningSandbox, client: httpx.Client) -> None:
    edited = next(p for p in sandbox.data.submissions if p.edited_at and not p.removed_at)
    removed = next(p for p in sandbox.data.submissions if p.removed_at and p.selftext)
    assert edited.edited_at is not None
    assert removed.removed_at is not None
    for hours, is_late in ((0.5, False), (70, True)):
        shown = {}
        for post in (edited, removed):
            sandbox.set_clock(post.created_at + timedelta(hours=hours))
            with httpx.Client(base_url=sandbox.base_url) as fresh:
                token = fresh.post(ACCESS, data=GRANT, auth=(CLIENT_ID, CLIENT_SECRET)).json()
                fresh.headers["Authorization"] = f"bearer {token['access_token']}"
                page = fresh.get("/reddit/api/info", params={"id": f"{post.name},t3_zz"}).json()
            (child,) = page["data"]["children"]
            shown[post.name] = child["data"]
        assert shown[edited.name]["edited"] == (edited.edited_at.timestamp() if is_late else False)
        assert shown[removed.name]["selftext"] == ("[removed]" if is_late else removed.selftext)
        assert (shown[removed.name]["removed_by_category"] is not None) == is_late
        assert shown[edited.name]["score"] <= edited.score
