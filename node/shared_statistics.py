"""What a study's sum rounds opened, read from a home: the same at every region, and none of it one region's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from node.cli.output import Refusal

if TYPE_CHECKING:
    from node.learning.data.schema import Schema
    from node.learning.preprocessing import GlobalStats
    from protocol.plan import Plan


def opened(home: Path, plan: Plan, schema: Schema) -> GlobalStats:
    """Return the statistics of a study's totals.

    Raises:
        Refusal: The study has none, or this home does not hold all of them.
    """
    from gossip.studies.context import Opened
    from node.home import Home
    from node.learning.accounting import MICRO
    from node.learning.preprocessing import global_stats
    from node.learning.privacy import Terms
    from node.store.storage import StoreReader

    study, totals = plan.study.hex(), []
    with StoreReader(Home.open(home)) as reader:
        for stage in range(plan.sum_rounds):
            stored = reader.blob(f"total/{study}/{stage}")
            if stored is None:
                found, fix = f"this home does not hold the sums of study {study[:12]}", "landsting study list"
                raise Refusal("STUDY", found, "a study whose sum rounds are over here", f"{fix} --home {home}")
            totals.append(Opened.decode(stored).total)
    noise = None
    if plan.dp is not None and totals:
        noise = (Terms.of_plan(plan.dp).statistics_sigma_u(plan.sum_rounds) / MICRO, plan.n)
    stats = global_stats(schema, plan.sums, totals, noise=noise)
    if stats is None or not stats.knots:
        raise Refusal(
            "STUDY",
            f"study {study[:12]} opened {', '.join(plan.sums) or 'no sums'}, and no histograms",
            "the stages bin and bin2",
            "landsting study new … --set scaling=quantile",
        )
    return stats


def inner_knots(stats: GlobalStats) -> Mapping[str, Sequence[float]]:
    """Return the nine inner quantiles of each numeric input.

    None of a column of which two lie within one bin of the histogram: there many values are equal, and what lies
    between is interpolated.
    """
    from node.learning.stages import BINS

    found = {}
    for name, knots in stats.knots.items():
        low, high = stats.ends[name]
        if all(b - a > (high - low) / BINS for a, b in pairwise(knots[1:-1])):
            found[name] = list(knots[1:-1])
    return found
