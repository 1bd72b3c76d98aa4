"""The extension in C: it passes only what Python passes, on any processor, and nothing depends on it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path

import pytest

from tests.core.lines import DEEPEST, TOO_DEEP
from tests.core.scanner_fuzz import run
from tests.harness import ROOT
from tracerd import speedups
from tracerd.core.lines import check_line
from tracerd.core.own_prefixes import BEGIN_PREFIX, CLOCK_PREFIX, OWN_PREFIXES

native = pytest.mark.skipif(speedups.plain_lines is None, reason="not possible here: the extension is not in use")


CAN_COMPILE = shutil.which("cc") is not None and Path(sysconfig.get_path("include"), "Python.h").exists()


def plain_lines(block: bytes) -> tuple[int, int]:
    assert speedups.plain_lines
    return speedups.plain_lines(block)


def plain_elements(block: bytes, start: int = 0) -> tuple[int, int, bytes | None, int]:
    assert speedups.plain_elements
    return speedups.plain_elements(block, start)


@native
@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"", (0, 0)),
        (b"\n", (0, 0)),
        (b"{}", (0, 0)),
        (b'{}\n{"a":1', (1, 3)),
        (b'{}\n{"a":nan}\n{}\n', (1, 3)),
        (b'{"a":[{}\n{}]}\n{"x":1},{"y":2}\n', (0, 0)),
        (DEEPEST + b"\n" + TOO_DEEP + b"\n", (1, len(DEEPEST) + 1)),
        (b'{"a":1e99}\n{"a":1e100}\n', (1, 11)),
        (b'{"a":-1' + b"0" * 199 + b"e99}\n", (1, 211)),
        (b'{"a":-1' + b"0" * 200 + b"}\n", (0, 0)),
    ],
)
def test_lines_are_counted_up_to_the_first_that_is_not_plain(block: bytes, expected: tuple[int, int]) -> None:
    assert plain_lines(block) == expected


@native
@pytest.mark.parametrize("prefix", OWN_PREFIXES)
def test_lines_of_the_daemons_own_are_not_plain_and_those_that_nearly_begin_so_are(prefix: bytes) -> None:
    rest = b'"a":1}\n' if prefix.endswith(b",") else b'lost"}\n'
    assert plain_lines(b"{}\n" + prefix + rest) == (1, 3)
    for at in range(2, len(prefix)):
        if prefix[at : at + 1].isalpha():
            nearly = prefix[:at] + b"?" + prefix[at + 1 :] + rest
            assert plain_lines(nearly) == (1, len(nearly))


@native
def test_a_string_may_begin_and_end_anywhere() -> None:
    # Strings are searched in pieces of 64 and of 8 bytes: each length, at each place in a piece.
    for before in range(70):
        for length in range(140):
            line = b'{%b"a":"%b"}\n' % (b" " * before, b"x" * length)
            assert plain_lines(line) == (1, len(line))
            assert plain_lines(line[:-3] + b"\x1f" + line[-3:]) == (0, 0)


@native
@pytest.mark.parametrize("event", [b'{"ph":"X","ts":1,"dur":2}', b'{"ph":"M"}', b'{"ph":"i","ts":1e-99}'])
def test_events_come_as_elements_of_an_array(event: bytes) -> None:
    block = b"?\n" + event + b"\n" + event + b'\n{"ph":"i"}\n'
    length = 2 * len(event) + 2
    assert plain_elements(block, 2) == (2, length, b",\n" + event + b",\n" + event, 0)
    assert plain_elements(event) == (0, 0, b"", 0)


@native
@pytest.mark.parametrize(
    ("special", "nearly"),
    [
        (CLOCK_PREFIX + b'"args":{}}\n', b'{"ph":"M","name":"tracerd_clocks"}\n'),
        (BEGIN_PREFIX + b'"args":{}}\n', b'{"ph":"M","name":"tracerd_begins"}\n'),
        (b'{"ph":"M","begin":"0"}\n', b'{"ph":"M","args":{"begin":"0"}}\n'),
    ],
    ids=["a clock line", "a begin mark", "a line that names one"],
)
def test_what_concerns_clocks_and_marks_is_left_to_python(special: bytes, nearly: bytes) -> None:
    before = b'{"ph":"M"}\n'
    assert plain_elements(before + special + before)[:2] == (1, len(before))
    assert plain_elements(before + nearly + before)[:2] == (3, 2 * len(before) + len(nearly))


@native
@pytest.mark.parametrize(("text", "joined"), [(rb"\n\\n", True), (rb"C:\\", False), (rb"\u00e9", False)])
def test_escapes_that_perfetto_misreads_are_left_to_python(text: bytes, joined: bool) -> None:
    line = b'{"ph":"M","name":"' + text + b'"}\n'
    count, length, elements, _ = plain_elements(line)
    assert (count, length) == (1, len(line))
    assert elements == (b",\n" + line[:-1] if joined else None)


@native
@pytest.mark.parametrize(
    ("category", "is_shown"),
    [
        (b'"cat":"process"', True),
        (b'"cat" : "process"', True),
        (b'"cat":"unfinished"', True),
        (b'"cat":"processes"', False),
        (b'"a":"process"', False),
    ],
)
def test_what_may_be_a_process_of_a_build_is_noticed(category: bytes, is_shown: bool) -> None:
    line = b'{"ph":"M",%b,"args":{"cat":"process"}}\n' % category
    assert bool(plain_elements(b'{"ph":"M"}\n' + line)[3]) == is_shown
    assert not plain_elements(line, len(line))[3]


@native
def test_marks_are_found_wherever_a_piece_of_64_bytes_ends() -> None:
    # Of each kind of mark some stand in the same piece, and some in the next.
    texts = [b"\\\\", b'\\"', b"\\u00e9", "é".encode(), "\U0001f600".encode() * 20, b"\t", b"\x1f", b"\xff", b'"']
    for before in range(130):
        for text in texts:
            line = b'{"%b%b":[1,\t"%b"]\t, "z" :"" }' % (b"x" * before, text, text * 2)
            expected = check_line(line) is line
            assert plain_lines(line + b"\n{}\n") == ((2, len(line) + 4) if expected else (0, 0))


@native
@pytest.mark.parametrize("start", [-1, 4])
def test_places_outside_of_the_block_raise(start: int) -> None:
    with pytest.raises(IndexError, match="lies outside of the block"):
        plain_elements(b"{}\n", start)


@native
def test_other_threads_run_during_a_long_scan() -> None:
    line = b'{"a":"' + b"x" * 20_000_000 + b'"}\n'

    def runs_beside() -> bool:
        started, ended = threading.Event(), threading.Event()

        def scan() -> None:
            started.set()
            assert plain_lines(line) == (1, len(line))
            ended.set()

        thread = threading.Thread(target=scan)
        thread.start()
        started.wait()
        beside = not ended.is_set()
        thread.join()
        return beside

    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # the interpreter changes hands only where it is given up
    try:
        # We may wake too late, when the machine is busy; a scan that gives nothing up never lets us in.
        assert any(runs_beside() for _ in range(100))
    finally:
        sys.setswitchinterval(interval_s)


@native
@pytest.mark.parametrize("lines", [20_000, pytest.param(10_000_000, marks=[pytest.mark.long, pytest.mark.timeout(0)])])
def test_nothing_passes_that_python_would_change(lines: int) -> None:
    assert run(lines, seed=1) >= lines


SANITIZED_S = 1200.0
"""At most so long; 100,000 lines take half a minute if nothing else runs."""


# The code for x86-64, and the one for other processors, which is compiled where the name is not defined.
@pytest.mark.skipif(not CAN_COMPILE, reason="there is no C compiler, or no Python.h")
@pytest.mark.timeout(2 * SANITIZED_S)
@pytest.mark.parametrize("flags", [[], ["-U__SSE2__"]], ids=["this processor", "portable"])
def test_sanitizers_find_nothing(flags: list[str], tmp_path: Path) -> None:
    extension = tmp_path / "_speedups.abi3.so"
    command = ["cc", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", *flags]
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    include = f"-I{sysconfig.get_path('include')}"
    source = ROOT / "tracerd/_speedups.c"
    subprocess.run([*command, *sanitizers, include, source, "-o", extension], check=True)
    runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True)
    environ = os.environ | {
        "LD_PRELOAD": runtime.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python frees little at its end
        "PYTHONMALLOC": "malloc",
        "TRACERD_PURE_PYTHON": "",
    }
    lines = os.environ.get("TRACERD_SANITIZED_LINES", "2000")
    fuzz = ["-m", "tests.core.scanner_fuzz", "--lines", lines, "--jobs", "1", "--extension", str(extension)]
    subprocess.run([sys.executable, *fuzz], cwd=ROOT, env=environ, check=True, timeout=SANITIZED_S)


@pytest.mark.parametrize("value", ["", "1"])
def test_a_variable_leaves_the_extension_unused(value: str) -> None:
    environ = os.environ | {"TRACERD_PURE_PYTHON": value}
    program = "from tracerd import speedups; print(speedups.implementation, speedups.plain_lines is None)"
    done = subprocess.run([sys.executable, "-c", program], env=environ, check=True, capture_output=True, text=True)
    if value:
        assert done.stdout == "Python True\n"
    elif speedups.plain_lines:
        assert done.stdout == f"{speedups.implementation} False\n"
