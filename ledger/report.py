"""The temperature report of a shipment, to print: what was measured, what it was held against, who had it,
what the receiver decided, and where the proof of all that is.

It says what `ledger.shipment` finds, on A4 in Chinese or English, with every character drawn. Times are in
the zone of the newest step in the custody, which is where the goods are, else UTC.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta, timezone
from io import BytesIO
from typing import Final
from urllib.parse import quote

from labels.paper import BLACK, GREY, INNER, MARGIN, Paper
from labels.payload import Payload
from labels.symbol import encode
from ledger.domain.cold_chain.profile import Profile
from ledger.domain.cold_chain.reading import QUANTITIES, Quantity, show
from ledger.domain.cold_chain.watch import Condition
from ledger.domain.identifiers import class_uri, element_string
from ledger.domain.master_data import MasterData
from ledger.node import Node
from ledger.report_chart import GREEN, RED, Chart, Wording
from ledger.seals import SealedTime, seals_over
from ledger.shipment import Custody, LegExcursion, Shipment, Stretch, look_up_shipment
from ledger.words import BIZ_STEPS, Language

COLUMNS: Final = 1_500
"""Three to a point: as fine as a printer of 300 dpi shows it."""
SEALS_SHOWN_MAX: Final = 24
EXCURSIONS_SHOWN_MAX: Final = 60

_QR_SIDE: Final = 92.0
_WORST: Final = (Condition.EXCURSION, Condition.NO_DATA, Condition.OUT, Condition.IN_RANGE)


def temperature_report(node: Node, text: str, language: Language) -> bytes:
    """The report on the item that `text` names, as a PDF. Raises Invalid for what is no identifier.

    Who may have it, may see the shipment: `look_up_shipment` says who that is.
    """
    shipment = look_up_shipment(node, text, columns=COLUMNS)
    pages = _Pages(node, shipment, Wording(language, _zone(shipment), _known(node, shipment)))
    pages.write()
    out = BytesIO()
    pages.paper.finish(out)
    return out.getvalue()


def _known(node: Node, shipment: Shipment) -> Mapping[str, MasterData]:
    uris = {shipment.uri, *(custody.place for custody in shipment.custody if custody.place)}
    uris |= {via.uri for stretch in shipment.stretches for via in stretch.leg.path}
    return node.store.master_data(sorted(uris | set(map(class_uri, uris))))


def _zone(shipment: Shipment) -> timezone:
    offset = shipment.custody[-1].event.time_zone_offset if shipment.custody else "+00:00"
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6])))


class _Pages:
    """The report, section by section."""

    def __init__(self, node: Node, shipment: Shipment, words: Wording) -> None:
        self._node = node
        self._shipment = shipment
        self._words = words
        self.paper = Paper(f"{words.say('title')} · {element_string(shipment.uri)}")

    def write(self) -> None:
        self._head()
        for number, stretch in enumerate(self._shipment.stretches, start=1):
            self._leg(number, stretch)
        self._curves()
        self._excursions()
        self._custody()
        self._decisions()
        self._proof()

    def _section(self, key: str, height: float = 60.0, **blanks: object) -> None:
        self.paper.y += 10
        self.paper.room(height)
        self.paper.text(self._words.say(key, **blanks), 12, bold=True, colour=GREEN)
        self.paper.y += 3

    def _facts(self, *facts: tuple[str, str]) -> None:
        for name, value in facts:
            self.paper.row((name, value), (110, INNER - 110), bold=1)

    def _head(self) -> None:
        paper, words, shipment, node = self.paper, self._words, self._shipment, self._node
        top, width = paper.y, INNER - _QR_SIDE - 12
        link = f"{node.settings.label_url}/item?id={quote(shipment.uri, safe='')}"
        left = MARGIN + INNER - _QR_SIDE
        paper.symbol(encode(Payload("qr", link), "M"), left, top, _QR_SIDE)
        paper.put(left + _QR_SIDE / 2, top + _QR_SIDE, words.say("scan"), 7.5, colour=GREY, align=0.5)
        paper.text(words.say("title"), 20, width=width, bold=True)
        paper.y += 4
        paper.text(words.name(shipment.uri), 11, width=width, bold=True)
        paper.y += 2
        made = words.say("made", time=words.time(node.clock()), origin=node.signer.origin)
        zone = words.say("zone", zone=words.zone)
        for line in (made, zone, link):
            paper.text(line, 8, width=width, colour=GREY)
        paper.y = max(paper.y, top + _QR_SIDE + 14)
        self._facts((words.say("result"), self._result()))
        if shipment.stretches:
            span = f"{words.time(shipment.from_ms)} – {words.time(shipment.to_ms)}"
            self._facts((words.say("time"), span))
        if not shipment.complete:
            paper.text(words.say("cut"), 9, bold=True, colour=RED)

    def _result(self) -> str:
        found = {stretch.condition for stretch in self._shipment.stretches}
        return self._words.say(next((worst.value for worst in _WORST if worst in found), "none"))

    def _leg(self, number: int, stretch: Stretch) -> None:
        words, leg, profile = self._words, stretch.leg, stretch.leg.profile
        self._section("leg", number=number)
        facts = [(words.say("carrier"), element_string(leg.binding.carrier_id))]
        if leg.path:
            facts.append((words.say("on"), " → ".join(words.name(via.uri) for via in leg.path)))
        title = f"{words.pick(profile.title_zh, profile.title)} ({profile.name}; {profile.source})"
        facts += [
            (words.say("time"), f"{words.time(leg.from_ms)} – {words.time(leg.until_ms)}"),
            (words.say("profile"), title),
            *((words.say("rule"), limit) for limit in _limits(profile, words)),
            (words.say("result"), words.say(stretch.condition.value)),
        ]
        if stretch.imported:
            facts.append((words.say("unsigned"), words.say("imported", count=stretch.imported)))
        self._facts(*facts)
        self.paper.y += 4
        columns = ("count", "min", "max", "mean", "mkt", "known", "out_of", "gaps")
        widths = (58, 45, 52, 52, 52, 56, 63, 63, 64)
        self.paper.row(("", *map(words.say, columns)), widths, 7.5)
        for quantity, (told, _) in stretch.series.items():
            mkt = "–" if told.mkt is None else f"{told.mkt:f} °C"
            cells = (
                words.say(quantity),
                f"{told.count:,}",
                *(
                    words.value(milli, quantity)
                    for milli in (told.milli_min, told.milli_max, told.milli_mean)
                ),
                mkt,
                words.lasting(told.known_ms),
                words.lasting(told.out_ms),
                f"{words.lasting(told.gap_ms)} ({told.gaps})",
            )
            self.paper.row(cells, widths, 8)

    def _curves(self) -> None:
        measured = [quantity for stretch in self._shipment.stretches for quantity in stretch.series]
        for quantity in dict.fromkeys(measured):
            self._section("curve", 243)
            Chart(self.paper, self._shipment, quantity, self._words).draw()

    def _excursions(self) -> None:
        words = self._words
        found = [
            (each, stretch.leg.profile) for stretch in self._shipment.stretches for each in stretch.excursions
        ]
        self._section("excursions")
        if not found:
            self.paper.text(words.say("no_excursions"))
            return
        widths = (105, 105, 105, 90, 100)
        self.paper.row([words.say(key) for key in ("rule", "began", "ended", "peak", "out_of")], widths, 7.5)
        for excursion, profile in found[:EXCURSIONS_SHOWN_MAX]:
            self.paper.row(_excursion_cells(excursion, profile, words), widths)
        if len(found) > EXCURSIONS_SHOWN_MAX:
            self.paper.text(words.say("cut"), 9, bold=True, colour=RED)

    def _custody(self) -> None:
        words = self._words
        self._section("custody")
        for number, custody in enumerate(self._shipment.custody, start=1):
            place = words.name(custody.place) if custody.place else ""
            cells = (f"{number}", words.time(custody.at_ms), _step(custody, words), place)
            self.paper.row(cells, (22, 95, 110, INNER - 227))
        if not self._shipment.custody:
            self.paper.text(words.say("no_custody"))

    def _decisions(self) -> None:
        words = self._words
        self._section("decision")
        decided = [(c, c.decision) for c in self._shipment.custody if c.decision]
        for custody, decision in decided:
            told = words.say(
                "decided",
                choice=words.say(decision.choice),
                reason=decision.reason,
                name=decision.name,
                time=words.time(custody.at_ms),
            )
            self.paper.text(told, 10, bold=True, colour=RED if decision.choice == "reject" else BLACK)
        if not decided:
            self.paper.text(words.say("no_decision"))

    def _proof(self) -> None:
        words, trust = self._words, self._node.trust
        self._section("proof")
        self.paper.text(words.say("proof_says"), 8.5)
        self.paper.y += 4
        self._facts(
            (words.say("chain"), f"{trust.chain_id}, 0x{trust.contract.hex()}"),
            (words.say("log"), f"{trust.log_key.origin}, 0x{trust.log_id.hex()}"),
        )
        seals, count = self._seals()
        for number, sealed in enumerate(seals, start=1):
            self._seal(number, sealed)
        if not seals:
            self.paper.text(words.say("no_seals"))
        if count > len(seals):
            self.paper.text(words.say("more_seals", count=count - len(seals)))

    def _seals(self) -> tuple[list[SealedTime], int]:
        shown: list[SealedTime] = []
        count = 0
        for stretch in self._shipment.stretches:
            carrier_id = stretch.leg.binding.carrier_id
            left = SEALS_SHOWN_MAX - len(shown)
            seals, total = seals_over(self._node, carrier_id, stretch.from_ms, stretch.to_ms, left)
            shown, count = shown + seals, count + total
        return shown, count

    def _seal(self, number: int, sealed: SealedTime) -> None:
        words, seal, record = self._words, sealed.seal, sealed.anchor
        told = [
            words.say(
                "seal_time",
                from_=words.time(sealed.from_ms),
                to=words.time(sealed.to_ms),
                messages=seal.messages,
            ),
            f"{words.say('event')} {seal.event_id}"
            + ("" if sealed.log_index is None else f", {words.say('place_in_log', index=sealed.log_index)}"),
            f"{words.say('root')} {seal.root.hex()}",
        ]
        if record and record.block and record.tx_hash:
            told.append(
                words.say(
                    "anchored",
                    number=record.anchor.number,
                    block=record.block.number,
                    tx=f"0x{record.tx_hash.hex()}",
                )
            )
        else:
            told.append(words.say("waiting"))
        if sealed.intact is None:
            told.append(words.say("withheld"))
        elif not sealed.intact:
            told.append(words.say("damaged"))
        self.paper.row((words.say("seal", number=number), "; ".join(told)), (60, INNER - 60), 7.5)


def _limits(profile: Profile, words: Wording) -> Iterator[str]:
    for rule in profile.rules:
        how = words.say(rule.mode, delay=words.lasting(rule.delay_ms))
        unit = QUANTITIES[rule.quantity].symbol
        yield f"{words.say(rule.quantity)} {rule.bound} {unit}, {how} ({rule.name})"
    if limit := profile.mkt:
        window = words.lasting(limit.window_ms)
        yield words.say("mkt_limit", count=limit.count, window=window, value=f"{show(limit.milli_max)} °C")


def _excursion_cells(excursion: LegExcursion, profile: Profile, words: Wording) -> Sequence[str]:
    rule = next((rule for rule in profile.rules if rule.name == excursion.rule), None)
    quantity: Quantity = rule.quantity if rule else "temperature"  # the MKT limit is no rule of the profile's
    bound = f"{words.say(quantity)} {rule.bound} {QUANTITIES[quantity].symbol}" if rule else words.say("mkt")
    return (
        bound.strip(),
        words.time(excursion.began_ms),
        words.time(excursion.closed_ms),
        words.value(excursion.peak_milli, quantity),
        "–" if excursion.out_ms is None else words.lasting(excursion.out_ms),
    )


def _step(custody: Custody, words: Wording) -> str:
    if decision := custody.decision:
        return words.say(decision.choice)
    step = custody.event.biz_step or ""
    return words.pick(*BIZ_STEPS[step]) if step in BIZ_STEPS else step
