"""What to call things on a page: by their master data where there are any, else by kind and identifier."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from api.i18n import Language, Phrase, say
from api.i18n.phrases import KINDS, OTHER_KIND
from ledger.domain.identifiers import class_uri, parse_identifier, scheme_of
from ledger.domain.identifiers import element_string as element_string
from ledger.domain.master_data import MasterData
from ledger.ports import Party


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text; `code` is an identifier behind it, `href` leads to its page."""

    text: str
    code: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """Names in one language."""

    language: Language
    known: Mapping[str, MasterData]

    def of(self, uri: str) -> str:
        """The registered name of `uri` or of what it is one of; "" when there is none."""
        entry = self.known.get(uri) or self.known.get(class_uri(uri))
        return self._pick(entry.name_zh, entry.name) if entry else ""

    def item(self, uri: str) -> Text:
        """An item by name and serial, lot or other number, with the way to its page."""
        kind = say(KINDS.get(parse_identifier(uri).kind, OTHER_KIND), self.language)
        return Text(self.of(uri) or kind, short_code(uri), f"/item?id={quote(uri, safe='')}")

    def place(self, uri: str) -> Text:
        """A place by name and city."""
        entry = self.known.get(uri) or self.known.get(class_uri(uri))
        if entry is None or not (entry.name or entry.name_zh):
            return Text("", element_string(uri))
        city = self._pick(entry.details.get("city_zh", ""), entry.details.get("city", ""))
        return Text(self.of(uri) + (f" · {city}" if city else ""))

    def party(self, party: Party | None) -> str:
        return self._pick(party.name_zh, party.name) if party else ""

    def word(self, table: Mapping[str, Phrase], word: str) -> str:
        """A word of the CBV; a private one by the last part of its URI."""
        phrase = table.get(word)
        return say(phrase, self.language) if phrase else last_part(word).replace("_", " ").replace("-", " ")

    def _pick(self, chinese: str, english: str) -> str:
        return (chinese or english) if self.language == "zh" else (english or chinese)


def short_code(uri: str) -> str:
    """The part that tells one thing from others of its kind: serial, lot or number."""
    identifier = parse_identifier(uri)
    if identifier.kind == "uri":
        return last_part(scheme_of(uri).write(uri))
    ai, value = identifier.elements[-1]
    return value[13:] or value if ai == "253" else f"({ai}) {value}"


def last_part(uri: str) -> str:
    return uri.rstrip("/").replace("#", "/").replace(":", "/").rpartition("/")[2]
