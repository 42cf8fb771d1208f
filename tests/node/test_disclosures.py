"""What left a region, as its log says: counts and bytes are those of its entries, in words that nothing can turn."""

from __future__ import annotations

import csv
import io
import json
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossip.network import Network
from node.__main__ import main
from node.audit import read_bundle
from node.cli.disclosures import in_words
from node.pages.disclosures import FORMS, Approval, Disclosures, Line, disclosed, totals
from node.pages.disclosures_groups import parts
from node.pages.disclosures_page import cells, to_csv, to_html
from node.pages.disclosures_words import FORMS as FORM_WORDS
from node.pages.disclosures_words import LANGUAGES, LEARNS, PAGE, ROLES, group_learns, learns
from protocol.codec import MAX_HEADER, decode
from protocol.entries import ROLES as WRITTEN_ROLES
from protocol.entries import decode_entry
from protocol.messages import TYPES
from protocol.plan import Plan
from tests.node.readable import faults
from tests.node.test_audit_networks import agreed, export

WAYS: dict[str, dict[str, Any]] = {
    "strict": {},
    "recoverable": {"masking": {"mode": "recoverable"}},
    "network": {"aggregation": "network", "topology": "complete"},
    "off": {"masking": {"mode": "off"}},
}


def run(**changes: Any) -> tuple[Network, Plan]:
    network, plan = agreed(2, **changes)
    assert network.run()
    return network, plan


def of(network: Network, name: str) -> tuple[Disclosures, list[bytes]]:
    store = network.regions[name].store
    return disclosed(store.leaves, store.kept.get), list(store.leaves)


def entry(leaf: bytes) -> tuple[str, Any]:
    read = decode_entry(leaf)
    return read.kind, read.body


# ---------------------------------------------------------------- the log of a real network


@pytest.mark.parametrize("way", WAYS)
def test_counts_and_bytes_are_those_of_the_entries(way: str, tmp_path: Path) -> None:
    network, _ = run(**WAYS[way])
    for name in network.names:
        export(network, name, tmp_path)
        found, leaves = of(network, name)
        by_type: dict[str, tuple[int, int]] = {}
        for leaf in leaves:
            kind, body = entry(leaf)
            if kind == "env.sent":
                header: Any = decode(body["header"], max_bytes=MAX_HEADER)
                count, size = by_type.get(header["type"], (0, 0))
                one = len(body["header"]) + len(body["sig"]) + header["bytes"]
                by_type[header["type"]] = count + len(body["to"]), size + one * len(body["to"])
        messages = [line for line in found.lines if line.form not in ("copy", "handover", "model", "synthetic")]
        said: dict[str, tuple[int, int]] = {}
        for line in messages:
            count, size = said.get(line.type, (0, 0))
            said[line.type] = count + 1, size + (line.size or 0)
        assert said == by_type
        exports = [leaf for leaf in leaves if entry(leaf)[0] == "audit.export"]
        assert [line.type for line in found.lines if line.form == "handover"] == ["audit.export"] * len(exports) != []
        sums = totals(found.lines)
        assert sum(one.count for one in sums.values()) == len(found.lines)
        assert sum(one.size for one in sums.values()) == sum(line.size or 0 for line in found.lines)


def test_a_hand_over_counts_the_bytes_of_the_entries_that_it_holds(tmp_path: Path) -> None:
    network, _ = run()
    bundle = export(network, "vgr", tmp_path)
    found, _ = of(network, "vgr")
    last = found.lines[-1]
    held = [leaf or b"" for leaf in read_bundle(bundle).logs["vgr", 1].leaves]
    assert (last.form, last.to, last.size) == ("handover", None, sum(4 + len(leaf) for leaf in held))


@pytest.mark.parametrize(
    ("way", "forms"),
    [
        ("strict", {"masked", "statistics", "copy", "organisation"}),
        ("recoverable", {"masked", "statistics", "copy", "organisation"}),
        ("network", {"masked", "statistics", "sum", "copy", "organisation"}),
        ("off", {"clear", "copy", "organisation"}),
    ],
)
def test_values_are_called_by_what_they_are(way: str, forms: set[str]) -> None:
    network, _ = run(**WAYS[way])
    lines = [line for name in network.names for line in of(network, name)[0].lines]
    assert {line.form for line in lines} == forms


