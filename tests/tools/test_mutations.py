from pathlib import Path

import pytest

from tacit.pipeline.health_rules import FINDINGS
from tools.mutations import MUTATIONS, ROOT, Mutation, mutated, try_mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_rule_is_where_the_list_says(mutation: Mutation) -> None:
    text = (ROOT / mutation.file).read_text(encoding="utf-8")
    changed = mutated(text, mutation)
    assert changed != text
    compile(changed, mutation.file, "exec")
    assert all((ROOT / test).exists() for test in mutation.tests)


def test_every_finding_is_in_the_list() -> None:
    names = {mutation.name for mutation in MUTATIONS}
    assert {f"finding {flag}" for flag in FINDINGS} <= names


def test_a_rule_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 x"):
        mutated("a", Mutation("x", "f", "b", "c", ()))


@pytest.mark.process
def test_a_change_that_a_test_notices_is_told_and_put_back(tmp_path: Path) -> None:
    (tmp_path / "rule.py").write_text("LIMIT = 3\n")
    (tmp_path / "test_rule.py").write_text(
        "from pathlib import Path\n\n"
        "def test_limit():\n    assert 'LIMIT = 3' in Path('rule.py').read_text()\n"
    )
    for new, noticed in (("LIMIT = 4", "FAILED test_rule.py::test_limit"), ("LIMIT = 3 ", "")):
        mutation = Mutation("limit", "rule.py", "LIMIT = 3", new, ("test_rule.py",))
        assert try_mutation(mutation, tmp_path).noticed_by == noticed
        assert (tmp_path / "rule.py").read_text() == "LIMIT = 3\n"
