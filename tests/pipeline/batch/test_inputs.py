from pathlib import Path

import pytest

from tacit.pipeline.batch.inputs import BatchError, BatchInput, find_inputs, sha256_of


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def names(source: Path, pattern: str = "", leave_out: Path | None = None) -> list[str]:
    return [found.name for found in find_inputs(source, pattern, leave_out)]


def test_a_folder_gives_its_media_and_sessions(tmp_path: Path) -> None:
    touch(tmp_path, "b.WAV", "a/c.mp4", "a/s.mcap", "notes.txt", ".hidden/x.wav", "a/.y.wav")
    assert names(tmp_path) == ["a/c.mp4", "a/s.mcap", "b.WAV"]


def test_a_pattern_takes_what_it_matches(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "odd.bin", "deep/odd.bin")
    assert names(tmp_path, "**/*.bin") == ["deep/odd.bin", "odd.bin"]
    assert names(tmp_path, "*.bin") == ["odd.bin"]
    with pytest.raises(BatchError, match=r"nothing here matches \*\.ogg"):
        find_inputs(tmp_path, "*.ogg")
    with pytest.raises(BatchError, match="--pattern /x"):
        find_inputs(tmp_path, "/x")


def test_results_within_the_folder_are_not_inputs(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "out/failures.jsonl", "outer/b.wav")
    assert names(tmp_path, leave_out=tmp_path / "out") == ["a.wav", "outer/b.wav"]


def test_a_link_that_leads_nowhere_is_an_input_that_will_fail(tmp_path: Path) -> None:
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nothing.wav")
    (found,) = find_inputs(tmp_path)
    assert (found.name, found.bytes) == ("gone.wav", 0)


def test_a_manifest_names_paths_beside_itself(tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text('\ufeffpath,note,participant\nb.wav,x,ada\n"a, 1.wav",y,\n', "utf-8")
    first, second = find_inputs(manifest)
    assert first == BatchInput(name="a, 1.wav", path=tmp_path / "a, 1.wav")
    assert second == BatchInput(name="b.wav", path=tmp_path / "b.wav", participant="ada")


def test_both_kinds_of_manifest_mean_the_same(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("path,participant\nb.wav,ada\na.wav,\n")
    (tmp_path / "l.jsonl").write_text(
        '{"path": "a.wav", "size": 3}\n\n{"path": "b.wav", "participant": "ada"}\n'
    )
    assert find_inputs(tmp_path / "l.csv") == find_inputs(tmp_path / "l.jsonl")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.csv", "", "line 1: no column named path"),
        ("l.csv", "file\na.wav\n", "line 1: no column named path"),
        ("l.csv", "path,participant\na.wav,x\n,y\n", "line 3: no path"),
        ("l.csv", "path,participant\na.wav\n", "line 2: 2 columns wanted"),
        ("l.csv", "path\na.wav,b\n", "line 2: 1 columns wanted"),
        ("l.csv", 'path\n"a.wav\n', "line 2: unexpected end"),
        ("l.csv", "path\na.wav\nb.wav\na.wav\n", "line 4: a.wav is in line 2 too"),
        ("l.jsonl", '{"path": "a.wav"}\n{"path"\n', "line 2: not JSON"),
        ("l.jsonl", '["a.wav"]\n', "line 1: an object with a path is wanted"),
        ("l.jsonl", '{"path": 3}\n', "line 1: no path"),
        ("l.jsonl", '{"path": "a", "participant": 3}\n', "line 1: path or participant"),
        ("l.csv", "path\n", "nothing here is media"),
        ("l.txt", "a.wav\n", "give a folder, or a manifest"),
    ],
)
def test_a_wrong_manifest_is_named_by_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BatchError, match=message) as found:
        find_inputs(tmp_path / name)
    assert str(tmp_path / name) in str(found.value)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BatchError, match="no such folder or manifest"):
        find_inputs(tmp_path / "no.csv")


def test_ids_depend_on_name_and_participant_alone() -> None:
    first = BatchInput(name="a/b c.wav", path=Path("x/a/b c.wav"))
    assert first.id == BatchInput(name="a/b c.wav", path=Path("y/a/b c.wav")).id
    assert first.id.startswith("b_c-")
    assert first.id != first.model_copy(update={"participant": "p2"}).id
    assert first.id != first.model_copy(update={"name": "b c.wav"}).id


@pytest.mark.parametrize("name", ["_a.wav", ".a.wav", "äö.wav", "..wav"])
def test_no_part_file_is_hidden_from_readers_of_parquet_folders(name: str) -> None:
    assert BatchInput(name=name, path=Path(name)).id[0] not in "._"


def test_hash_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a").startswith("ba7816bf8f01cfea")
