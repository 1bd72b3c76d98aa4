"""What the client library imports: a program that is not traced pays for it too. `bench` measures the rest."""

import json
import subprocess
import sys


def test_importing_loads_only_light_modules() -> None:
    source = "import json, sys, tracerd.client; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True)

    loaded: list[str] = json.loads(done.stdout)
    ours = {name for name in loaded if name.startswith("tracerd.") and not name.startswith("tracerd.client")}
    assert ours == {"tracerd.errors", "tracerd.socket_path", "tracerd.trace_id"}
    assert not {"typing", "trio", "msgspec", "orjson", "click", "platformdirs", "threading", "inspect"} & {*loaded}
