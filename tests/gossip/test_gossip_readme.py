"""The folder's README names every module in its room."""

from __future__ import annotations

import re
from pathlib import Path

import gossip

FOLDER = Path(gossip.__file__).parent
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_every_module_has_its_story_in_its_room() -> None:
    named: set[tuple[str, str]] = set()
    room = ""
    for line in TEXT[: TEXT.index("## One round in prose")].splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if not line.startswith("| ") or "---" in line:
            continue
        is_roomy = line.startswith("| |") or len(cells) == 3
        if len(cells) == 3:
            room = cells[0].strip("`")
        modules = cells[1] if len(cells) == 3 else cells[0]
        named |= {(room if is_roomy else "", name) for name in re.findall(r"`(\w+)`", modules)}
    there = {("" if path.parent == FOLDER else path.parent.name, path.stem) for path in FOLDER.rglob("*.py")}
    assert named == {one for one in there if one[1] not in ("__init__", "errors")}
