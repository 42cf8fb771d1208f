"""What was let out of a study, as the signed logs have it: what, by whom, with whose signatures and which figures.

A release that lacks something is a finding besides; the list names every one, so that nobody has to find it in the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from node.audit.findings import Json
from protocol.release import shown

NAMES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "shapes": "columns alike", "shapes/real": "the same of real rows", "pairs": "pairs of columns alike",
        "tstr_auroc": "use: model from synthetic rows", "tstr_auroc/real": "the same from real rows",
        "tstr_r2": "use: model from synthetic rows, R²", "tstr_r2/real": "the same from real rows",
        "tstr_c_index": "use: model from synthetic rows, C-index", "tstr_c_index/real": "the same from real rows",
        "exact_copies": "exact copies", "dcr_share": "nearer to training rows", "dcr_share/upper": "its upper bound",
        "mia_distance": "who was in training, by distance",
        "mia_discriminator": "who was in training, by the discriminator", "rare": "rare categories shown",
        "diversity": "variety of images", "frechet": "distance of images", "dp": "privacy budget",
        "accuracy": "accuracy", "auroc": "AUROC",
    },
    "sv": {
        "shapes": "kolumner lika", "shapes/real": "samma för verkliga rader", "pairs": "kolumnpar lika",
        "tstr_auroc": "nytta: modell ur syntetiska rader", "tstr_auroc/real": "samma ur verkliga rader",
        "tstr_r2": "nytta: modell ur syntetiska rader, R²", "tstr_r2/real": "samma ur verkliga rader",
        "tstr_c_index": "nytta: modell ur syntetiska rader, C-index", "tstr_c_index/real": "samma ur verkliga rader",
        "exact_copies": "exakta kopior", "dcr_share": "närmare träningsraderna", "dcr_share/upper": "dess övre gräns",
        "mia_distance": "vem som var med i träningen, efter avstånd",
        "mia_discriminator": "vem som var med i träningen, efter diskriminatorn",
        "rare": "sällsynta kategorier som visas", "diversity": "bildernas variation", "frechet": "bildernas avstånd",
        "dp": "integritetsbudget", "accuracy": "träffsäkerhet", "auroc": "AUROC",
    },
}  # fmt: skip

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "head": "What was released",
        "data": "synthetic data", "model": "a model",
        "line": "{region}, entry {seq}, {date}: {what} of study {study}, file {file}, signed by {signed}{fault}",
        "unseen": "; not among the entries at hand: the approval of {regions}",
        "nobody": "nobody", "fault": "; NOT as the plan asks, see the findings",
        "what": "What", "by": "Released by", "place": "{region}, entry {seq} of its log",
        "when": "When (UTC, by its clock)", "signed": "Signed by",
        "figures": "Figures, on the releasing region's own rows", "file": "File (SHA-256)",
    },
    "sv": {
        "head": "Vad som släppts fritt",
        "data": "syntetiska data", "model": "en modell",
        "line": "{region}, post {seq}, {date}: {what} ur studie {study}, fil {file}, underskrivet av {signed}{fault}",
        "unseen": "; finns inte bland posterna som lämnats: godkännandet av {regions}",
        "nobody": "ingen", "fault": "; INTE så som planen kräver, se fynden",
        "what": "Vad", "by": "Släppt av", "place": "{region}, post {seq} i dess logg",
        "when": "När (UTC, enligt dess klocka)", "signed": "Underskrivet av",
        "figures": "Siffror, på den frisläppande regionens egna rader", "file": "Fil (SHA-256)",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Released:
    """One thing that a region let out, as its log says.

    Attributes:
        what: ``data`` or ``model``.
        t_ms: By the region's own clock, ms since 1970.
        file, card: SHA-256.
        tests: Figures in 1e-6.
        signed: Regions whose approvals it names.
        holds: Whether it is as the plan asks, as far as this log shows.
        unseen: Of ``signed``, those whose approvals are not among the entries at hand, some of which are hashes only.
    """

    study: bytes
    region: str
    what: str
    seq: int
    t_ms: int
    file: bytes
    card: bytes
    tests: tuple[tuple[str, int], ...]
    signed: tuple[str, ...]
    holds: bool
    unseen: tuple[str, ...] = ()

    @property
    def date(self) -> str:
        """Day and minute in UTC; a clock beyond year 9999 as its number."""
        try:
            return datetime.fromtimestamp(self.t_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
        except (ValueError, OverflowError, OSError):
            return str(self.t_ms)

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON values."""
        return {
            "study": self.study.hex(), "region": self.region, "kind": self.what, "entry": self.seq, "t_ms": self.t_ms,
            "file_sha256": self.file.hex(), "card_sha256": self.card.hex(), "tests_u": dict[str, Json](self.tests),
            "signed": list[Json](self.signed), "as_the_plan_asks": self.holds,
            "approvals_not_at_hand": list[Json](self.unseen),
        }  # fmt: skip


def releases(released: Iterable[Released]) -> tuple[Released, ...]:
    """Return releases by region and place; a log that was handed over twice counts once."""
    found = {(one.region, one.study, one.seq, one.file): one for one in released}
    return tuple(found[key] for key in sorted(found))


def head(lang: str) -> str:
    """Return the heading."""
    return _WORDS[lang]["head"]


def line(one: Released, lang: str) -> str:
    """Return one release in one line."""
    say = _WORDS[lang]
    return say["line"].format(
        region=one.region, seq=one.seq, date=one.date, what=say[one.what], study=one.study.hex()[:8] + "…",
        file=one.file.hex()[:16] + "…", signed=", ".join(one.signed) or say["nobody"],
        fault=_fault(one, lang),
    )  # fmt: skip


def _fault(one: Released, lang: str) -> str:
    say = _WORDS[lang]
    unseen = say["unseen"].format(regions=", ".join(one.unseen)) if one.unseen else ""
    return unseen + ("" if one.holds else say["fault"])


def section(released: Sequence[Released], lang: str) -> str:
    """Return the releases as a section of the page; "" without one."""
    if not released:
        return ""
    return (
        f'<section id="releases"><h2>{escape(head(lang))}</h2>{"".join(_card(one, lang) for one in released)}</section>'
    )


def _card(one: Released, lang: str) -> str:
    say, names = _WORDS[lang], NAMES[lang]
    order = {name: place for place, name in enumerate(names)}
    figures = "".join(
        f"<tr><td>{escape(names.get(name, name))}</td><td class='w'>{escape(shown(value))}</td></tr>"
        for name, value in sorted(one.tests, key=lambda test: (order.get(test[0], len(order)), test[0]))
    )
    rows = (
        (say["by"], escape(say["place"].format(region=one.region, seq=one.seq))), (say["when"], escape(one.date)),
        (say["signed"], escape(", ".join(one.signed) or say["nobody"])),
        (say["figures"], f"<table>{figures}</table>" if figures else "–"),
        (say["file"], f"<code>{one.file.hex()}</code>"),
    )  # fmt: skip
    body = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in rows)
    words = _fault(one, lang).removeprefix("; ")
    fault = f'<p class="{"soft" if one.holds else "CONTRADICTED"}">{escape(words)}</p>' if words else ""
    return f"<article><h3>{escape(say[one.what])}</h3>{fault}<dl>{body}</dl></article>"
