import asyncio

from tacit.pipeline.server.viewers import Audience, Importance, Line, Viewer
from tacit.stream.limits import SOCKET_LAG_NS, VIEWER_QUEUE


def line(text: str, importance: Importance = "fact", session: str = "s1", t_ns: int = 0) -> Line:
    return Line(session, text, importance, t_ns)


def test_a_viewer_gets_what_it_follows_in_order() -> None:
    async def run() -> None:
        audience, all_of_it, one = Audience(), Viewer(None), Viewer(frozenset({"s2"}))
        audience.add(all_of_it)
        audience.add(one)
        audience.tell([line("a"), line("b", session="s2"), line("c")])
        assert [(await all_of_it.take()).text for _ in range(3)] == ["a", "b", "c"]  # type: ignore[union-attr]
        assert (await one.take()).text == "b"  # type: ignore[union-attr]

    asyncio.run(run())


def test_a_slow_viewer_loses_pictures_first_then_old_results_and_facts_last() -> None:
    viewer = Viewer(None)
    viewer.offer(line("fact 0"))
    viewer.offer(line("result 0", "result"))
    viewer.offer(line("view 0", "view"))
    for k in range(VIEWER_QUEUE - 3):
        viewer.offer(line(f"fact {k + 1}"))

    async def taken() -> list[str]:
        viewer.close()
        found = []
        while (got := await viewer.take()) is not None:
            found.append(got.text)
        return found

    viewer.offer(line("more 1"))
    viewer.offer(line("more 2"))
    viewer.offer(line("more 3"))
    texts = asyncio.run(taken())
    assert "view 0" not in texts
    assert "result 0" not in texts
    assert "fact 0" not in texts
    assert texts[-3:] == ["more 1", "more 2", "more 3"]
    assert len(texts) == VIEWER_QUEUE
    assert viewer.dropped == 3


def test_a_viewer_that_falls_a_second_behind_is_given_up_and_others_stay() -> None:
    audience, slow, quick = Audience(), Viewer(None), Viewer(None)
    given_up = []
    audience.add(slow, lambda: given_up.append("slow"))
    audience.add(quick, lambda: given_up.append("quick"))
    slow.offer(line("old", t_ns=0))
    quick.offer(line("new", t_ns=SOCKET_LAG_NS))
    audience.look_after(SOCKET_LAG_NS)
    assert given_up == []
    audience.look_after(SOCKET_LAG_NS + 1)
    assert given_up == ["slow"]
    assert len(audience) == 1


def test_closing_gives_out_what_is_queued() -> None:
    async def run() -> None:
        viewer = Viewer(None)
        waiting = asyncio.ensure_future(viewer.take())
        await asyncio.sleep(0)
        viewer.offer(line("last"))
        viewer.close()
        viewer.offer(line("too late"))
        assert (await waiting).text == "last"  # type: ignore[union-attr]
        assert await viewer.take() is None

    asyncio.run(run())
