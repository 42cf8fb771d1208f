"""The specification of sessions says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gossip.sessions
from gossip.sessions.rules import threshold

FOLDER = Path(gossip.sessions.__file__).parent
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_example_at_the_top_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.findall(r"```python\n(.*?)```", TEXT, re.S)[0]
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out == "True\n"


def test_every_rule_has_its_name_in_the_text() -> None:
    named = set()
    for path in FOLDER.glob("*.py"):
        named |= set(re.findall(r'SessionError\(\s*"([a-z-]+)"', path.read_text(encoding="utf-8")))
    assert len(named) > 10
    missing = sorted(name for name in named if f"`{name}`" not in TEXT)
    assert missing == []


def test_the_table_of_thresholds_is_right() -> None:
    wanted = re.compile(r"\| (n|c|t|losses survived) \|")
    rows = {line.split(" | ")[0][2:]: line for line in TEXT.splitlines() if wanted.match(line)}
    n, c, t, left = ([int(x) for x in re.findall(r"\d+", rows[k])] for k in ("n", "c", "t", "losses survived"))
    assert c == [(one - 1) // 3 for one in n]
    assert t == [threshold(one, colluders, 2) for one, colluders in zip(n, c, strict=True)]
    assert left == [one - most for one, most in zip(n, t, strict=True)]
