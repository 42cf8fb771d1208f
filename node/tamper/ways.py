"""Ways to cheat on a run that is kept: what the liar does, and what an audit answers.

Each way changes the steps of one region (``tamper_play``) or the files that it hands over (``tamper_files``). What the
audit is expected to find stands beside it, so that the table of all ways is a test of the auditor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from shutil import copy
from typing import Any

from node.audit import read_bundle
from node.tamper.files import Files, edited, records, rewrite
from node.tamper.play import Play, Step
from protocol.codec import encode
from protocol.entries import decode_entry

HOUR_MS = 3_600_000
FALSE = bytes(31) + b"1"  # a hash of nothing
_LOOK_FROM = 20  # entries of a run before its first round


@dataclass(frozen=True)
class Case:
    """One run, to be told with a lie.

    Attributes:
        bundles: By region, what was handed over in truth.
        liar: Who cheats.
        folder: Where the changed bundles go.
    """

    play: Play
    bundles: dict[str, Path]
    liar: str
    study: bytes
    folder: Path

    @property
    def others(self) -> list[str]:
        """The honest regions."""
        return sorted(set(self.bundles) - {self.liar})

    @property
    def steps(self) -> list[Step]:
        """What the liar's log will hold."""
        return self.play.steps[self.liar]

    @property
    def rounds(self) -> list[int]:
        """Rounds in which the liar mixed."""
        return [step.body["round"] for step in self.steps if step.kind == "round.mix"]

    @property
    def late(self) -> int:
        """A place near the end of the liar's log, before what neighbours have not seen."""
        return len(self.steps) - 2

    def find(self, kind: str, turn: int, type: str | None = None) -> int:
        """Return the first step of a kind in the liar's training round number ``turn``."""
        return self.play.find(self.liar, kind, type, round=self.rounds[turn])

    def body(self, kind: str, turn: int) -> dict[str, Any]:
        """Return the body of that step."""
        return self.steps[self.find(kind, turn)].body

    def sum(self, turn: int) -> dict[str, Any]:
        """Return the liar's ``session.sum`` of a training round."""
        at = self.play.find(self.liar, "session.sum", start=self.find("round.train", turn))
        return self.steps[at].body

    def place(self) -> dict[str, Any]:
        """Study, round and session of the last sum, for one message more."""
        header = self.steps[self.find("env.sent", -1, "COHORT")].header or {}
        return {key: header[key] for key in ("study", "round", "session")}

    def receipt(self, to: str, about: str, **more: Any) -> int:
        """Let the liar say near the end, of an attempt that never was, that a value arrived; return the place."""
        at = self.late
        where = {**self.place(), "session": FALSE}
        self.play.say(self.liar, at, "RECEIPT", {"about": about, "masked": FALSE}, to, **where, **more)
        return at

    def told(self, change: Callable[[list[bytes]], list[bytes]] | None = None) -> list[Path]:
        """Return the bundles of the run told again; ``change`` may give the liar's leaves another form."""

        def mine(name: str, leaves: list[bytes]) -> list[bytes]:
            return change(leaves) if change is not None and name == self.liar else leaves

        return self.play.write(self.folder, change=mine)

    def copied(self, change: Callable[[Files], None]) -> list[Path]:
        """Return the bundles as they are but for files in the liar's."""
        out = [Path(copy(path, self.folder)) for _, path in sorted(self.bundles.items())]
        rewrite(next(path for path in out if path.stem == self.liar), change)
        return out


@dataclass(frozen=True, slots=True)
class Way:
    """One way to cheat.

    Attributes:
        name: As typed.
        did: What the liar does; ``{liar}`` and ``{other}`` are names.
        code: What the audit finds.
        names: Whether the liar is named; else nobody is, since anybody may have changed the file.
        private: Whether the run needs differential privacy.
    """

    name: str
    did: str
    code: str
    names: bool
    act: Callable[[Case], Iterable[Path]]
    private: bool = False


# ---------------------------------------------------------------- the log


def _edit(case: Case) -> list[Path]:
    at = case.find("round.mix", 1)

    def change(leaves: list[bytes]) -> list[bytes]:
        leaves[at] = edited(leaves[at], body={**decode_entry(leaves[at]).body, "model": FALSE})
        return leaves

    return case.told(change)


def _courier(case: Case) -> list[Path]:
    def change(files: Files) -> None:
        leaves = [leaf or b"" for leaf in read_bundle(case.bundles[case.liar]).logs[case.liar, 1].leaves]
        leaves[_LOOK_FROM] = edited(leaves[_LOOK_FROM], t_ms=decode_entry(leaves[_LOOK_FROM]).t_ms + 1)
        files[f"logs/{case.liar}.1/leaves.bin"] = records(leaves)

    return case.copied(change)


