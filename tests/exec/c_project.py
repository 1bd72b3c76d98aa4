"""A C project of some files, written for tests and pictures: `python -m tests.exec.c_project DIRECTORY [FILES] [WORK]`.

Each file is compiled by itself; the objects become a library and a program. There is a Makefile and a build.ninja.
`WORK` is how many functions a file has: 400 of them take the compiler about a second.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

FUNCTION = """
static unsigned f{n}(unsigned x, unsigned *t) {{
    for (unsigned i = 0; i < 64; i++) {{ t[i % 16] += x * {n}u + i; x ^= t[(i * 7 + {n}) % 16] >> (i % 5); }}
    switch (x % 7) {{ case 0: return x + {n}; case 1: return x ^ t[1]; case 2: return x * t[2]; case 3: return x - t[3];
    case 4: return ~x; default: return x / ({n} + 1); }}
}}
"""

MAKEFILE = """\
CC = cc
CFLAGS = -O2
OBJECTS = {objects}

program: main.o libparts.a
\t$(CC) -o $@ main.o libparts.a

libparts.a: $(OBJECTS)
\tar rcs $@ $(OBJECTS)

%.o: %.c
\t$(CC) $(CFLAGS) -c -o $@ $<
"""

NINJA = """\
rule cc
  command = cc -O2 -c -o $out $in
rule ar
  command = ar rcs $out $in
rule link
  command = cc -o $out $in
{compile}
build main.o: cc main.c
build libparts.a: ar {objects}
build program: link main.o libparts.a
default program
"""


def write(directory: Path, files: int = 30, work: int = 3, names: Sequence[str] = ()) -> None:
    """Write the project: `files` compile commands, `main.c` being one of them; the others may be given names."""
    parts = names or [f"part_{number:02}" for number in range(1, files)]
    for name in parts:
        write_part(directory / f"{name}.c", work)
    declared = "".join(f"unsigned {name}(unsigned);\n" for name in parts)
    total = " + ".join(f"{name}(n)" for name in parts) or "n"
    main = f"int main(int n, char **v) {{ (void)v; return ({total}) % 2 ? 0 : 0; }}\n"
    (directory / "main.c").write_text(declared + main)
    objects = " ".join(f"{name}.o" for name in parts)
    (directory / "Makefile").write_text(MAKEFILE.format(objects=objects))
    compile_all = "\n".join(f"build {name}.o: cc {name}.c" for name in parts)
    (directory / "build.ninja").write_text(NINJA.format(compile=compile_all, objects=objects))


def write_part(file: Path, work: int) -> None:
    """Write one of the files, with so many functions."""
    functions = "".join(FUNCTION.format(n=n) for n in range(work))
    calls = " + ".join(f"f{n}(x, t)" for n in range(work))
    file.write_text(f"{functions}\nunsigned {file.stem}(unsigned x) {{ unsigned t[16] = {{0}}; return {calls}; }}\n")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    files, work = [*map(int, sys.argv[2:]), *(30, 3)[len(sys.argv[2:]) :]]
    write(target, files, work)
