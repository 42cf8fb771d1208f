"""No dependency is GPL, AGPL or BUSL: over the metadata of what is installed, wherever it came in from."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement

# GPL and AGPL, not LGPL; the Business Source License under its names.
FORBIDDEN = re.compile(r"(?<![A-Za-z])A?GPL|Affero|GNU General Public|BUSL|Business Source", re.IGNORECASE)
KNOWN = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|HPND|Zlib|Unlicense|LGPL|CC0|0BSD", re.IGNORECASE
)


def licence(of: Distribution) -> str:
    """Return what a distribution says of its licence: the expression, else its classifiers, else the first line."""
    meta = of.metadata
    if expression := meta.get("License-Expression"):
        return expression
    classifiers = [one for one in meta.get_all("Classifier") or () if one.startswith("License ::")]
    if classifiers:
        return "; ".join(classifiers)
    lines = [line.strip() for line in (meta.get("License") or "").splitlines() if line.strip()]
    return lines[0] if lines else ""


def needed(extras: tuple[str, ...]) -> dict[str, Distribution]:
    """Return every installed distribution that landsting with these extras brings with it, by name."""
    found: dict[str, Distribution] = {}
    waiting = [("landsting", extras)]
    seen = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            one = distribution(name)
        except PackageNotFoundError:
            continue  # of another platform
        found[name] = one
        for text in one.requires or ():
            requirement = Requirement(text)
            if any(requirement.marker is None or requirement.marker.evaluate({"extra": x}) for x in (*wanted, "")):
                waiting.append((requirement.name.lower(), tuple(sorted(requirement.extras))))
    return found


@pytest.mark.parametrize("extras", [(), ("node",)], ids=["base", "node"])
def test_no_dependency_is_gpl_agpl_or_busl(extras: tuple[str, ...]) -> None:
    said = {name: licence(one) for name, one in needed(extras).items()}

    assert {name: text for name, text in said.items() if FORBIDDEN.search(text)} == {}
    assert {name: text for name, text in said.items() if not KNOWN.search(text)} == {}  # nothing without a word
    assert {"numpy", "cryptography"} <= set(said)
    assert not extras or {"torch", "opacus", "scikit-learn"} <= set(said)


@pytest.mark.parametrize(
    "text", ["GPL-3.0-or-later", "AGPL-3.0", "BUSL-1.1", "OSI Approved :: GNU Affero General Public"]
)
def test_what_is_forbidden_is_recognised(text: str) -> None:
    assert FORBIDDEN.search(text)


@pytest.mark.parametrize("text", ["LGPL-2.1", "MIT", "BSD-3-Clause AND 0BSD", "Apache-2.0"])
def test_what_is_allowed_is_not(text: str) -> None:
    assert not FORBIDDEN.search(text)


@pytest.mark.parametrize("name", ["ctgan", "rdt", "copulas", "sdv", "scikit-survival", "pylibjpeg-libjpeg"])
def test_what_stays_out_is_not_installed_beside_us(name: str) -> None:
    with pytest.raises(PackageNotFoundError):
        distribution(name)
