"""Text as it is stored and scored: decoded, stripped of markup, one line."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata

_BLOCKS = re.compile(r"<(script|style)\b[^>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"<!--.*?-->|</?[a-zA-Z][^<>]*>|<![^<>]*>", re.DOTALL)
_SPACES = re.compile(r"\s+")
#: Control (Cc), surrogate (Cs), unassigned and private-use characters. Format characters (Cf)
#: stay: emoji are joined by one of them.
_DROPPED = frozenset({"Cc", "Cs", "Cn", "Co"})


def strip_controls(text: str) -> str:
    """Return ``text`` without characters that no database or reader should meet.

    White space characters become blanks, so that words stay apart; NUL and its kin go.
    """
    if text.isascii() and text.isprintable():
        return text
    spaced = _SPACES.sub(" ", text)
    return "".join(char for char in spaced if unicodedata.category(char) not in _DROPPED)


def clean_text(text: str) -> str:
    """Return plain text: entities decoded, tags gone, white space collapsed, NFC.

    Markup is removed before and after decoding: feeds escape their HTML once or twice.
    """
    without_tags = _TAGS.sub(" ", _BLOCKS.sub(" ", text))
    decoded = html.unescape(without_tags)
    if decoded != without_tags:
        decoded = html.unescape(_TAGS.sub(" ", _BLOCKS.sub(" ", decoded)))
    normal = unicodedata.normalize("NFC", strip_controls(decoded))
    return _SPACES.sub(" ", normal).strip()


def article_text(title: str | None, summary: str | None) -> str:
    """Return the text of an article that is scored: ``title. summary``, cleaned.

    A title that ends in a sentence mark gets no further one; an empty part is left out.
    """
    head = clean_text(title or "")
    body = clean_text(summary or "")
    if not head or not body:
        return head or body
    separator = " " if head[-1] in ".!?…" else ". "
    return f"{head}{separator}{body}"


def text_hash(text: str) -> str:
    """Return the SHA-256 of a cleaned text, in hex: the identity of what is scored."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
