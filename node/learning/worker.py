"""The training worker: a process that answers msgpack frames on its standard input.

A frame is a length (u32, big-endian) and a msgpack map with ``id`` and ``op``; the answer repeats
the id: ``{id, ok: true, ...}`` or ``{id, ok: false, code, error}``, words without values. README.md
lists the operations. A frame's size is checked before it is read, and nothing is unpickled.

The first answer comes before torch is imported; the import begins when a study is opened.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import math
import os
import resource
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgpack
import numpy as np

from node.learning.errors import ConfigError, LearningError
from node.learning.seclusion import seclude

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from node.learning.trainer import Trainer

VERSION = 1
FRAME = 64 * 2**20  # and 8 bytes for each parameter of the largest study open

_PR_SET_PDEATHSIG = 1

Reply = dict[str, Any]


class Worker:
    """The studies that are open, and what each operation does with them.

    Attributes:
        secluded: What this process has shut itself off from.
    """

    def __init__(self) -> None:
        self.studies: dict[str, Trainer] = {}
        self.samples: dict[str, Path | None] = {}
        self.max_frame = FRAME
        self._imports: threading.Thread | None = None
        self.secluded: tuple[str, ...] = ()

    def answer(self, request: dict[str, Any]) -> Reply:
        """Return the answer to one request; never raises for what a request or the data can cause."""
        id = request.get("id")
        op = request.get("op")
        operations: dict[str, Callable[[dict[str, Any]], Reply]] = {
            "hello": self._hello,
            "open": self._open,
            "close": self._close,
            "measure": self._measure,
            "train": self._train,
            "evaluate": self._evaluate,
            "export": self._export,
        }
        try:
            if op not in operations:
                raise ConfigError(
                    "an unknown operation", f"one of {', '.join(operations)}", "Use one version of node and worker."
                )
            return {"id": id, "ok": True, **operations[op](request)}
        except LearningError as error:
            words = {"code": error.code, "found": error.found, "expected": error.expected, "fix": error.fix}
            return {"id": id, "ok": False, "error": str(error), **words}
        except Exception as error:  # noqa: BLE001 - see below
            # Its message might hold a value of the data, and what is not caught is printed: kind and place must do.
            at = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(at.filename).name}:{at.lineno}"
            return {"id": id, "ok": False, "code": "WORKER", "error": f"{op} failed: {type(error).__name__} at {place}"}

    def _hello(self, request: dict[str, Any]) -> Reply:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
        return {"version": VERSION, "peak_bytes": peak, "secluded": list(self.secluded)}

    def _open(self, request: dict[str, Any]) -> Reply:
        from node.learning.registry import admit
        from node.learning.trainer import Agreed, Trainer

        def path(key: str) -> Path | None:
            value = request.get(key)
            return None if value is None else Path(value)

        keys = ("task", "version", "settings", "seed", "schema", "layout", "dim", "dp", "sums", "regions",
                "rounds", "freeze", "init", "data_update")  # fmt: skip
        if request.get("code") is not None:
            folder, sha256 = request["code"]
            admit(request["task"], Path(folder), sha256)
        agreed = Agreed(**{key: request[key] for key in keys if key in request})
        if agreed.task != "idle":
            names = ["torch", "opacus"] if agreed.dp is not None else ["torch"]
            self._imports = threading.Thread(target=_import, args=(names,), daemon=True)
            self._imports.start()
            if agreed.dp is not None and not agreed.sums:
                self._imports.join()  # there are no sum rounds, which wait for everybody: the first round does not
        trainer = Trainer(
            agreed,
            study=request["study"],
            region=request["region"],
            manifest=path("manifest"),
            state=path("state"),
            ledger=path("ledger"),
            budget_u=request.get("budget_u"),
            model=path("model"),
            device=request.get("device") or "cpu",
        )
        self.studies[request["study"]] = trainer
        self.samples[request["study"]] = path("samples")
        self.max_frame = max(self.max_frame, FRAME + 8 * trainer.layout.dim)
        columns = [column.name for column in trainer.schema.features] if trainer.schema else []
        placed = zip(trainer.layout.names, trainer.layout.shapes, strict=True)
        layout = [[name, math.prod(shape)] for name, shape in placed]
        vector = _bytes(trainer.initial(), "<f4")
        return {"vector": vector, "layout": layout, "columns": columns, "warnings": trainer.warnings}

    def _close(self, request: dict[str, Any]) -> Reply:
        self.studies.pop(request["study"], None)
        return {}

    def _study(self, request: dict[str, Any]) -> Trainer:
        study = self.studies.get(request["study"])
        if study is None:
            raise ConfigError("a study that is not open", "an open one", "Open it first.")
        return study

    def _measure(self, request: dict[str, Any]) -> Reply:
        study, stage = self._study(request), request["stage"]
        if self._imports is not None:
            self._imports.join()  # a sum round waits for everybody, the first training round for nobody
        vector = study.measure(stage, _totals(request))
        return {"vector": _bytes(vector, "<i8"), "columns": [list(column) for column in study.columns(stage)]}

    def _train(self, request: dict[str, Any]) -> Reply:
        study = self._study(request)
        vector, report = study.train(request["round"], _vector(request), _totals(request))
        if (samples := self.samples[request["study"]]) is not None and hasattr(study.task, "sheet"):
            from node.learning.synth.sheets import keep_sheet  # generators only

            keep_sheet(study, request["round"], vector, _totals(request), samples)
        facts = {
            "steps": report.steps,
            "norm": report.norm,
            "loss": report.loss,
            "dp": report.dp,
            "notes": list(report.notes),
            "backs": report.backs,
        }
        return {"vector": _bytes(vector, "<f4"), "report": facts}

    def _evaluate(self, request: dict[str, Any]) -> Reply:
        return {"metrics": self._study(request).evaluate(_vector(request), _totals(request))}

    def _export(self, request: dict[str, Any]) -> Reply:
        sha256 = self._study(request).export(_vector(request), _totals(request), Path(request["path"]))
        return {"sha256": sha256}


def _import(names: list[str]) -> None:
    for name in names:
        importlib.import_module(name)


def _bytes(values: NDArray[Any], dtype: str) -> bytes:
    return np.ascontiguousarray(values, dtype).tobytes()


def _vector(request: dict[str, Any]) -> NDArray[np.float32]:
    return np.frombuffer(request["vector"], "<f4").astype(np.float32)


def _totals(request: dict[str, Any]) -> list[NDArray[np.int64]]:
    return [np.frombuffer(total, "<i8").astype(np.int64) for total in request.get("totals") or ()]


def read_frame(stream: BinaryIO, limit: int) -> dict[str, Any] | None:
    """Return the next frame's map; None at the end of the stream.

    Raises:
        ConfigError: A frame over the limit, cut off, or not a msgpack map.
    """
    head = stream.read(4)
    if not head:
        return None
    if len(head) < 4:
        raise ConfigError("a frame cut off in its length", "4 bytes", "Start the worker again.")
    (size,) = struct.unpack(">I", head)
    if size > limit:
        raise ConfigError(f"a frame of {size} bytes", f"at most {limit}", "Start the worker again.")
    data = stream.read(size)
    if len(data) < size:
        raise ConfigError("a frame cut off", f"{size} bytes", "Start the worker again.")
    try:
        value = msgpack.unpackb(data, raw=False, max_ext_len=0)
    except (ValueError, msgpack.UnpackException) as error:
        raise ConfigError("a frame that is not msgpack", "msgpack", "Use one version of node and worker.") from error
    if not isinstance(value, dict):
        raise ConfigError("a frame that is no map", "a map", "Use one version of node and worker.")
    return value


def write_frame(stream: BinaryIO, value: dict[str, Any]) -> None:
    """Write one frame."""
    data: bytes = msgpack.packb(value, use_bin_type=True)
    stream.write(struct.pack(">I", len(data)))
    stream.write(data)
    stream.flush()


def _end_with_parent() -> None:
    """Have the system end this process when its node is gone: nobody would take the answer of a long round."""
    with contextlib.suppress(AttributeError, OSError):  # Linux only; elsewhere the input's end is seen after the round
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> int:
    """Answer frames until the input ends."""
    # What a library prints must not land between the frames.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.nice(5)
    worker = Worker()
    worker.secluded = seclude(os.environ.get("LANDSTING_HIDE", "").split(os.pathsep))
    _end_with_parent()  # after it: new namespaces make the system forget
    while True:
        try:
            request = read_frame(sys.stdin.buffer, worker.max_frame)
        except ConfigError as error:
            print(f"training worker: {error}", file=sys.stderr)
            return 1
        if request is None:
            return 0
        write_frame(out, worker.answer(request))


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # an import of torch may still run beside; an orderly end would trip over it
