"""The page in the docs says what the skill says."""

from __future__ import annotations

from pathlib import Path

from beamlens.skills.vm import Vm
from beamlens.skills.vm_checks import CHECKS
from beamlens.skills.vm_docs import DOCS

_PAGE = Path(__file__).parents[4] / "docs" / "skills" / "vm.md"


def test_the_page_has_the_callbacks_word_for_word_all_checks_and_all_fields() -> None:
    text = _PAGE.read_text(encoding="utf-8")
    assert DOCS in text
    for check in CHECKS:
        assert f"`{check.name}`" in text
    for field in Vm().snapshot():
        assert f"`{field}`" in text
