"""Inline SVG of a report: the rounds of every region, and where the models come from. No script, no font, no link.

Shapes differ as well as colours, so that a printed page in grey says the same. The row of a region whose records
contradict each other is hatched: it is what its log claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape

from node.audit.chronicle import Course, RoundMark

MAX_COLUMNS = 96
MAX_STEPS = 9
_ROW, _LABEL, _TOP, _WIDTH = 26, 120, 8, 860
_GRAVITY = {"kept": 0, "summed": 1, "mixed": 2}


def rounds(courses: Sequence[Course], say: Mapping[str, str], claimed: Sequence[str] = ()) -> str:
    """Return the picture of one study's rounds, a row for each region and a mark for each round.

    Beyond 96 rounds several share one mark, which shows the least of them.

    Args:
        claimed: Regions whose logs only claim what is shown.
    """
    numbers = sorted({mark.round for course in courses for mark in course.marks})
    if not numbers:
        return ""
    per = -(-len(numbers) // MAX_COLUMNS)
    groups = [numbers[i : i + per] for i in range(0, len(numbers), per)]
    step = min(22.0, (_WIDTH - _LABEL) / len(groups))
    size = max(3.0, step - 3)
    height = _TOP + _ROW * len(courses) + 40
    parts = [_open(max(_LABEL + step * len(groups) + 8, 480), height, say["svg.rounds"])]
    for row, course in enumerate(courses):
        y = _TOP + row * _ROW
        parts.append(f'<text x="{_LABEL - 10}" y="{y + 14}" class="name">{escape(course.region)}</text>')
        marks = {mark.round: mark for mark in course.marks}
        for column, group in enumerate(groups):
            x, is_claim = _LABEL + column * step, course.region in claimed
            parts.append(_mark([marks.get(n) for n in group], group, x, y + 3, size, say, is_claim))
    y = _TOP + _ROW * len(courses) + 16
    for column in sorted({0, len(groups) - 1}):
        number = groups[column][0 if column == 0 else -1]
        x = _LABEL + column * step
        parts.append(f'<text x="{x:.1f}" y="{y}" class="tick">{number}</text>')
    times = [mark.t_ms for course in courses for mark in course.marks]
    parts.append(
        f'<text x="{_LABEL}" y="{y + 16}" class="tick">{_moment(min(times))} &#8211; {_moment(max(times))} UTC</text>'
    )
    return "".join([*parts, "</svg>"])


def _mark(
    marks: Sequence[RoundMark | None],
    group: Sequence[int],
    x: float,
    y: float,
    size: float,
    say: Mapping[str, str],
    is_claim: bool,
) -> str:
    known = [mark for mark in marks if mark is not None]
    worst = min((mark.outcome for mark in known), key=lambda outcome: _GRAVITY.get(outcome, 0), default="none")
    if len(known) < len(marks):
        worst = "none"
    label = say["round"].format(round=str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}")
    claim = f"{say['legend.claimed']}: " if is_claim and worst != "none" else ""
    title = f"<title>{escape(label)}: {escape(claim)}{escape(say[f'legend.{worst}'])}</title>"
    if worst == "none":
        return f'<circle cx="{x + size / 2:.1f}" cy="{y + 8}" r="1.5" class="none">{title}</circle>'
    height = 16 if worst == "mixed" else 10
    top = y if worst == "mixed" else y + 3
    kind = "claimed" if is_claim else worst
    box = f'<rect x="{x:.1f}" y="{top}" width="{size:.1f}" height="{height}" rx="2" class="{kind}">{title}</rect>'
    return box + (_line(x + 1, top + height - 1, x + size - 1, top + 1, "hatch") if is_claim else "")


def legend(say: Mapping[str, str], is_claimed: bool = False) -> str:
    """Return what the marks stand for, as HTML; the hatched one where a row is."""
    keys = ("mixed", "summed", "kept", "none", *(("claimed",) if is_claimed else ()))
    items = []
    for key in keys:
        shape = {
            "mixed": '<rect x="1" y="1" width="12" height="14" rx="2" class="mixed"/>',
            "summed": '<rect x="1" y="3" width="12" height="10" rx="2" class="summed"/>',
            "kept": '<rect x="1" y="3" width="12" height="10" rx="2" class="kept"/>',
            "none": '<circle cx="7" cy="8" r="1.5" class="none"/>',
            "claimed": '<rect x="1" y="1" width="12" height="14" rx="2" class="claimed"/>'
            '<line x1="2" y1="14" x2="12" y2="2" class="hatch"/>',
        }[key]
        items.append(
            f'<span><svg width="14" height="16" aria-hidden="true">{shape}</svg> {escape(say[f"legend.{key}"])}</span>'
        )
    return f'<p class="legend">{" ".join(items)}</p>'


def lineage(courses: Sequence[Course], say: Mapping[str, str], claimed: Sequence[str] = ()) -> str:
    """Return the picture of where one study's models come from: at most nine rounds, first and last among them."""
    numbers = sorted({mark.round for course in courses for mark in course.marks if mark.outcome != "summed"})
    if not numbers or len(courses) > 24:
        return ""
    last = len(numbers) - 1
    picked = sorted({numbers[round(i * last / max(1, MAX_STEPS - 1))] for i in range(MAX_STEPS)})
    columns = [None, *picked]
    gap = (_WIDTH - _LABEL - 60) / max(1, len(columns) - 1)
    rows = {course.region: _TOP + 16 + row * 44 for row, course in enumerate(courses)}
    height = _TOP + 44 * len(courses) + 22
    lines: list[str] = []
    dots: list[str] = []
    for course in courses:
        y = rows[course.region]
        marks = {mark.round: mark for mark in course.marks}
        dots.append(f'<text x="{_LABEL - 22}" y="{y + 5}" class="name">{escape(course.region)}</text>')
        start = escape(say["start"])
        dots.append(f'<circle cx="{_LABEL}" cy="{y}" r="6" class="start"><title>{start}</title></circle>')
        for column, number in enumerate(picked, start=1):
            x, before = _LABEL + column * gap, _LABEL + (column - 1) * gap
            mark = marks.get(number)
            lines.append(_line(before, y, x, y, "own"))
            for sender in mark.senders if mark is not None else ():
                if sender in rows:
                    lines.append(_line(before, rows[sender], x, y, "other"))
            is_claim = course.region in claimed
            dots.append(_dot(mark, x, y, say, number, course, number == picked[-1], is_claim))
    ticks = [
        f'<text x="{_LABEL + column * gap:.1f}" y="{height - 6}" class="tick mid">'
        f"{escape(say['start']) if number is None else number}</text>"
        for column, number in enumerate(columns)
    ]
    return "".join([_open(_WIDTH, height, say["svg.lineage"]), *lines, *dots, *ticks, "</svg>"])


