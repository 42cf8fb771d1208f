"""The daemon's side of the training worker: real processes, those that work and those that do not."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from node.config import Limits
from node.frames import FrameError, Reader, Writer, frame
from node.learning.describe import describe
from node.worker import LOG_BYTES, Answer, Job, TrainingWorker, environment

STUDY = bytes(32)
PATIENCE_S = 120.0


class Loop:
    """A worker and the loop around it."""

    def __init__(self, home: Path, limits: Limits | None = None, program: str | None = None) -> None:
        self.poller = zmq.Poller()
        command = (sys.executable, "-c", textwrap.dedent(program)) if program else None
        more = {"command": command} if command else {}
        self.worker = TrainingWorker(home, self.poller, limits, **more)
        self.answers: list[Answer] = []

    def put(self, *jobs: Job) -> None:
        for job in jobs:
            self.worker.put(job, now_ms())

    def until(self, count: int, limit_s: float = PATIENCE_S) -> list[Answer]:
        self.step_until(lambda: len(self.answers) >= count, limit_s)
        return self.answers

    def step_until(self, is_so: Callable[[], bool], limit_s: float = PATIENCE_S) -> None:
        end = time.monotonic() + limit_s
        while not is_so():
            assert time.monotonic() < end, self.answers
            wake = self.worker.wake_ms(now_ms())
            wait = 100 if wake is None else max(0, min(100, wake - now_ms()))
            self.answers += self.worker.answers(dict(self.poller.poll(wait)), now_ms())


def now_ms() -> int:
    return time.monotonic_ns() // 10**6


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    one = Loop(tmp_path)
    yield one
    one.worker.close()


def open_job(dim: int = 1000, **settings: object) -> Job:
    plan = describe("idle", {"dim": dim, **settings}, None, seed=1)
    fields = {
        "task": "idle", "version": plan["version"], "settings": plan["settings"], "schema": plan["schema"],
        "layout": plan["layout"], "dim": dim, "seed": 1, "region": "vgr", "manifest": None, "dp": None, "rounds": 3,
        "state": None, "ledger": None, "budget_u": None,
    }  # fmt: skip
    return Job("open", STUDY, None, fields, dim)


def train_job(round: int, vector: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Job:
    return Job("train", STUDY, round, {"round": round, "vector": vector, "totals": []}, len(vector))


def evaluate_job(round: int, vector: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Job:
    return Job("evaluate", STUDY, round, {"round": round, "vector": vector, "totals": []}, len(vector))


# ---------------------------------------------------------------- one that works


def test_a_study_is_opened_and_trained(loop: Loop) -> None:
    loop.put(open_job())
    (opened,) = loop.until(1)
    assert opened.reply is not None
    vector = np.frombuffer(opened.reply["vector"], "<f4")
    loop.put(train_job(0, vector))
    trained = loop.until(2)[1]
    assert trained.reply is not None
    after = np.frombuffer(trained.reply["vector"], "<f4")
    assert after.shape == vector.shape
    assert 0 < np.abs(after - vector).max() <= 0.01 + 1e-6
    assert trained.reply["report"]["steps"] == 1


def test_a_vector_of_millions_of_parameters_comes_back_whole(loop: Loop) -> None:
    dim = 3_000_000
    loop.put(open_job(dim), train_job(0, np.zeros(dim, "<f4")))
    _, trained = loop.until(2)
    assert trained.reply is not None
    assert len(trained.reply["vector"]) == 4 * dim


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_that_reaches_node_and_worker_alike_is_the_node_s_to_hear(loop: Loop, number: int) -> None:
    loop.put(open_job())  # from its first moment on: the interpreter still starts
    assert loop.worker.pid is not None
    os.kill(loop.worker.pid, number)
    (opened,) = loop.until(1)
    assert opened.reply is not None
    os.kill(loop.worker.pid, number)
    loop.put(train_job(0, np.frombuffer(opened.reply["vector"], "<f4")))
    assert loop.until(2)[1].reply is not None


def test_training_goes_before_evaluation_and_of_evaluations_only_the_newest_runs(loop: Loop) -> None:
    vector = np.zeros(1000, "<f4")
    loop.put(open_job(pause_ms=50), evaluate_job(0, vector), evaluate_job(1, vector), train_job(1, vector))
    answers = loop.until(3)
    assert [(one.job.op, one.job.round) for one in answers] == [("open", None), ("train", 1), ("evaluate", 1)]


def test_what_the_worker_refuses_comes_back_in_words(loop: Loop) -> None:
    job = open_job()
    loop.put(Job("open", STUDY, None, {**job.fields, "version": "99"}, 1000))
    (answer,) = loop.until(1)
    assert answer.reply is None
    assert answer.code == "CONFIG"
    assert "version 99" in answer.words


# ---------------------------------------------------------------- one that does not


def test_a_killed_worker_is_started_again_with_its_study_open(loop: Loop) -> None:
    vector = np.zeros(1000, "<f4")
    loop.put(open_job(pause_ms=600_000), train_job(0, vector))
    loop.until(1)
    first = loop.worker.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    died = loop.until(2)[1]
    assert (died.reply, died.code, died.job.op) == (None, "DIED", "train")
    loop.put(evaluate_job(0, vector))  # for which it does not pause
    again = loop.until(3)[2]
    assert again.reply is not None
    assert loop.worker.pid != first


def test_a_study_that_ends_while_a_new_worker_opens_it_again_costs_nothing_if_that_dies(loop: Loop) -> None:
    loop.put(open_job())
    loop.until(1)
    os.kill(loop.worker.pid or 0, signal.SIGKILL)
    loop.step_until(lambda: loop.worker.pid is None)
    loop.put(train_job(0, np.zeros(1000, "<f4")))
    loop.step_until(lambda: loop.worker.pid is not None)

    loop.worker.forget(STUDY)
    os.kill(loop.worker.pid or 0, signal.SIGKILL)
    loop.step_until(lambda: loop.worker.pid is None)

    assert len(loop.answers) == 1
    assert not loop.worker.is_busy


def test_a_worker_that_cannot_be_started_is_tried_again(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the failed attempt had locked does not keep out the next."""
    with monkeypatch.context() as unlucky:
        unlucky.setattr(subprocess, "Popen", _no_process)
        loop.put(open_job())
    assert loop.until(1)[0].code == "DIED"

    loop.put(open_job())

    assert loop.until(2)[1].reply is not None


