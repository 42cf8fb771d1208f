"""The training worker as a process: frames, refusals, what it imports and when."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgpack
import numpy as np
import pytest

from node.learning.demo_data import DemoData, write
from node.learning.describe import describe
from node.learning.worker import FRAME, Worker

STUDY = "ab" * 32


class Process:
    """A worker and both ends of its pipes."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "node.learning.worker"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin: IO[bytes] = self.process.stdin
        self.stdout: IO[bytes] = self.process.stdout
        self.count = 0

    def ask(self, op: str, **values: Any) -> dict[str, Any]:
        """Send one request, return its answer."""
        self.count += 1
        self.send(msgpack.packb({"id": self.count, "op": op, **values}))
        (size,) = struct.unpack(">I", self.stdout.read(4))
        answer: dict[str, Any] = msgpack.unpackb(self.stdout.read(size))
        assert answer["id"] == self.count
        return answer

    def send(self, data: bytes) -> None:
        """Send one frame."""
        self.stdin.write(struct.pack(">I", len(data)) + data)
        self.stdin.flush()

    def end(self) -> tuple[int, str]:
        """Close the input; return exit code and what was said on standard error."""
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors.decode()


@pytest.fixture
def worker() -> Iterator[Process]:
    """A worker that ends with the test."""
    process = Process()
    yield process
    process.process.kill()
    process.process.communicate()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    """Breast cancer over two regions, seed 1."""
    return write(tmp_path_factory.mktemp("demo"), "breast-cancer", ["north", "south"], 1)


def opening(demo: DemoData, **change: Any) -> dict[str, Any]:
    """Return the fields of `open`."""
    facts = describe("classifier", {}, demo.manifests["north"], seed=1)
    fields = {name: facts[name] for name in ("task", "version", "settings", "schema", "layout", "dim")}
    manifest = str(demo.manifests["north"])
    return {
        **fields,
        "study": STUDY,
        "seed": 1,
        "region": "north",
        "manifest": manifest,
        "dp": None,
        "rounds": 20,
    } | change


def test_a_study_from_open_to_export(worker: Process, demo: DemoData, tmp_path: Path) -> None:
    assert worker.ask("hello")["version"] == 1
    opened = worker.ask("open", **opening(demo))
    assert opened["ok"], opened
    totals: list[bytes] = []
    for stage in ("count", "moment"):
        measured = worker.ask("measure", study=STUDY, stage=stage, totals=totals)
        assert 8 * sum(width for _, width in measured["columns"]) == len(measured["vector"])
        totals.append(measured["vector"])

    trained = worker.ask("train", study=STUDY, round=2, vector=opened["vector"], totals=totals)
    metrics = worker.ask("evaluate", study=STUDY, round=2, vector=trained["vector"], totals=totals)["metrics"]
    path = str(tmp_path / "model.safetensors")
    exported = worker.ask("export", study=STUDY, vector=trained["vector"], totals=totals, path=path)

    assert trained["report"]["steps"] == 20
    assert trained["report"]["dp"] is None
    assert 0 < trained["report"]["loss"] < 0.7
    assert metrics["train_accuracy"] > 0.7
    assert len(exported["sha256"]) == 64
    assert worker.end() == (0, "")


def test_idle_never_imports_torch_and_ends_cleanly(worker: Process) -> None:
    opened = worker.ask("open", study=STUDY, task="idle", version="1", settings={"dim": 10_000}, seed=1, region="north")

    trained = worker.ask("train", study=STUDY, round=0, vector=opened["vector"], totals=[])

    assert len(trained["vector"]) == 40_000
    maps = Path(f"/proc/{worker.process.pid}/maps").read_text()
    assert "torch" not in maps
    assert worker.end() == (0, "")


