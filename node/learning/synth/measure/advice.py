"""What people are told when the gate holds synthetic data back: which test, by what figure, and what can be done.

Trying other seeds is never among it: what holds once in many tries holds by chance.
"""

from __future__ import annotations

from collections.abc import Mapping

from node.learning.synth.measure.gate import USE, Outcome, Report
from node.learning.synth.measure.words import number, whole

_MORE = {
    "en": "More rounds (study new --rounds), or more patients: a study of more regions.",
    "sv": "Fler ronder (study new --rounds) eller fler patienter: en studie med fler regioner.",
}
_LESS = {
    "en": "Fewer rounds, more patients, a smaller network, or differential privacy (study new --dp).",
    "sv": "Färre ronder, fler patienter, ett mindre nät eller differentiell integritet (study new --dp).",
}

_DO: dict[str, Mapping[str, str]] = {
    "shapes": _MORE, "pairs": _MORE, "use": _MORE, "diversity": _MORE, "frechet": _MORE,
    "dcr_share": _LESS, "mia_distance": _LESS,
    "exact_copies": {
        "en": _LESS["en"] + " The page shows how many held-out rows are copies too: where it is as many, rows of so "
        "few columns are alike by chance.",
        "sv": _LESS["sv"] + " Sidan visar hur många undanhållna rader som också är kopior: är de lika många är rader "
        "med så få kolumner lika av en slump.",
    },
    "mia_discriminator": {
        "en": "Keep the discriminator at home (--set share=generator), or train it with differential privacy (--dp).",
        "sv": "Låt diskriminatorn stanna hemma (--set share=generator) eller träna den med differentiell integritet "
        "(--dp).",
    },
    "rare": {
        "en": "Put rare categories together in the manifest, at all regions alike; for a common one that is missing, "
        "generate more rows.",
        "sv": "Slå ihop ovanliga kategorier i manifestet, lika hos alla regioner; saknas en vanlig, generera fler "
        "rader.",
    },
    "dp": {
        "en": "Train with a smaller ε (study new --dp epsilon=…), or let the plan ask for less.",
        "sv": "Träna med ett mindre ε (study new --dp epsilon=…), eller låt planen kräva mindre.",
    },
    "undefined": {
        "en": "Keep more rows back to measure with (study new --set test_share=0.3), or let a region with more "
        "patients release.",
        "sv": "Håll undan fler rader att mäta med (study new --set test_share=0.3), eller låt en region med fler "
        "patienter släppa data.",
    },
    "upper": {
        "en": "Too few rows to be sure: of honest sets nine in ten pass from about 250 held-out patients (and as many "
        "in training) on, three in four at 150; here {held} are held out. Keep more rows back (study new --set "
        "test_share=0.5), or let a region with more patients release.",
        "sv": "För få rader för att vara säker: av ärliga data klarar sig nio av tio från omkring 250 undanhållna "
        "patienter (och lika många i träningen), tre av fyra vid 150; här är {held} undanhållna. Håll undan fler rader "
        "(study new --set test_share=0.5), eller låt en region med fler patienter släppa data.",
    },
}  # fmt: skip

_SAY: dict[str, Mapping[str, str]] = {
    "en": {
        "head": "{failed} of {n} tests do not hold:", "bound": "{name} {sign} {x}", "figure": "{name} with a figure",
        "upper": "upper bound of {name} within its limit",
        "seeds": "Another seed until one holds proves nothing.",
    },
    "sv": {
        "head": "{failed} av {n} prov håller inte:", "bound": "{name} {sign} {x}", "figure": "{name} med ett värde",
        "upper": "övre gräns för {name} inom sitt krav",
        "seeds": "Andra frön tills ett håller visar ingenting.",
    },
}  # fmt: skip


def refusal(report: Report, lang: str) -> tuple[str, str, str]:
    """Return what was found, what was expected and what to do, of a report that did not pass: as in ``Refusal``."""
    say, failed = _SAY[lang], report.failed
    found = "\n".join(f"  - {one.words[lang]}" for one in failed)
    head = say["head"].format(failed=len(failed), n=len(report.tests))
    return f"{head}\n{found}", ", ".join(_asked(one, lang) for one in failed), _remedies(report, lang)


def _asked(one: Outcome, lang: str) -> str:
    if _remedy(one) == "upper":
        return _SAY[lang]["upper"].format(name=one.name)
    if one.threshold is None:
        return _SAY[lang]["figure"].format(name=one.name)
    sign = "≥" if one.direction == "least" else "≤"
    return _SAY[lang]["bound"].format(name=one.name, sign=sign, x=number(one.threshold, lang, one.name))


def _remedies(report: Report, lang: str) -> str:
    """Return what can be done, each remedy once, in the order of the tests."""
    held = whole(report.counts.get("held_out"), lang)
    found = dict.fromkeys(_DO[_remedy(one)][lang].replace("{held}", held) for one in report.failed)
    return " ".join([*found, _SAY[lang]["seeds"]])


def _remedy(one: Outcome) -> str:
    if one.name == "dp":
        return "dp"
    if one.value is None or one.threshold is None:
        return "undefined"
    if one.name == "dcr_share" and one.value <= one.threshold:
        return "upper"
    return "use" if one.name in USE else one.name
