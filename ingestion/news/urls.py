"""The canonical address of an article: what two copies of it, in two feeds, have in common.

It names a page and is not meant to be opened: the scheme is always https, and what only tells how
a reader came by, or on which device, is gone. Two different pages must not become one, so a part
that might carry meaning stays.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

#: Parameters that tell where a reader came from.
_TRACKING = frozenset(
    {
        *("fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "twclid"),
        *("ttclid", "yclid", "igshid", "igsh", "mc_cid", "mc_eid", "_hsenc", "_hsmi"),
        *("mkt_tok", "cmpid", "cmp", "ocid", "ncid", "s_cid", "sr_share", "guccounter"),
        *("guce_referrer", "guce_referrer_sig", "ref", "ref_src", "ref_url", "referrer"),
        *("rss", "soc_src", "soc_trk", "spm", "share", "taid", "tblci", "at_medium"),
        *("at_campaign", "__source", "__twitter_impression", "usqp", "amp_js_v", "amp_gsa"),
    }
)
_TRACKING_PREFIXES = ("utm_", "pk_", "mtm_", "hsa_", "ga_")
#: Parameters that tell it only with such a value; with another they may choose the page.
_ORIGINS = frozenset({"source", "src", "from", "via", "medium"})
_FEEDS_AND_NETWORKS = re.compile(r"(?i)(rss|feed|atom|twitter|facebook|newsletter|google)")
#: Parameters that ask for the light form of a page.
_LIGHT = frozenset({"amp", "outputtype", "output", "view"})
_LIGHT_VALUES = frozenset({"", "1", "true", "amp", "mobile"})
#: First labels of a host that choose a form of the same page.
_DEVICE_LABELS = ("www.", "m.", "mobile.", "amp.")
_PORTS = {"http": 80, "https": 443}
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
#: The last part of an article's path has words joined by dashes, or a number.
_LIKE_AN_ARTICLE = re.compile(r"[-\d]")
_CACHE = ".cdn.ampproject.org"
_MOST_WRAPPERS = 3


def canonical_url(url: str) -> str:
    """Return the canonical address; what is no web address comes back as it is, stripped."""
    text = url.encode("utf-8", "replace").decode("utf-8").strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return text
    if parts.scheme.lower() not in _PORTS or not parts.hostname:
        return text
    for _ in range(_MOST_WRAPPERS):
        inner = _unwrapped(parts.hostname or "", parts.path)
        if inner is None:
            break
        parts = urlsplit(f"https://{inner}?{parts.query}")
        try:
            port = parts.port
        except ValueError:
            return text
        if not parts.hostname:
            return text
    host = _host(parts.hostname or "")
    if port is not None and port not in _PORTS.values():
        host = f"{host}:{port}"
    query = sorted(
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not _is_noise(name.lower(), value)
    )
    return urlunsplit(("https", host, _path(parts.path), urlencode(query), ""))


def _unwrapped(host: str, path: str) -> str | None:
    """Return host and path of the page inside an address of a cache of light pages, or None."""
    host = host.lower()
    if host.endswith(_CACHE):
        found = re.match(r"/[cvi]/(?:s/)?(.+)", path)
    elif host in ("www.google.com", "google.com"):
        found = re.match(r"/amp/(?:s/)?(.+)", path)
    else:
        return None
    return found[1] if found and "." in found[1].split("/")[0] else None


def _host(host: str) -> str:
    """Return a host in lower case without the labels that choose a device."""
    host = host.lower().rstrip(".")
    is_shortened = True
    while is_shortened:
        is_shortened = False
        for label in _DEVICE_LABELS:
            rest = host.removeprefix(label)
            if rest != host and "." in rest:
                host, is_shortened = rest, True
    return host


def _path(path: str) -> str:
    """Return a path in one spelling, without a slash at the end and without a mark of AMP."""
    path = quote(_ESCAPE.sub(_escape, path), safe="/%:@!$&'()*+,;=~-._")
    parts = [part for part in path.split("/") if part]
    while len(parts) > 1 and parts[-1].lower() == "amp" and _LIKE_AN_ARTICLE.search(parts[-2]):
        parts.pop()
    while len(parts) > 1 and parts[0].lower() == "amp" and _LIKE_AN_ARTICLE.search(parts[-1]):
        parts.pop(0)
    if parts:
        parts[-1] = re.sub(r"(?i)(?<=.)(\.amp)+(\.html?)?$", r"\2", parts[-1])
    return "/" + "/".join(parts) if parts else ""


def _escape(found: re.Match[str]) -> str:
    """Return an escaped character plain where the escape was needless, else in upper case."""
    char = unquote(found[0], encoding="latin-1")
    return char if _UNRESERVED.fullmatch(char) else found[0].upper()


def _is_noise(name: str, value: str) -> bool:
    if name in _TRACKING or name.startswith(_TRACKING_PREFIXES):
        return True
    if name in _ORIGINS:
        return bool(_FEEDS_AND_NETWORKS.search(value))
    return name in _LIGHT and value.lower() in _LIGHT_VALUES