def test_hello_is_answered_without_torch(worker: Process) -> None:
    worker.ask("hello")

    assert "torch" not in Path(f"/proc/{worker.process.pid}/maps").read_text()


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        pytest.param({"task": "forecast"}, "CONFIG", "task 'forecast'; expected one of", id="task"),
        pytest.param({"schema": bytes(32)}, "CONFIG", "another schema than the plan", id="schema"),
        pytest.param({"manifest": "/nowhere/x.toml"}, "CONFIG", "cannot be read", id="manifest"),
        pytest.param({"manifest": None}, "CONFIG", "no data for task classifier", id="no data"),
        pytest.param({"settings": {"lr": "x"}}, "CONFIG", "setting lr is not a number", id="setting"),
        pytest.param({"dp": {"accountant": "rdp"}}, "CONFIG", "dp.eps_max_u is missing", id="dp"),
        pytest.param({"settings": 7}, "WORKER", "open failed: TypeError", id="malformed"),
    ],
)
def test_a_study_that_cannot_be_opened_is_refused_in_words(
    demo: DemoData, change: dict[str, Any], code: str, words: str
) -> None:
    answer = Worker().answer({"id": 7, "op": "open", **opening(demo, **change)})

    assert (answer["id"], answer["ok"], answer["code"]) == (7, False, code)
    assert words in answer["error"]


def test_no_error_of_any_kind_ends_the_worker_or_shows_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def overflow(*_: object) -> None:
        raise OverflowError("cannot convert 72.5, weight of a patient")

    monkeypatch.setattr(Worker, "_hello", overflow)

    answer = Worker().answer({"id": 7, "op": "hello"})

    assert answer["error"].startswith("hello failed: OverflowError at test_learning_worker.py:")


@pytest.mark.parametrize(
    "request_",
    [
        {"op": "dance"},
        {"op": ["open"]},
        {"op": "train", "study": STUDY},
        {"op": "train", "study": "unknown", "round": 0, "vector": b""},
        {"op": "train", "study": STUDY, "round": 0, "vector": b"123"},
        {"op": "train", "study": STUDY, "round": 0, "vector": bytes(4)},
        {"op": "measure", "study": STUDY, "stage": "moment", "totals": []},
        {"op": "evaluate", "study": STUDY, "vector": bytes(4100), "totals": [bytes(8), bytes(8)]},
    ],
)
def test_a_request_that_does_not_fit_leaves_the_worker_at_work(demo: DemoData, request_: dict[str, Any]) -> None:
    worker = Worker()
    opened = worker.answer({"id": 1, "op": "open", **opening(demo)})

    answer = worker.answer({"id": 2, **request_})

    assert answer["ok"] is False
    assert answer["error"]
    assert worker.answer({"id": 3, "op": "train", "study": STUDY, "round": 0, "vector": opened["vector"]})["ok"]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        pytest.param(struct.pack(">I", FRAME + 1), "a frame of 67108865 bytes", id="oversized"),
        pytest.param(struct.pack(">I", 3) + b"\xc1\xc1\xc1", "not msgpack", id="malformed"),
        pytest.param(struct.pack(">I", 1) + b"\x07", "no map", id="no map"),
        pytest.param(struct.pack(">I", 100) + b"\x80", "cut off", id="cut off"),
        pytest.param(b"\x00\x00", "cut off in its length", id="no length"),
    ],
)
def test_a_frame_that_is_none_ends_the_worker_in_words(worker: Process, frame: bytes, words: str) -> None:
    worker.stdin.write(frame)
    worker.stdin.flush()

    code, errors = worker.end()

    assert code == 1
    assert words in errors
    assert "Traceback" not in errors


def test_no_answer_holds_a_cells_value(demo: DemoData, tmp_path: Path) -> None:
    manifest = tmp_path / "north.toml"
    manifest.write_text(demo.manifests["north"].read_text())
    lines = demo.manifests["north"].with_name("north.csv").read_text().splitlines()
    (tmp_path / "north.csv").write_text("\n".join([*lines, "x777123" + lines[-1][lines[-1].index(",") :]]))

    answer = Worker().answer({"id": 1, "op": "open", **opening(demo, manifest=str(manifest))})

    assert answer["code"] == "GATE"
    assert "column mean radius: 1 cells are no number" in answer["error"]
    assert "777123" not in answer["error"]


def test_vectors_are_little_endian_float32(demo: DemoData) -> None:
    opened = Worker().answer({"id": 1, "op": "open", **opening(demo)})

    assert len(opened["vector"]) == 4 * 1025
    assert np.abs(np.frombuffer(opened["vector"], "<f4")).max() <= 1 / np.sqrt(30)
