"""Commands on a home without a daemon: ``init``, ``card``, ``roster``, ``data``, ``log``, ``study new``."""

from __future__ import annotations

import json
import shutil

import pytest

from node.__main__ import main
from node.cli.data import fitting
from node.cli.output import Refusal
from node.learning.demo_data import write
from node.learning.errors import LearningError

NAMES = ("vgr", "skane", "halland")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three homes with their cards, and tables to try with."""
    folder = tmp_path_factory.mktemp("homes")
    for name in NAMES:
        words = ["init", "--home", str(folder / name), "--network", "test.example", "--name", name]
        assert main([*words, "--advertise", "tcp://127.0.0.1:7700"]) == 0
    write(folder / "data", "breast-cancer", NAMES, 1)
    return folder


@pytest.fixture
def homes(made, tmp_path, capfd):
    """The same, for one test to change."""
    shutil.copytree(made, tmp_path / "h")
    for name in NAMES:
        (tmp_path / "h" / f"{name}.card").write_text(out(capfd, "card", "--home", str(tmp_path / "h" / name)))
    return tmp_path / "h"


def out(capfd, *words, code=0):
    """Run a command; return what it printed on standard output."""
    capfd.readouterr()
    assert main(list(words)) == code
    return capfd.readouterr().out


def refused(capfd, *words, code=1):
    """Run a command that must fail; return its error."""
    capfd.readouterr()
    assert main([*words, "--json"]) == code
    printed = capfd.readouterr()
    assert printed.out == ""
    return json.loads(printed.err)


# ---------------------------------------------------------------- init, card


def test_home_is_never_overwritten(homes, capfd):
    words = ["init", "--home", str(homes / "vgr"), "--network", "test.example", "--name", "vgr"]
    assert refused(capfd, *words)["code"] == "HOME"


@pytest.mark.parametrize(
    "more", [["--name", "Västra"], ["--name", "vgr", "--advertise", "7700"], ["--name", "vgr", "--bind", "localhost"]]
)
def test_bad_name_or_address_leaves_nothing_behind(tmp_path, capfd, more):
    refused(capfd, "init", "--home", str(tmp_path / "new"), "--network", "test.example", *more)
    assert list(tmp_path.iterdir()) == []


def test_home_of_another_version_is_refused(homes, capfd):
    file = homes / "vgr" / "home.toml"
    file.write_text(file.read_text().replace("version = 1", "version = 2"))
    error = refused(capfd, "card", "--home", str(homes / "vgr"))
    assert (error["code"], "version 2" in error["found"]) == ("HOME", True)


def test_card_says_whose_it_is_and_reads_as_words(homes, capfd):
    text = out(capfd, "card", "show", str(homes / "skane.card"))
    assert "region       skane" in text
    facts = json.loads(out(capfd, "card", "show", str(homes / "skane.card"), "--json"))
    assert facts["words"] in text
    assert len(facts["words"].split("-")) == 8


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-9], lambda t: "hello", lambda t: t.replace("v1", "v2"), lambda t: t + t]
)
def test_spoilt_card_is_refused_and_named(homes, capfd, spoil):
    file = homes / "spoilt.card"
    file.write_text(spoil((homes / "vgr.card").read_text()))
    error = refused(capfd, "card", "show", str(file))
    assert error["code"] == "CARD"
    assert "spoilt.card" in error["found"]


# ---------------------------------------------------------------- roster


def cards(homes):
    return [str(path) for path in sorted(homes.glob("*.card"))]


def test_same_cards_give_the_same_roster_in_every_home(homes, capfd):
    found = []
    for name in NAMES:
        text = out(capfd, "roster", "found", *cards(homes), "--home", str(homes / name), "--json")
        [roster] = json.loads(text)["rosters"]
        assert roster["signed"] == [name]
        found.append(roster["roster"])
    assert len(set(found)) == 1


def test_roster_needs_ones_own_card(homes, capfd):
    others = [card for card in cards(homes) if "vgr" not in card]
    error = refused(capfd, "roster", "found", *others, "--home", str(homes / "vgr"))
    assert error["code"] == "ROSTER"


def test_card_of_another_network_is_refused(homes, capfd):
    home = homes / "x"
    out(capfd, "init", "--home", str(home), "--network", "other.example", "--name", "orebro")
    (homes / "x.card").write_text(out(capfd, "card", "--home", str(home)))
    error = refused(capfd, "roster", "found", *cards(homes), "--home", str(homes / "vgr"))
    assert error["code"] == "ROSTER"
    assert "other.example" in error["found"]


def test_look_alike_name_is_refused(homes, capfd):
    home = homes / "x"
    out(capfd, "init", "--home", str(home), "--network", "test.example", "--name", "ha11and")
    (homes / "x.card").write_text(out(capfd, "card", "--home", str(home)))
    error = refused(capfd, "roster", "found", *cards(homes), "--home", str(homes / "vgr"))
    assert error["code"] == "ROSTER"
    assert "ha11and" in error["found"]
    assert "halland" in error["found"]


def test_waiting_for_signatures_gives_up_with_3_and_names_who_is_missing(homes, capfd):
    out(capfd, "roster", "found", *cards(homes), "--home", str(homes / "vgr"))
    error = refused(capfd, "roster", "show", "--wait", "0.1", "--home", str(homes / "vgr"), code=3)
    assert error["code"] == "TIMEOUT"
    assert "halland, skane" in error["found"]


# ---------------------------------------------------------------- data


def add(capfd, homes, table="vgr.csv", schema="vgr.toml"):
    folder = homes / "data" / "vgr"
    return "data", "add", str(folder / table), "--schema", str(folder / schema), "--home", str(homes / "vgr")


def test_table_is_bound_by_its_fingerprint_and_not_copied(homes, capfd):
    out(capfd, *add(capfd, homes))
    [bound] = (homes / "vgr" / "data").glob("*.toml")
    text = bound.read_text()
    assert "sha256" in text
    assert str(homes / "data" / "vgr" / "vgr.csv") in text
    [one] = json.loads(out(capfd, "data", "check", "--home", str(homes / "vgr"), "--json"))["data"]
    assert (one["name"], one["features"], one["label"]) == ("breast-cancer", 30, "malignant")


def test_table_that_changes_later_is_refused(homes, capfd):
    out(capfd, *add(capfd, homes))
    with (homes / "data" / "vgr" / "vgr.csv").open("a") as file:
        file.write("\n")
    assert refused(capfd, "data", "check", "--home", str(homes / "vgr"))["code"] == "DATA_CHANGED"


def _drop_column(lines):
    return [line.partition(",")[2] for line in lines]


def _one_word(lines):
    return [lines[0], "secret" + lines[1].lstrip("0123456789."), *lines[2:]]


def _nan(lines):
    return [lines[0], "nan" + lines[1].lstrip("0123456789."), *lines[2:]]


def _more_columns(lines):
    return [f"{line},1" for line in lines]


@pytest.mark.parametrize("spoil", [_drop_column, _one_word, _nan, _more_columns, lambda lines: []])
def test_unfit_table_is_refused_without_a_value_of_it_and_nothing_is_written(homes, capfd, spoil):
    file = homes / "data" / "vgr" / "vgr.csv"
    file.write_text("\n".join(spoil(file.read_text().splitlines())) + "\n")
    error = refused(capfd, *add(capfd, homes))
    assert error["code"] in ("GATE", "DATA", "CONFIG")
    assert "secret" not in json.dumps(error)
    assert list((homes / "vgr" / "data").iterdir()) == []


def test_missing_table_and_missing_manifest_are_told_apart(homes, capfd):
    assert "none.csv" in refused(capfd, *add(capfd, homes, table="none.csv"))["found"]
    said = refused(capfd, *add(capfd, homes, schema="none.toml"))
    assert "none.toml" in said["found"]
    assert said["fix"].startswith("landsting data init ")  # the command that makes one


# ---------------------------------------------------------------- log, study, status


def test_log_reads_as_words_and_as_views(homes, capfd):
    home = str(homes / "vgr")
    assert "log.genesis" in out(capfd, "log", "show", "--home", home)
    view = json.loads(out(capfd, "log", "show", "--home", home, "--json"))
    assert (view["at"], view["entry"]["kind"]) == (0, "log.genesis")
    assert out(capfd, "log", "show", "--home", home, "--kind", "round.end") == ""
    assert out(capfd, "log", "show", "--home", home, "--seq", "1-") == ""


def test_head_is_a_signed_note(homes, capfd):
    lines = out(capfd, "log", "head", "--home", str(homes / "vgr")).splitlines()
    assert lines[:2] == ["test.example/vgr/1", "1"]
    assert lines[4].startswith("— test.example/vgr/1 ")


def test_exported_log_passes_the_audit(homes, capfd):
    bundle = homes / "vgr.bundle"
    out(capfd, "log", "export", "--home", str(homes / "vgr"), "-o", str(bundle))
    report = json.loads(out(capfd, "audit", "verify", str(bundle), "--json"))
    assert report["verdict"] == "clean"
    assert report["sentence"].startswith("Consistent, study not confirmed")


def test_export_into_a_folder_that_is_not_there_leaves_the_log_alone(homes, capfd):
    home = str(homes / "vgr")
    refused(capfd, "log", "export", "--home", home, "-o", str(homes / "no" / "vgr.bundle"))
    assert len(out(capfd, "log", "show", "--home", home).splitlines()) == 1


def test_study_needs_a_roster_in_force(homes, capfd):
    words = ["study", "new", "--home", str(homes / "vgr"), "-o", str(homes / "plan.toml")]
    assert refused(capfd, *words)["fix"].startswith(f"landsting roster found --home {homes / 'vgr'}")
    out(capfd, "roster", "found", *cards(homes), "--home", str(homes / "vgr"))
    assert "halland, skane" in refused(capfd, *words)["found"]
    assert not (homes / "plan.toml").exists()


def test_status_of_a_home_at_rest(homes, capfd):
    home = str(homes / "vgr")
    now = json.loads(out(capfd, "status", "--home", home, "--json"))
    assert (now["state"], now["study"], now["round"], now["epsilon"], now["pid"]) == ("idle", None, None, None, None)
    assert out(capfd, "status", "--home", home, "--check", code=2).startswith("CRITICAL: the node does not run")
    assert out(capfd, "status", "--home", str(homes / "no"), "--check", code=3).startswith("UNKNOWN")


# ---------------------------------------------------------------- which data a study is accepted with


def test_a_table_that_a_check_blocks_is_not_bound(homes, capfd):
    table = homes / "data" / "skane" / "skane.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:6]) + "\n")
    error = refused(capfd, "data", "add", str(table), "--home", str(homes / "skane"))
    assert (error["code"], error["expected"]) == ("GATE", "at least 20")
    assert json.loads(out(capfd, "data", "list", "--home", str(homes / "skane"), "--json"))["data"] == []


def test_the_only_data_of_the_plans_schema_is_taken_and_read_again(homes, capfd):
    home, table = homes / "skane", homes / "data" / "skane" / "skane.csv"
    bound = json.loads(out(capfd, "data", "add", str(table), "--home", str(home), "--json"))["data"][0]
    schema = bytes.fromhex(bound["schema"])
    assert fitting(home, None, schema) == bound["name"]
    with pytest.raises(Refusal, match="no bound data set with the plan's schema"):
        fitting(home, None, bytes(32))
    with pytest.raises(Refusal, match="another schema than the plan"):
        fitting(home, bound["name"], bytes(32))
    table.write_text(table.read_text() + table.read_text().splitlines()[-1] + "\n")
    with pytest.raises(LearningError, match="changed"):
        fitting(home, None, schema)


# ---------------------------------------------------------------- keys, later rosters, erasure


def test_keys_rotate_with_the_next_roster_and_then_sign_the_log(homes, capfd):
    cards = [str(homes / f"{name}.card") for name in NAMES]
    home = str(homes / "vgr")
    new = homes / "vgr-2.card"
    made = json.loads(out(capfd, "keys", "rotate", "--home", home, "-o", str(new), "--json"))
    assert made["serial"] == 2
    assert (homes / "vgr" / "keys.2").stat().st_mode & 0o077 == 0
    assert out(capfd, "keys", "rotate", "--home", home, "-o", str(new)) != ""  # asked again, it is the same set
    assert new.read_text().strip() == made["card"]
    out(capfd, "roster", "found", "--home", home, *cards)
    refused(capfd, "roster", "sign", "--home", home, "--roster", "ffff")
    shown = json.loads(out(capfd, "log", "show", "--home", home, "--json").splitlines()[-1])
    assert shown["entry"]["kind"] in ("env.sent", "roster.accept")
    assert refused(capfd, "keys", "revoke", "--home", home, "--serial", "1")["code"] == "KEYS"


def test_a_roster_that_is_not_in_force_is_withdrawn_by_its_words(homes, capfd):
    cards = [str(homes / f"{name}.card") for name in NAMES]
    home = str(homes / "vgr")
    made = json.loads(out(capfd, "roster", "found", "--home", home, *cards, "--json"))["rosters"][0]
    left = json.loads(out(capfd, "roster", "withdraw", made["words"], "--home", home, "--json"))["rosters"][0]
    assert not left["founded_here"]
    assert refused(capfd, "roster", "withdraw", made["words"], "--home", home)["code"] == "ROSTER"


def test_an_entry_is_erased_only_when_it_is_said_twice(homes, capfd):
    home = str(homes / "vgr")
    out(capfd, "log", "export", "--home", home, "-o", str(homes / "a.bundle"))
    assert "for good" in refused(capfd, "log", "redact", "1", "--basis", "erasure", "--home", home)["found"]
    found = json.loads(out(capfd, "log", "redact", "1", "--basis", "erasure", "--yes", "--home", home, "--json"))
    lines = [json.loads(line) for line in out(capfd, "log", "show", "--home", home, "--json").splitlines()]
    assert lines[1] == {"at": 1, "entry": None, "leaf": found["leaf"]}
    assert "only the fingerprint is left" in out(capfd, "log", "show", "--home", home)
    assert lines[2]["entry"]["body"] == {"basis": "erasure", "leaf": "0x" + found["leaf"], "seq": 1}
    assert refused(capfd, "log", "redact", "0", "--basis", "error", "--yes", "--home", home, code=2)
    assert out(capfd, "log", "prune", "--home", home) == "Nothing is due.\n"


def test_restore_of_a_home_without_a_roster_finds_nothing_lost(homes, capfd):
    assert "Nothing is lost" in out(capfd, "restore", "--home", str(homes / "vgr"), "--wait", "1")
