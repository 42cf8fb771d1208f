"""A report as one HTML page: a minute for a layman, then the rest. No script, nothing loaded, every text escaped.

Everything on it is a figure of a group or a made-up row; what the groups must be is ``pictures``' rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from node.learning.synth.measure import drawing
from node.learning.synth.measure.gate import USE, Figure, Outcome, Report, Thresholds
from node.learning.synth.measure.page_style import STYLE
from node.learning.synth.measure.page_words import FIGURES, PAGE
from node.learning.synth.measure.words import NAMES, WHY, exact, number, whole

FAIR = 0.05  # that risk may lie above a coin to be called good
_COIN = 0.5
_MOST_POWER = 5


def page(report: Report, name: str, lang: str = "en") -> str:
    """Return the page.

    Args:
        name: Of the data, for the title.
        lang: ``en`` or ``sv``.
    """
    return _Page(report, name, lang).html()


class _Page:
    def __init__(self, report: Report, name: str, lang: str) -> None:
        self.report, self.name, self.lang, self.say = report, name, lang, PAGE[lang]

    def html(self) -> str:
        title = escape(self.say["title"].format(name=self.name))
        parts = [
            self._head(title), self._minute(), self._gate(), self._columns(), self._images(), self._pairs(),
            self._curves(), self._guess(), self._figures(), self._not(), self._bound(),
        ]  # fmt: skip
        return (
            f'<!doctype html>\n<html lang="{self.lang}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title}</title><style>{STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
        )

    # ---------------------------------------------------------------- pieces

    def _t(self, key: str, **values: object) -> str:
        return escape(self.say[key].format(**values), quote=False)

    def _n(self, value: float | None, name: str = "") -> str:
        return number(value, self.lang, name)

    def _percent(self, value: float | None) -> str:
        if value is None:
            return "–"
        return f"{100 * value:.0f} %" if self.lang == "sv" else f"{100 * value:.0f}%"

    def _figure(self, name: str) -> Figure:
        return self.report.figures.get(name, Figure(None, why="not_measured"))

    def _section(self, key: str, body: str, *, about: bool = True) -> str:
        words = f'<p class="soft">{self._t(f"{key}.about")}</p>' if about else ""
        return f"<section><h2>{self._t(key)}</h2>{words}{body}</section>" if body else ""

    # ---------------------------------------------------------------- a minute

    def _head(self, title: str) -> str:
        report = self.report
        meta = self._t("from", rows=whole(report.rows, self.lang), seed=report.seed)
        if report.region:
            meta += self._t("from.region", region=report.region)
        failed = report.failed
        if not failed:
            verdict = f'<p class="verdict">{self._t("passed", n=len(report.tests))}</p>'
        else:
            reasons = "".join(f"<li>{escape(one.words[self.lang], quote=False)}</li>" for one in failed)
            count = self._t("failed", failed=len(failed), n=len(report.tests))
            verdict = f'<div class="verdict blocked"><p>{count}</p><ul>{reasons}</ul></div>'
        return f'<h1>{title}</h1><p class="soft">{meta}</p>{verdict}'

    def _minute(self) -> str:
        cards = "".join(
            f'<div class="card {kind}"><h3>{self._t(kind)}</h3><b>{big}</b><p>{below}</p>'
            f'<p class="soft">{note}</p></div>'
            for kind, big, below, note in self._cards()
        )
        use, risk = self._use(), self._risk()
        return (
            f'<div class="cards">{cards}</div><section class="two"><p><strong>{self._t("use")}.</strong> {use}</p>'
            f"<p><strong>{self._t('risk')}.</strong> {risk}</p></section>"
        )

    def _cards(self) -> list[tuple[str, str, str, str]]:
        counts, images = self.report.counts, self.report.kind == "images"
        kind = ".images" if images else ""
        held = whole(counts.get("held_out"), self.lang)
        copies = self._n(self._figure("exact_copies").value, "exact_copies")
        free = next((one.threshold is None for one in self.report.tests if one.name == "exact_copies"), False)
        note = "synthetic.note.discrete" if free and not images else f"synthetic{kind}.note"
        if images:
            frechet, varied = self._figure("frechet"), self._figure("diversity")
            words = self._t(
                "difference.images.note", frechet=self._n(frechet.value), against=self._n(frechet.against)
            )  # fmt: skip
            last = ("difference", self._percent(varied.value), self._t("difference.images"), words)
        else:
            words = self._t(
                "difference.note", pairs=self._percent(self._figure("pairs").value),
                detect=self._percent(self._figure("detection_auroc").value),
            )  # fmt: skip
            last = ("difference", self._percent(self._figure("shapes").value), self._t("difference.alike"), words)
        rows = "images" if images else "rows"
        real_note = self._t(f"real{kind}.held", held=held)
        return [
            ("real", escape(whole(counts.get("real"), self.lang)), self._t(f"real.{rows}"), real_note),
            (
                "synthetic",
                whole(self.report.rows, self.lang),
                self._t(f"synthetic.{rows}"),
                self._t(note, copies=copies),
            ),
            last,
        ]

    def _use(self) -> str:
        name = next((one.name for one in self.report.tests if one.name in USE), "tstr_auroc")
        use = self._figure(name)
        if use.value is None or use.against is None:
            return self._t("use.none", why=WHY[self.lang][use.why or "not_measured"])
        good = use.value >= use.against - getattr(Thresholds(), USE[name])
        of = name.removeprefix("tstr_")
        key = ("use.good" if good else "use.poor") + ("" if of == "auroc" else f".{of}")
        return self._t(key, value=self._n(use.value), against=self._n(use.against))

    def _risk(self) -> str:
        risk, dp = self._figure("mia_distance"), self.report.dp
        if risk.value is None:
            words = self._t("risk.none", why=WHY[self.lang][risk.why or "not_measured"])
        else:
            words = self._t("risk.good" if risk.value <= _COIN + FAIR else "risk.poor", value=self._n(risk.value))
        if dp is None:
            return words + self._t("risk.no_dp")
        epsilon = float(dp["epsilon"])
        told, delta = exact(round(epsilon, 3), self.lang), exact(dp["delta"], self.lang)
        return words + self._t("risk.dp", factor=self._factor(epsilon), epsilon=told, delta=delta)

    def _factor(self, epsilon: float) -> str:
        """Return e^ε as people read it: two digits, rounded up, from 100 000 on a power of ten."""
        power = epsilon / math.log(10)
        if power > _MOST_POWER:
            return "10" + str(math.ceil(power)).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
        step = 10.0 ** (math.floor(power) - 1)
        value = math.ceil(math.exp(epsilon) / step) * step
        text = whole(round(value), self.lang) if step >= 1 else f"{value:.1f}"
        return text.replace(".", ",") if self.lang == "sv" else text

    # ---------------------------------------------------------------- the gate

    def _gate(self) -> str:
        rows = "".join(self._test(one) for one in self.report.tests)
        head = "".join(f"<th>{self._t(key)}</th>" for key in ("gate.test", "gate.value"))
        head += f"<th></th><th>{self._t('gate.asked')}</th><th></th>"
        return self._section("gate", f'<div class="scroll"><table class="gate"><tr>{head}</tr>{rows}</table></div>')

    def _test(self, one: Outcome) -> str:
        name = escape(NAMES[self.lang][one.name])
        free = one.threshold is None and one.passed
        state = "free" if free else "ok" if one.passed else "not"
        tag = {"free": "soft", "ok": "pass", "not": "block"}[state]
        asked = "" if one.threshold is None else self._t(f"gate.{one.direction}", x=self._n(one.threshold, one.name))
        if one.threshold != one.default and one.threshold is not None and one.default is not None:
            asked += f'<br><span class="soft">{self._t("gate.own", x=self._n(one.default, one.name))}</span>'
        value = self._n(one.value, one.name) if one.value is not None else self._t("gate.undefined")
        if one.name == "dp" and one.value is None:
            value = self._t("none")
        words = escape(one.words[self.lang], quote=False)
        return (
            f'<tr><td>{name}<details><summary>?</summary>{words}</details></td><td class="n">{value}</td>'
            f'<td class="g">{drawing.gauge(one, NAMES[self.lang][one.name])}</td><td class="n">{asked}</td>'
            f'<td><span class="tag {tag}">{self._t(f"gate.{state}")}</span></td></tr>'
        )

    # ---------------------------------------------------------------- columns, pairs, curves

    def _columns(self) -> str:
        cells = "".join(self._column(one) for one in self.report.pictures.get("columns", ()))
        if not cells:
            return ""
        key = drawing.legend(self.say["pairs.real"], self.say["pairs.synthetic"])
        return self._section("columns", f'{key}<div class="small">{cells}</div>')

    def _column(self, one: Mapping[str, Any]) -> str:
        names = [self._group(group) for group in one["groups"]]
        ticks = [self._tick(group, i, len(names)) for i, group in enumerate(one["groups"])]
        score = self._t("columns.alike", x=self._percent(one["score"])) if one["score"] is not None else ""
        unit = f' <span class="soft">{escape(one["unit"])}</span>' if one["unit"] else ""
        picture = drawing.bars(names, ticks, one["real"], one["synthetic"], str(one["name"]))
        return (
            f'<figure><figcaption><b>{escape(str(one["name"]))}</b>{unit}<span class="soft end">{score}</span>'
            f"</figcaption>{picture}</figure>"
        )

    def _group(self, group: Any) -> str:
        """Return a group's name in words."""
        if isinstance(group, str):
            return {"?": self.say["missing"], "*": self.say["few"], "__other__": self.say["other"]}.get(group, group)
        low, high = (None if end is None else self._short(end) for end in group)
        if low is None and high is None:
            return self.say["all"]
        if low is None:
            return self.say["below"].format(x=high)
        return self.say["above"].format(x=low) if high is None else self.say["between"].format(a=low, b=high)

    def _tick(self, group: Any, i: int, n: int) -> str:
        """Return what stands below a group: levels by name, of bins every second or third lower end."""
        if isinstance(group, str):
            return self._group(group) if n <= 12 or group in ("?", "*") else ""
        if n == 1 or group == [None, None]:
            return self._group(group)
        if group[0] is None:
            return f"<{self._short(group[1])}"
        far = (n - 1 - i) % max(1, round(n / 6)) == 0 and (i > 1 or n < 6)  # beside the first there is no room
        return self._short(group[0]) if far else ""

    def _short(self, value: float) -> str:
        text = f"{value:.6g}"
        return text.replace(".", ",") if self.lang == "sv" else text

    def _pairs(self) -> str:
        found = self.report.pictures.get("pairs")
        if not found or len(found["names"]) < 2:
            return ""
        gaps = [[None if v is None else 1 - v for v in row] for row in found["alike"]]
        strong = max(
            (v for side in ("real", "synthetic") for row in found[side] for v in row if v is not None), default=1
        )
        strong, wrong = max(strong, 0.1), max((v for row in gaps for v in row if v is not None), default=1.0)
        maps: Sequence[tuple[str, Any, str, float]] = (
            ("real", found["real"], "heat-real", strong), ("synthetic", found["synthetic"], "heat-made", strong),
            ("gap", gaps, "heat-gap", max(wrong, 0.2)),
        )  # fmt: skip
        cells = "".join(
            f"<figure><figcaption><b>{self._t(f'pairs.{key}')}</b></figcaption>"
            f"{drawing.heat(found['names'], values, kind, self.say[f'pairs.{key}'], most)}</figure>"
            for key, values, kind, most in maps
            if values
        )
        return self._section("pairs", f'<div class="small maps">{cells}</div>')

    def _curves(self) -> str:
        roc, shared = self.report.pictures.get("roc", {}), self._shared()
        say = {
            "c-real": self.say["roc.real"], "c-made": self.say["roc.synthetic"], "c-risk": self.say["roc.membership"],
            "c-judge": self.say["roc.discriminator.shared" if shared else "roc.discriminator"],
            "c-tell": self.say["roc.detection"],
        }  # fmt: skip
        plots: list[tuple[str, dict[str, Any]]] = [
            ("roc.use", {"c-real": roc.get("real", []), "c-made": roc.get("synthetic", [])}),
            ("roc.risk", {"c-risk": roc.get("membership", []), "c-judge": roc.get("discriminator", [])}),
            ("roc.detection", {"c-tell": roc.get("detection", [])}),
        ]
        ends, coin = (self.say["roc.x"], self.say["roc.y"]), self.say["roc.coin"]
        cells = "".join(
            self._plot(key, drawing.curves(lines, say, self.say[key], *ends, diagonal=coin))
            for key, lines in plots
            if any(lines.values())
        )
        out = self._section("curves", f'<div class="small maps">{cells}</div>' if cells else "", about=False)
        near = self.report.pictures.get("distances", {})
        kinds = {"c-risk": "synthetic_real", "c-made": "synthetic_held", "c-real": "held_real"}
        lines = {kind: near.get(name, []) for kind, name in kinds.items()}
        if any(lines.values()):
            say = {kind: self.say[f"distance.{name}"] for kind, name in kinds.items()}
            ends = (self.say["distance.x"], self.say["distance.y"])
            plot = drawing.curves(lines, say, self.say["distance"], *ends, point="," if self.lang == "sv" else ".")
            out += self._section("distance", f'<div class="alone">{plot}</div>')
        return out

    def _shared(self) -> bool:
        return any(one.name == "mia_discriminator" and one.threshold is not None for one in self.report.tests)

    def _plot(self, key: str, picture: str) -> str:
        return f"<figure><figcaption><b>{self._t(key)}</b></figcaption>{picture}</figure>"

    # ---------------------------------------------------------------- images

    def _images(self) -> str:
        found = self.report.pictures.get("images")
        if not found:
            return ""
        blocks = []
        for one in found:
            name = self._t("images.class", x=one["name"])
            grid = (
                f'<img class="grid" alt="{escape(name, quote=True)}" src="data:image/png;base64,{escape(one["grid"])}">'
            )
            means = "".join(
                f'<figure><img alt="" src="data:image/png;base64,{escape(one[key])}">'
                f"<figcaption>{self._t(f'pairs.{side}')}</figcaption></figure>"
                for key, side in (("mean_real", "real"), ("mean_synthetic", "synthetic"))
                if one.get(key)
            )
            blocks.append(f'<h3>{name}</h3><div class="images">{grid}<div class="means">{means}</div></div>')
        return self._section("images", "".join(blocks) + f'<p class="soft">{self._t("images.means")}.</p>')

    # ---------------------------------------------------------------- the rest

    def _table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        def line(cells: Sequence[str], tag: str) -> str:
            first, *rest = cells
            return f"<tr><{tag}>{first}</{tag}>" + "".join(f'<{tag} class="n">{c}</{tag}>' for c in rest) + "</tr>"

        body = "".join(line(row, "td") for row in rows)
        return f'<div class="scroll"><table>{line(head, "th")}{body}</table></div>'

    def _guess(self) -> str:
        found = self.report.pictures.get("attributes", ())
        rows = [
            [escape(one["name"]), self._percent(one["value"]), self._percent(one["against"])]
            for one in found
            if one["value"] is not None
        ]
        head = [self._t(key) for key in ("guess.column", "guess.s", "guess.h")]
        return self._section("guess", self._table(head, rows) if rows else "")

    def _figures(self) -> str:
        names = FIGURES[self.lang]
        rows = []
        order = {name: at for at, name in enumerate(names)}
        for name, one in sorted(self.report.figures.items(), key=lambda one: order.get(one[0], len(order))):
            value = (
                self._n(one.value, name) if one.value is not None else escape(WHY[self.lang][one.why or "not_measured"])
            )
            bounds = f"{self._n(one.lower)} – {self._n(one.upper)}" if one.lower is not None else ""
            rows.append(
                [escape(names.get(name, name)), value, bounds, self._n(one.against) if one.against is not None else ""]
            )
        keys = ("figures.name", "figures.value", "figures.bounds", "figures.against")
        return self._section("figures", self._table([self._t(key) for key in keys], rows), about=False)

    def _not(self) -> str:
        patients = whole(self.report.counts.get("patients"), self.lang)
        dp = next((one.words[self.lang] for one in self.report.tests if one.name == "dp"), "")
        lines = [self._t("not.1", dp=dp), self._t("not.2", patients=patients), self._t("not.3")]
        if undefined := self.report.counts.get("undefined"):
            lines.append(self._t("not.4", undefined=undefined))
        if backs := self.report.counts.get("backs"):
            lines.append(self._t("not.5", backs=backs))
        return self._section("not", "<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>", about=False)

    def _bound(self) -> str:
        report = self.report
        keys: Mapping[str, str] = {key: getattr(report, key) for key in ("study", "model", "data", "schema")}
        show: Callable[[str], str] = lambda x: f"<code>{escape(x)}</code>" if x else self._t("none")  # noqa: E731
        rows = "".join(
            f"<tr><td>{self._t(f'bound.{key}')}</td><td>{show(value)}</td></tr>" for key, value in keys.items()
        )
        return self._section("bound", f"<table>{rows}</table>", about=False)
