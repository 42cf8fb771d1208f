"""The demo's result: the object of ``--json``, and the same as a table with a few sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from node.cli.output import figure, size_words, table
from node.demo.wish import Wish, kills

if TYPE_CHECKING:
    from node.demo.nodes import Node
    from protocol.plan import Plan


def result_of(
    wish: Wish,
    study: str,
    plan: Plan,
    nodes: Sequence[Node],
    compared: Mapping[str, Any],
    together: Sequence[dict[str, Any]],
    report: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the object of ``demo --json``."""
    from node.learning.evaluate import disagreement

    epsilon = {node.name: (node.last.get("epsilon") or {}).get("used") for node in nodes} if wish.dp else None
    pooled = compared["pooled"]
    return {
        "study": study,
        "regions": wish.regions,
        "topology": wish.topology,
        "rounds": wish.rounds,
        "rounds_mixed": {node.name: rounds_mixed(node.last) for node in nodes},
        "masking": plan.masking["mode"],
        "epsilon": epsilon,
        "kills": [{"region": k.region, "round": k.round, "back": k.back} for k in kills(wish)],
        "alone": [
            {key: one[key] for key in ("region", "accuracy", "auroc", "model_sha256")} for one in compared["alone"]
        ],
        "together": [{key: one[key] for key in ("region", "accuracy", "auroc", "model_sha256")} for one in together],
        "pooled": {"accuracy": pooled["accuracy"], "auroc": pooled["auroc"]},
        "disagreement": disagreement([one["vector"] for one in together]),
        "bytes_per_round": [per_round(node, plan.end_round) for node in nodes],
        "seconds": 0.0,
        "audit": {key: report[key] for key in ("verdict", "sentence", "findings", "entries", "signatures")},
        "homes": {node.name: str(node.home) for node in nodes},
    }


def rounds_mixed(status: Mapping[str, Any]) -> int:
    """Return in how many rounds a region mixed with at least one other."""
    return sum(one["outcome"] == "mixed" for one in status.get("rounds") or [])


def lonely(status: Mapping[str, Any]) -> list[int]:
    """Return the rounds in which a region had too few neighbours to hide behind."""
    return [
        one["round"] for one in status.get("rounds") or [] if one["outcome"] == "kept" and one["reason"] == "too-few"
    ]


def per_round(node: Node, rounds: int) -> dict[str, Any]:
    """Return a region's bytes on the wire, mean over the rounds of the study."""
    sent, received = node.traffic()
    return {"region": node.name, "sent": round(sent / rounds), "received": round(received / rounds)}


def in_words(result: Mapping[str, Any], wish: Wish, plan: Plan, nodes: Sequence[Node]) -> str:
    """Return the table and what has to be said with it."""
    alone = {one["region"]: one for one in result["alone"]}
    traffic = {one["region"]: one for one in result["bytes_per_round"]}
    header = ["region", "alone", "AUROC", "together", "AUROC", "mixed in", "sent/round", "received/round"]
    if result["epsilon"]:
        header.append("epsilon")
    rows: list[list[object]] = []
    for one in result["together"]:
        name = one["region"]
        row: list[object] = [
            name,
            figure(alone[name]["accuracy"]),
            figure(alone[name]["auroc"]),
            figure(one["accuracy"]),
            figure(one["auroc"]),
            f"{result['rounds_mixed'][name]} of {result['rounds']}",
            size_words(traffic[name]["sent"]),
            size_words(traffic[name]["received"]),
        ]
        if result["epsilon"]:
            row.append(figure(result["epsilon"][name]))
        rows.append(row)
    pooled = result["pooled"]
    last: list[object] = ["pooled", "", "", figure(pooled["accuracy"]), figure(pooled["auroc"])]
    rows.append(last + [""] * (len(header) - len(last)))
    lines = [
        "",
        _data(wish),
        "accuracy and AUROC on test rows that no region trained on:",
        "",
        table(rows, header, right=range(1, len(header))),
        "",
        f"disagreement between the regions' models: {result['disagreement']:.3g}; took {result['seconds']:.0f} s",
    ]
    lines += _privacy(result, wish, plan)
    for name, rounds in ((node.name, lonely(node.last)) for node in nodes if lonely(node.last)):
        lines.append(
            f"{name}, {_span(rounds)}: ALONE: too few neighbours to hide behind; it trained on and mixed with nobody"
        )
    audit = result["audit"]
    checked = f"{audit['entries']} entries, {audit['signatures']} signatures"
    lines.append(f"audit of {len(result['homes'])} logs ({checked}): {audit['verdict']}")
    lines.append(f"  {audit['sentence']}")
    for finding in audit["findings"]:
        if finding.get("severity") != "info":
            lines.append(f"  {finding['code']}: {finding['plain']}")
    return "\n".join(lines)


def _data(wish: Wish) -> str:
    return {
        "breast-cancer": "Wisconsin breast cancer, split unevenly (Dirichlet 0.5) over regions with borrowed names;",
        "digits-odd-even": "handwritten digits, not medical; half of the regions saw even digits only, half odd ones;",
    }.get(wish.data, f"{wish.data}, split unevenly (Dirichlet 0.5) over regions with borrowed names;")


def _privacy(result: Mapping[str, Any], wish: Wish, plan: Plan) -> list[str]:
    lines = ["a laboratory study: for trying out, not for patients"]
    if result["masking"] == "off":
        lines.append("THE MASKS WERE OFF: every neighbour saw every update")
    for receiver, member in plan.disclosures():
        lines.append(f"{receiver} saw every update of {member}; differential privacy alone protects it")
    if wish.dp:
        promise = f"epsilon at most {wish.dp[0]} with delta {wish.dp[1]}"
        lines.append(f"differential privacy: {promise} for each patient's row (RDP); 'pooled' has no noise")
    if plan.dp is not None:
        q, sigma = plan.dp["q_u"] / 1e6, plan.dp["sigma_min_u"] / 1e6
        steps = int(plan.settings["local_steps"])
        lines.append(
            f"  Poisson sampling at rate q = {q:g}, noise sigma = {sigma:.3f}, {steps} steps a round, "
            f"{steps * plan.rounds} in all; each round's are in the log as round.train"
        )
    return lines


def _span(rounds: Sequence[int]) -> str:
    return f"round {rounds[0]}" if len(rounds) == 1 else f"{len(rounds)} rounds from {rounds[0]} to {rounds[-1]}"
