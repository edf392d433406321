"""The checkpoint: log size and root, signed by the node. C2SP signed-note and tlog-checkpoint.

    node.example/suyuan
    4711
    qINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=
    (empty line)
    — node.example/suyuan <base64 of key id (4 bytes) and Ed25519 signature (64 bytes)>

Reading is strict: every byte of a note is either checked or signed.
"""

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.domain.errors import Invalid

_ED25519 = b"\x01"  # signature type of signed-note


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _from_base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"not base64: {text[:60]!r}") from error
    if _base64(raw) != text:
        raise Invalid(f"base64 with stray bits: {text[:60]!r}")
    return raw


@dataclass(frozen=True, slots=True)
class LogKey:
    """The public half of a log's key, and the log's origin, which is the key's name."""

    origin: str
    public: bytes  # 32 bytes, Ed25519

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256(origin || newline || type || public key)."""
        return sha256(self.origin.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        """The C2SP verifier key: origin+key id+base64(type || public key)."""
        return f"{self.origin}+{self.key_id.hex()}+{_base64(_ED25519 + self.public)}"

    @staticmethod
    def parse(text: str) -> "LogKey":
        origin, _, rest = text.partition("+")
        key_id, _, material = rest.partition("+")
        raw = _from_base64(material)
        if not origin or len(raw) != 33 or raw[:1] != _ED25519:
            raise Invalid(f"not an Ed25519 verifier key: {text[:80]!r}")
        key = LogKey(origin, raw[1:])
        if key.key_id.hex() != key_id:
            raise Invalid(f"verifier key of {origin}: key id is {key_id}, should be {key.key_id.hex()}")
        return key

    def opens(self, note: str) -> str:
        """The text of a note that this key signed, with its last newline; Invalid otherwise."""
        text, separator, signature_line = note.rpartition("\n\n")
        text += "\n"
        start = f"— {self.origin} "
        if not separator or not signature_line.startswith(start) or not signature_line.endswith("\n"):
            raise Invalid(f"note carries no signature by {self.origin}")
        raw = _from_base64(signature_line[len(start) : -1])
        if len(raw) != 68 or raw[:4] != self.key_id:
            raise Invalid(f"note is signed by another key than {self.key_id.hex()} of {self.origin}")
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(raw[4:], text.encode())
        except InvalidSignature as error:
            raise Invalid(f"signature by {self.origin} does not fit the note's text") from error
        return text


@dataclass(frozen=True, slots=True)
class LogSigner:
    """The private half of a log's key."""

    origin: str
    private: Ed25519PrivateKey

    @property
    def key(self) -> LogKey:
        return LogKey(self.origin, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """A signed note over `text`, which must end in a newline."""
        assert text.endswith("\n")
        signature = self.private.sign(text.encode())
        return f"{text}\n— {self.origin} {_base64(self.key.key_id + signature)}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @staticmethod
    def parse(text: str) -> "Checkpoint":
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise Invalid("checkpoint is not the three lines origin, size, root")
        origin, size, root = lines[0], lines[1], _from_base64(lines[2])
        if not size.isascii() or not size.isdigit() or str(int(size[:20])) != size or len(root) != 32:
            raise Invalid(f"checkpoint of {origin[:80]!r}: size or root is malformed")
        return Checkpoint(origin, int(size), root)
