"""Tests that take long are named while they run: of a suite that hangs one knows where."""

from __future__ import annotations

import threading
import time

import pytest

EACH_S = 300.0


class Waiting:
    """A plugin that writes every five minutes which tests have been running for so long, or that none is.

    Without ``-n`` tests run in the process that would write, and pytest keeps that back.
    """

    def __init__(self, config: pytest.Config, each_s: float = EACH_S) -> None:
        self._config, self._each_s = config, each_s
        self._since: dict[str, float] = {}
        self._is_over = threading.Event()

    def pytest_sessionstart(self) -> None:
        threading.Thread(target=self._watch, name="waiting", daemon=True).start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._since[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._since.pop(nodeid, None)

    def pytest_sessionfinish(self) -> None:
        self._is_over.set()

    def _watch(self) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        while not self._is_over.wait(self._each_s):
            now = time.monotonic()
            if not self._since:
                terminal.write_line("no test is running")
            for nodeid, since in list(self._since.items()):
                if now - since >= self._each_s:
                    terminal.write_line(f"still running after {now - since:.0f} s: {nodeid}")
