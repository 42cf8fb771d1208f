"""``landsting topology privacy``: what the sums themselves give away, in one sentence and its figures.

Of a label, of a plan file, or of a run that really happened (``--observed``). The clock that ends a long
search and the bar that shows it are here; what is computed and how it is told: ``node.privacy``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.cli.output import Refusal, emit, say, table
from node.demo.wish import REGIONS
from node.privacy import SOFT_ROUNDS, Subject, key_of, report_of, subject_of, subject_of_plan
from node.privacy_words import failing_sentences, failing_value, figures, listed, sentences, value
from protocol.plan import Plan
from topologies import Overview
from topologies.integers import as_run
from topologies.privacy import Lasting, lasting_share, seen_in_one_round

if TYPE_CHECKING:
    from node.observed import Run

MOST_REGIONS = 200
SEARCH_S = 60  # for each of the two searches
MOST_SHOWN = 8


def of_label(one: Overview, *, metropolis: bool, den: int) -> Subject:
    """Return the subject of a label, with names as stand-ins."""
    _check_size(one.n)
    return subject_of(one, region_names(one.n), metropolis=metropolis, den=den)


def of_plan(plan: Plan) -> Subject:
    """Return the subject of a plan."""
    _check_size(plan.n)
    return subject_of_plan(plan)


def of_run(bundles: Sequence[Path], plan: Plan | None) -> tuple[Subject, Run]:
    """Return the subject of a run that bundles show, and the run.

    Raises:
        Refusal: The bundles show no training round.
    """
    from node.observed import observed  # the auditor's readers: only bundles need them

    run = observed(bundles, plan.study if plan is not None else None)
    if not run.sums:
        raise Refusal(
            "STUDY", "no training round in these bundles", "bundles of a run", "landsting log export --home HOME"
        )
    planned = of_plan(run.plan)
    mixing = as_run(planned.mixing, run.shown())
    return replace(planned, title=f"{planned.title}, as it was run", mixing=mixing, observed=True), run


def privacy_report(
    subject: Subject,
    *,
    run: Run | None = None,
    coalition: str | None,
    rounds: int | None,
    rho: str,
    max_size: int,
    with_failures: bool,
    as_json: bool,
) -> None:
    """Print what coalitions of one subject's regions learn from sums alone.

    Raises:
        Refusal: An option that cannot be read.
    """
    names, rhos = subject.names, _rhos(rho)
    members = None if coalition is None else _coalition(coalition, names)
    if run is not None:
        rounds = len(run.sums)
    bar = _Bar(quiet=as_json)
    report = report_of(
        subject, rounds=rounds, rhos=rhos, max_size=max_size, with_failures=with_failures or not as_json, tick=bar.tick
    )
    bar.close()
    asked = None if members is None else _asked(subject, members, report.rounds, rhos)
    if as_json:
        extra: dict[str, Any] = {} if asked is None else {"coalition": _named(asked, names)}
        if with_failures:
            extra["failures"] = failing_value(report)
        emit(value(report) | extra)
        return
    failing = failing_sentences(report)
    lines = [
        *([f"Observed: {_run_words(run)}"] if run is not None else []),
        *sentences(report),
        *(["", "When regions are away, or a receiver lies:", *failing] if failing else []),
        "",
        table(figures(report), (f"{subject.title} of {subject.n}", subject.weights)),
        "",
        f"R2: the share of the variance of one region's contribution that one curious region explains, at worst, over "
        f"{report.r2['rounds']} rounds.",
        "Masks cannot help against what the sums themselves say.",
    ]
    say("\n".join(lines))
    if asked is not None:
        say("\n" + _asked_words(asked, names))


def region_names(n: int) -> tuple[str, ...]:
    """Return names for n regions in order: real ones as stand-ins while there are enough."""
    if n <= len(REGIONS):
        return tuple(sorted(REGIONS[:n]))
    return tuple(f"region-{i:0{len(str(n - 1))}}" for i in range(n))


def _check_size(n: int) -> None:
    if n > MOST_REGIONS:
        raise Refusal("NOT_IN_VERSION", f"privacy of {n} regions", f"at most {MOST_REGIONS}", f"--nodes {MOST_REGIONS}")


def _run_words(run: Run) -> str:
    missing = run.missing()
    silent = [name for name in run.plan.regions if name not in run.logs]
    words = f"{len(run.sums)} training rounds of study {run.plan.study.hex()[:12]}, from the logs of {listed(run.logs)}"
    if silent:
        words += f"; {listed(silent)} handed over none, and counts as having opened every sum that it named"
    if not missing:
        return f"{words}. Every sum held all that the plan lets send."
    shown = [f"round {round}, {receiver} without {listed(out)}" for round, receiver, out in missing[:MOST_SHOWN]]
    more = f"; and {len(missing) - MOST_SHOWN} more" if len(missing) > MOST_SHOWN else ""
    return f"{words}. {len(missing)} sums left somebody out: {'; '.join(shown)}{more}."


def _asked(subject: Subject, members: Sequence[int], rounds: int, rhos: Sequence[float]) -> dict[str, Any]:
    """Return what one coalition that was asked for sees; regions as numbers."""
    mixing = subject.mixing
    others = [i for i in range(mixing.n) if i not in members]
    soft = min(rounds, SOFT_ROUNDS)
    shares = {key_of(r): float(lasting_share(mixing, members, soft, r)[others].max()) for r in rhos}
    return {
        "members": list(members),
        "fresh": sorted(seen_in_one_round(mixing, members)),
        "const": sorted(Lasting(mixing, rounds).exposes(members)),
        "r2": {key: round(share, 6) for key, share in shares.items()},
    }


def _named(asked: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return asked | {key: [names[i] for i in asked[key]] for key in ("members", "fresh", "const")}


def _asked_words(asked: dict[str, Any], names: Sequence[str]) -> str:
    who = listed([names[i] for i in asked["members"]])
    verb = "together see" if len(asked["members"]) > 1 else "sees"
    lines = [
        f"{who} {verb}, with fresh contributions: {listed([names[i] for i in asked['fresh']]) or 'nobody'}.",
        f"With the same contribution in every round: {listed([names[i] for i in asked['const']]) or 'nobody'}.",
    ]
    lines += [f"R2, lasting + {key} x new: {share:.2f} at worst." for key, share in asked["r2"].items()]
    return "\n".join(lines)


def _rhos(text: str) -> tuple[float, ...]:
    try:
        found = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        found = ()
    if not found or not all(rho == 0 or 1e-3 <= rho <= 1e3 for rho in found):
        raise Refusal(
            "VALUE", f"--rho {text}", "numbers with commas between, each 0 or from 0.001 to 1000", "--rho 0,1,3"
        )
    return found


def _coalition(text: str, names: Sequence[str]) -> tuple[int, ...]:
    index = {name: i for i, name in enumerate(names)} | {str(i): i for i in range(len(names))}
    found = set()
    for part in text.split(","):
        if part not in index:
            some = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            raise Refusal(
                "VALUE",
                f"--coalition {text}: {part!r} is no region",
                f"numbers from 0 to {len(names) - 1}, or {some}",
                f"--coalition {names[0]},{names[1]}",
            )
        found.add(index[part])
    if len(found) == len(names):
        raise Refusal("VALUE", f"--coalition {text} is everybody", "one region left outside", f"--coalition {names[0]}")
    return tuple(sorted(found))


class _Bar:
    """A bar on standard error for work that lasts, and the end of a search that lasts too long."""

    def __init__(self, *, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty()
        self._what = ""
        self._begun = self._last = time.monotonic()

    def tick(self, what: str, size: int, done: int, total: int) -> bool:
        """Show how far it is; return False once the time for it is up."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._begun = what, now
        if self._shown and now - self._last > 0.2:
            self._last = now
            full = 30 * done // max(1, total)
            bar = "#" * full + "." * (30 - full)
            sys.stderr.write(f"\r\x1b[K{what}: {size} together [{bar}] {done} of {total}")
            sys.stderr.flush()
        return now - self._begun < SEARCH_S

    def close(self) -> None:
        """Take the bar away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