def _no_process(*_: object, **__: object) -> None:
    raise OSError(errno.EAGAIN, "Resource temporarily unavailable")


def test_a_worker_that_hangs_is_killed_after_its_time(tmp_path: Path) -> None:
    loop = Loop(tmp_path, Limits(open_s=PATIENCE_S, train_s=0.3))
    loop.put(open_job(pause_ms=60_000), train_job(0, np.zeros(1000, "<f4")))
    hung = loop.until(2)[1]
    assert (hung.reply, hung.code) == (None, "HUNG")
    assert "more than 0.3 s" in hung.words
    assert loop.worker.pid is None
    loop.worker.close()


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(1)",
        r"import os; os.write(1, b'\xff\xff\xff\xff' + bytes(100))",
        r"import os; os.write(1, b'\x00\x00\x00\x04abcd')",
        r"import os; os.write(1, b'\x00\x00\x00\x01\x01')",
    ],
    ids=["dies at once", "a frame of 4 GiB", "no msgpack", "no map"],
)
def test_a_worker_that_dies_or_babbles_is_a_failed_request(tmp_path: Path, program: str) -> None:
    loop = Loop(tmp_path, program=program)
    loop.put(open_job())
    (answer,) = loop.until(1)
    assert (answer.reply, answer.code) == (None, "DIED")
    loop.worker.close()


