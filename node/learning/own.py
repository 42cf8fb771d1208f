"""A task of the region's own, with a torch module that it writes itself: ``landsting task init`` makes one.

```python
from torch import nn
from node.learning.own import TorchTask

class Task(TorchTask):
    version = "1"

    def module(self, inputs, outputs, settings):
        return nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, outputs))
```
Code never travels: every region installs it, its policy names the hash of its sources, and the hash is part of
the task's version in the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from node.learning.classifier import Classifier
from node.learning.data.rows import Rows
from node.learning.data.schema import Schema, Target
from node.learning.errors import ConfigError
from node.learning.models import mlp, network
from node.learning.preprocessing import encoder, width_of
from node.learning.task import Encoded, Task
from node.learning.vectors import Arrays, Floats, Shapes


@dataclass(frozen=True, slots=True)
class About:
    """For whom a task is opened.

    Attributes:
        region: Its name; "" where a plan is written or checked and there are no rows.
        manifest: Of the data the study was accepted with.
        train, test: (x, y) of the region's training and validation rows, x float32 (n, width) scaled by the
            public ranges, y int64 (n,), or the float32 target (n, t) where what is learned are not classes.
    """

    region: str
    seed: int
    settings: Mapping[str, Any]
    manifest: Path | None
    schema: Schema | None
    train: tuple[Floats, Any] | None = None
    test: tuple[Floats, Any] | None = None


def begin(task: Task, about: About, rows: Rows | None, validation: Rows | None) -> None:
    """Tell a task that wants to know (one with a method ``begin``) for whom it is opened, with which rows."""
    if not hasattr(task, "begin"):
        return
    train = test = None
    if about.schema is not None:
        train, test = _pair(about.schema, rows), _pair(about.schema, validation)
    task.begin(About(about.region, about.seed, about.settings, about.manifest, about.schema, train, test))


def _pair(schema: Schema, rows: Rows | None) -> tuple[Floats, Any]:
    if rows is None:
        return np.empty((0, width_of(schema)), np.float32), np.empty(0, np.int64)
    encoded = encoder(schema, None).encode(rows)
    return encoded.x, encoded.y if encoded.target is None or schema.target is Target.SURVIVAL else encoded.target


def _check_outputs(name: str, module: Any, inputs: int, outputs: int) -> None:
    """Raise if a module does not make one row of ``outputs`` numbers of one row of inputs."""
    torch = mlp.torch_one_thread()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        made = module.eval()(torch.zeros(2, inputs))
    module.train()
    if tuple(made.shape) != (2, outputs):
        raise ConfigError(
            f"the network of task {name} makes {made[0].numel()} numbers of a row, in shape {tuple(made.shape[1:])}",
            f"{outputs}, as `module` is told",
            "End it with a layer of `outputs` numbers.",
        )


class TorchTask(Classifier):
    """A classifier whose network is a torch module of one's own; subclass it and write ``module``.

    Its parameters travel; buffers (the running statistics of BatchNorm) cannot and are refused.
    """

    name = "own"
    version: ClassVar[str] = "1"
    targets = (Target.CLASSES, Target.LABELS)

    def module(self, inputs: int, outputs: int, settings: Mapping[str, Any]) -> Any:
        """Return a torch module that makes ``outputs`` numbers of (n, ``inputs``) encoded rows."""
        raise NotImplementedError(f"{type(self).__name__} has no network yet; write its method `module`")

    def _fresh(self, inputs: int, outputs: int, settings: Mapping[str, Any], seed: int = 0) -> Any:
        torch = mlp.torch_one_thread()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = self.module(inputs, outputs, settings)
        buffers = [name for name, _ in module.named_buffers()]
        if buffers:
            raise ConfigError(
                f"task {self.name} has buffers ({', '.join(buffers[:3])}), which regions cannot average",
                "parameters only",
                "Use GroupNorm or LayerNorm instead of BatchNorm.",
            )
        return module

    def shapes(self, schema: Schema | None, settings: Mapping[str, Any]) -> Shapes:
        """Return the shapes of the module's parameters."""
        return {m: {n: v.shape for n, v in values.items()} for m, values in self.initial(schema, settings, 0).items()}

    def initial(self, schema: Schema | None, settings: Mapping[str, Any], seed: int) -> Arrays:
        """Return the module's own first weights, drawn by torch under the seed; the plan's hash checks them."""
        assert schema is not None
        outputs = self.outputs(schema, settings)
        module = self._fresh(width_of(schema), outputs, settings, seed)
        _check_outputs(self.name, module, width_of(schema), outputs)
        return {"model": mlp.parameters_of(module)}

    def inputs(self, rows: Encoded, settings: Mapping[str, Any]) -> Any:
        """Return the encoded table."""
        return rows.x

    def net(self, parameters: Mapping[str, Floats], rows: Encoded, settings: Mapping[str, Any]) -> tuple[Any, int]:
        """Return the module with these parameters."""
        torch = mlp.torch_one_thread()
        outputs = self._outputs
        module = self._fresh(rows.x.shape[1], outputs, settings)
        with torch.no_grad():
            for name, value in module.named_parameters():
                value.copy_(torch.from_numpy(np.ascontiguousarray(parameters[name])))
        return module, outputs

    def logits(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> Floats:
        """Return what comes out of the module for each row."""
        if not len(rows):
            return np.empty((0, self._outputs), np.float32)
        torch = mlp.torch_one_thread()
        module, _ = self.net(arrays["model"], rows, settings)
        with torch.no_grad():
            out: Floats = module.eval()(network.tensor(rows.x)).numpy()
        return out

    def begin(self, about: About) -> None:
        """Remember how many numbers come out."""
        if about.schema is not None:
            self._outputs = self.outputs(about.schema, about.settings)

    _outputs: int = 1
