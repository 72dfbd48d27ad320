"""Candidate mentions, and how neighbours in the text settle the doubtful ones."""

from dataclasses import dataclass
from typing import Literal

from scoring.mention_rules import beside_own, in_calm, in_list

Rule = Literal["cashtag", "name", "alias", "ticker"]


@dataclass(slots=True)
class Candidate:
    """A place that may name an asset; `accepted` once the evidence is enough."""

    symbol: str
    rule: Rule
    start: int
    end: int
    accepted: bool


def accept_by_neighbours(text: str, found: list[Candidate]) -> None:
    """Accept doubtful candidates beside their own other form, or in a list with a sure one."""
    forward = range(1, len(found))
    for index in forward:
        left, right = found[index - 1], found[index]
        if _settle_each_other(text, left, right):
            left.accepted = right.accepted = True
    for indexes in (forward, reversed(forward)):
        for index in indexes:
            left, right = found[index - 1], found[index]
            if left.accepted and right.accepted:
                continue
            if left.symbol == right.symbol and "ticker" in (left.rule, right.rule):
                settled = beside_own(text, left.end, right.start)
            else:
                settled = (left.accepted or right.accepted) and in_list(text, left.end, right.start)
            if settled:
                left.accepted = right.accepted = True


def _settle_each_other(text: str, left: Candidate, right: Candidate) -> bool:
    """Say whether two doubtful tickers in capitals form a list, as in "NEAR, ATOM gain 8%"."""
    return (
        not left.accepted
        and not right.accepted
        and left.symbol != right.symbol
        and all(_is_long_upper(text, item) for item in (left, right))
        and in_list(text, left.end, right.start)
        and in_calm(text, left.start, right.end)
    )


def _is_long_upper(text: str, item: Candidate) -> bool:
    return item.rule == "ticker" and item.end - item.start > 2 and text[item.start].isupper()


def outside(found: list[Candidate], urls: list[tuple[int, int]]) -> list[Candidate]:
    """Return the candidates that do not lie inside one of the spans."""
    kept: list[Candidate] = []
    waiting = iter(urls)
    url = next(waiting, None)
    for item in sorted(found, key=lambda candidate: candidate.start):
        while url is not None and url[1] <= item.start:
            url = next(waiting, None)
        if url is None or item.start < url[0]:
            kept.append(item)
    return kept
