"""The command: exit codes, JSON, words; without torch, zmq or pandas; never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.cli.audit import audit
from tests.node.audit_network import Small, edited, rewrite, with_leaves

ROOT = Path(__file__).resolve().parents[2]
BLOCKED = ("torch", "zmq", "pandas", "opacus", "sklearn", "sqlite3", "matplotlib", "pydantic", "rich")
BARE = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED}:
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
from node.__main__ import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def small() -> Small:
    return Small().run()


@pytest.fixture(scope="module")
def bundles(small: Small, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [str(path) for path in small.export_all(tmp_path_factory.mktemp("bundles"))]


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Small, list[str]]:
    """Bundles of a network in which vgr signed its log anew."""
    small = Small().run()
    paths = small.export_all(tmp_path_factory.mktemp("forked"))
    vgr = small.homes["vgr"]
    leaves = [*vgr.leaves[:5], edited(vgr.leaves[5], t_ms=vgr.log.last_ms), *vgr.leaves[6:]]
    rewrite(paths[-1], with_leaves(vgr, leaves, sign=True), signer=vgr)
    return small, [str(path) for path in paths]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(audit, list(arguments))


def test_clean_bundles_exit_0_and_say_so(small: Small, bundles: list[str]) -> None:
    result = run("verify", *bundles, "--study", small.study.hex())
    assert result.exit_code == 0
    assert result.output.startswith("Clean: 3 logs, ")


def test_the_json_report_has_what_the_demo_and_the_page_read(small: Small, bundles: list[str]) -> None:
    result = run("verify", *bundles, "--study", "0x" + small.study.hex().upper(), "--json")
    report = json.loads(result.output)
    assert report.keys() == {
        "format", "verdict", "sentence", "masking", "lab", "studies", "questions", "findings", "coverage", "entries",
        "signatures", "exceptions", "releases", "long_term", "witnesses",
    }  # fmt: skip
    assert (report["verdict"], report["masking"], report["lab"]) == ("clean", "strict", False)
    assert report["studies"][0]["accepted"] == list(small.names)


def test_a_convicted_region_exits_3(forked: tuple[Small, list[str]]) -> None:
    small, paths = forked
    result = run("verify", *paths, "--study", small.study.hex(), "--json")
    assert result.exit_code == 3
    assert {f["subject"] for f in json.loads(result.output)["findings"] if f["severity"] != "info"} == {"vgr"}


def test_findings_are_written_as_sarif(forked: tuple[Small, list[str]], tmp_path: Path) -> None:
    small, paths = forked
    out = tmp_path / "f.sarif"
    assert run("verify", *paths, "--study", small.study.hex(), "--sarif", str(out)).exit_code == 3
    log = json.loads(out.read_text(encoding="utf-8"))
    (one,) = log["runs"]
    fork = next(result for result in one["results"] if result["ruleId"] == "LS-FORK")
    assert (log["version"], fork["level"]) == ("2.1.0", "error")
    assert one["tool"]["driver"]["rules"][fork["ruleIndex"]]["id"] == "LS-FORK"
    assert fork["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].startswith("vgr/")
    assert len(fork["partialFingerprints"]["landsting/v1"]) == 64


def test_a_clean_report_has_no_sarif_results(small: Small, bundles: list[str], tmp_path: Path) -> None:
    out = tmp_path / "f.sarif"
    assert run("verify", *bundles, "--study", small.study.hex(), "--sarif", str(out)).exit_code == 0
    assert json.loads(out.read_text(encoding="utf-8"))["runs"][0]["results"] == []


def test_a_finding_is_checked_from_its_file_and_the_roster(forked: tuple[Small, list[str]], tmp_path: Path) -> None:
    small, paths = forked
    findings = json.loads(run("verify", *paths, "--study", small.study.hex(), "--json").output)["findings"]
    (tmp_path / "f.json").write_text(json.dumps(next(f for f in findings if f["code"] == "LS-FORK")))
    (tmp_path / "roster.bin").write_bytes(small.roster.encode())
    result = run("check-finding", str(tmp_path / "f.json"), "--roster", str(tmp_path / "roster.bin"))
    assert (result.exit_code, result.output.startswith("CONFIRMED: ")) == (3, True)


def test_a_refused_bundle_exits_65_and_says_where(tmp_path: Path, bundles: list[str]) -> None:
    data = bytearray(Path(bundles[0]).read_bytes())
    data[300] ^= 1
    (tmp_path / "bad.bundle").write_bytes(data)
    result = run("verify", str(tmp_path / "bad.bundle"))
    assert result.exit_code == 65
    assert "bad.bundle" in result.output
    assert "README.txt" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["verify"],
        ["verify", "no-such-file.bundle"],
        ["verify", __file__, "--study", "xyz"],
        ["verify", __file__, "--require", "nonsense"],
        ["verify", __file__, "--lang", "tlh"],
        ["verify", __file__, "--nonsense"],
        ["explain", "LS-NONSENSE"],
        ["check-finding", __file__],
        ["nonsense"],
    ],
    ids=lambda arguments: " ".join(arguments)[-40:] or "nothing",
)
def test_a_usage_error_exits_64(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 64
    assert "Traceback" not in result.output


def test_explain_says_whom_a_code_may_name() -> None:
    result = run("explain", "fork")
    assert result.exit_code == 0
    assert result.output.startswith("LS-FORK  critical")
    assert "Only the region that signed both statements." in result.output


def test_explain_without_a_code_lists_them_all() -> None:
    assert len(json.loads(run("explain", "--json").output)) == len(run("explain").output.splitlines())


def test_a_bug_exits_70_in_words(monkeypatch: pytest.MonkeyPatch, bundles: list[str]) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("node.audit.verification.verify", broken)
    result = run("verify", bundles[0])
    assert result.exit_code == 70
    assert "a fault of its own: RuntimeError" in result.output
    assert "a secret" not in result.output


def bare(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The whole command line where nothing but the base installation can be imported."""
    return subprocess.run(
        [sys.executable, "-c", BARE, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )


def test_verify_works_where_torch_zmq_and_pandas_cannot_be_imported(small: Small, bundles: list[str]) -> None:
    result = bare("audit", "verify", *bundles, "--study", small.study.hex())
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Clean: 3 logs")


def test_the_exit_codes_hold_under_the_whole_command_line(bundles: list[str], tmp_path: Path) -> None:
    (tmp_path / "bad.bundle").write_bytes(b"PK")
    assert bare("audit", "verify", str(tmp_path / "bad.bundle")).returncode == 65
    assert bare("audit", "verify").returncode == 64
    usage = bare("audit", "verify", "--json")
    assert (usage.returncode, usage.stdout) == (64, "")
    assert json.loads(usage.stderr)["code"] == "USAGE"


def test_two_runs_print_the_same_bytes(small: Small, bundles: list[str]) -> None:
    first = bare("audit", "verify", *bundles, "--json")
    second = bare("audit", "verify", *reversed(bundles), "--json")
    assert first.stdout == second.stdout
    assert str(Path(bundles[0]).parent) not in first.stdout


def test_a_model_that_no_log_names_is_not_proven_and_exits_3(tmp_path: Path) -> None:
    small = Small().run()
    bundles = [str(path) for path in small.export_all(tmp_path)]
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"no model")
    result = run("prove-model", str(model), *bundles, "--study", small.study.hex(), "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["words"].startswith("no entry of 3 logs names ")


def test_the_first_digits_of_a_study_and_the_options_of_an_audit_are_taken(tmp_path: Path) -> None:
    small = Small().run()
    bundles = [str(path) for path in small.export_all(tmp_path)]
    result = run("verify", *bundles, "--study", small.study.hex()[:10], "--fast", "--as-of", "0", "--jobs", "1")
    assert result.exit_code == 0
    assert result.stdout.startswith("Consistent, study not confirmed")
    assert run("verify", *bundles, "--study", "00000000ff").exit_code == 64
