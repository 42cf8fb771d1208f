"""What a lying region needs to tell a run of daemons again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from node.tamper.play import Play
from tests.node.kept import LIAR, Kept, said

CRITICAL, MAJOR = 3, 2


def told(kept: Kept, play: Play, folder: Path, **options: Any) -> tuple[set[tuple[str, str | None]], int]:
    """What the audit says of a run with its lie, and its exit code."""
    report = kept.audit(play.write(folder), **options)
    return said(report), report.exit_code


def copied(kept: Kept, folder: Path) -> list[Path]:
    return [Path(shutil.copy(path, folder)) for _, path in sorted(kept.bundles.items())]


def receipt(play: Play, **more: Any) -> dict[str, Any]:
    """A RECEIPT that vgr gives of skane's value in its last session, once more, to halland."""
    last = play.steps[LIAR][play.find(LIAR, "env.sent", "COHORT", round=3)]
    assert last.header is not None
    return {"study": last.study, "round": 3, "session": last.header["session"], **more}
