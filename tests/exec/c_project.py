"""A C project of some files, written for tests and pictures: `python -m tests.exec.c_project DIRECTORY [FILES] [WORK]`.

Each file is compiled by itself; the objects become a library and a program. There is a Makefile and a build.ninja.
`WORK` is how many functions a file has: 400 of them take the compiler about a second.
"""

import sys
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


def write(directory: Path, files: int = 30, work: int = 3) -> None:
    """Write the project: `files` compile commands, `main.c` being one of them."""
    parts = [f"part_{number:02}" for number in range(1, files)]
    for name in parts:
        functions = "".join(FUNCTION.format(n=n) for n in range(work))
        calls = " + ".join(f"f{n}(x, t)" for n in range(work))
        text = f"{functions}\nunsigned {name}(unsigned x) {{ unsigned t[16] = {{0}}; return {calls}; }}\n"
        (directory / f"{name}.c").write_text(text)
    declared = "".join(f"unsigned {name}(unsigned);\n" for name in parts)
    total = " + ".join(f"{name}(n)" for name in parts) or "n"
    main = f"int main(int n, char **v) {{ (void)v; return ({total}) % 2 ? 0 : 0; }}\n"
    (directory / "main.c").write_text(declared + main)
    objects = " ".join(f"{name}.o" for name in parts)
    (directory / "Makefile").write_text(MAKEFILE.format(objects=objects))
    compile_all = "\n".join(f"build {name}.o: cc {name}.c" for name in parts)
    (directory / "build.ninja").write_text(NINJA.format(compile=compile_all, objects=objects))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    write(target, *map(int, sys.argv[2:]))
