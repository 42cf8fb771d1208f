"""Differential privacy: a plan's terms, and what a step may use (costs: ``accounting``; what was spent: ``ledger``).

Rules kept here, and nowhere else:
  * patients are drawn by Poisson sampling at rate q; an empty draw is a step like any other, and a sum
    is divided by q n, never by the number drawn;
  * every patient's gradient is clipped and the full noise is added (Opacus' optimizer does both);
  * chance comes from a secret of the region. From a public seed, or one of few bits, anybody could take the
    noise off again.

Opacus is imported in functions: it takes seconds, and only a study with privacy needs it.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.accounting import MAX_SIGMA, MICRO, Spent, noise_for, statistics_sigma_u
from node.learning.errors import ConfigError
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
        if terms.sigma_u > MAX_SIGMA * MICRO:  # beyond it the accountant's series would run for hours at q = 1/2
            raise ConfigError(
                f"dp.sigma_min_u stands for noise of {terms.sigma_u / MICRO:g}",
                f"at most {MAX_SIGMA:g}",
                "Make the plan with study new --dp.",
            )
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
