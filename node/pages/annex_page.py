"""The annex as one page that prints well on A4: no script, nothing from outside, every string escaped."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from crypto.words import words
from node import privacy_words, privacy_words_sv
from node.pages.annex import Annex, Data, Route
from node.pages.annex_words import CHECKS, COLUMN_ROLES, LEARNS, PAGE, PURPOSES, STAGES
from node.pages.disclosures_words import FORMS, ROLES
from node.pages.disclosures_words import LEARNS as SENT
from node.plan_privacy import plan_sentences

# Characters that turn the direction of what is read after them, and what no page shows.
_TURNING = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_STYLE = """
*{box-sizing:border-box}
body{margin:0;background:#eef1f4;color:#16202b;font:15px/1.5 "Segoe UI","Helvetica Neue","DejaVu Sans",Arial,sans-serif}
main{max-width:56rem;margin:0 auto;background:#fff;padding:2.2rem 2.4rem 3rem}
h1{font-size:1.65rem;line-height:1.25;margin:0 0 .2rem}
h2{font-size:1.12rem;margin:2rem 0 .6rem;padding-top:.5rem;border-top:2px solid #16202b;break-after:avoid}
p{margin:.45rem 0;max-width:74ch}
.soft{color:#55616f}
.lab,.no{border-left:4px solid #b3261e;background:#fbeeed;padding:.5rem .9rem;font-weight:600}
.words{border:2px solid #16202b;border-radius:6px;padding:.8rem 1rem;margin:.9rem 0;break-inside:avoid}
.words b{display:block;font-size:1.35rem;line-height:1.5;letter-spacing:.01em;overflow-wrap:anywhere}
.words code{display:block;margin-top:.2rem}
code{font:.86em ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:11rem 1fr;gap:.3rem 1rem;margin:.6rem 0}
dt{color:#55616f}dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.6rem 0}
th{text-align:left;font-weight:600;color:#55616f;font-size:.86rem}
th,td{vertical-align:top;padding:.4rem .8rem .4rem 0;border-bottom:1px solid #d5dbe2}
td:last-child,th:last-child{padding-right:0}
tr{break-inside:avoid}thead{display:table-header-group}
tr.clear td{background:#fbeeed}
.sign{break-inside:avoid}.sign td{height:3.1rem;vertical-align:bottom}
.sign th+th,.sign td+td{border-left:1px solid #d5dbe2;padding-left:.6rem}
@media(max-width:640px){main{padding:1.2rem 1rem 2rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}
.sign table{min-width:38rem}.leaves thead{display:none}.leaves tr{display:block;border-bottom:1px solid #d5dbe2;
padding:.4rem 0}.leaves td{display:block;border:0;padding:.1rem 0}.leaves td:first-child{font-weight:600}}
@media print{@page{size:A4;margin:17mm 16mm 18mm}
body{background:#fff;font-size:9.5pt;line-height:1.4}main{max-width:none;padding:0}p{max-width:none}
.wide{overflow:visible}.wide table{min-width:0}h2{margin-top:1.3rem}}
"""


def to_html(annex: Annex, lang: str, date: str) -> str:
    """Return the page.

    Args:
        lang: ``sv`` or ``en``.
        date: The day on which it is written, as the page says it.
    """
    plan, say = annex.plan, PAGE[lang]
    title = f"{say['title']}: {plan.title}" if plan.title else say["title"]
    head = say["for"].format(region=annex.region, date=date) if annex.region else say["for.plan"].format(date=date)
    spoken = words(plan.study)
    parts = [
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f'<style>{_STYLE}@page{{@bottom-left{{content:"{spoken}";font-size:8pt;color:#55616f}}'
        '@bottom-right{content:counter(page) " / " counter(pages);font-size:8pt;color:#55616f}}</style></head><body>',
        f"<main><h1>{escape(title)}</h1>{_p(head, 'soft')}",
        _p(say["lab"], "lab") if plan.lab else "",
        _study(annex, lang, spoken),
        _leaves(annex, lang),
        _who(annex, lang),
        _data(annex, lang),
        _privacy(annex, lang),
        _approvals(annex, lang),
        _keep(annex, lang),
        _code(annex, lang),
        _signatures(annex, lang, spoken),
        "</main></body></html>\n",
    ]
    return _TURNING.sub("\ufffd", "".join(parts))


# ---------------------------------------------------------------- sections


def _study(annex: Annex, lang: str, spoken: str) -> str:
    plan, say = annex.plan, PAGE[lang]
    topology = plan.topology
    if annex.region is not None:
        around = sorted({name for graph in plan.turn for name in graph[annex.region].names})
        topology = say["neighbours"].format(topology=topology, region=annex.region, names=_listed(around, lang))
    facts = [
        ("k.title", plan.title or say["title.none"]),
        ("k.purpose", PURPOSES[lang].get(plan.purpose, plan.purpose)),
        ("k.learns", say["learns"].format(task=plan.task["name"], dim=_number(plan.dim), rounds=plan.rounds)),
        ("k.regions", _listed(plan.regions, lang)),
        ("k.topology", topology),
        ("k.masking", say[f"masking.{_masks(annex)}"]),
    ]
    whole = plan.study.hex()
    blocks = " ".join(whole[i : i + 8] for i in range(0, len(whole), 8))
    box = (
        f'<div class="words"><span class="soft">{escape(say["k.words"])}</span><b>{escape(spoken)}'
        f'</b><span class="soft">{escape(say["k.id"])}</span><code>{blocks}</code></div>'
    )
    return _h(say["h.study"]) + _facts(facts, lang) + box + _p(say["voice"], "soft")


def _leaves(annex: Annex, lang: str) -> str:
    plan, say = annex.plan, PAGE[lang]
    rows = [_route(one, annex, lang) for one in annex.routes]
    everybody = _listed([name for name in plan.regions if name != annex.region], lang)
    rows.append((say["w.messages"], FORMS[lang]["organisation"], everybody, say["as.needed"], "", say["messages"]))
    if plan.witness["mirror"]:
        learns = SENT[lang]["copy"]
        rows.append((say["w.copy"], FORMS[lang]["copy"], say["neighbours.word"], say["as.needed"], "", learns))
    model = say["model"].format(count=plan.release["min_approvals"])
    rows.append((say["w.model"], FORMS[lang]["model"], say["model.to"], "", "", model))
    if "share" in plan.settings:  # a generator
        rows.append(
            (
                say["w.synthetic"],
                FORMS[lang]["synthetic"],
                say["model.to"],
                "",
                "",
                f"{SENT[lang]['data.release']} {model}",
            )
        )
    rows.append(
        (say["w.handover"], FORMS[lang]["handover"], say["handover.to"], say["as.needed"], "", SENT[lang]["handover"])
    )
    clear = FORMS[lang]["clear"]
    body = "".join(
        f"<tr{' class=clear' if form == clear else ''}><td>{escape(what)}"
        f'<br><span class="soft">{escape(form) if form.lower() != what.lower() else ""}</span></td>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in (to, _joined(times, size), learn))
        + "</tr>"
        for what, form, to, times, size, learn in rows
    )
    head = "".join(f"<th>{escape(cell)}</th>" for cell in (say["c.what"], say["c.to"], say["c.times"], say["c.learn"]))
    table = f'<table class="leaves"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return _h(say["h.leaves"]) + table + _p(say["stays"])


def _route(one: Route, annex: Annex, lang: str) -> tuple[str, str, str, str, str, str]:
    say = PAGE[lang]
    what = say.get(f"w.update.{annex.plan.settings.get('share')}", say["w.update"])
    if one.form == "statistics":
        stages = ", ".join(STAGES[lang].get(stage, stage) for stage in annex.plan.sums)
        what = say["w.statistics"].format(stages=stages)
    to = _listed(one.to, lang) if one.to else say["neighbours.all"]
    times = say["rounds.1"] if one.rounds == 1 else say["rounds"].format(rounds=_number(one.rounds))
    size = say["numbers"] if one.size is None else _size(one.size, lang)
    alone = {"clear": "clear.sent"}.get(one.what, one.what)
    sentence = LEARNS[lang].get(alone) or SENT[lang][one.what]
    each = {"en": "the receiver", "sv": "mottagaren"}[lang]
    receiver = one.to[0] if len(one.to) == 1 else each
    return what, FORMS[lang][one.form], to, times, size, sentence.format(to=receiver, among=one.among)


def _who(annex: Annex, lang: str) -> str:
    plan, say = annex.plan, PAGE[lang]
    lines = plan_sentences(plan, annex.report, lang)
    if plan.sums:
        two = plan.n == 2
        lines.append(say["sums.two"] if two else say["sums.who"].format(n=plan.n, others=plan.n - 1))
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return _h(say["h.who"]) + f"<ul>{items}</ul>" + _p(say["who"], "soft")


def _data(annex: Annex, lang: str) -> str:
    say, data = PAGE[lang], annex.data
    head = _h(say["h.data"])
    if data is None:
        return head + _p(say["data.no"] if annex.no_data else say["data.none"])
    refused = "" if annex.plan.purpose in data.purposes else _p(say["purpose.no"], "no")
    columns = [
        (
            COLUMN_ROLES[lang].get(role, role),
            ", ".join(c.name + (f" ({c.unit})" if c.unit else "") for c in data.columns if c.role == role),
        )
        for role in dict.fromkeys(c.role for c in data.columns)
    ]
    table = _table((say["c.role"], say["c.columns"]), columns)
    return head + _facts(_data_facts(data, lang), lang) + refused + table + _exceptions(data, lang)


def _data_facts(data: Data, lang: str) -> list[tuple[str, str]]:
    say = PAGE[lang]
    none = say["not.stated"]
    groups = data.groups
    told = say["groups.none"]
    if groups is not None:
        shown = {"k": groups["k"], "l": groups["l"] if groups["l"] is not None else "–"}
        t = _decimal(f"{groups['t']:.2f}", lang) if groups["t"] is not None else "–"
        told = say["groups"].format(**shown, t=t, columns=", ".join(groups["columns"]))
    source = say["source"].format(source=data.source, date=data.extracted) if data.source and data.extracted else (
        data.source or data.extracted or none
    )  # fmt: skip
    return [
        ("k.name", say["version"].format(name=data.name, version=data.version)),
        ("k.owner", data.owner or none),
        ("k.basis", data.legal_basis or none),
        ("k.approval", data.approval or none),
        ("k.licence", data.licence or none),
        ("k.source", source),
        ("k.purposes", ", ".join(PURPOSES[lang].get(one, one) for one in data.purposes)),
        ("k.rows", say["rows"].format(rows=data.rows)),
        ("k.optout", say["optout.yes" if data.has_opt_outs else "optout.no"]),
        ("k.unit", say["unit.patient" if data.by_patient else "unit.row"]),
        ("k.groups", told),
        ("k.sheet", data.sheet),
        ("k.schema", data.schema),
    ]


def _exceptions(data: Data, lang: str) -> str:
    say = PAGE[lang]
    head = f"<h3>{escape(say['h.exceptions'])}</h3>"
    if not data.exceptions:
        return head + _p(say["exceptions.none"])
    rows = [
        (f"{CHECKS[lang].get(one.check, one.check)} ({one.check})", one.column or say["table"], one.ref)
        for one in data.exceptions
    ]
    return head + _p(say["exceptions"]) + _table((say["c.check"], say["c.column"], say["c.ref"]), rows)


def _privacy(annex: Annex, lang: str) -> str:
    plan, say, dp = annex.plan, PAGE[lang], annex.plan.dp
    lines = []
    if dp is None:
        lines.append(_p(say["dp.none"]))
    else:
        epsilon, delta = dp["eps_max_u"] / 1e6, _decimal(_plain(dp["delta_u12"]), lang)
        factor = math.exp(min(epsilon, 50.0))
        told = f"{factor:.1f}" if factor < 100 else f"{float(f'{factor:.2g}'):.0f}" if factor < 1e6 else f"{factor:.0e}"
        lines.append(
            _p(say["dp"].format(epsilon=_decimal(f"{epsilon:g}", lang), delta=delta, factor=_decimal(told, lang)))
        )
        steps = plan.rounds * int(str(plan.settings.get("local_steps", 1)))
        numbers = {"sigma": dp["sigma_min_u"] / 1e6, "clip": dp["clip_u"] / 1e6, "q": dp["q_u"] / 1e6}
        lines.append(
            _p(
                say["dp.numbers"].format(
                    steps=steps, **{key: _decimal(f"{one:g}", lang) for key, one in numbers.items()}
                )
            )
        )
        if plan.sums:
            lines.append(_p(say["dp.sums"].format(share=f"{dp['preprocess_bp'] / 100:g} %")))
        lines.append(_p(say["dp.stop"]))
        lines.append(_p(say["dp.not"]))
    if annex.budget_u is not None:
        lines.append(_p(say["dp.budget"].format(budget=_decimal(f"{annex.budget_u / 1e6:g}", lang))))
    return _h(say["h.dp"]) + "".join(lines)


def _approvals(annex: Annex, lang: str) -> str:
    say, roles = PAGE[lang], ROLES[lang]
    if annex.region is None:
        return ""
    given = {one.role: one for one in annex.consents}
    rows = []
    for role in dict.fromkeys((*annex.needed, *given)):
        one = given.get(role)
        word = roles.get(role, role) + (f" ({say['needed']})" if role in annex.needed else "")
        day = datetime.fromtimestamp(one.t_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M") if one else say["not.yet"]
        rows.append((word, (one.ref or say["no.ref"]) if one else "", day))
    others = [
        f"{name} {say['answer.' + (annex.answers or {}).get(name, 'none')]}"
        for name in annex.plan.regions
        if name != annex.region
    ]
    table = _table((say["c.who"], say["c.ref"], say["c.date"]), rows)
    return _h(say["h.approvals"]) + table + _p(say["others"].format(answers=", ".join(others)), "soft")


def _keep(annex: Annex, lang: str) -> str:
    say = PAGE[lang]
    years = say["keep.log"].format(years=annex.plan.retention["years"])
    data = say["keep.data"].format(update=say[f"update.{annex.plan.data_update}"])
    kept, drawn = annex.plan.retention["payload_rounds"], annex.plan.retention["sample_bp"]
    values = [say["keep.rounds"].format(rounds=_number(kept))] if kept else []
    values += [say["keep.drawn"].format(share=_decimal(f"{drawn / 100:g} %", lang))] if drawn else []
    lines = (years, *(values or [say["keep.values"]]), data, say["keep.erase"])
    return _h(say["h.keep"]) + "".join(_p(one) for one in lines)


def _code(annex: Annex, lang: str) -> str:
    plan, say = annex.plan, PAGE[lang]
    hashes = "".join(f"<p><code>{one.hex()}</code></p>" for one in plan.code_sha256s)
    here = "" if annex.region is None else _p(say["code.here"]) if annex.code_is_here else _p(say["code.other"], "no")
    task = say["task"].format(
        name=plan.task["name"], version=plan.task["version"], layout=plan.layout.hex()[:16], init=plan.init.hex()[:16]
    )
    return _h(say["h.code"]) + _p(say["code"]) + hashes + here + _p(task, "soft")


def _signatures(annex: Annex, lang: str, spoken: str) -> str:
    say = PAGE[lang]
    columns = ("c.sign.role", "c.sign.name", "c.sign.ref", "c.sign.date", "c.sign.sign")
    head = "".join(f"<th>{escape(say[column])}</th>" for column in columns)
    lines = "".join(
        f"<tr><td>{escape(ROLES[lang][role])}</td>{'<td></td>' * 4}</tr>" for role in ("dpo", "controller", "technical")
    )
    return (
        f'<section class="sign">{_h(say["h.sign"])}<p>{escape(say["sign"])} <b>{escape(spoken)}</b>.</p>'
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div></section>'
    )


# ---------------------------------------------------------------- pieces


def _masks(annex: Annex) -> str:
    if annex.plan.masking["mode"] == "off":
        return "off"
    return "part" if any(one.form == "clear" for one in annex.routes) else "on"


def _h(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def _p(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def _facts(facts: Iterable[tuple[str, str]], lang: str) -> str:
    return "<dl>" + "".join(f"<dt>{escape(PAGE[lang][k])}</dt><dd>{escape(v)}</dd>" for k, v in facts) + "</dl>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _listed(names: Sequence[str], lang: str) -> str:
    return privacy_words_sv.listed(names) if lang == "sv" else privacy_words.listed(names)


def _joined(times: str, size: str) -> str:
    return f"{times}, {size}" if times and size else times or size


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\u00a0")


def _size(count: int, lang: str) -> str:
    if count < 1000:
        return f"{count} byte"
    return _decimal(f"{count / 1000:.1f} kB" if count < 10**6 else f"{count / 10**6:.1f} MB", lang)


def _plain(u12: int) -> str:
    """A number of 1e-12 as a decimal, without an exponent."""
    return f"{u12 / 1e12:.12f}".rstrip("0").rstrip(".")


def _decimal(text: str, lang: str) -> str:
    return text.replace(".", ",") if lang == "sv" else text