def _swap(case: Case) -> list[Path]:
    def change(leaves: list[bytes]) -> list[bytes]:
        kinds = [decode_entry(leaf).kind for leaf in leaves]
        at = next(seq for seq in range(_LOOK_FROM, len(leaves)) if kinds[seq : seq + 2] == ["env.recv"] * 2)
        t_ms = decode_entry(leaves[at]).t_ms
        leaves[at], leaves[at + 1] = edited(leaves[at + 1], seq=at, t_ms=t_ms), edited(leaves[at], seq=at + 1)
        return leaves

    return case.told(change)


def _drop(case: Case) -> list[Path]:
    at = case.find("round.mix", 1)
    return case.told(lambda leaves: leaves[:at])


def _rollback(case: Case) -> list[Path]:
    at = case.find("round.mix", 1)
    return case.told(lambda leaves: [*leaves[:at], edited(leaves[-1], seq=at)])


def _omit(case: Case) -> list[Path]:
    at = case.receipt(case.others[0], case.others[1])

    def change(leaves: list[bytes]) -> list[bytes]:
        leaves[at] = edited(leaves[at + 1], seq=at)
        return leaves

    return case.told(change)


def _fork(case: Case) -> list[Path]:
    first, second = case.others[:2]
    for to, about in ((first, second), (second, first)):
        case.receipt(to, about, is_hidden=True)
    return [path for path in case.told() if path.stem != case.liar]


def _head(case: Case) -> list[Path]:
    case.receipt(case.others[0], case.others[1], claims=case.late - 5)
    return case.told()


def _backdate(case: Case) -> list[Path]:
    for step in case.steps:
        step.t_ms -= HOUR_MS
    return case.told()


def _disorder(case: Case) -> list[Path]:
    case.steps[case.find("round.mix", 1)].t_ms -= HOUR_MS
    return case.told()


def _invent(case: Case) -> list[Path]:
    case.play.inventor = case.liar
    return case.told()


def _plan(case: Case) -> list[Path]:
    name = f"plans/{case.study.hex()}.bin"

    def change(files: Files) -> None:
        files[name] = files[name].replace(b"clip", b"clap", 1)

    return case.copied(change)


def _payload(case: Case) -> list[Path]:
    def change(files: Files) -> None:
        name = next(name for name in sorted(files) if name.startswith("payloads/"))
        files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])

    return case.copied(change)


# ---------------------------------------------------------------- what is said


def _equivocate(case: Case) -> list[Path]:
    header = case.steps[case.find("env.sent", 1, "COHORT")].header or {}
    where = {key: header[key] for key in ("study", "round", "session")}
    body = {**header["body"], "eph": FALSE}
    case.play.say(case.liar, case.late, "COHORT", body, case.others[0], payload=b"other", **where)
    return case.told()


def _stale(case: Case) -> list[Path]:
    number, other = case.rounds[1], case.others[0]
    for at in range(len(case.steps) - 1, 0, -1):
        header = case.steps[at].header or {}
        if header.get("round") == number and header["type"] == "MASKED" and header["from"] == other:
            del case.steps[at]
    return case.told()


def _dropout(case: Case) -> list[Path]:
    """A value is confirmed, and its sender then left out of a sum."""
    out, *kept = case.others
    body = {"view": bytes(32), "members": [[name, bytes(32)] for name in kept], "left_out": [[out, "lost"]]}
    place = {**case.place(), "session": FALSE}  # one more attempt: the session itself has its survivors
    case.receipt(kept[0], out)
    case.play.say(case.liar, case.late, "SURVIVORS", body, kept[0], payload=encode([]), **place)
    return case.told()


# ---------------------------------------------------------------- the study


def _sum(case: Case) -> list[Path]:
    case.body("round.mix", 1)["in"][0]["sum"] = FALSE
    return case.told()


def _weight(case: Case) -> list[Path]:
    case.body("round.mix", 1)["weights"][case.others[0]] += 2
    return case.told()


def _few(case: Case) -> list[Path]:
    found = case.sum(1)
    found["survivors"] = case.others[:1]
    found["opened"] = [row for row in found["opened"] if row["region"] == case.others[0]]
    return case.told()


def _stranger(case: Case) -> list[Path]:
    case.sum(1)["survivors"] = sorted([*case.others, "mallory"])
    return case.told()


def _unmask(case: Case) -> list[Path]:
    case.sum(1)["opened"] = [
        {"region": case.others[0], "kind": "self", "of": None, "c": bytes(32)},
        {"region": case.others[0], "kind": "pair", "of": case.others[1], "c": FALSE},
    ]
    return case.told()


