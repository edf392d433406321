"""The other identifiers of an item, by what the owners of both prefixes registered on chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from api.i18n import Language
from api.names import Text, element_string
from api.pages import translator


@dataclass(frozen=True, slots=True)
class SameView:
    sentence: str
    names: tuple[Text, ...]


def same_view(asked: str, shown: str, others: Sequence[str], language: Language) -> SameView | None:
    """What to say when `asked` was asked for and the page is of `shown`; None when it has one name."""
    if not others:
        return None
    key = "same_item_says" if shown == asked else "same_item_reached"
    sentence = translator(language)(key, asked=element_string(asked), code=element_string(shown))
    return SameView(sentence, tuple(_link(uri) for uri in others))


def _link(uri: str) -> Text:
    return Text("", element_string(uri), f"/item?id={quote(uri, safe='')}")
