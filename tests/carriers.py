"""A device for tests: a secret key, and what the device would sign with it."""

from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.carriers import answer_challenge, challenge_carrier, enrol_carrier
from ledger.domain.carriers import Answer, answer_text, carries_text, parse_answer
from ledger.domain.cold_chain.reading import Reading
from ledger.domain.telemetry import signed_bytes, write_message
from ledger.sm2 import Sm2PrivateKey
from tests.services.world import World

LOGGER = "https://id.gs1.org/8004/9506000LOGGER1"


def secret_of(name: str) -> Ed25519PrivateKey | Sm2PrivateKey:
    """The secret of this name, an SM2 one when it begins with "sm2"; that signs alike each time."""
    secret = sha256(name.encode()).digest()
    if name.startswith("sm2"):
        return Sm2PrivateKey(secret, None)
    return Ed25519PrivateKey.from_private_bytes(secret)


def public_of(name: str) -> str:
    secret = secret_of(name)
    if isinstance(secret, Sm2PrivateKey):
        return secret.public.hex()
    return secret.public_key().public_bytes_raw().hex()


def says(name: str, challenge: str, at_ms: int, battery: int | None = 80, to: str = LOGGER) -> dict[str, Any]:
    """The answer of a device whose key has this name."""
    signed = answer_text(to, challenge, at_ms, battery, public_of(name))
    return {
        "challenge": challenge,
        "time": at_ms,
        "key": public_of(name),
        "signature": secret_of(name).sign(signed).hex(),
        **({} if battery is None else {"battery": battery}),
    }


def confirms(name: str, number: int, uri: str, at_ms: int, to: str = LOGGER) -> dict[str, Any]:
    """The word of a device, whose key has this name, that it bears an identifier."""
    signed = carries_text(to, number, uri, at_ms, public_of(name))
    return {
        "number": number,
        "identifier": uri,
        "time": at_ms,
        "key": public_of(name),
        "signature": secret_of(name).sign(signed).hex(),
    }


def answer_of(name: str, challenge: str, at_ms: int, battery: int | None = 80) -> Answer:
    return parse_answer(says(name, challenge, at_ms, battery))


def reported(
    name: str,
    sequence: int,
    made_ms: int,
    *readings: Reading,
    battery: int | None = 80,
    of: str = LOGGER,
) -> bytes:
    """A message with readings, signed with the key of this name."""
    unsigned = write_message(of, bytes.fromhex(public_of(name)), sequence, made_ms, battery, readings)
    return unsigned + secret_of(name).sign(signed_bytes(unsigned))


def degrees(at_ms: int, *celsius: float, step_ms: int = 60_000) -> list[Reading]:
    """Temperatures one after another, from `at_ms` on."""
    return [Reading(at_ms + n * step_ms, "temperature", round(c * 1000)) for n, c in enumerate(celsius)]


def activate(world: World, name: str = "one", carrier_id: str = LOGGER) -> None:
    """Enrol a logger of the factory with the key of this name, which answers a challenge."""
    factory, now_ms = world.keys["factory"], world.clock.now_ms
    enrol_carrier(world.node, factory, {"id": carrier_id, "key": public_of(name), "model": "TL-1"})
    challenge = challenge_carrier(world.node, factory, carrier_id).challenge
    assert challenge
    answer = says(name, challenge.value_hex, now_ms, to=carrier_id)
    answer_challenge(world.node, factory, carrier_id, answer)
