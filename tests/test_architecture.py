from pathlib import Path

import pytest

from tools.architecture import RULES, Tree, read_tree

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def tree() -> Tree:
    return read_tree(ROOT)


@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps_its_rules(tree: Tree, rule: str) -> None:
    assert RULES[rule](tree) == []
