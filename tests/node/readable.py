"""What every page must keep so that it can be read by all: with a keyboard, by a screen reader, on paper, offline."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_CALLS = {"script", "iframe", "object", "embed", "link", "form", "input", "img", "audio", "video"}
_LINEAR, _KNEE = 12.92, 0.04045


class _Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.levels: list[int] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.count = dict.fromkeys(("table", "th", "details", "summary", "svg", "title", "viewport"), 0)
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _CALLS or "src" in given or any(name.startswith("on") for name in given):
            self.faults.append(f"<{tag}> loads or runs something")
        if tag == "html" and given.get("lang") not in ("sv", "en"):
            self.faults.append("the page does not say its language")
        if tag == "meta" and given.get("name") == "viewport":
            self.count["viewport"] += 1
        if tag == "svg" and given.get("aria-hidden") == "true":
            return
        if tag in self.count:
            self.count[tag] += 1
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        self.ids.add(given.get("id", ""))
        if tag == "a":
            self.links.add(given.get("href", ""))


def faults(html: str) -> list[str]:
    """Return what keeps somebody from reading a page; nothing for a good one.

    Asked for: language, viewport, one first heading and no level left out, headers in tables, a title for each picture,
    a summary for what is folded, links that lead to something on the page, and nothing that is loaded or runs.
    """
    page = _Page(html)
    found, count = page.faults, page.count
    if not html.startswith("<!doctype html>") or not count["viewport"]:
        found.append("no doctype or no viewport")
    if page.levels.count(1) != 1 or page.levels[0] != 1:
        found.append(f"headings begin with {page.levels[:1]}, h1 stands {page.levels.count(1)} times")
    found += [
        f"h{low} after h{high}" for high, low in zip(page.levels, page.levels[1:], strict=False) if low > high + 1
    ]
    if count["table"] and count["th"] < count["table"]:
        found.append("a table without headers")
    if count["details"] != count["summary"]:
        found.append("something folded without a summary")
    if count["title"] < count["svg"] + 1:
        found.append("a picture without a title")
    found += [f"a link to {link}" for link in page.links if not link.startswith("#") or link[1:] not in page.ids]
    return found


def contrast(ink: str, paper: str) -> float:
    """Return the contrast of two colours #rrggbb, 1 to 21, as WCAG 2.1 defines it."""
    one, other = sorted((_luminance(ink), _luminance(paper)))
    return (other + 0.05) / (one + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / _LINEAR if c <= _KNEE else ((c + 0.055) / 1.055) ** 2.4 for c in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
