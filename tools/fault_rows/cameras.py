"""Row 1 with a camera worker: its reader blocks inside OpenCV, as after an unplugged cable."""

import time

from tacit.models.features import Modality
from tacit.pipeline.faults.outcome import Outcome
from tacit.pipeline.live.devices import DeviceSource
from tacit.pipeline.live.engine import Opening
from tools.fault_rows.clip import sample_path
from tools.fault_rows.pictures import TICK_MS
from tools.fault_rows.registry import Setting, fault
from tools.fault_rows.rig import Person, changes, reads, used
from tools.fault_rows.webcam import webcam

OUTAGE_S = 4.0


class _Reports:
    """Notes what is told of devices."""

    def __init__(self) -> None:
        self.failed: list[tuple[Modality, str]] = []

    def device_failed(self, modality: Modality, detail: str) -> None:
        self.failed.append((modality, detail))


@fault(1, "camera-unplugged", "P", detect_ms=300 + TICK_MS, recover_ms=2000, gap_hops=2)
def camera_unplugged(setting: Setting) -> Outcome:
    """The camera's reader blocks for four seconds; its process is given up and replaced."""
    rig, reports = setting.rig(), _Reports()
    absent: dict[Modality, str] = {"audio": "no device", "text": "no device"}
    handle = rig.engine.open(Opening("p1", "live", absent))
    person = Person(rig.hearing, handle.session_id, handle.end)
    with webcam(sample_path()) as camera:
        source = DeviceSource(handle, {"face": camera.url}, rig.engine.settings, reports)
        source.start()
        try:
            assert person.wait(reads("face")), "nothing is seen"
            camera.stalled = True
            while camera.missing_ns is None:
                time.sleep(0.001)
            since_ns = camera.missing_ns
            outcome = Outcome(detected_ms=person.waited_ms(changes("face", "degraded"), since_ns))
            lost_ms = person.waited_ms(changes("face", "lost"), since_ns)
            outcome.check("lost within 1 s", (lost_ms or 1e9) <= 1000, f"{lost_ms} ms")
            time.sleep(max(0.0, OUTAGE_S - (time.monotonic_ns() - since_ns) / 1e9))
            back_ns = time.monotonic_ns()
            camera.stalled = False
            outcome.recovered_ms = person.waited_ms(used("face"), back_ns)
            outcome.gap_hops = person.gap_hops(since_ns, time.monotonic_ns())
            found = f"{len(reports.failed)} times in {(back_ns - since_ns) / 1e9:.1f} s"
            outcome.check("the blocked process was replaced", bool(reports.failed), found)
        finally:
            source.close()
    person.stop()
    return outcome
