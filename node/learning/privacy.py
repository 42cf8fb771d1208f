"""Differential privacy: what a step may use, and the ledger of all that was spent (costs: ``accounting``).

Rules kept here, and nowhere else:
  * patients are drawn by Poisson sampling at rate q; an empty draw is a step like any other, and a sum
    is divided by q n, never by the number drawn;
  * every patient's gradient is clipped and the full noise is added (Opacus' optimizer does both);
  * a round is in the ledger, on disk, before it trains: a crash can only overstate epsilon;
  * a round that would pass the budget does not run;
  * chance comes from a secret of the region. From a public seed, or one of few bits, anybody could take the
    noise off again.

Opacus is imported in functions: it takes seconds, and only a study with privacy needs it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.accounting import MICRO, Spent, epsilon, micro_up, noise_for, statistics_sigma_u
from node.learning.errors import BudgetError, ConfigError
from node.learning.files import file_bytes, sync_folder
from node.learning.hashing import tagged_hash


def plan_values(
    epsilon_wanted: str,
    delta: str,
    *,
    rounds: int,
    local_steps: int,
    q: float = 0.5,
    clip: float = 0.5,
    stages: int = 0,
    preprocess_bp: int = 0,
) -> dict[str, Any]:
    """Return the plan's ``dp`` map for a wanted epsilon over a whole study, given as decimal texts.

    Args:
        stages: How many sum rounds there are; they take ``preprocess_bp`` of epsilon.
    """
    from decimal import ROUND_FLOOR, Decimal, InvalidOperation

    try:
        eps_u = int((Decimal(epsilon_wanted) * MICRO).to_integral_value(ROUND_FLOOR))
        delta_u12 = int((Decimal(delta) * MICRO * MICRO).to_integral_value(ROUND_FLOOR))
    except InvalidOperation as error:
        raise ConfigError(
            "an epsilon or delta that is no number", "decimals", "Write --dp epsilon=3,delta=1e-3."
        ) from error
    bp = preprocess_bp if stages else 0
    if not (eps_u > 0 and 0 < delta_u12 < MICRO**2):
        raise ConfigError(f"epsilon {epsilon_wanted}, delta {delta}", "epsilon > 0, 0 < delta < 1", "Correct --dp.")
    before = [Spent(MICRO, statistics_sigma_u(eps_u, delta_u12, bp, stages), stages)] if bp else []
    sigma = noise_for(eps_u / MICRO, delta_u12 / MICRO**2, q, rounds * local_steps, before)
    return {
        "accountant": "rdp",
        "eps_max_u": eps_u,
        "delta_u12": delta_u12,
        "clip_u": round(clip * MICRO),
        "q_u": round(q * MICRO),
        "sigma_min_u": round(sigma * MICRO),
        "preprocess_bp": bp,
        "noise_rng": "torch",
    }


@dataclass(frozen=True, slots=True)
class Terms:
    """The plan's ``dp`` map, checked: integers, as everybody has signed them."""

    eps_max_u: int
    delta_u12: int
    clip_u: int
    q_u: int
    sigma_u: int
    preprocess_bp: int = 0

    @classmethod
    def of_plan(cls, dp: Mapping[str, Any]) -> Terms:
        """Return the terms of a plan.

        Raises:
            ConfigError: A key is missing, out of range or not in this version.
        """
        if dp.get("accountant", "rdp") != "rdp":
            raise ConfigError(f"dp.accountant {dp['accountant']!r} is not in this version", '"rdp"', "Use it.")
        if dp.get("noise_rng", "torch") != "torch":
            raise ConfigError(f"dp.noise_rng {dp['noise_rng']!r} is not in this version", '"torch"', "Use it.")
        keys = ("eps_max_u", "delta_u12", "clip_u", "q_u", "sigma_min_u")
        values = []
        for key in keys:
            value = dp.get(key)
            if not isinstance(value, int) or value <= 0:
                raise ConfigError(
                    f"dp.{key} is missing or not above 0", "an integer above 0", "Make the plan with study new --dp."
                )
            values.append(value)
        eps_max_u, delta_u12, clip_u, q_u, sigma_u = values
        terms = cls(eps_max_u, delta_u12, clip_u, q_u, sigma_u, int(dp.get("preprocess_bp", 0)))
        if terms.q_u > MICRO or terms.delta_u12 >= MICRO**2:
            raise ConfigError(
                "dp.q_u or dp.delta_u12 stands for 1 or more", "a rate and a delta below 1", "Correct the plan."
            )
        return terms

    @property
    def delta(self) -> float:
        """Delta as a number."""
        return self.delta_u12 / MICRO**2

    def statistics_sigma_u(self, stages: int) -> int:
        """Return the noise multiplier of each of so many sum rounds, in 1e-6.

        Raises:
            ConfigError: The plan gives sums no share of epsilon, so that they would be opened without noise.
        """
        sigma_u = statistics_sigma_u(self.eps_max_u, self.delta_u12, self.preprocess_bp, stages)
        if stages and not sigma_u:
            raise ConfigError(
                "sums in a study with DP and no share of epsilon for them",
                "dp.preprocess_bp above 0, or sums = []",
                "Set dp.preprocess_bp = 1000 for a tenth.",
            )
        return sigma_u


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger: a round that was paid for.

    Attributes:
        base, data: Hashes of the vector it started from and of the rows.
        chance: Hash of the secret its noise came from: under a new secret the round is another release.
    """

    study: str
    round: int
    base: str
    data: str
    q_u: int
    sigma_u: int
    steps: int
    delta_u12: int
    chance: str = ""

    @property
    def spent(self) -> Spent:
        """Its steps."""
        return Spent(self.q_u, self.sigma_u, self.steps)


class Ledger:
    """All rounds that a region has paid for, over all its studies: one JSON line each.

    All lines count as spent on the same rows, for data sets of one region may overlap.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[Line] = []
        if not path.exists():
            return
        data = file_bytes(path, "the privacy ledger")
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):  # a crash cut the last line: it was not synced, so its round never trained
            with path.open("r+b") as file:
                file.truncate(len(whole))
                os.fsync(file.fileno())
        for number, raw in enumerate(whole.splitlines(), start=1):
            try:
                self.lines.append(Line(**json.loads(raw)))
            except (ValueError, TypeError) as error:
                raise ConfigError(
                    f"line {number} of the privacy ledger {path} is damaged",
                    "what was written",
                    "Restore it from a backup.",
                ) from error

    def add(self, line: Line) -> None:
        """Append a line and have it on disk when this returns."""
        new = not self.path.exists()
        with open(self.path, "ab", buffering=0, opener=_private) as file:
            before = file.tell()
            try:
                data = json.dumps(asdict(line), sort_keys=True).encode() + b"\n"
                if file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError as error:
                file.truncate(before)  # half a line would spoil the next one
                raise ConfigError(
                    f"{self.path} cannot be written ({error.strerror})", "a writable file with room", "Make room."
                ) from error
        if new:
            sync_folder(self.path.parent)
        self.lines.append(line)

    def charge(self, line: Line, terms: Terms, budget_u: int | None = None) -> dict[str, int | str]:
        """Pay for a round before it trains; return the facts for the log.

        The same round from the same vector on the same rows gives the same bytes, since its chance
        is the same: it is paid for once.

        Args:
            budget_u: The region's own limit over all studies, in 1e-6, at the least delta of them; None for none.

        Raises:
            BudgetError: The round would pass the study's or the region's budget; nothing is paid.
        """
        paid = line in self.lines
        lines = self.lines if paid else [*self.lines, line]
        of_study = [other.spent for other in lines if other.study == line.study]
        in_round = epsilon([line.spent], terms.delta)
        in_study = epsilon(of_study, terms.delta)
        in_data = in_study if len(of_study) == len(lines) else epsilon([other.spent for other in lines], terms.delta)
        in_budget = in_data
        if budget_u is not None:
            in_budget = epsilon([other.spent for other in lines], least_delta(lines))
        for what, value, limit_u in (("study", in_study, terms.eps_max_u), ("region", in_budget, budget_u)):
            if limit_u is not None and micro_up(value) > limit_u:
                raise BudgetError(
                    f"round {line.round} would bring epsilon to {value:.4f}",
                    f"at most {limit_u / MICRO:g}, the budget of the {what}",
                    "Propose a study with a smaller epsilon, or agree on a larger budget.",
                )
        if not paid:
            self.add(line)
        return {
            "q_u": line.q_u,
            "sigma_u": line.sigma_u,
            "steps": line.steps,
            "clip_u": terms.clip_u,
            "delta_u12": terms.delta_u12,
            "accountant": "rdp",
            "eps_round_u": micro_up(in_round),
            "eps_study_u": micro_up(in_study),
            "eps_data_u": micro_up(in_data),
        }