def test_a_worker_that_cannot_stay_up_is_started_ever_more_slowly(tmp_path: Path) -> None:
    loop = Loop(tmp_path, program="raise SystemExit(1)")
    began = time.monotonic()
    for count in range(1, 4):
        loop.put(open_job())
        loop.until(count)
    assert time.monotonic() - began > 1.5  # 0.5 s, then 1 s
    loop.worker.close()


def test_a_worker_of_an_earlier_run_is_ended_before_another_starts(tmp_path: Path) -> None:
    program = "import time; time.sleep(60)"
    earlier = Loop(tmp_path, program=program)
    earlier.worker.start(now_ms())
    left = earlier.worker.pid
    assert left is not None
    later = Loop(tmp_path, program=program)
    later.worker.start(now_ms())
    assert os.waitpid(left, 0)[1] == signal.SIGKILL
    assert later.worker.pid not in (None, left)
    later.worker.close()


def test_a_long_log_of_workers_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_bytes(bytes(LOG_BYTES + 1))
    loop = Loop(tmp_path)

    loop.worker.start(now_ms())

    assert (tmp_path / "worker.log").stat().st_size == 0
    assert (tmp_path / "worker.log.1").stat().st_size == LOG_BYTES + 1
    loop.worker.close()


NODE = """
import sys, time
from pathlib import Path
import numpy as np
from test_worker import Loop, open_job, train_job
loop = Loop(Path(sys.argv[1]))
loop.put(open_job(pause_ms=600_000))
loop.until(1)
loop.put(train_job(0, np.zeros(1000, "<f4")))
print(loop.worker.pid, flush=True)
time.sleep(600)
"""


def test_a_worker_in_a_long_round_goes_with_its_node(tmp_path: Path) -> None:
    path = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    node = subprocess.Popen([sys.executable, "-c", NODE, str(tmp_path)], stdout=subprocess.PIPE, env=path)
    assert node.stdout is not None
    worker = Path("/proc", node.stdout.readline().decode().strip())
    assert worker.exists()

    node.kill()
    node.wait()

    end = time.monotonic() + PATIENCE_S
    while _runs(worker):
        assert time.monotonic() < end
        time.sleep(0.02)
    node.stdout.close()


def _runs(process: Path) -> bool:
    """Whether a process is there and not only waits to be forgotten."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_workers_environment_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDSTING_SECRET", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    found = environment()
    assert "x" not in found.values()
    assert found["OMP_NUM_THREADS"] == "1"


def test_the_worker_has_lower_priority(loop: Loop) -> None:
    loop.put(open_job())
    loop.until(1)
    assert loop.worker.pid is not None
    assert os.getpriority(os.PRIO_PROCESS, loop.worker.pid) >= 5


# ---------------------------------------------------------------- frames


def test_a_frame_comes_back_as_it_was() -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    writer, reader = Writer(write), Reader(read)
    writer.put(frame({"id": 1, "vector": np.arange(3, dtype="<f4"), "totals": [b"ab"], "none": None}))
    writer.flush()
    frames, is_gone = reader.read()
    assert frames == [{"id": 1, "vector": np.arange(3, dtype="<f4").tobytes(), "totals": [b"ab"], "none": None}]
    assert not is_gone
    os.close(write)
    assert reader.read() == ([], True)
    os.close(read)


def test_the_bytes_of_an_array_are_not_copied() -> None:
    vector = np.zeros(10, "<f4")
    parts = frame({"vector": vector})
    vector[0] = 1.0
    assert b"".join(parts).endswith(b"\x00\x00\x80\x3f" + bytes(36))


def test_a_frame_over_the_limit_is_refused_before_it_is_read() -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.write(write, b"\x7f\xff\xff\xff")
    with pytest.raises(FrameError, match="at most 100"):
        Reader(read, 100).read()
    os.close(read)
    os.close(write)