def _dot(
    mark: RoundMark | None,
    x: float,
    y: float,
    say: Mapping[str, str],
    number: int,
    course: Course,
    is_last: bool,
    is_claim: bool,
) -> str:
    label = say["round"].format(round=number)
    if mark is None or mark.model is None:
        title = f"<title>{escape(label)}: {escape(say['legend.kept' if mark else 'legend.none'])}</title>"
        return f'<circle cx="{x:.1f}" cy="{y}" r="9" class="kept">{title}</circle>'
    released = mark.model in course.released
    title = f"{label}: {mark.model.hex()[:16]}" + (f", {say['released']}" if released else "")
    title = f"{title} ({say['legend.claimed']})" if is_claim else title
    kind = "claimed" if is_claim else "released" if released or is_last else "mixed"
    return (
        f'<circle cx="{x:.1f}" cy="{y}" r="11" class="{kind}"><title>{escape(title)}</title></circle>'
        f'<text x="{x:.1f}" y="{y + 4}" class="{"claimcount" if is_claim else "count"}">{len(mark.senders)}</text>'
    )


def _moment(t_ms: int) -> str:
    try:
        return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return "?"  # a time that no calendar has; its log is signed all the same


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1}" x2="{x2:.1f}" y2="{y2}" class="{kind}"/>'


def _open(width: float, height: float, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px" role="img"'
        f' xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>'
    )