def least_delta(lines: Iterable[Line], *others: int) -> float:
    """Return the delta at which a region's budget counts: the least that any of its studies promised.

    At a larger one all that was spent before would look smaller.

    Args:
        others: Deltas beside those of the lines, in 1e-12.
    """
    return min([*(line.delta_u12 for line in lines), *others]) / MICRO**2


@dataclass(slots=True)
class DPContext:
    """The one owner of sampling, clipping, noise and counting in a local round.

    Attributes:
        key: 32 secret bytes from which this round's chance comes.
        taken: Steps done, for the check that what was paid is what was used.
    """

    terms: Terms
    key: bytes
    taken: int = 0

    def train(
        self,
        network: Any,
        losses: Callable[[Any, Any], Any],
        rows: int,
        steps: int,
        lr: float,
        patients: NDArray[np.int64] | None = None,
    ) -> None:
        """Run DP-SGD steps on a torch module, in place.

        Patients are drawn; the sum of the gradients of a patient's rows is clipped, so that one patient,
        whatever the number of its rows, is what is added or removed.

        Args:
            losses: From a network and row numbers to one loss for each of these rows.
            rows: How many rows there are.
            patients: Number of the patient of each row, from 0, (rows,); None: each row is a patient.
        """
        import torch
        from opacus.grad_sample import GradSampleModule
        from opacus.optimizers import DPOptimizer

        q = self.terms.q_u / MICRO
        units = rows if patients is None else int(patients.max(initial=-1)) + 1
        chance = np.random.Generator(np.random.PCG64(int.from_bytes(tagged_hash("dp-sample", self.key)[:16], "big")))
        ordered = in_order(network)
        hooked = GradSampleModule(network, loss_reduction="mean")
        optimizer = DPOptimizer(
            torch.optim.SGD([p for p in hooked.parameters() if p.requires_grad], lr=lr),
            noise_multiplier=self.terms.sigma_u / MICRO,
            max_grad_norm=self.terms.clip_u / MICRO,
            expected_batch_size=q * units,  # a real number: Opacus only divides by it
            loss_reduction="mean",
            generator=noise_generator(self.key),
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Full backward hook is firing")
            for _ in range(steps):
                drawn = np.flatnonzero(chance.random(units) < q)
                at = drawn if patients is None else np.flatnonzero(np.isin(patients, drawn))
                rows_drawn = torch.from_numpy(at)
                optimizer.zero_grad()
                each = losses(hooked, rows_drawn)
                # "mean" makes Opacus multiply by the rows drawn, so this gives per-row gradients.
                (each.sum() / max(1, len(at))).backward()
                if patients is not None and len(drawn) < len(at):
                    group = torch.from_numpy(np.searchsorted(drawn, patients[at]))
                    for parameter in optimizer.params:
                        each_row = parameter.grad_sample
                        summed = torch.zeros((len(drawn), *each_row.shape[1:]), dtype=each_row.dtype)
                        parameter.grad_sample = summed.index_add_(0, group, each_row)
                optimizer.step()
                self.taken += 1
        hooked.to_standard_module()
        for handle in ordered:
            handle.remove()


def in_order(network: Any) -> list[Any]:
    """Have the inputs of a network's convolutions lie in memory as (rows, channels, height, width); return the hooks.

    Opacus 1.6 cuts a convolution's input into windows by its strides, and takes for granted that the last one is 1.
    Pixels that came channels last, as images do, give other windows and so gradients that are no image's. Call it
    before ``GradSampleModule``, whose hooks then see what these make.
    """
    import torch

    def ordered(_module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(one.clone(memory_format=torch.contiguous_format) for one in inputs)

    kinds = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
    return [module.register_forward_pre_hook(ordered) for module in network.modules() if isinstance(module, kinds)]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def noise_generator(key: bytes) -> Any:
    """Return torch's generator (a Mersenne Twister) with all 624 words of its state from a secret key.

    ``manual_seed`` takes 32 bits of what it is given: whoever sees a round's two vectors could try them all, and
    take the noise off with the right one.
    """
    import torch

    generator = torch.Generator().manual_seed(1)
    state = generator.get_state()
    # Seed, two counters and a position, then the words, a u64 each (at::CPUGeneratorImplStateLegacy).
    words = state.numpy()[24 : 24 + 8 * 624].view("<u8")
    if not np.array_equal(words, np.random.RandomState(1).get_state(legacy=False)["state"]["key"]):
        raise ConfigError(
            f"torch {torch.__version__} keeps its generator's state in another form",
            "624 words from byte 24",
            "Install the version of torch that landsting was tested with (uv.lock).",
        )
    words[:] = np.frombuffer(hashlib.shake_256(tagged_hash("dp-noise", key)).digest(4 * 624), "<u4")
    generator.set_state(state)
    return generator


def warnings_for(terms: Terms, rows: int) -> list[str]:
    """Return sentences about terms that do little for a region with so many rows."""
    out = []
    expected = terms.q_u / MICRO * rows
    if terms.sigma_u / MICRO / expected > 1:
        out.append(
            f"noise outweighs the signal: sigma / (q n) = {terms.sigma_u / MICRO / expected:.2f} with {rows} rows"
        )
    if terms.delta * rows >= 1:
        out.append(f"delta {terms.delta:g} is not below 1/n = {1 / rows:.2g}: it allows one whole row to be shown")
    if expected < 4:
        out.append(f"a step draws {expected:.1f} rows on average; below 4 it learns little")
    return out
