"""Rules of the house that no linter knows: who may import whom, and how large things may grow.

`python -m tools.architecture` prints what breaks them. Each rule takes the parsed tree and returns
one line per violation, `path:line: what is wrong`.
"""

import ast
import graphlib
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

PACKAGES: Final = ("stream", "models", "pipeline")
FOLDERS: Final = (*PACKAGES, "tools", "tests")

MAX_FILE_LINES: Final = 400
MAX_FUNCTION_LINES: Final = 60
MAX_MEDIAN_LINES: Final = 10
MAX_P90_LINES: Final = 35
MAX_PARAMETERS: Final = 6
TESTED_FROM_LINES: Final = 30

MAY_IMPORT: Final[Mapping[str, frozenset[str]]] = {
    "stream": frozenset({"stream"}),
    "models": frozenset({"models"}),
    "pipeline": frozenset({"pipeline", "stream", "models"}),
    "tools": frozenset({"tools", "pipeline", "stream", "models"}),
}
NEVER_IMPORTS: Final[Mapping[str, frozenset[str]]] = {
    "stream": frozenset({"torch", "torchaudio", "torchvision"}),
    "models": frozenset({"asyncio", "threading", "_thread", "concurrent", "multiprocessing"})
    | frozenset({"subprocess", "socket", "time", "zmq", "sounddevice", "aiortc"}),
}
VAGUE_NAMES: Final = frozenset({"util", "utils", "helper", "helpers", "misc", "common"})

# Source files that need no test file of their own, and why.
UNTESTED: Final[Mapping[str, str]] = {
    "stream/errors.py": "names only; every test of an error message raises one of them",
    "stream/limits.py": "numbers only; each is tested where it is enforced",
    "models/zoo/interface.py": "settings and a protocol; every model's test goes through them",
}

MACHINE_TRACES: Final = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:home|root|Users|work|opt/pypi)/\w"),
    "the address of a package registry": re.compile(
        r"pypi\.(?:org|io)|pythonhosted\.(?:org)|download\.(?:pytorch)\.org|registry\.(?:npmjs)"
        r"|--(?:extra-)?index(?:-)url|--find(?:-)links"
    ),
}


@dataclass(frozen=True, slots=True)
class Source:
    """One parsed Python file.

    Attributes:
        path: relative to the root.
        lines: how many it has.
        tree: its syntax tree.
    """

    path: PurePosixPath
    lines: int
    tree: ast.Module

    @property
    def folder(self) -> str:
        """The top folder that it lies in."""
        return self.path.parts[0]

    @property
    def module(self) -> str:
        """The dotted name that other files import it by."""
        parts = self.path.with_suffix("").parts
        named = parts[:-1] if parts[-1] == "__init__" else parts
        return ".".join(("tacit", *named) if self.folder in PACKAGES else named)


@dataclass(frozen=True, slots=True)
class Tree:
    """Everything that the rules look at.

    Attributes:
        root: the repository.
        sources: its parsed Python files, by path.
        texts: relative paths of the files that are under version control.
    """

    root: Path
    sources: Sequence[Source]
    texts: Sequence[PurePosixPath]

    def under(self, *folders: str) -> Iterator[Source]:
        """Give the sources in some of the top folders."""
        return (source for source in self.sources if source.folder in folders)


