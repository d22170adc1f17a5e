"""`tacit serve`."""

import asyncio
import ipaddress
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..config import ConfigError, load_settings
from ..quiet_log import log_beside
from .options import AsrOption, ConfigOption, WeightsOption

if TYPE_CHECKING:
    from ..server.recordings import RecordingRules

PORT: Final = 8765
UNENCRYPTED: Final = (
    "--host {host}: beyond this machine faces and voices must be encrypted; give --tls-cert and "
    "--tls-key, or --behind-proxy if a proxy does that"
)
MoreCamerasOption = Annotated[
    list[str] | None,
    typer.Option(help="Camera of this machine that tacit devices lacks, e.g. http://…/cam.mjpg."),
]
RecordDirOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder for sessions whose caller asks, with consent, that they be kept; without it "
        "nothing can be. Pictures and sound need --record-media as well."
    ),
]
RecordMediaOption = Annotated[
    bool,
    typer.Option(
        "--record-media",
        help="Callers may also ask, with consent, that sound and pictures be kept in --record-dir.",
    ),
]
KeptDaysOption = Annotated[
    int, typer.Option(min=1, max=36_500, help="Days after which this server deletes them.")
]


def serve_command(
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond this machine it needs TLS.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes any free one.")] = PORT,
    token: Annotated[
        str | None, typer.Option(help="What callers must show; made up where one is needed.")
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="Page that may use this server, e.g. https://my.app.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, PEM.")] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy in front of this server does TLS.")
    ] = False,
    ice_server: Annotated[
        list[str] | None, typer.Option(help="STUN or TURN server, e.g. stun:stun.my.org.")
    ] = None,
    camera: MoreCamerasOption = None,
    record_dir: RecordDirOption = None,
    record_media: RecordMediaOption = False,
    retention_days: KeptDaysOption = 30,
    asr: AsrOption = None,
    weights: WeightsOption = None,
    config: ConfigOption = None,
) -> None:
    """Serve the page, WebRTC ingest and events, until Ctrl-C.

    Only this machine can reach it unless --host says otherwise.

    tacit serve

    tacit serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
    """
    log_beside()
    # What a proxy passes on comes from loopback, and from anywhere.
    local = is_loopback(host) and not behind_proxy
    if (tls_cert is None) != (tls_key is None):
        raise ConfigError("--tls-cert and --tls-key: give both or none")
    if not (local or behind_proxy) and tls_cert is None:
        raise ConfigError(UNENCRYPTED.format(host=host))
    # Not at the top: the other commands need none of it, and it takes a while to import.
    from ..server.desk import DeskOptions
    from ..server.run import OWN_TERMS, Address, serve

    settings = load_settings(config, {"asr": asr, "weights": weights})
    shown = token if token is not None else "" if local else secrets.token_urlsafe(18)
    address = Address(host, port, shown, tuple(origin or ()), tls_cert, tls_key)
    options = DeskOptions(
        ice_servers=tuple(ice_server or ()),
        own_terms=OWN_TERMS if local else {},
        local=local,
        cameras=tuple(camera or ()),
        recording=_rules(record_dir, retention_days, media=record_media),
    )
    asyncio.run(serve(settings, address, options, _say))


def _say(url: str) -> None:
    typer.echo(f"Tacit: {url}   (Ctrl-C stops it)")


def _rules(folder: Path | None, retention_days: int, *, media: bool) -> "RecordingRules | None":
    from ..server.recordings import RecordingRules

    if folder is None:
        if media:
            raise ConfigError("--record-media: say where with --record-dir FOLDER")
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(f"--record-dir {folder}: cannot be made: {exc.strerror}") from exc
    return RecordingRules(folder, retention_days, media)


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
