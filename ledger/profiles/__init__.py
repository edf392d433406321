"""The cold-chain profiles that come with Suyuan, as TOML files beside this one, and those of the node's own.

What a profile may hold is said in `ledger.domain.cold_chain.profile`.
"""

from functools import lru_cache
from pathlib import Path

from ledger.domain.cold_chain.profile import Profile, parse_profile
from ledger.domain.errors import NotFound

_BUILT_IN = Path(__file__).parent


def find_profile(name: str, folder: Path | None = None) -> Profile:
    """The profile `name` of `folder`, or else of those that come with Suyuan.

    Raises NotFound naming those there are; Invalid when it is wrong.
    """
    return _parse(name, _read(name, folder))


def profile_text(name: str, folder: Path | None = None) -> str:
    """The TOML of the profile `name`, which is right. Raises as `find_profile` does."""
    text = _read(name, folder)
    _parse(name, text)
    return text


def _read(name: str, folder: Path | None) -> str:
    for place in (folder, _BUILT_IN):
        if place and name in profile_names(place):
            return (place / f"{name}.toml").read_text(encoding="utf-8")
    known = sorted({*profile_names(), *(profile_names(folder) if folder else ())})
    raise NotFound(f"no cold-chain profile {name!r}; there are {', '.join(known)}")


_parse = lru_cache(maxsize=256)(parse_profile)


def profile_names(folder: Path = _BUILT_IN) -> tuple[str, ...]:
    """The names of the profiles in a folder, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))
