"""Code written for Flower's ``NumPyClient`` as a task: what ``get_parameters`` gives travels, ``fit`` is a round.

Flower itself is not needed: a client is anything with ``get_parameters``, ``fit`` and ``evaluate`` of that form,
so that Keras, TensorFlow and scikit-learn models train as well. The factory takes one argument, ``About``, and is
also called without rows, when a plan is written: its first weights must follow from ``about.seed`` alone, or the
study begins with a model that every region is given (``--init``).

```python
def make(about):                       # landsting task check mytask:make
    x, y = about.train                 # encoded by the public ranges; or read about.manifest yourself
    return MyNumPyClient(x, y, seed=about.seed)
```
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from node.learning.data.schema import Schema, Target
from node.learning.errors import ConfigError
from node.learning.own import About
from node.learning.task import Encoded, Local
from node.learning.vectors import Arrays, Shapes, SharePolicy

MODULE = "client"


class ClientTask:
    """One client, and its parameters in the order in which it gives them.

    No differential privacy: what happens within ``fit`` cannot be clipped or counted.
    """

    name = "client"
    version = "1"
    needs_data = True
    with_dp = False
    targets = tuple(Target)
    defaults: Mapping[str, object] = {"local_steps": 1, "test_share": 0.0}

    def __init__(self, make: Callable[[About], Any]) -> None:
        self._make = make
        self._client: Any = None
        self._first: dict[str, Any] = {}

    def begin(self, about: About) -> None:
        """Make the client.

        Raises:
            ConfigError: It has another form.
        """
        client = self._make(about)
        lacking = [one for one in ("get_parameters", "fit", "evaluate") if not callable(getattr(client, one, None))]
        if lacking:
            raise ConfigError(f"a client without {', '.join(lacking)}", "Flower's NumPyClient", "Write that method.")
        self._client = client
        self._first = self._named(client.get_parameters({}))  # kept: after a round it would give others

    def sums(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Nothing is summed: the client scales for itself, or by the public ranges."""
        return ()

    def shapes(self, schema: Schema | None, settings: Mapping[str, Any]) -> Shapes:
        """Return the shapes of the client's parameters."""
        return {MODULE: {name: values.shape for name, values in self._first.items()}}

    def shared(self) -> dict[str, SharePolicy]:
        """All that the client gives travels."""
        return {MODULE: SharePolicy.TRAVELS}

    def initial(self, schema: Schema | None, settings: Mapping[str, Any], seed: int) -> Arrays:
        """Return the client's first parameters; they must follow from the seed it was made with."""
        return {MODULE: {name: values.copy() for name, values in self._first.items()}}

    def _named(self, given: Sequence[Any], of: str = "get_parameters") -> dict[str, Any]:
        if not isinstance(given, list | tuple):
            raise _form(f"{of} gives {type(given).__name__}", "a list of arrays")
        if self._first and len(given) != len(self._first):
            raise _form(f"{of} gives {len(given)} arrays", f"{len(self._first)}, as get_parameters gave at first")
        out = {}
        for i, values in enumerate(given):
            array = np.asarray(values)
            if array.dtype.kind != "f":
                raise ConfigError(
                    f"parameter {i} of the client holds {array.dtype}",
                    "real numbers: counters and integer buffers cannot be averaged",
                    "Leave it out of get_parameters and keep it in the client.",
                )
            out[f"{i:04d}"] = array.astype(np.float32).reshape(array.shape or (1,))
        return out

    def _list(self, arrays: Arrays) -> list[Any]:
        return [arrays[MODULE][name].copy() for name in sorted(arrays[MODULE])]

    def train(self, arrays: Arrays, local: Local, settings: Mapping[str, Any]) -> tuple[Arrays, float | None]:
        """Return the parameters after ``fit``, which is told ``local_steps`` and a seed of this round."""
        config = {"local_steps": settings["local_steps"], "seed": int(local.rng.integers(2**31))}
        after, metrics = _triple("fit", self._client.fit(self._list(arrays), config), "parameters")
        loss = metrics.get("loss") if isinstance(metrics, Mapping) else None
        return {MODULE: self._named(after, "fit")}, float(loss) if isinstance(loss, Real) else None

    def evaluate(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> dict[str, float | None]:
        """Return the loss and the metrics of the client's own ``evaluate``; it looks at its own rows."""
        if self._client is None:
            raise _form("a client that is open nowhere here: it looks at its own rows alone", "a study that runs")
        loss, metrics = _triple("evaluate", self._client.evaluate(self._list(arrays), {}), "loss")
        found = {"loss": loss, **(metrics if isinstance(metrics, Mapping) else {})}
        # Real: a Python or a numpy number.
        return {str(k): float(v) if math.isfinite(v) else None for k, v in found.items() if isinstance(v, Real)}


def _triple(method: str, given: Any, first: str) -> tuple[Any, Any]:
    """Return what ``fit`` or ``evaluate`` gave first, and its metrics."""
    if not isinstance(given, list | tuple) or len(given) != 3:
        size = f"{len(given)} values" if isinstance(given, list | tuple) else type(given).__name__
        raise _form(f"{method} gives {size}", f"({first}, number of rows, metrics)")
    return given[0], given[2]


def _form(found: str, expected: str) -> ConfigError:
    return ConfigError(found, expected, "Write it as Flower's NumPyClient has it.", code="CODE")
