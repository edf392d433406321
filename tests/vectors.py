"""Other people's test data, beside a checkout when it is there. No test depends on it being there."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent.parent / "shared" / "vectors"


def vectors(*parts: str) -> Path:
    """The file or folder of test vectors; skips the test when it is not there."""
    path = FOLDER.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"test vectors {'/'.join(parts)} are not here")
    return path
