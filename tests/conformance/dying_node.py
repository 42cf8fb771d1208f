"""``landsting run`` that dies at one place: SIGKILL once a transaction with a certain message of a round is on disk.

    python -m tests.conformance.dying_node HOME sent|received TYPE FIRST_ROUND SECRETS

The message is on disk and has not left, or was heard and not acted on. Whatever random bytes the node draws are
appended to the file SECRETS, so that a test can look for them in the home. Nothing of this is in the product.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from gossip.effects import Commit
from node.__main__ import main as command
from node.store.storage import Store
from protocol.entries import decode_entry
from protocol.envelope import parse
from protocol.log import Leaf


def main(home: str, way: str, type: str, first: int, secrets: Path) -> None:
    add_of, settle_of, urandom = Store.add, Store.settle, os.urandom
    added: list[Leaf] = []

    def add(store: Store, commit: Commit) -> None:
        added.extend(commit.leaves)
        add_of(store, commit)

    def settle(store: Store) -> None:
        settle_of(store)
        for leaf in added:
            entry = decode_entry(leaf.leaf)
            if entry.kind == f"env.{way}":
                fields = parse(entry.body["header"], entry.body["sig"]).fields  # type: ignore[arg-type]
                if fields.type == type and (fields.round or 0) >= first:
                    os.kill(os.getpid(), signal.SIGKILL)
        added.clear()

    def drawn(n: int) -> bytes:
        data = urandom(n)
        if n >= 31:
            with secrets.open("ab") as out:
                out.write(n.to_bytes(4, "big") + data)
        return data

    Store.add, Store.settle = add, settle  # type: ignore[assignment, method-assign]
    os.urandom = drawn
    sys.exit(command(["run", "--home", home]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].replace("received", "recv"), sys.argv[3], int(sys.argv[4]), Path(sys.argv[5]))
