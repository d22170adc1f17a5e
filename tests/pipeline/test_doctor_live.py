import http.server
import threading
from collections.abc import Iterator

import pytest

from tacit.pipeline.doctor_live import ServerUnreachable, ask, in_words, read_state
from tacit.pipeline.handover import Handover
from tacit.pipeline.telemetry import Telemetry

ROWS = [
    Handover("source", "audio", 10, 7, {"overflow": 2}, 1),
    Handover("windows", "text", 4, 1, {"late": 2, "masked": 1}),
]


def figures() -> bytes:
    return Telemetry(lambda: {"ready": 1.0, "worker_face_restarts": 2.0}, lambda: ROWS).text()


@pytest.fixture
def url() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/metrics":
                body = b"hello"
            elif self.headers.get("Authorization") == "Bearer no":
                self.send_error(401)
                return
            else:
                body = figures()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_figures_come_back_as_they_were() -> None:
    state = read_state(figures().decode())
    assert state.handovers == ROWS
    assert state.unbalanced == []
    assert state.figures["worker_face_restarts"] == 2.0


def test_a_server_is_asked(url: str) -> None:
    assert ask(url).handovers == ROWS
    with pytest.raises(ServerUnreachable, match="status 401"):
        ask(url, "no")
    with pytest.raises(ServerUnreachable, match="no tacit server"):
        ask(f"{url}/elsewhere")


def test_where_nobody_is_the_way_out_is_told() -> None:
    with pytest.raises(ServerUnreachable, match="tacit serve"):
        ask("http://127.0.0.1:9")
    with pytest.raises(ServerUnreachable, match="http://HOST:PORT"):
        ask("file:///etc/passwd")


def test_a_row_that_does_not_balance_is_found() -> None:
    lost = [Handover("stage", "face", 10, 7, {"stage_busy": 1}, 1)]
    text = Telemetry(lambda: {"ready": 1.0}, lambda: lost).text().decode()
    assert read_state(text).unbalanced == lost


def test_what_was_dropped_in_words() -> None:
    assert in_words([("late", 2), ("none", 0), ("masked", 1)]) == "late 2, masked 1"
    assert in_words([]) == "–"
