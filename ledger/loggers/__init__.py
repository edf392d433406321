"""Mappings of logger files that come with Suyuan, as TOML files beside this one, and those of the node's own.

What a mapping may hold is said in `ledger.domain.cold_chain.logger_file`. These are named by their shape:
what a maker's program calls its columns depends on its version and language, so copy one and name yours.
"""

from pathlib import Path

from ledger.domain.cold_chain.logger_file import LoggerMapping, parse_mapping
from ledger.domain.errors import NotFound

_BUILT_IN = Path(__file__).parent


def find_mapping(name: str, folder: Path) -> LoggerMapping:
    """The mapping `name` of `folder`, or else of those that come with Suyuan.

    Raises NotFound naming those there are; Invalid when it is wrong.
    """
    for place in (folder, _BUILT_IN):
        if name in _names(place):
            return parse_mapping(name, (place / f"{name}.toml").read_text(encoding="utf-8"))
    known = sorted({*_names(_BUILT_IN), *_names(folder)})
    raise NotFound(f"no mapping of logger files {name!r}; there are {', '.join(known)}")


def _names(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.toml")}
