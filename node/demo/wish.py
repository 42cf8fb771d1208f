"""What somebody asks of the demo, and whether it can be had. No process is started for a wish that cannot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.cli.output import Refusal

# Region names as people here write them; synthetic regions all the same: the data is none of theirs.
REGIONS = (
    "vgr", "skane", "halland", "orebro", "uppsala", "dalarna", "kalmar", "gotland", "blekinge", "varmland", "jamtland",
    "kronoberg", "sormland", "jonkoping", "gavleborg", "norrbotten", "vastmanland", "vasterbotten", "ostergotland",
    "vasternorrland", "stockholm", "nordjylland", "midtjylland", "syddanmark", "sjaelland", "hovedstaden", "uusimaa",
    "satakunta", "pirkanmaa", "pohjanmaa", "kainuu", "lappi",
)  # fmt: skip
PACED_S = 2  # shortest round where somebody is to be killed in a given one
TIMEOUT_S = 20  # the round in which a region is killed waits so long; where nobody is, a slow machine shall cost none
PATIENT_S = 60
# Without sum rounds nobody waits for the others to be ready, and the first import of the privacy
# library takes seconds of a shared processor.
PRIVATE_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL to a region in one round, and a new start in another (None: no return)."""

    region: str
    round: int
    back: int | None


@dataclass(frozen=True, slots=True)
class Wish:
    """The demo's options.

    Attributes:
        kills: (name or number from 1, round, round of return) as typed.
        dp: (epsilon, delta) as decimal strings.
        directory: Where the files go; None for a temporary place.
        tamper: A way of ``node.tamper.teaching`` to cheat in copies of the logs, or "all"; None: nobody does.
        draw: Share of rounds that each region opens to the audit.
    """

    regions: int = 4
    topology: str = "complete"
    rounds: int = 20
    seed: int = 1
    masking: str = "on"
    aggregation: str = "neighbourhood"
    dp: tuple[str, str] | None = None
    disclose: bool = False
    data: str = "breast-cancer"
    kills: tuple[tuple[str, int, int | None], ...] = ()
    directory: Path | None = None
    keep: bool = False
    stay: bool = False
    tamper: str | None = None
    draw: float = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        """The regions, in the order in which the demo numbers them."""
        return REGIONS[: self.regions]

    @property
    def mode(self) -> str:
        """The plan's ``masking.mode``: where sums survive losses goes by the number of neighbours."""
        return "auto" if self.masking == "on" else "off"

    @property
    def sum_rounds(self) -> int:
        """P: rounds before training that open the sums for standardising; none with differential privacy."""
        return 0 if self.dp else 2

    def command(self, **changes: object) -> str:
        """Return the command line of this wish with some options changed, leaving out defaults."""
        values = {
            "regions": self.regions,
            "topology": self.topology,
            "rounds": self.rounds,
            "seed": self.seed,
            "masking": self.masking,
            "aggregation": self.aggregation,
            "data": self.data,
            "disclose": self.disclose,
            "dp": f"epsilon={self.dp[0]},delta={self.dp[1]}" if self.dp else None,
            "tamper": self.tamper,
            "draw": self.draw or None,
        } | changes
        usual = {
            "regions": 4,
            "topology": "complete",
            "rounds": 20,
            "seed": 1,
            "masking": "on",
            "aggregation": "neighbourhood",
            "data": "breast-cancer",
        }
        words = ["landsting demo"]
        for key, value in values.items():
            if value is True:
                words.append(f"--{key}")
            elif value not in (None, False) and usual.get(key) != value:
                words.append(f"--{key} {value}")
        return " ".join(words)


