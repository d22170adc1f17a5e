import subprocess
import time

import pytest

from tools.fault_rows.calls import HOST, cable, why_no_namespace

pytestmark = [pytest.mark.process, pytest.mark.timeout(60)]


@pytest.mark.skipif(bool(why_no_namespace()), reason="needs root on Linux")
def test_a_cable_joins_two_networks_and_is_gone_afterwards() -> None:
    with subprocess.Popen(["unshare", "--net", "sleep", "50"]) as holder:
        time.sleep(0.3)
        try:
            with cable(holder.pid):
                shown = subprocess.run(
                    ["ip", "-o", "addr", "show", "tacit0"],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                assert HOST in shown.stdout
        except subprocess.CalledProcessError as exc:
            pytest.skip(f"no virtual cables here: {exc}")
        finally:
            holder.kill()
    gone = subprocess.run(["ip", "link", "show", "tacit0"], capture_output=True, check=False)
    assert gone.returncode != 0