Rule = Callable[[Tree], list[str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def read_tree(root: Path) -> Tree:
    """Parse the repository.

    Args:
        root: its folder.

    Returns:
        The tree.

    Raises:
        SyntaxError: a file does not parse.
    """
    sources = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            relative = PurePosixPath(path.relative_to(root).as_posix())
            text = path.read_text(encoding="utf-8")
            sources.append(Source(relative, text.count("\n"), ast.parse(text, str(relative))))
    return Tree(root, sources, list_texts(root))


def list_texts(root: Path) -> list[PurePosixPath]:
    """List the files under version control; all files of the folders where there is no git."""
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z"], capture_output=True, check=False, timeout=30
    )
    if listing.returncode == 0:
        return [PurePosixPath(name) for name in listing.stdout.decode().split("\0") if name]
    found = (path for path in root.rglob("*") if path.is_file())
    return sorted(PurePosixPath(path.relative_to(root).as_posix()) for path in found)


def imports_of(source: Source, known: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Give every import of a file with its line, relative and late ones and strings resolved."""
    package = source.module.split(".")
    if source.path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield node.lineno, inner if inner in known or node.module is None else base
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func).split(".")[-1]
            name = node.args[0]
            if called in {"import_module", "__import__"} and isinstance(name, ast.Constant):
                yield node.lineno, str(name.value)


def house_folder(name: str) -> str | None:
    """The folder of ours that an imported name lies in; None for other people's packages."""
    parts = name.split(".")
    if parts[0] == "tacit" and len(parts) > 1:
        return parts[1]
    return parts[0] if parts[0] in FOLDERS else None


def _modules(tree: Tree) -> frozenset[str]:
    return frozenset(source.module for source in tree.sources)


def check_direction(tree: Tree) -> list[str]:
    """Tools -> pipeline -> {stream, models}; nothing imports tools or tests."""
    found = []
    known = _modules(tree)
    for source in tree.under(*MAY_IMPORT):
        for line, name in imports_of(source, known):
            folder = house_folder(name)
            if folder is not None and folder not in MAY_IMPORT[source.folder]:
                found.append(f"{source.path}:{line}: {source.folder} may not import {name}")
    return found


def check_purity(tree: Tree) -> list[str]:
    """Stream knows no torch; models opens no socket or thread and reads no clock."""
    found = []
    known = _modules(tree)
    for source in tree.under(*NEVER_IMPORTS):
        for line, name in imports_of(source, known):
            if name.split(".")[0] in NEVER_IMPORTS[source.folder]:
                found.append(f"{source.path}:{line}: {source.folder} may not import {name}")
    return found


def check_cycles(tree: Tree) -> list[str]:
    """No import cycle, imports inside functions and for type checking included."""
    known = _modules(tree)
    graph = {
        source.module: {name for _, name in imports_of(source, known) if name in known}
        - {source.module}
        for source in tree.sources
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return ["import cycle: " + " -> ".join(reversed(error.args[1]))]
    return []


def check_names(tree: Tree) -> list[str]:
    """Files and classes say what they do."""
    found = []
    for source in tree.sources:
        words = {*source.path.parts[:-1], source.path.stem}
        found += [f"{source.path}:1: vague name {word!r}" for word in sorted(words & VAGUE_NAMES)]
        classes = [node for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)]
        named = [(1, source.path.stem), *((node.lineno, node.name) for node in classes)]
        found += [
            f"{source.path}:{line}: vague name {name!r}"
            for line, name in named
            if "manager" in name.lower()
        ]
    return found


def functions_of(source: Source) -> Iterator[tuple[Function, bool]]:
    """Give every function of a file, and whether it is a method that takes self or cls."""
    for node in ast.walk(source.tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function):
                static = any(ast.unparse(mark) == "staticmethod" for mark in child.decorator_list)
                yield child, isinstance(node, ast.ClassDef) and not static


def length_of(function: Function) -> int:
    """Lines from `def` to the last statement, docstring included."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def parameters_of(function: Function, bound: bool) -> list[ast.arg]:
    """All parameters of a function, without self or cls."""
    named = [*function.args.posonlyargs, *function.args.args][1 if bound else 0 :]
    starred = [arg for arg in (function.args.vararg, function.args.kwarg) if arg is not None]
    return [*named, *function.args.kwonlyargs, *starred]


def is_command(function: Function) -> bool:
    """True for a command of the command line, whose parameters are its options."""
    if function.name.endswith("_command"):
        return True
    calls = (mark for mark in function.decorator_list if isinstance(mark, ast.Call))
    return any(ast.unparse(call.func).endswith((".command", ".callback")) for call in calls)


def check_sizes(tree: Tree) -> list[str]:
    """Files, functions and parameter lists stay within the budget."""
    found = []
    for source in tree.sources:
        if source.lines > MAX_FILE_LINES:
            found.append(f"{source.path}:1: {source.lines} lines, more than {MAX_FILE_LINES}")
        for function, bound in functions_of(source):
            where = f"{source.path}:{function.lineno}: {function.name}"
            length = length_of(function)
            if length > MAX_FUNCTION_LINES:
                found.append(f"{where} has {length} lines, more than {MAX_FUNCTION_LINES}")
            count = len(parameters_of(function, bound))
            if count > MAX_PARAMETERS and not is_command(function):
                found.append(f"{where} has {count} parameters, more than {MAX_PARAMETERS}")
    return found


def check_typical_size(tree: Tree) -> list[str]:
    """Most functions are short: median and ninetieth percentile over the whole tree."""
    lengths = sorted(
        length_of(function) for source in tree.sources for function, _ in functions_of(source)
    )
    if not lengths:
        return []
    median = statistics.median(lengths)
    p90 = lengths[min(len(lengths) * 9 // 10, len(lengths) - 1)]
    found = []
    if median > MAX_MEDIAN_LINES:
        found.append(f"median function has {median:g} lines, more than {MAX_MEDIAN_LINES}")
    if p90 > MAX_P90_LINES:
        found.append(f"a tenth of the functions have {p90} lines or more, over {MAX_P90_LINES}")
    return found


def check_annotations(tree: Tree) -> list[str]:
    """Every parameter and every result has a type."""
    found = []
    for source in tree.sources:
        for function, bound in functions_of(source):
            bare = [a.arg for a in parameters_of(function, bound) if a.annotation is None]
            bare += ["its result"] if function.returns is None else []
            where = f"{source.path}:{function.lineno}: {function.name}"
            found += [f"{where} does not annotate {name}" for name in bare]
    return found


def _as_python(texts: Sequence[PurePosixPath]) -> set[PurePosixPath]:
    """Scripts as if they were modules of each folder above them, which is where tests look."""
    scripts = (path for path in texts if path.suffix == ".js")
    return {
        folder / f"{path.stem.replace('-', '_')}.py" for path in scripts for folder in path.parents
    }


def check_mirror(tree: Tree) -> list[str]:
    """tests/<folder>/test_x.py tests <folder>/x.py, and every larger source file has one.

    Scripts of web pages, x.js or x-y.js somewhere below <folder>, are tested by such files too.
    """
    paths = {source.path for source in tree.sources} | _as_python(tree.texts)
    found, tested = [], set()
    for source in tree.under("tests"):
        inner = PurePosixPath(*source.path.parts[1:])
        if not inner.name.startswith("test_") or len(inner.parts) < 2 or inner.parts[0] == "fakes":
            continue
        # A large module may have several test files: test_x.py and test_x_<aspect>.py.
        words = inner.stem.removeprefix("test_").split("_")
        stems = ("_".join(words[:count]) for count in range(len(words), 0, -1))
        subject = next((p for s in stems if (p := inner.with_name(f"{s}.py")) in paths), None)
        if subject is None:
            found.append(f"{source.path}:1: tests no file of {inner.parent}")
        tested.add(subject)
    found += [
        f"{source.path}:1: has no test file"
        for source in tree.under(*PACKAGES, "tools")
        if source.lines > TESTED_FROM_LINES
        and source.path.name != "__init__.py"
        and source.path not in tested
        and str(source.path) not in UNTESTED
    ]
    return found


def check_traces(tree: Tree) -> list[str]:
    """No file tells on which machine or from which registry Tacit was built."""
    found = []
    for name in tree.texts:
        path = tree.root / name
        content = path.read_bytes() if path.is_file() else b""
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            found += [
                f"{name}:{number}: {what}: {hit.group()}"
                for what, pattern in MACHINE_TRACES.items()
                if (hit := pattern.search(line))
            ]
    return found


RULES: Final[Mapping[str, Rule]] = {
    "direction": check_direction,
    "purity": check_purity,
    "cycles": check_cycles,
    "names": check_names,
    "sizes": check_sizes,
    "typical size": check_typical_size,
    "annotations": check_annotations,
    "mirror": check_mirror,
    "traces": check_traces,
}


def main() -> int:
    """Print every violation."""
    tree = read_tree(Path(__file__).resolve().parent.parent)
    found = [violation for rule in RULES.values() for violation in rule(tree)]
    print("\n".join(found) or "no violation")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
