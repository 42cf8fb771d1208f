"""One study at one region: vectors in, vectors and reports out.

Knows no network, no log and no frames: ``node.learning.worker`` speaks for it. Same vector, data,
seed and round give the same bytes, so that a round that a crash cut off is repeated exactly.
What stays (modules, optimizer state, the secret of DP) lies in ``state``, one folder a study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from node.learning.accounting import MICRO
from node.learning.agreed import Agreed
from node.learning.augment import beside, check_settings, extra_rows, refuse_synthetic
from node.learning.data import table
from node.learning.data.manifest import Schema, load
from node.learning.data.schema import Target
from node.learning.device import device_of
from node.learning.errors import ConfigError, GateError
from node.learning.exporting import write_model
from node.learning.hashing import stream, tagged_hash
from node.learning.metrics import Counts
from node.learning.own import About, begin
from node.learning.paying import Purse
from node.learning.preprocessing import Columns, Encoder, GlobalStats, columns_of, encoder, global_stats, measure
from node.learning.privacy import Terms, warnings_for
from node.learning.registry import get_task
from node.learning.share import share, vector_hash
from node.learning.stages import SCORE, check_stages, first_rows, noise
from node.learning.state import State
from node.learning.supervised import Supervised
from node.learning.task import BACKS, Encoded, Local, Task, TrainReport, check_private, check_target, read_settings
from node.learning.vectors import Floats, check_vector, flatten

if TYPE_CHECKING:
    from node.learning.synth.coding import TableCoding

__all__ = ["Agreed", "Totals", "Trainer", "stages_of"]

Totals = Sequence[NDArray[np.int64]]


def stages_of(task: Task, settings: Mapping[str, Any], schema: Schema | None) -> tuple[str, ...]:
    """Return the stages that a task asks for, without those in which a schema has nothing to count."""
    if schema is None:
        return ()
    return tuple(stage for stage in task.sums(settings) if columns_of(schema, stage))


NEWEST = 2**63  # later than every round


class Trainer:
    """Opens a study's task on a region's own rows.

    Raises:
        ConfigError: Task, version, settings, schema, layout or dim are not the plan's.
        GateError: The rows cannot be read, or are not what the manifest says.
    """

    def __init__(
        self,
        agreed: Agreed,
        *,
        study: str,
        region: str,
        manifest: Path | None,
        state: Path | None = None,
        ledger: Path | None = None,
        budget_u: int | None = None,
        model: Path | None = None,
        device: str = "cpu",
    ) -> None:
        self.study, self.region, self.seed = study, region, agreed.seed
        self.agreed, self.manifest = agreed, manifest
        self.task = get_task(agreed.task)
        if self.task.version != agreed.version:
            raise ConfigError(
                f"task {agreed.task} of version {self.task.version} here",
                f"version {agreed.version}",
                "Install the version of the plan.",
            )
        self.settings = read_settings(self.task, agreed.settings)
        self.terms = Terms.of_plan(agreed.dp) if agreed.dp is not None else None
        check_private(self.task, self.settings, self.terms is not None)
        check_settings(self.settings)
        self.schema: Schema | None = None
        self.rows: table.Rows | None = None
        self.validation: table.Rows | None = None
        self.extra: table.Rows | None = None  # synthetic rows, which are trained on and counted nowhere
        self._guard: table.Guard | None = None
        self._data = b""
        if self.task.needs_data:
            self._read(manifest, agreed.schema)
            assert self.schema is not None
            check_target(self.task, self.schema)
        begin(self.task, About(region, self.seed, self.settings, manifest, self.schema), self.rows, self.validation)
        self.sums = self._stages(agreed.sums)
        self.regions = agreed.regions
        self.rounds, self.device = agreed.rounds, device_of(device)
        self.split = share(self.task, self.schema, self.settings, self.seed, freeze=agreed.freeze, model=model)
        self.layout = self.split.layout
        if agreed.layout not in (None, self.layout.hash) or agreed.dim not in (None, self.layout.dim):
            raise ConfigError(
                f"a model of {self.layout.dim} parameters",
                f"{agreed.dim} in the plan's order",
                "Install the version of the plan.",
            )
        begins = vector_hash(self.initial()) if agreed.init is not None or model is not None else None
        if agreed.init not in (None, begins):
            raise ConfigError(
                "a first model of other bytes than the plan's",
                f"the model that the plan begins with (sha256 {agreed.init.hex()[:16]}…)",
                "Give it with: landsting study accept ID --init FILE.safetensors.",
            )
        self._state = State(state / study if state is not None else None)
        self._purse: Purse | None = None
        if self.terms is not None:
            if not self.task.with_dp:
                raise ConfigError(
                    f"task {self.task.name} with DP is not in this version",
                    "task classifier",
                    "Use it, or leave dp out.",
                )
            if ledger is None:
                raise ConfigError("a study with DP and no ledger", "the ledger's path", "Open it with `ledger`.")
            self._purse = Purse(self.terms, ledger, budget_u, study, self._state.secret())
        self._encoded: tuple[bytes, Encoded, Encoded, GlobalStats | None] | None = None

    def _read(self, path: Path | None, schema: bytes | None) -> None:
        if path is None:
            raise ConfigError(f"no data for task {self.task.name}", "a manifest", "Accept the study with --data NAME.")
        manifest = load(path)
        refuse_synthetic(manifest)
        self.schema = manifest.schema_()
        if schema not in (None, self.schema.hash):
            raise ConfigError(
                f"manifest {manifest.id} has another schema than the plan",
                "the same names, kinds, roles, units, ranges, categories and missing codes, in the same order",
                "Bind the data set that the plan was made for.",
            )
        self._guard = table.Guard(path)  # before reading: a change in between is noticed
        rows, sha256 = table.read(manifest, path.parent)
        held_out = table.in_validation(rows, self.seed, self.region, self.settings["test_share"])
        self.rows, self.validation = rows.take(~held_out), rows.take(held_out)
        self._data = tagged_hash("data", sha256 + held_out.tobytes())
        if not len(self.rows):
            raise GateError(
                f"manifest {manifest.id} leaves no training row", "at least one", "Lower settings.test_share."
            )
        own = len(self.rows)
        self.extra = extra_rows(path, self.schema, self.settings, own=own, seed=self.seed, region=self.region)

    def _stages(self, agreed: Sequence[str] | None) -> tuple[str, ...]:
        if agreed is None:
            agreed = () if self.terms is not None else stages_of(self.task, self.settings, self.schema)
        if agreed and self.schema is None:
            raise ConfigError(f"task {self.task.name} has no sums", "sums = []", "Correct the plan.")
        if self.terms is not None:
            self.terms.statistics_sigma_u(len(agreed))
        return check_stages(agreed)

    @property
    def warnings(self) -> list[str]:
        """Sentences about terms that do little for this region's number of rows; for its own eyes."""
        if self.terms is None or self.rows is None:
            return []
        return warnings_for(self.terms, len(set(self.rows.patients)))

    def without_privacy(self, local_steps: int | None = None) -> Trainer:
        """Return the same study at this region for its own use: no noise, nothing paid, no state kept, no score.

        What it learns knows the region's patients, and must not leave.
        """
        settings = {key: value for key, value in self.agreed.settings.items() if key != "synthetic"}
        if local_steps is not None:
            settings["local_steps"] = local_steps
        sums = [stage for stage in self.sums if stage != SCORE]
        agreed = replace(self.agreed, dp=None, sums=sums, settings=settings, init=None)
        return Trainer(agreed, study=self.study, region=self.region, manifest=self.manifest, model=self.split.model)

    def initial(self) -> Floats:
        """Return the first vector, (dim,); the same bytes at every region."""
        return self.split.initial()

    def columns(self, stage: str) -> Columns:
        """Return (name, width) of a stage's integers."""
        if self.schema is None:
            raise ConfigError(f"task {self.task.name} has no sums", "sums = []", "Correct the plan.")
        return columns_of(self.schema, stage)

    def measure(self, stage: str, totals: Totals = ()) -> NDArray[np.int64]:
        """Return the region's integers for a stage, given the totals opened so far; under DP with noise.

        Raises:
            BudgetError: The stage would pass a privacy budget; nothing was counted.
            ConfigError: It is not this stage's turn.
        """
        columns = self.columns(stage)
        if (*self.sums[: len(totals)], stage) != self.sums[: len(totals) + 1]:
            expected = ", then ".join(self.sums) or "no sums in this study"
            raise ConfigError(f"stage {stage} after {len(totals)} others", expected, "Correct `sums` in the plan.")
        assert self.schema is not None
        assert self.rows is not None
        before = self._stats(totals)
        if stage == SCORE:
            return self._scored(totals)
        if self.terms is None:
            vector = measure(self.schema, self.rows, stage, before)
        else:
            vector = self._measure_with_noise(stage, before, totals)
        assert len(vector) == sum(width for _, width in columns)
        return vector

    def _scored(self, totals: Totals) -> NDArray[np.int64]:
        """Return the counts of the study's first model on the region's validation rows."""
        assert self.schema is not None
        if self.terms is not None or not isinstance(self.task, Supervised) or self.schema.target is not Target.CLASSES:
            raise ConfigError(
                "stage score with DP, or with a task that has no classes",
                "a classifier without dp: figures on real rows carry no epsilon",
                "Leave score out of `sums`.",
            )
        _, validation, _ = self._rows(totals)
        said = self.task.predict(self.split.first(), validation, self.settings)
        return Counts.of(said, validation.y).vector

    def _measure_with_noise(self, stage: str, before: GlobalStats | None, totals: Totals) -> NDArray[np.int64]:
        assert self.schema is not None
        assert self.rows is not None
        assert self._purse is not None
        sigma_u, key = self._purse.stage(stage, totals, len(self.sums), self._data)
        # What lay outside the ranges is counted over all rows of a patient, so it has no bound here.
        rows = replace(self.rows.take(first_rows(self.rows)), outside={})
        plain = measure(self.schema, rows, stage, before, fewest=0)
        return plain + noise(self.schema, stage, sigma_u / MICRO, key)

    def _stats(self, totals: Totals) -> GlobalStats | None:
        """Return what the totals opened so far mean."""
        assert self.schema is not None
        added = None
        if self.terms is not None and totals:
            added = (self.terms.statistics_sigma_u(len(self.sums)) / MICRO, self.regions)
        return global_stats(self.schema, self.sums[: len(totals)], totals, noise=added)

    def encoder(self, totals: Totals) -> Encoder:
        """Return what encodes rows, given all opened totals."""
        assert self.schema is not None
        return encoder(self.schema, self._stats(totals))

    def _rows(self, totals: Totals) -> tuple[Encoded, Encoded, GlobalStats | None]:
        key = b"|".join(total.tobytes() for total in totals)
        if self._encoded is None or self._encoded[0] != key:
            if self.schema is None or self.rows is None or self.validation is None:
                nothing = Encoded(np.empty((0, 0), np.float32), np.empty(0, np.int64))
                self._encoded = (key, nothing, nothing, None)
            else:
                stats = self._stats(totals)
                self._encoded = (key, self.encoded(self.rows, totals), self.encoded(self.validation, totals), stats)
        return self._encoded[1:]

    def coding(self, totals: Totals) -> TableCoding | None:
        """Return what codes the rows of a generator of tables, given all opened totals; None for other tasks."""
        assert self.schema is not None
        code = getattr(self.task, "coding", None)
        return code(self.schema, self._stats(totals)) if code is not None else None

    def encoded(self, rows: table.Rows, totals: Totals) -> Encoded:
        """Return typed rows as the study's task sees them, given all opened totals."""
        coding = self.coding(totals)
        return self.encoder(totals).encode(rows) if coding is None else coding.rows(rows)

    def train(self, round: int, vector: Floats, totals: Totals = ()) -> tuple[Floats, TrainReport]:
        """Return the vector after one local round, and its facts.

        Raises:
            BudgetError: The round would pass a privacy budget; nothing was trained.
            ConfigError: The vector or the totals do not fit, or training gave numbers that are not finite.
            GateError: A file of the data has changed since it was added; nothing was trained.
        """
        check_vector(vector, self.layout.dim)
        if self._guard is not None:
            self._guard.check()
            if self.agreed.data_update == "next_round" and self._guard.is_rebound:
                self._take_up()
        rows, validation, stats = self._rows(totals)
        base = tagged_hash("base", np.ascontiguousarray(vector, "<f4").tobytes())
        steps = self.settings.get("local_steps", 1)
        context, facts = None, None
        if self._purse is not None:
            context, facts = self._purse.round(round, base, steps, self._data)
        private = self._state.before(round)
        rng = np.random.Generator(stream("train", self.seed, self.region, round))
        local = Local(
            rows if self.extra is None else beside(rows, self.encoded(self.extra, totals)),
            stats,
            private,
            rng,
            context,
            patients=self._patients(),
            before=max(0, round - len(self.sums)) * steps,
            steps_in_all=(self.rounds or 0) * steps,
            frozen=self.split.frozen,
            device=self.device,
            validation=validation,
        )
        arrays = self.split.arrays(vector, private)
        after, loss = self.task.train(arrays, local, self.settings)
        out = flatten(after, self.layout)
        check_vector(out, self.layout.dim)
        private.update(self.split.kept(after))
        if private:
            self._state.save(round, private)
        if context is not None:
            assert context.taken == steps, "what was paid is not what was used"
        norm = float(np.linalg.norm(out.astype(np.float64) - vector))
        return out, TrainReport(steps, norm, loss, facts, tuple(local.notes), len(private.get(BACKS, ())))

    def _take_up(self) -> None:
        """Go on with the rows of the version that is bound now; it has the plan's schema, or the study stops here."""
        assert self.schema is not None
        self._read(self.manifest, self.schema.hash)
        about = About(self.region, self.seed, self.settings, self.manifest, self.schema)
        begin(self.task, about, self.rows, self.validation)
        self._encoded = None

    def kept(self) -> dict[str, Floats]:
        """Return what stayed in the region after its newest round: modules, moments; it must not leave."""
        return self._state.before(NEWEST)

    def _patients(self) -> NDArray[np.int64] | None:
        """Return the number of each training row's patient, (n,); None where each row is a patient of its own."""
        if self.rows is None or len(set(self.rows.patients)) == len(self.rows):
            return None
        numbers = np.unique(np.asarray(self.rows.patients), return_inverse=True)[1].astype(np.int64)
        made = 0 if self.extra is None else len(self.extra)  # nobody's, so each is drawn and clipped by itself
        return np.concatenate([numbers, numbers.max() + 1 + np.arange(made, dtype=np.int64)])

    def evaluate(self, vector: Floats, totals: Totals = ()) -> dict[str, float | None]:
        """Return figures on the region's own validation rows, and with ``train_`` on its training rows."""
        check_vector(vector, self.layout.dim)
        training, validation, _ = self._rows(totals)
        if not self.task.needs_data:
            return {}
        arrays = self.split.arrays(vector, self._state.before(NEWEST))
        out = self.task.evaluate(arrays, validation, self.settings)
        out["rows"] = float(len(validation.y))
        for name, value in self.task.evaluate(arrays, training, self.settings).items():
            out[f"train_{name}"] = value
        out["train_rows"] = float(len(training.y))
        return out

    def export(self, vector: Floats, totals: Totals, path: Path) -> str:
        """Write the modules that travel as safetensors and their description as JSON beside it.

        Whole, as one needs them to predict: with what is frozen in them, and with this region's own where the
        setting ``stays`` keeps parameters at home.

        Returns:
            The SHA-256 of the safetensors file, in hex; equal vectors give equal bytes.
        """
        check_vector(vector, self.layout.dim)
        about: dict[str, Any] = {"layout": self.layout.hash.hex(), "study": self.study}
        if self.schema is not None:
            coding = self.coding(totals)
            # Rows of a generator mean what its coding says: means and outer knots that few may decide stay out.
            encoded_by = self.encoder(totals) if coding is None else encoder(self.schema, None)
            about |= {
                "schema_id": self.schema.id,
                "schema": self.schema.value(),
                "classes": list(self.schema.classes) if self.schema.target is Target.CLASSES else [],
                "inputs": list(encoded_by.names),
                "encoder": encoded_by.value(),
            }
            if coding is not None:
                about["coding"] = coding.value()
        arrays = self.split.arrays(vector, self._state.before(NEWEST))
        return write_model(path, self.task, self.settings, arrays, about)
