"""Own tasks as people write them at first: what is wrong is said as theirs, in words and without a value."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from node.cli.output import Refusal
from node.cli.task import drawn, examine, task
from node.learning import ConfigError
from node.learning.describe import describe
from node.learning.registry import admit, own_sha256

CLIENT = """
import numpy as np

class Client:
    def __init__(self, about):
        self.w = np.zeros(about.train[0].shape[1], np.float32)
    def get_parameters(self, config):
        return [self.w]
    def fit(self, parameters, config):
        return [parameters[0] + np.float32(1)], 1, {}
    def evaluate(self, parameters, config):
        return 0.5, 1, {}

def make(about):
    return Client(about)
"""
TORCH = """
from torch import nn
from node.learning.own import TorchTask

class Task(TorchTask):
    def module(self, inputs, outputs, settings):
        return nn.Linear(inputs, outputs)
"""


def examined(folder: Path, name: str, text: str, factory: str = "make") -> list[str]:
    """Return the problems of a module that is written so."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    problems: list[str] = examine(f"{name}:{factory}", folder, None, {})["problems"]
    return problems


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        pytest.param("gives_more", "1)], 1, {}", "1), self.w], 1, {}", "fit gives 2 .* expected 1", id="more arrays"),
        pytest.param("gives_two", "1)], 1, {}", "1)], 1", r"fit gives .* expected \(parameters", id="no triple"),
        pytest.param("gives_none", "return [parameters[0] + np.float32(1)], 1, {}", "pass", "fit gives", id="nothing"),
        pytest.param("no_list", "return [self.w]", "return 3", "get_parameters gives int", id="no list"),
        pytest.param("no_loss", "0.5, 1, {}", "{'accuracy': 1.0}", r"evaluate gives .* expected \(loss", id="no loss"),
    ],
)
def test_a_client_of_another_form_is_told_which(tmp_path: Path, name: str, old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        examined(tmp_path / "t", name, CLIENT.replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        pytest.param("in_fit", "return [par", "1 / 0; return [par", "ZeroDivisionError at in_fit.py:10", id="fit"),
        pytest.param(
            "in_init", "self.w = np", "raise KeyError('19121212-1212') #", "KeyError at in_init.py:6", id="init"
        ),
        pytest.param("in_evaluate", "return 0.5", "return 1 / 0", "ZeroDivisionError at in_eval.*12", id="evaluate"),
        pytest.param("no_python", "def make(about):", "def make(about:", "SyntaxError at no_python.py", id="no Python"),
        pytest.param("lacks_one", "import numpy as np", "import nosuchpackage", "ModuleNotFoundError", id="package"),
    ],
)
def test_a_fault_of_ones_own_code_is_told_with_its_place_and_without_its_message(
    tmp_path: Path, name: str, old: str, new: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=rf"task {name}\.make: {words}") as refused:
        examined(tmp_path / "t", name, CLIENT.replace(old, new))

    assert "19121212" not in str(refused.value)


def test_a_factory_that_is_not_there_is_told_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no maek.* Did you mean make"):
        examined(tmp_path / "t", "typed_wrongly", CLIENT, "maek")


def test_a_factory_of_several_arguments_is_told_what_it_is_given(tmp_path: Path) -> None:
    text = CLIENT.replace("def __init__(self, about):", "def __init__(self, about, seed):")

    with pytest.raises(ConfigError, match=r"wants about, seed.* expected no argument, or one"):
        examined(tmp_path / "t", "of_two", text, "Client")


def test_a_task_whose_arguments_have_defaults_is_a_task(tmp_path: Path) -> None:
    text = TORCH + "\n    def __init__(self, depth=2):\n        self.depth = depth\n"

    assert examined(tmp_path / "t", "of_defaults", text, "Task") == []


def test_a_network_of_more_outputs_than_the_label_is_refused(tmp_path: Path) -> None:
    """Its first output would be trained and the others travel for nothing."""
    with pytest.raises(ConfigError, match=r"makes 3 numbers of a row.* expected 1"):
        examined(tmp_path / "t", "of_three", TORCH.replace("Linear(inputs, outputs)", "Linear(inputs, 3)"), "Task")


def test_a_plan_with_privacy_for_a_client_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "not_private.py").write_text(CLIENT)
    admit("not_private.make", tmp_path, own_sha256("not_private:make", tmp_path))

    with pytest.raises(ConfigError, match=r"not_private\.make with differential privacy"):
        describe("not_private:make", {}, drawn(tmp_path), dp=True)


def test_a_client_that_is_not_open_judges_no_model_and_says_so() -> None:
    from node.learning.flower import ClientTask
    from node.learning.task import Encoded

    rows = Encoded(np.empty((0, 3), np.float32), np.empty(0, np.int64))

    with pytest.raises(ConfigError, match="looks at its own rows alone"):
        ClientTask(lambda _: None).evaluate({"client": {}}, rows, {})


def test_figures_of_numpy_are_figures(tmp_path: Path) -> None:
    from node.learning.flower import ClientTask
    from node.learning.task import Encoded

    scope: dict[str, object] = {}
    exec(CLIENT.replace("return 0.5, 1, {}", "return np.float32(0.5), 1, {'accuracy': np.float32(0.75)}"), scope)
    client = ClientTask(lambda _: scope["make"](_About()))  # type: ignore[operator]
    client.begin(_About())  # type: ignore[arg-type]
    rows = Encoded(np.empty((0, 3), np.float32), np.empty(0, np.int64))

    assert client.evaluate(client.initial(None, {}, 1), rows, {}) == {"loss": 0.5, "accuracy": 0.75}


class _About:
    def __init__(self) -> None:
        self.train = (np.empty((0, 3), np.float32), np.empty(0, np.int64))


def test_what_a_task_prints_is_no_part_of_the_json(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "printing.py").write_text(
        CLIENT.replace("        return [parameters[0]", "        print('round')\n        return [parameters[0]")
    )

    result = CliRunner().invoke(task, ["check", "printing:make", "--path", str(tmp_path), "--json"])

    assert json.loads(result.stdout)["problems"] == []


@pytest.mark.parametrize("name", ["torch", "json", "node"])
def test_a_task_is_not_called_as_something_that_is_installed(tmp_path: Path, name: str) -> None:
    result = CliRunner().invoke(task, ["init", name, "--dir", str(tmp_path / name)], standalone_mode=False)

    assert isinstance(result.exception, Refusal)
    assert "is installed already" in str(result.exception)
    assert not (tmp_path / name).exists()


def test_a_task_with_problems_is_not_offered_to_the_policy(tmp_path: Path) -> None:
    (tmp_path / "standing.py").write_text(CLIENT.replace("parameters[0] + np.float32(1)", "parameters[0]"))

    result = CliRunner().invoke(task, ["check", "standing:make", "--path", str(tmp_path)], standalone_mode=False)

    assert "a round changes nothing" in result.output
    assert "landsting policy edit" not in result.output
