"""A plan from a few wishes: what ``study new`` writes and what the demo proposes.

Everything that regions must agree on to the byte (layout, initial model, graphs, code) is computed
here from task, settings, manifest and seed; the same wishes give the same plan on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocol.errors import PlanError
from protocol.plan import Plan

NUMBERS = (
    "weights", "weight_den", "weighting", "weighting_max_u", "exchange", "ring", "step_log2", "gamma_u",
    "block_share_bp", "prg", "robustness", "clip",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants of a study.

    Attributes:
        roster: Hash of the roster in force.
        regions: Participants.
        manifest: Of one's own data set; every region's must have the same schema.
        dp: (epsilon, delta) as decimal strings.
        dp_rate: Sampling rate q and clip of a step under DP.
        preprocess_bp: Share of epsilon for noise on the sum rounds, in 1e-4; with DP and 0 there are none.
        init: A safetensors file to begin with, which every region must hold.
        freeze: Patterns of parameters that neither train nor travel.
        score: Have the regions' validation rows judge the first model, summed under masks; ``sums`` ends with it.
        edges_text: The edge list of topology ``edges``.
        topology: None for the cheapest in which any region may be away and every value hides.
        numbers: Values of the plan that say how models travel and how they are weighed, as ``NUMBERS`` names them.
        aggregation, fallback: Sums at each neighbour, or one of all (``network``) and what follows if that fails twice.
        min_coalition: How many regions together it must take, at least, to see one's update.
    """

    roster: bytes
    regions: Sequence[str]
    task: str = "classifier"
    settings: Mapping[str, object] = field(default_factory=dict)
    manifest: Path | None = None
    rounds: int = 20
    topology: str | None = None
    edges_text: str | None = None
    seed: int = 0
    masking: str = "auto"
    disclose: bool = False
    min_coalition: int = 1
    aggregation: str = "neighbourhood"
    fallback: str = "stop"
    dp: tuple[str, str] | None = None
    dp_rate: tuple[float, float] = (0.5, 0.5)
    preprocess_bp: int = 0
    init: Path | None = None
    freeze: Sequence[str] = ()
    score: bool = False
    lab: bool = False
    title: str = ""
    numbers: Mapping[str, object] = field(default_factory=dict)
    purpose: str = "research"
    round_timeout_s: int = 60
    round_min_s: int = 0


def draft_plan(draft: Draft) -> Plan:
    """Return the plan, not yet checked against the rules.

    Raises:
        TopologyError: No such graph over so many regions.
        ConfigError: Task, settings or manifest do not fit.
    """
    from node.learning.describe import describe
    from topologies.generators import build

    regions = sorted(draft.regions)
    topology = draft.topology or default_topology(len(regions), draft.seed, draft.min_coalition)
    graphs = build(topology, len(regions), seed=draft.seed, edges_text=draft.edges_text)
    facts = describe(
        draft.task,
        draft.settings,
        draft.manifest,
        seed=draft.seed,
        dp=draft.dp is not None,
        statistics=draft.preprocess_bp > 0,
        freeze=draft.freeze,
        model=draft.init,
    )
    values: dict[str, Any] = {
        "title": draft.title,
        "purpose": draft.purpose,
        "lab": draft.lab,
        "roster": draft.roster,
        "regions": regions,
        "seed": draft.seed,
        "task": {"name": facts["task"], "version": facts["version"]},
        "schema": facts["schema"],
        "layout": facts["layout"],
        "dim": facts["dim"],
        "init": facts["init"],
        "freeze": facts["freeze"],
        "settings": facts["settings"],
        "code_sha256s": [facts["code"]],
        "sums": [*facts["sums"], *(["score"] if draft.score else [])],
        "rounds": draft.rounds,
        "round_timeout_s": draft.round_timeout_s,
        "round_min_s": draft.round_min_s,
        "topology": topology.partition(":FILE")[0],
        "aggregation": draft.aggregation,
        "fallback": draft.fallback,
        "graphs": [[list(edge) for edge in graph] for graph in graphs],
        "masking": {
            "mode": draft.masking,
            "on_unmaskable": "disclose" if draft.disclose else "refuse",
            "min_coalition": draft.min_coalition,
        },
    }
    if draft.dp is not None:
        from node.learning.privacy import plan_values

        epsilon, delta = draft.dp
        values["dp"] = plan_values(
            epsilon,
            delta,
            rounds=draft.rounds,
            local_steps=int(facts["settings"]["local_steps"]),
            q=draft.dp_rate[0],
            clip=draft.dp_rate[1],
            stages=len(facts["sums"]),
            preprocess_bp=draft.preprocess_bp,
        )
    return Plan.make(**(values | dict(draft.numbers)))


def default_topology(n: int, seed: int = 0, min_coalition: int = 1) -> str:
    """Return the topology of a study that names none: the cheapest in which any one may be away and all hide."""
    from topologies.recommend import recommended

    return recommended(n, seed=seed, min_coalition=min_coalition).label


def check_facts(plan: Plan, manifest: Path | None, model: Path | None = None) -> None:
    """Check that layout, initial model, sums and code of a plan follow from its task, settings, schema and seed.

    Args:
        model: The safetensors file that the plan begins with; None for fresh weights.

    Raises:
        PlanError: One does not; the study would stop at this region.
        ConfigError: Task, settings or manifest do not fit.
    """
    from node.learning.describe import describe

    facts = describe(
        plan.task["name"],
        plan.settings,
        manifest,
        seed=plan.seed,
        dp=plan.dp is not None,
        freeze=plan.freeze,
        model=model,
    )
    stated = {"schema": plan.schema, "layout": plan.layout, "dim": plan.dim, "init": plan.init}
    for key, value in stated.items():
        begins = key == "init" or (key == "layout" and plan.freeze)  # what is frozen is hashed with the layout
        if value != facts[key]:
            raise PlanError(
                rule="facts",
                found=f"{key} of the plan is not what its task, settings and seed give here",
                expected="the value that study new fills in",
                fix="Change task, settings and seed through landsting study new, which fills in what follows."
                + (" A plan that begins with a model needs it here: --init FILE." if model is None and begins else ""),
            )
