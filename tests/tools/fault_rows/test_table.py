import pytest

from tools.fault_rows.table import ROWS

pytestmark = pytest.mark.unit


def test_there_are_fifty_rows_each_with_what_is_expected() -> None:
    assert list(ROWS) == list(range(1, 51))
    assert all(row.fault and row.expected for row in ROWS.values())
    assert sum(bool(row.by_hand) for row in ROWS.values()) >= 5
