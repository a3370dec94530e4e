"""The rooms of the package: who may know whom, and how large one may be.

CONTRIBUTING.md shows them. An import that is only for types counts as well: it is knowledge, too.
"""

import ast
import sys
from pathlib import Path

import pytest

import video_translation_client

PACKAGE = Path(video_translation_client.__file__).parent

MOST_MODULES, MOST_LINES, MOST_LINES_OF_FUNCTION = 12, 350, 40

GROUND = {"status", "errors", "strategy", "clock", "events", "_base"}

KNOWS = {
    **dict.fromkeys(GROUND, GROUND),
    "services": GROUND,
    "_http": {*GROUND, "services"},
    "future": GROUND,
    "_scheduling": {*GROUND, "future", "_http.poller", "_http.exchange"},
    "metrics": GROUND,
    "store": {*GROUND, "future", "_scheduling"},
    "_contradictions": {*GROUND, "services"},
    "_downloads": {*GROUND, "future", "services", "_http"},
    "_settings": {*GROUND, "services", "_http", "_scheduling", "_contradictions"},
    "timing": {
        *GROUND,
        *("future", "_scheduling", "_settings", "testing.clock", "_http.poller", "_http.exchange"),
    },
    "_client": {
        *GROUND,
        *("future", "services", "_http", "_scheduling", "timing", "_settings", "_contradictions"),
        "store",
    },
    "client": {*GROUND, "future", "services", "_settings", "_client", "_downloads", "store"},
    "webhooks": {*GROUND, "services", "client", "_http.reports"},
    "distributed": {
        *GROUND,
        *("future", "services", "client", "_scheduling", "_http.poller", "_http.endpoint"),
        "_downloads",
    },
    "__init__": {*GROUND, "future", "services", "client"},
}
"""By room, what it may import besides itself; ``_http.poller`` is one module of a room."""

EDGES = {"testing", "cli", "__main__"}
"""What may import anything, and what nobody else imports."""

pytestmark = pytest.mark.one_python


def _modules():
    """The trees of all modules, by their names without the package's: ``_http.poller``."""
    modules = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)
        modules[name] = (path, ast.parse(path.read_text(encoding="utf-8")))
    return modules


MODULES = _modules()


def _file(name):
    return MODULES[name][0].relative_to(PACKAGE.parent).as_posix()


def _room(name):
    return name.partition(".")[0]


def _is_for_types(node):
    return isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING"


def _nodes(tree, types):
    """All nodes below one, without what is only for types unless that is asked for."""
    for node in ast.iter_child_nodes(tree):
        if types or not _is_for_types(node):
            yield node
            yield from _nodes(node, types)


def _absolute(name, node):
    """What a ``from ... import`` in a module imports from, without the package's name; or None."""
    if not node.level:
        root, _, rest = (node.module or "").partition(".")
        return rest if root == PACKAGE.name else None
    is_package = MODULES[name][0].name == "__init__.py"
    parts = [] if name == "__init__" else name.split(".")
    up = node.level - (is_package and name != "__init__")
    return ".".join([*parts[: len(parts) - up], *filter(None, [node.module])])


def _imports(name, types=True):
    """The modules of the package that one imports, with the numbers of the lines."""
    for node in _nodes(MODULES[name][1], types):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root, _, rest = alias.name.partition(".")
                if root == PACKAGE.name:
                    yield rest or "__init__", node.lineno
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(name, node)
            if source is None:
                continue
            for alias in node.names:
                inner = f"{source}.{alias.name}".lstrip(".")
                yield inner if inner in MODULES else source or "__init__", node.lineno


def _may(name, imported):
    room = _room(name)
    allowed = KNOWS.get(room, set()) | {room}
    return room in EDGES or _room(imported) in allowed or imported in allowed


def test_every_room_imports_only_what_stands_below_it():
    """WHEN knows HOW by two modules, HOW knows WHOM, and all know the ground floor."""
    wrong = [
        f"{_file(name)}, line {line}, must not import {_file(imported)}: {_room(name)} may import"
        f" {', '.join(sorted(KNOWS.get(_room(name), {'nothing: it is a room unknown so far'})))}"
        for name in MODULES
        for imported, line in _imports(name)
        if not _may(name, imported)
    ]
    assert not wrong, "\n".join(wrong)


def test_nobody_imports_the_command_line_or_what_is_for_tests_of_users():
    """But themselves, the command's demo, what starts them, and the simulator: for its clock."""
    wrong = [
        f"{_file(name)}, line {line}, must not import {_file(imported)}: only"
        f" {_room(imported)} itself does"
        for name in MODULES
        for imported, line in _imports(name)
        if _room(imported) in EDGES and _room(name) not in EDGES and not _may(name, imported)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_module_imports_itself_by_way_of_others():
    """What is imported for types alone does not run, and closes no circle."""
    left = {name: {other for other, _ in _imports(name, types=False)} - {name} for name in MODULES}
    while True:
        free = [name for name, others in left.items() if not others & left.keys()]
        if not free:
            break
        for name in free:
            del left[name]
    circle = " and ".join(map(_file, sorted(left)))
    assert not left, f"{circle} import each other in a circle, or what does"


def test_the_front_of_the_package_has_few_modules():
    """What a user may touch, and no more; all else has a room."""
    front = sorted(path.name for path in PACKAGE.glob("*.py"))
    assert len(front) <= MOST_MODULES, (
        f"{PACKAGE.name}/ itself has {len(front)} modules, more than {MOST_MODULES}; a room"
        f" should take one of {', '.join(front)}"
    )


def _in_core():
    return [name for name in MODULES if _room(name) not in ("testing", "cli")]


def test_no_module_is_longer_than_one_sitting():
    """The core's; the command line and what is for tests of users may take their room."""
    lengths = {
        name: len(MODULES[name][0].read_text(encoding="utf-8").splitlines()) for name in _in_core()
    }
    wrong = [
        f"{_file(name)} has {length} lines, more than {MOST_LINES}; part of it belongs elsewhere"
        for name, length in lengths.items()
        if length > MOST_LINES
    ]
    assert not wrong, "\n".join(wrong)


def _length(function):
    """The lines of a function without its docstring."""
    first = function.body[0]
    docstring = 0
    if ast.get_docstring(function, clean=False) is not None:
        docstring = first.end_lineno - first.lineno + 1
    return function.end_lineno - function.lineno + 1 - docstring


@pytest.mark.skipif(sys.version_info < (3, 8), reason="ast tells no last lines before Python 3.8")
def test_no_function_is_longer_than_a_screen():
    """Its docstring, which is its contract, does not count."""
    wrong = [
        f"{node.name} in {_file(name)}, line {node.lineno}, has {_length(node)} lines, more than"
        f" {MOST_LINES_OF_FUNCTION}; part of it wants a name of its own"
        for name in _in_core()
        for node in ast.walk(MODULES[name][1])
        if isinstance(node, ast.FunctionDef) and _length(node) > MOST_LINES_OF_FUNCTION
    ]
    assert not wrong, "\n".join(wrong)