def _twice(case: Case) -> list[Path]:
    at = case.find("round.end", 1)
    case.play.add(case.liar, at, "round.end", dict(case.steps[at].body), case.steps[at].study)
    return case.told()


def _gap(case: Case) -> list[Path]:
    del case.steps[case.find("round.end", 1)]
    return case.told()


def _base(case: Case) -> list[Path]:
    case.body("round.train", 1)["base"] = bytes(32)
    return case.told()


def _settings(case: Case) -> list[Path]:
    case.body("round.train", 1)["settings_sha256"] = bytes(32)
    return case.told()


def _release(case: Case) -> list[Path]:
    body: dict[str, Any] = {
        "model": case.body("round.mix", -1)["model"], "round": case.rounds[-1], "file_sha256": bytes(32),
        "card_sha256": bytes(32), "tests": {}, "approvals": [],
    }  # fmt: skip
    case.play.add(case.liar, case.late, "model.release", body, case.study)
    return case.told()


def _unaccepted(case: Case) -> list[Path]:
    del case.steps[case.play.find(case.liar, "study.accept")]
    return case.told()


def _budget(case: Case) -> list[Path]:
    case.body("round.train", -1)["dp"]["eps_study_u"] = 900_000_000
    return case.told()


def _understate(case: Case) -> list[Path]:
    case.body("round.train", -1)["dp"]["eps_study_u"] = 1000
    return case.told()


_TABLE = (
    Way("edit", "{liar} writes another model into its log and signs the log anew", "LS-FORK", True, _edit),
    Way("courier", "somebody changes an entry in the file, and cannot sign it", "LS-LOG-ROOT", False, _courier),
    Way("swap", "{liar} exchanges two entries, renumbers and signs", "LS-FORK", True, _swap),
    Way("drop", "{liar} drops the last rounds from its log and signs what is left", "LS-TRUNCATED", True, _drop),
    Way("rollback", "{liar} goes back to an older log and goes on from there", "LS-FORK", True, _rollback),
    Way("omit", "{liar} sends a message and keeps it out of its log", "LS-OMITTED", True, _omit),
    Way("fork", "{liar} shows two regions two histories, and hands over none", "LS-FORK", True, _fork),
    Way("head", "{liar} signs a message for another place of its log", "LS-HEAD-SELF", True, _head),
    Way("backdate", "{liar} dates its whole log an hour back", "LS-BACKDATED", True, _backdate),
    Way("disorder", "{liar} dates one entry before the one ahead of it", "LS-TIME-ORDER", True, _disorder),
    Way("invent", "{liar} writes down a confirmation that nobody gave", "LS-ENV-SIG", True, _invent),
    Way("plan", "somebody puts another plan into the file", "LS-STUDY-ID", False, _plan),
    Way("payload", "somebody changes a stored message in the file", "LS-PAYLOAD-HASH", False, _payload),
    Way("equivocate", "{liar} tells two regions two circles for one sum", "LS-EQUIVOCATION", True, _equivocate),
    Way("stale", "{liar} uses {other}'s value, which came in another round", "LS-STALE", True, _stale),
    Way("dropout", "{liar} confirms {other}'s value and calls it missing", "LS-FALSE-DROPOUT", True, _dropout),
    Way("sum", "{liar} mixes in a sum that its session did not give", "LS-MATCH", True, _sum),
    Way("weight", "{liar} gives {other} more weight than the plan does", "LS-WEIGHT", True, _weight),
    Way("few", "{liar} sums {other} alone", "LS-COHORT", True, _few),
    Way("stranger", "{liar} sums with somebody who takes no part", "LS-MEMBER", True, _stranger),
    Way("unmask", "{liar} opens both masks of {other}", "LS-UNMASK-BOTH", True, _unmask),
    Way("twice", "{liar} ends a round twice", "LS-ROUND-DUP", True, _twice),
    Way("gap", "{liar} leaves a round out without a word", "LS-ROUND-GAP", True, _gap),
    Way("base", "{liar} trains from another model", "LS-LINEAGE", True, _base),
    Way("settings", "{liar} trains with other settings", "LS-SETTINGS", True, _settings),
    Way("release", "{liar} releases a model that nobody has approved", "LS-RELEASE-RULE", True, _release),
    Way("unaccepted", "{liar} takes part without having accepted the plan", "LS-STUDY-ACCEPT", True, _unaccepted),
    Way("budget", "{liar} spends more privacy than the plan allows", "LS-DP-BUDGET", True, _budget, private=True),
    Way("understate", "{liar} states too small a privacy loss", "LS-DP-MATH", True, _understate, private=True),
)  # fmt: skip

WAYS: dict[str, Way] = {way.name: way for way in _TABLE}
