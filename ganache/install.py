"""`python -m ganache.install`: put the locked npm packages of the embedded chain in place, once."""

import subprocess
import sys

from ganache.node import FOLDER, find_npm, installed
from ledger.domain.errors import Invalid

_MINUTES = 10


def main() -> int:
    """Run `npm ci` unless it has been; the exit code of npm."""
    if installed():
        return 0
    print("Installing the embedded chain (npm ganache), about a minute ...", flush=True)
    # Ganache is JavaScript; the install scripts of its packages only build optional native parts.
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        return subprocess.run([*find_npm(), "ci", *options], cwd=FOLDER, timeout=_MINUTES * 60).returncode
    except Invalid as error:
        print(error, file=sys.stderr)
    except subprocess.TimeoutExpired:
        print(f"npm did not finish within {_MINUTES} minutes: is the registry in reach?", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
