"""What is made when the package is built, so that nothing that is generated lies in the repository.

- The man page, of docs/cli.md.
- `tracerd._speedups`, where a C compiler is at hand. Without one the wheel is pure Python.
"""

import os
import platform
import re
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager


class Generated(BuildHookInterface[BuilderConfig]):
    """Adds the man page to the wheel, where `man` finds it, and to the sdist; and the extension to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files, and tell hatchling where they belong."""
        metadata: ProjectMetadata[PluginManager] = self.metadata  # pyright: ignore  # hatchling's own type is not whole
        self._directory = tempfile.TemporaryDirectory()
        page = Path(self._directory.name, "tracerd.1")
        markdown = Path(self.root, "docs/cli.md").read_text()
        page.write_text(man_page(markdown, metadata.version, metadata.core.description))
        if self.target_name == "wheel":
            build_data["shared_data"][str(page)] = "share/man/man1/tracerd.1"
            self._add_extension(build_data, in_place=version == "editable")
        else:
            build_data["force_include"][str(page)] = "docs/tracerd.1"

    def _add_extension(self, build_data: dict[str, Any], *, in_place: bool) -> None:
        """Compile the extension and say in the wheel's tag where it runs; in an editable install it lies in place."""
        if os.environ.get("TRACERD_PURE_PYTHON") or not has_stable_abi():
            return
        target = self.root if in_place else self._directory.name
        built = compile_extension(Path(self.root), Path(target), Path(self._directory.name))
        if not built:
            self.app.display_warning("tracerd: no working C compiler, so this wheel is pure Python")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{re.sub('[-.]', '_', sysconfig.get_platform())}"
        if not in_place:
            build_data["force_include"][str(built)] = f"tracerd/{built.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what `initialize` wrote."""
        self._directory.cleanup()


def has_stable_abi() -> bool:
    """Whether an extension for the stable ABI of CPython with a GIL can be built and loaded here."""
    return platform.python_implementation() == "CPython" and not sysconfig.get_config_var("Py_GIL_DISABLED")


def compile_extension(root: Path, target: Path, scratch: Path) -> Path | None:
    """The extension below `target`; None if it cannot be made. CC, CFLAGS and LDFLAGS are honoured."""
    from setuptools import Distribution, Extension  # type: ignore[import-untyped]

    extension = Extension(
        "tracerd._speedups",
        [os.path.relpath(root / "tracerd/_speedups.c")],
        extra_compile_args=["-O3"],
        py_limited_api=True,
        optional=True,
    )
    command = Distribution({"ext_modules": [extension]}).get_command_obj("build_ext")
    command.build_lib = str(target)
    command.build_temp = str(scratch)
    command.ensure_finalized()
    command.run()
    [built] = command.get_outputs()
    return Path(built) if Path(built).exists() else None


def man_page(markdown: str, version: str, summary: str) -> str:
    """The man page of docs/cli.md, by the few rules that it needs."""
    name = f'.TH TRACERD 1 "" "tracerd {version}"\n.SH NAME\ntracerd \\- {_roff(summary.removeprefix("A "))}\n'
    body = re.sub(r"<!--.*?-->\n", "", markdown[markdown.index("## Synopsis") :], flags=re.DOTALL)
    return name + "\n".join(_lines(body)) + "\n"


def _lines(markdown: str) -> Iterator[str]:
    verbatim = False
    after_blank = False
    without_heads = re.sub(r"^\|.*\|\n\|[-|]+\|\n", "", markdown, flags=re.MULTILINE)
    for line in without_heads.splitlines():
        if line.startswith("```"):
            verbatim = not verbatim
            yield ".PP\n.RS 4\n.EX" if verbatim else ".EE\n.RE"
        elif verbatim:
            yield _protect(_escape(line))
        elif line.startswith("#"):
            level, title = line.split(" ", 1)
            yield f".SH {_roff(title.upper())}" if level == "##" else f".SS {_roff(title.replace('`', ''))}"
        elif option := re.match(r"- (`-.*?`): (.*)", line):
            yield f".TP\n{_roff(option[1])}\n{_roff(option[2])}"
        elif line.startswith("- "):
            yield f".IP \\(bu 2\n{_roff(line[2:])}"
        elif line.startswith("|"):
            key, text = (_roff(cell.strip()) for cell in line.strip("|").split(" | "))
            yield f".TP\n{key}\n{text}"
        elif line and after_blank:
            yield f".PP\n{_roff(line)}"
        elif line:
            yield _roff(line)
        after_blank = not line


def _roff(text: str) -> str:
    """A line of text with its links as their names, and code in bold."""
    text = re.sub(r"\[([^\]]*)\]\((https?:[^)]*)\)", r"\1 (\2)", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    pieces = text.split("`")
    return _protect("".join(f"\\fB{_escape(p)}\\fR" if i % 2 else _escape(p) for i, p in enumerate(pieces)))


def _escape(text: str) -> str:
    return (
        text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("'", "\\(aq").replace("`", "\\(ga")
    )


def _protect(line: str) -> str:
    return f"\\&{line}" if line.startswith((".", "'")) else line
