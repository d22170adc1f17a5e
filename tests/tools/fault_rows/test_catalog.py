import pytest

from tools.fault_rows.catalog import all_faults
from tools.fault_rows.table import ROWS

pytestmark = pytest.mark.unit


def test_every_row_has_a_fault_that_measures_it_and_says_what_it_does() -> None:
    faults = list(all_faults().values())
    assert {fault.row for fault in faults} == set(ROWS)
    assert [fault.row for fault in faults] == sorted(fault.row for fault in faults)
    silent = [f.name for f in faults if not f.run.__doc__ and f.level in ("U", "V")]
    assert silent == []
