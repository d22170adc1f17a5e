import asyncio

import pytest

from tacit.pipeline.server.files import plotly_script
from tests.fakes.served import idle, serving


def test_the_page_and_its_files_come_from_the_package() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            async with client.http.get("/") as response:
                assert response.status == 200
                assert response.content_type == "text/html"
                assert "<script" in await response.text()
                tag = response.headers["ETag"]
            async with client.http.get("/", headers={"If-None-Match": tag}) as response:
                assert response.status == 304
            async with client.http.get("/static/tacit.js") as response:
                assert response.content_type == "text/javascript"

    asyncio.run(run())


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2f..%2fconfig.py",
        "/static/%2e%2e/%2e%2e/config.py",
        "/static//etc/passwd",
        "/static/.hidden.js",
        "/static/app",
        "/static/none.js",
        "/static/a%00.js",
    ],
)
def test_nothing_else_is_given(path: str) -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            from yarl import URL

            url = URL(f"{client.origin}{path}", encoded=True)
            async with client.http.get(url) as response:
                assert response.status == 404

    asyncio.run(run())


def test_the_token_of_the_page_goes_into_a_cookie_for_its_files() -> None:
    async def run() -> None:
        async with serving(idle(), token="t1") as client:
            async with client.http.get("/?token=t1") as response:
                cookie = response.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie

    asyncio.run(run())


def test_the_sample_can_be_seen_in_parts() -> None:
    async def run() -> None:
        async with serving(idle()) as client:
            headers = {"Range": "bytes=0-99"}
            async with client.http.get("/media/sample.mp4", headers=headers) as response:
                assert response.status == 206
                assert len(await response.read()) == 100
                assert response.content_type == "video/mp4"

    asyncio.run(run())


@pytest.mark.skipif(plotly_script() is None, reason="plotly, of the extra research, is not there")
def test_plotly_comes_out_of_its_own_wheel() -> None:
    async def run() -> None:
        async with serving(idle()) as client, client.http.get("/vendor/plotly.js") as response:
            assert response.status == 200
            assert b"plotly.js v" in (await response.content.read(2000))

    asyncio.run(run())
