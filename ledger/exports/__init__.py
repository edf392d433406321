"""The records that come with Suyuan, as TOML files beside this one: which fields, and where each comes from.

What a file may hold is said in `ledger.domain.cold_chain.export_record`.
"""

from functools import lru_cache
from pathlib import Path
from typing import Final

from ledger.domain.cold_chain.export_record import RecordProfile, parse_record_profile
from ledger.domain.errors import NotFound

_FOLDER: Final = Path(__file__).parent


def record_profile_names() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def find_record_profile(name: str) -> RecordProfile:
    """Raises NotFound naming those there are."""
    if name not in record_profile_names():
        raise NotFound(f"no record profile {name!r}; there are {', '.join(record_profile_names())}")
    return _read(name)


@lru_cache(maxsize=16)
def _read(name: str) -> RecordProfile:
    return parse_record_profile(name, (_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
