"""What a figure means, in a sentence for people who are no statisticians; English and Swedish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from node.learning.synth.measure.gate import Figure

LANGUAGES = ("en", "sv")

# Why a figure is undefined, by the codes that the metrics give.
WHY: dict[str, dict[str, str]] = {
    "en": {
        "": "",
        "not_measured": "it was not measured",
        "no_columns": "no column has values to compare",
        "few_columns": "there are fewer than two columns to compare",
        "one_class": "the rows to test on are all of one class",
        "few_cases": "fewer than 10 patients in the rows to test on have the class, or lack it",
        "few_events": "fewer than 10 patients in the rows to test on had the event, or all at the end",
        "few_rows": "there are too few rows",
        "no_label": "nothing that could be predicted is declared",
        "constant": "the column has one value only",
        "no_quasi": "no quasi-identifiers are declared",
        "no_discriminator": "the discriminator is not at hand",
        "no_sensitive": "no column is there to guess",
        "alike": "the real images are all alike",
        "no_dp": "trained without differential privacy",
    },
    "sv": {
        "": "",
        "not_measured": "det har inte mätts",
        "no_columns": "ingen kolumn har värden att jämföra",
        "few_columns": "det finns färre än två kolumner att jämföra",
        "one_class": "raderna att pröva med är alla av en klass",
        "few_cases": "färre än 10 patienter bland raderna att pröva med har klassen, eller saknar den",
        "few_events": "färre än 10 patienter bland raderna att pröva med fick händelsen, eller alla vid slutet",
        "few_rows": "det finns för få rader",
        "no_label": "inget som kan förutsägas är angivet",
        "constant": "kolumnen har bara ett värde",
        "no_quasi": "inga kvasi-identifierare är angivna",
        "no_discriminator": "diskriminatorn är inte till hands",
        "no_sensitive": "ingen kolumn finns att gissa",
        "alike": "de verkliga bilderna är alla lika",
        "no_dp": "tränat utan differentiell integritet",
    },
}

NAMES: dict[str, dict[str, str]] = {
    "en": {
        "shapes": "each column by itself",
        "pairs": "columns two by two",
        "tstr_auroc": "use: a model trained on synthetic rows",
        "tstr_r2": "use: a model trained on synthetic rows",
        "tstr_c_index": "use: a model trained on synthetic rows",
        "exact_copies": "exact copies",
        "dcr_share": "nearer to training rows than to others",
        "mia_distance": "who was in training, by distance",
        "mia_discriminator": "who was in training, by the discriminator",
        "rare": "rare categories",
        "dp": "differential privacy",
        "diversity": "variety of images",
        "frechet": "distance of images' features",
    },
    "sv": {
        "shapes": "varje kolumn för sig",
        "pairs": "kolumner två och två",
        "tstr_auroc": "nytta: en modell tränad på syntetiska rader",
        "tstr_r2": "nytta: en modell tränad på syntetiska rader",
        "tstr_c_index": "nytta: en modell tränad på syntetiska rader",
        "exact_copies": "exakta kopior",
        "dcr_share": "närmare träningsraderna än andra",
        "mia_distance": "vem som var med i träningen, efter avstånd",
        "mia_discriminator": "vem som var med i träningen, efter diskriminatorn",
        "rare": "sällsynta kategorier",
        "dp": "differentiell integritet",
        "diversity": "bildernas variation",
        "frechet": "avstånd mellan bildernas drag",
    },
}

_MEANS: dict[str, dict[str, str]] = {
    "en": {
        "shapes": "The columns, each by itself, are {value} alike (1 is the same).",
        "pairs": "How columns go together is {value} alike (1 is the same).",
        "tstr_auroc": "A model trained on synthetic rows alone reaches AUROC {value} on real rows it has not seen; one "
        "trained on real rows {against}.",
        "tstr_r2": "A model trained on synthetic rows alone explains {value} of how the number differs between real "
        "rows it has not seen (R²: 1 is all, 0 no more than their mean does); one trained on real rows {against}.",
        "tstr_c_index": "Of two real patients it has not seen, a model trained on synthetic rows alone says rightly "
        "who has the event first in {value} of the cases (C-index: 0.5 is a coin); one trained on real rows {against}.",
        "exact_copies": "{value} synthetic rows are copies of a real row, of training or held out.",
        "dcr_share": "{value} of the synthetic rows lie nearer to a training row than to a held-out one; 0.5 is what "
        "chance gives. Upper bound {upper}, asked: at most {upper_limit}.",
        "mia_distance": "Whoever guesses by distance who was in training is right with AUC {value}; 0.5 is a coin.",
        "mia_discriminator": "Whoever holds the discriminator and guesses who was in training is right with AUC "
        "{value}; 0.5 is a coin.",
        "rare": "{value} categories of few patients appear, or common ones are missing.",
        "dp": "ε {value} at δ {delta} by {accountant}: noise σ {sigma}, sampling rate {q}, {steps} steps.",
        "diversity": "Synthetic images differ among themselves {value} times as much as real ones.",
        "frechet": "The features of synthetic images lie {value} from those of real ones; 0 is the same.",
    },
    "sv": {
        "shapes": "Kolumnerna, var för sig, liknar varandra till {value} (1 är samma).",
        "pairs": "Hur kolumner hänger ihop liknar varandra till {value} (1 är samma).",
        "tstr_auroc": "En modell tränad enbart på syntetiska rader når AUROC {value} på verkliga rader den inte sett; "
        "en tränad på verkliga rader {against}.",
        "tstr_r2": "En modell tränad enbart på syntetiska rader förklarar {value} av hur talet skiljer sig mellan "
        "verkliga rader den inte sett (R²: 1 är allt, 0 inte mer än deras medel); en tränad på verkliga rader "
        "{against}.",
        "tstr_c_index": "Av två verkliga patienter den inte sett säger en modell tränad enbart på syntetiska rader "
        "rätt vem som får händelsen först i {value} av fallen (C-index: 0,5 är slantsingling); en tränad på verkliga "
        "rader {against}.",
        "exact_copies": "{value} syntetiska rader är kopior av en verklig rad, ur träningen eller undanhållen.",
        "dcr_share": "{value} av de syntetiska raderna ligger närmare en träningsrad än en undanhållen; 0,5 är vad "
        "slumpen ger. Övre gräns {upper}, krav: högst {upper_limit}.",
        "mia_distance": "Den som efter avstånd gissar vem som var med i träningen har rätt med AUC {value}; 0,5 är "
        "slantsingling.",
        "mia_discriminator": "Den som har diskriminatorn och gissar vem som var med i träningen har rätt med AUC "
        "{value}; 0,5 är slantsingling.",
        "rare": "{value} kategorier med få patienter förekommer, eller vanliga saknas.",
        "dp": "ε {value} vid δ {delta} enligt {accountant}: brus σ {sigma}, urvalsgrad {q}, {steps} steg.",
        "diversity": "Syntetiska bilder skiljer sig sinsemellan {value} gånger så mycket som verkliga.",
        "frechet": "De syntetiska bildernas drag ligger {value} från de verkligas; 0 är samma.",
    },
}

_ELSE: dict[str, dict[str, str]] = {
    "en": {
        "undefined": "Undefined: {why}.",
        "asked_least": " Asked: at least {threshold}.",
        "asked_most": " Asked: at most {threshold}.",
        "failed": " This does not hold.",
        "upper": " The figure holds, its upper bound does not.",
        "no_dp": "Differential privacy: none. Nothing bounds in theory what the synthetic rows tell of a patient; the "
        "attacks measured here are all there is.",
        "private": " The discriminator never left its region, so this is not asked.",
        "discrete": " No column is continuous, so equal rows are no copies, and this is not asked.",
    },
    "sv": {
        "undefined": "Odefinierat: {why}.",
        "asked_least": " Krav: minst {threshold}.",
        "asked_most": " Krav: högst {threshold}.",
        "failed": " Det håller inte.",
        "upper": " Värdet håller, dess övre gräns gör det inte.",
        "no_dp": "Differentiell integritet: ingen. Inget begränsar i teorin vad de syntetiska raderna säger om en "
        "patient; de angrepp som mätts här är allt som finns.",
        "private": " Diskriminatorn lämnade aldrig sin region, så detta krävs inte.",
        "discrete": " Ingen kolumn är kontinuerlig, så lika rader är inga kopior, och detta krävs inte.",
    },
}
_LEAST = ("shapes", "pairs", "tstr_auroc", "tstr_r2", "tstr_c_index", "diversity")
_COUNTS = ("exact_copies", "rare")


def number(value: float | None, lang: str = "en", name: str = "") -> str:
    """Return a figure as people read it, with the language's decimal sign; of counts without digits."""
    if value is None:
        return "–"
    text = f"{value:.0f}" if name in _COUNTS or abs(value) >= 100 else f"{value:.3f}"
    return text.replace(".", ",").replace("-", "−") if lang == "sv" else text.replace("-", "−")