def test_each_line_says_to_whom_for_which_study_and_on_whose_approval() -> None:
    network, plan = run()
    found, _ = of(network, "vgr")
    values = [line for line in found.lines if line.form == "masked"]
    assert {line.to for line in values} == set(network.names) - {"vgr"}
    assert {line.study for line in values} == {plan.study}
    assert {line.approvals[0].role for line in values} <= set(WRITTEN_ROLES)
    assert {line.among for line in values} == {3}  # the receiver adds its own to those of three others
    assert learns(values[0], "en").startswith(f"By itself random numbers; {values[0].to} learns the sum of 3 regions'")
    assert found.titles == {plan.study: plan.title}
    assert found.region == "vgr"


def test_what_a_neighbour_copied_is_counted_once_and_never_more_than_the_log() -> None:
    network, _ = run()
    found, leaves = of(network, "vgr")
    for name in set(network.names) - {"vgr"}:
        sizes = [line.size or 0 for line in found.only(to=name).lines if line.form == "copy"]
        assert sizes
        assert 0 < sum(sizes) <= sum(map(len, leaves))
    hidden, _ = run(witness={"mirror": False})
    assert not [line for line in of(hidden, "vgr")[0].lines if line.form == "copy"]


def test_a_list_is_narrowed_to_a_region_and_a_time() -> None:
    network, _ = run()
    found, _ = of(network, "vgr")
    middle = found.lines[len(found.lines) // 2].t_ms
    assert {line.to for line in found.only(to="kalmar").lines} == {"kalmar"}
    assert found.only(since_ms=middle).lines == tuple(line for line in found.lines if line.t_ms >= middle)
    parts = [found.only(to=name).lines for name in network.names] + [[x for x in found.lines if x.to is None]]
    assert sum(map(len, parts)) == len(found.lines)


def test_a_plan_that_is_gone_and_entries_that_are_erased_are_no_obstacle() -> None:
    network, _ = run()
    _, leaves = of(network, "vgr")
    kinds = [entry(leaf)[0] for leaf in leaves]
    at = kinds.index("round.mix")
    found = disclosed([None if seq == at else leaf for seq, leaf in enumerate(leaves)], lambda _: None)
    whole, _ = of(network, "vgr")
    assert found.unreadable == 1
    assert [line.at for line in found.lines] == [line.at for line in whole.lines]
    assert {line.form for line in found.lines} == {line.form for line in whole.lines}


# ---------------------------------------------------------------- words


def test_both_languages_have_all_words() -> None:
    for words in (FORM_WORDS, LEARNS, PAGE, ROLES):
        assert set(words) == set(LANGUAGES)
        assert set(words["sv"]) == set(words["en"])
        assert all(words[lang][key] for lang in LANGUAGES for key in words[lang])
    assert set(FORM_WORDS["en"]) == set(FORMS)
    assert set(ROLES["en"]) == {*WRITTEN_ROLES, "data"}


def test_every_message_that_is_logged_has_its_sentence() -> None:
    values = {"DELTA": "clear"}
    for name, type in TYPES.items():
        if type.logged:
            assert all(values.get(name, name) in LEARNS[lang] for lang in LANGUAGES), name


def line(**changes: Any) -> Line:
    fields: dict[str, Any] = {
        "at": 7, "t_ms": 1_700_000_000_000, "to": "kalmar", "requester": None, "form": "masked", "what": "MASKED",
        "among": 3, "size": 10, "type": "MASKED", "study": bytes(32), "round": 2, "approvals": (),
    }  # fmt: skip
    return Line(**(fields | changes))


@given(st.text(), st.text(), st.text(), st.sampled_from(LANGUAGES))
def test_no_string_turns_into_markup(name: str, ref: str, title: str, lang: str) -> None:
    nasty = f"<script>{name}\u202e"
    one = line(to=nasty, approvals=(Approval("dpo", f'"{ref}<b>'),))
    shown = to_html(Disclosures(f"net/{nasty}/1", (one,), 0, {bytes(32): f"<i>{title}"}), lang, [f"<u>{name}"])
    assert not {"<script", "<i>", "<b>", "<u>", "\u202e"} & set(_tags(shown))
    assert "<script" not in shown
    assert "\u202e" not in shown
    assert shown.count("<main>") == shown.count("</main>") == 1


def _tags(text: str) -> list[str]:
    return [part.split(">")[0] for part in text.split("<")]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", " =", "\r", "\uff1d"])
def test_no_cell_is_a_formula(begin: str) -> None:
    one = line(to=f"{begin}cmd()", approvals=(Approval("dpo", "-1"),))
    text = to_csv(Disclosures("net/vgr/1", (one, line(to=None, requester="-2")), 0, {}), "sv")
    rows = list(csv.reader(io.StringIO(text)))
    assert [len(row) for row in rows] == [10, 10, 10]
    assert rows[1][2] == f"'{begin}cmd()"
    assert all(not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d")) for row in rows for cell in row)


def test_a_csv_holds_every_line_and_its_bytes() -> None:
    network, _ = run()
    found, _ = of(network, "vgr")
    for lang in LANGUAGES:
        rows = list(csv.DictReader(io.StringIO(to_csv(found, lang))))
        assert len(rows) == len(found.lines)
        assert sum(int(row["bytes" if lang == "en" else "byte"] or 0) for row in rows) == sum(
            one.size or 0 for one in found.lines
        )


def test_a_time_that_no_calendar_has_is_printed_as_it_is() -> None:
    assert cells(line(t_ms=2**52), "en")["when"] == str(2**52)


# ---------------------------------------------------------------- put together


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_says_once_what_receivers_could_learn_and_shows_each_line(lang: str) -> None:
    found, _ = of(run()[0], "vgr")
    shown = to_html(found, lang)
    assert not faults(shown)
    groups = [group for part in parts(found) for group in part.groups]
    assert sum(len(group.lines) for group in groups) == len(found.lines)
    assert shown.count("<article") == len(groups)
    assert shown.count(escape(group_learns(groups[0], lang))) == 1


def test_groups_have_the_counts_and_bytes_of_their_lines() -> None:
    found, _ = of(run()[0], "vgr")
    rows = [row for part in parts(found) for group in part.groups for row in group.rows()]
    assert sum(row.count for row in rows) == len(found.lines)
    assert sum(row.size for row in rows) == sum(one.size or 0 for one in found.lines)


def test_what_belongs_to_no_study_stands_last_and_approvals_stand_apart() -> None:
    lines = (line(study=None, approvals=()), line(), line(approvals=(Approval("dpo", "D 2"),)))
    found = parts(Disclosures("net/vgr/1", lines, 0, {}))
    assert [(part.study is None, len(part.approvals)) for part in found] == [(False, 0), (False, 1), (True, 0)]


def test_the_list_in_words_fits_a_terminal() -> None:
    found, _ = of(run()[0], "vgr")
    assert max(map(len, in_words(found, "sv", []).splitlines())) <= 100


# ---------------------------------------------------------------- the command


@pytest.fixture
def home(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    home = tmp_path / "vgr"
    words = ["--home", str(home), "--network", "test.example", "--name", "vgr", "--advertise", "tcp://127.0.0.1:7700"]
    assert main(["init", *words]) == 0
    assert main(["log", "export", "--home", str(home), "--requester", "D 1", "-o", str(tmp_path / "b")]) == 0
    capfd.readouterr()
    return home


def test_the_command_writes_table_page_csv_and_json(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["log", "disclosures", "--home", str(home)]
    assert main(words) == 0
    assert "auditor, D 1" in capfd.readouterr().out
    assert main([*words, "--lang", "sv"]) == 0
    assert "granskare, D 1" in capfd.readouterr().out
    page, table = home.parent / "out.html", home.parent / "out.csv"
    assert main([*words, "--html", str(page), "--csv", str(table), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [one["type"] for one in found["lines"]] == ["audit.export"]
    assert found["totals"]["handover"] == {"count": 1, "bytes": found["lines"][0]["bytes"]}
    assert "auditor, D 1" in page.read_text("utf-8")
    assert table.read_text("utf-8-sig").splitlines()[1].count("D 1") == 1
    assert main([*words, "--since", "2999-01-01"]) == 0
    assert "Nothing on record." in capfd.readouterr().out


@pytest.mark.parametrize(("more", "code"), [(["--since", "yesterday"], 2), (["--html", "/nowhere/at/all.html"], 1)])
def test_what_cannot_be_written_or_read_is_said(
    home: Path, capfd: pytest.CaptureFixture[str], more: list[str], code: int
) -> None:
    assert main(["log", "disclosures", "--home", str(home), *more, "--json"]) == code
    assert "traceback" not in capfd.readouterr().err.lower()
