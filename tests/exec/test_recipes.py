"""Each recipe of docs/recipes.md, as typed, in a small project of its tool."""

import re

import pytest

from tests.docs.documents import blocks, section
from tests.exec.builds import needs, needs_cc
from tests.exec.sandbox import TRACERD, Sandbox
from tests.harness import ROOT

FILES = {
    "make": {
        "Makefile": "all: program check\nprogram: two.o\n\t$(CC) two.o -o program\ntwo.o: two.c\n\t$(CC) -c two.c\n",
        "two.c": "int main(void) { return 0; }\n",
    },
    "ctest": {
        "CMakeLists.txt": """
cmake_minimum_required(VERSION 3.13)
project(app C)
enable_testing()
add_executable(two two.c)
add_test(NAME it_is_two COMMAND two)
add_test(NAME it_is_three COMMAND two three)
""",
        "two.c": "int main(int count, char **words) { return count - 1; }\n",
    },
    "cargo": {
        "Cargo.toml": '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2018"\n',
        "src/lib.rs": "pub fn two() -> i32 { 2 }\n#[test]\nfn it_is_two() { assert_eq!(two(), 2); }\n",
    },
    "go test": {
        "go.mod": "module app\n\ngo 1.18\n",
        "two.go": "package app\n\nfunc Two() int { return 2 }\n",
        "two_test.go": """
package app

import "testing"

func TestTwo(t *testing.T) {
	if Two() != 2 {
		t.Fatal()
	}
}
""",
    },
    "npm": {
        "package.json": """
{"name": "app", "version": "1.0.0", "scripts": {"test": "tracerd exec --name two -- node two.js"}}
""",
        "two.js": "if (1 + 1 !== 2) process.exit(1);\n",
    },
    "pytest": {"test_two.py": "def test_two():\n    assert 1 + 1 == 2\n"},
}

RECORDED = {
    "make": {"cc -c two.c", "cc two.o -o program", "./program"},
    "ctest": {"cmake --build", "ctest --test-dir", "[exit 1]"},
    "cargo": {"cargo build", "rustc", "frontend", "codegen", "cargo test", "rustdoc"},
    "go test": {"go test -json", "compile -o", "link -o", "TestTwo"},
    "npm": {"npm test", "node two.js"},
    "pytest": {"test_two.py", "test_two"},
}
"""Words of the trace's tree that stand for what the recipe promises."""

NEEDS = {
    "make": [needs_cc, needs("make")],
    "ctest": [needs_cc, *map(needs, ["cmake", "ctest", "make", "strace"])],
    "cargo": [needs_cc, *map(needs, ["cargo", "rustc", "strace"])],
    "go test": [needs("go"), needs("strace")],
    "npm": [*map(needs, ["npm", "node", "strace"])],
    "pytest": [],
}


RECIPES = (ROOT / "docs/recipes.md").read_text()

EXIT_CODES = {"ctest": 8}
"""What the last command of a recipe ends with, as exec does; of others it is 0."""


def test_there_is_a_project_for_each_recipe() -> None:
    assert re.findall(r"^## (.+)$", RECIPES, re.MULTILINE) == list(FILES)


@pytest.mark.tools
@pytest.mark.parametrize("tool", [pytest.param(tool, marks=NEEDS[tool]) for tool in FILES])
def test_a_recipe_records_what_it_promises(sandbox: Sandbox, tool: str) -> None:
    directory = sandbox.home / tool
    for name, text in FILES[tool].items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    recipe = section(RECIPES, f"## {tool}")
    if tool == "make":  # its second block is a part of the makefile
        with (directory / "Makefile").open("a") as makefile:
            makefile.write(blocks(recipe, "make")[0])
    commands = "".join(blocks(recipe, "console")).splitlines()
    seen = ""
    for command in commands:
        done = sandbox.run("sh", "-c", command.removeprefix("$ "), cwd=directory)
        assert done.returncode == (EXIT_CODES.get(tool, 0) if command == commands[-1] else 0), done.stdout + done.stderr
        seen += sandbox.run(TRACERD, "show", "latest").stdout.decode()
    assert [words for words in RECORDED[tool] if words not in seen] == [], seen