def whole(value: int | None, lang: str) -> str:
    """Return a count with its thousands apart; None is under 10."""
    if value is None:
        return "under 10" if lang == "sv" else "fewer than 10"
    return f"{value:,}".replace(",", "\u00a0" if lang == "sv" else ",")


def exact(value: float | int | str, lang: str) -> str:
    """Return what a plan or a training states, as it is: no exponent, no empty decimals, the language's sign."""
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.12f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if lang == "sv" else text


def told(
    lang: str,
    name: str,
    figure: Figure,
    threshold: float | None,
    passed: bool,
    dp: Mapping[str, float | int | str] | None,
    *,
    upper_limit: float,
) -> str:
    """Return one test's sentence: the figure, what was asked, and whether it holds."""
    more = _ELSE[lang]
    asked = more["asked_least" if name in _LEAST else "asked_most"].format(threshold=number(threshold, lang, name))
    if name == "dp" and dp is None:
        return more["no_dp"] + (asked + more["failed"] if threshold is not None else "")
    if figure.value is None:
        text = more["undefined"].format(why=WHY[lang][figure.why or "not_measured"])
    else:
        values = {"value": figure.value, "upper": figure.upper, "against": figure.against, "upper_limit": upper_limit}
        said = {key: number(value, lang, name if key == "value" else "") for key, value in values.items()}
        stated = {key: value for key, value in (dp or {}).items() if key not in said and key != "epsilon"}
        facts = {key: exact(value, lang) for key, value in stated.items()}
        text = _MEANS[lang][name].format(**said, **facts)
    if threshold is not None:
        is_upper = name == "dcr_share" and figure.value is not None and round(figure.value - threshold, 6) <= 0
        return text + asked + ("" if passed else more["upper" if is_upper else "failed"])
    if name == "mia_discriminator":
        return text + more["private"]
    if name == "exact_copies":
        return text + more["discrete"]
    return text + ("" if passed else more["failed"])
