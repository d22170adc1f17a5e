"""Follows a running server from another program, over ZeroMQ: no HTTP, no Tacit package needed.

    tacit serve                                   # in one terminal
    python examples/subscribe_zmq.py [URL] [TOPIC]    # in another

Messages have two frames: a topic `SESSION/PARTICIPANT/KIND[/MODALITY]`, and the event as JSON. The
server says under /api/info where it publishes; that place belongs to this machine and user.
"""

import argparse
import json
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import zmq

SERVER = "http://127.0.0.1:8765/"


def endpoint_of(server: str) -> str:
    """Where the server publishes its events."""
    with urllib.request.urlopen(server.rstrip("/") + "/api/info", timeout=5) as answer:
        return str(json.load(answer)["events_endpoint"])


def events(endpoint: str, prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every event whose topic begins with a prefix; those that still hold come at once."""
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.connect(endpoint)
        socket.subscribe(prefix)
        while True:
            topic, text = socket.recv_multipart()
            yield topic.decode(), json.loads(text)


def in_words(topic: str, event: dict[str, Any]) -> str:
    """One line about an event."""
    match event:
        case {
            "type": "measurement.result",
            "fused": {"emotions": list(scores), "abstained": unsure},
        }:
            best = max(scores, key=lambda score: score["probability"])
            claim = "no claim" if unsure else f"{best['name']} {best['probability']:.0%}"
            return f"{topic}  expressed: {claim}"
        case {"type": "sensor.health", "modality": modality, "state": state, "reason": reason}:
            return f"{topic}  {modality} is {state}" + (f": {reason}" if reason else "")
        case _:
            return f"{topic}  {event['type']}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Follow a running server over ZeroMQ.")
    parser.add_argument("server", nargs="?", default=SERVER)
    parser.add_argument("topic", nargs="?", default="", help="how the topics of interest begin")
    chosen = parser.parse_args()
    try:
        for topic, event in events(endpoint_of(chosen.server), chosen.topic):
            print(in_words(topic, event), flush=True)
    except KeyboardInterrupt:
        pass
    except OSError as error:
        sys.exit(f"{chosen.server} does not answer ({error}); start it with: tacit serve")