def check(wish: Wish) -> None:
    """Refuse a wish that cannot be played, with the nearest command that works.

    Raises:
        Refusal: Too few neighbours to hide behind, or options that contradict each other.
    """
    if wish.data.endswith(".csv") and not Path(wish.data).is_file():
        fix = "landsting demo --data FILE.csv, with its manifest FILE.toml beside it"
        raise Refusal("FILE", f"there is no file {wish.data}", "a table with a manifest", fix)
    if wish.regions == 1:
        raise Refusal(
            "UNMASKABLE", "one region has nobody to train with", "at least 3 regions", wish.command(regions=4)
        )
    if wish.tamper is not None:
        _check_lesson(wish)
    shown = wish.disclose or wish.masking == "off"
    if wish.regions == 2 and not shown:
        raise Refusal(
            "UNMASKABLE",
            "two regions cannot hide from each other: a sum of two, less one's own part, is the other's update",
            "at least 3 regions, or differential privacy instead of masks",
            wish.command(disclose=True, dp="epsilon=3,delta=1e-3", topology="complete"),
        )
    graphs = _graphs(wish)
    lonely = sorted({i for graph in graphs for i in range(wish.regions) if sum(i in edge for edge in graph) < 2})
    if lonely and not shown:
        name = wish.names[lonely[0]]
        raise Refusal(
            "UNMASKABLE",
            f"on {wish.topology}, {name} hears one neighbour only: a sum of one is that neighbour's update",
            "at least 2 neighbours for every region",
            wish.command(topology="complete" if wish.regions <= 8 else "ring"),
        )
    last = wish.sum_rounds + wish.rounds - 1
    for kill in kills(wish):
        latest = max(kill.round, kill.back or 0)
        if latest > last:
            raise Refusal(
                "PLAN",
                f"--kill in round {latest}; this study has the rounds 0 to {last}",
                "a round of the study",
                f"{wish.command(rounds=latest + 4)} --kill {typed(kill)}",
            )


def _check_lesson(wish: Wish) -> None:
    """Lies are told in a run in which everybody sums with everybody, masked, and nobody is lost."""
    fitting = {
        "regions": max(wish.regions, 3), "rounds": max(wish.rounds, 3), "topology": "complete", "masking": "on",
        "aggregation": "neighbourhood", "disclose": False,
    }  # fmt: skip
    wrong = [f"--{key} {getattr(wish, key)}" for key, value in fitting.items() if getattr(wish, key) != value]
    if wrong or wish.kills:
        found = " and ".join(wrong or ["--kill"])
        raise Refusal(
            "PLAN", f"--tamper with {found}", "at least 3 regions, 3 rounds, all masked, none killed",
            wish.command(**fitting),
        )  # fmt: skip


def typed(kill: Kill) -> str:
    """Return a kill as one types it."""
    return f"{kill.region}@{kill.round}" + (f":{kill.back}" if kill.back is not None else "")


def _graphs(wish: Wish) -> list[list[tuple[int, int]]]:
    from topologies import TopologyError
    from topologies.generators import build

    label, text = wish.topology, None
    if label.startswith("edges:"):
        text = Path(label.removeprefix("edges:")).read_text(encoding="utf-8")
        label = "edges"
    try:
        return build(label, wish.regions, seed=wish.seed, edges_text=text)
    except TopologyError as error:
        raise Refusal("TOPOLOGY", str(error), "a graph over all regions", "landsting topology list") from error


def kills(wish: Wish) -> list[Kill]:
    """Return the kills by region name.

    Raises:
        Refusal: No such region.
    """
    out = []
    for who, first, back in wish.kills:
        if who.isdigit() and 1 <= int(who) <= wish.regions:
            name = wish.names[int(who) - 1]
        elif who in wish.names:
            name = who
        else:
            raise Refusal(
                "PLAN",
                f"--kill {who}: there is no such region",
                f"a number from 1 to {wish.regions}, or one of {', '.join(wish.names)}",
                wish.command() + f" --kill 2@{first}" + (f":{back}" if back is not None else ""),
            )
        out.append(Kill(name, first, back))
    return sorted(out, key=lambda kill: (kill.round, kill.region))
