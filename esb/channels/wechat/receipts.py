"""Receipts of an official account (公众号): the events by which WeChat tells what became of template messages.

WeChat posts XML, plain or encrypted with AES, to an address that the account's console names, and looks whether the
address answers before it does. What else it posts there (messages of followers, their clicks) is taken and dropped.

Sources: developers.weixin.qq.com/doc/offiaccount/Basic_Information/Access_Overview.html (signature, echostr),
…/doc/offiaccount/Message_Management/Message_encryption_and_decryption_instructions.html (AES),
…/doc/service/api/notify/template/api_sendtemplatemessage (TEMPLATESENDJOBFINISH).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from xml.parsers import expat

from esb.contracts.receipts import Receipt, ReceiptAnswer, ReceiptRequest

TAKEN = "success"
"""The answer after which WeChat does not post the same again."""
EVENT = "TEMPLATESENDJOBFINISH"
DELIVERED = "success"
MOST_BYTES = 65_536
"""Bytes of what WeChat posts: an event has a few hundred."""
MOST_FIELDS = 100
LONGEST_ECHO = 200
LONGEST_REASON = 100
BLOCK = 32
"""Bytes of a block of the padding; the cipher's own have 16."""
PREFIX = 16 + 4
"""Bytes before the event in what is encrypted: random ones, and its length."""


class _NotBelieved(Exception):
    """A request that WeChat cannot have made; its text is for the log, and quotes nothing of it."""


class ReceiptReader:
    """The reader of what WeChat posts for one official account.

    `token` and `aes_key` are those that its console names for the address; without the key, events are plain.
    """

    def __init__(self, appid: str, token: str, aes_key: str = "") -> None:
        self._appid = appid.encode()
        self._token = token
        self._key = base64.b64decode(f"{aes_key}=") if aes_key else b""

    def answer(self, request: ReceiptRequest) -> ReceiptAnswer:
        """Return the answer to a request, with the receipts in it; 403 for what is not signed with the token."""
        query = request.query
        try:
            self._check(query.get("signature", ""), query)
            if request.method == "GET":
                return ReceiptAnswer(query.get("echostr", "")[:LONGEST_ECHO])
            return ReceiptAnswer(TAKEN, receipts=_receipts(self._event(request.body, query)))
        except _NotBelieved as error:
            return ReceiptAnswer("", 403, refusal=str(error))

    def _check(self, signature: str, query: Mapping[str, str], *signed: str) -> None:
        """Raise _NotBelieved unless this is the signature of the query's time and nonce, and what else is signed."""
        parts = sorted((self._token, query.get("timestamp", ""), query.get("nonce", ""), *signed))
        made = hashlib.sha1("".join(parts).encode("utf-8", "surrogatepass")).hexdigest()  # noqa: S324 - WeChat's choice
        if not hmac.compare_digest(made.encode(), signature.lower().encode("utf-8", "surrogatepass")):
            raise _NotBelieved("the signature is not one made with wx_callback_token")

    def _event(self, body: bytes, query: Mapping[str, str]) -> Mapping[str, str]:
        """Return the fields of an event, decrypted if there is a key: then one that is not encrypted is nobody's."""
        fields = _fields(body)
        if not self._key:
            if "Encrypt" in fields and "Event" not in fields:
                raise _NotBelieved("the event is encrypted: wx_encoding_aes_key is needed")
            return fields
        encrypted = fields.get("Encrypt", "")
        if not encrypted:
            raise _NotBelieved("the event is not encrypted, though there is a wx_encoding_aes_key")
        self._check(query.get("msg_signature", ""), query, encrypted)
        return _fields(self._decrypted(encrypted))

    def _decrypted(self, encrypted: str) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        try:
            decryptor = Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16])).decryptor()
            padded = decryptor.update(base64.b64decode(encrypted, validate=True)) + decryptor.finalize()
        except ValueError:
            raise _NotBelieved("the event cannot be decrypted") from None
        padding = padded[-1] if padded else 0
        size = int.from_bytes(padded[PREFIX - 4 : PREFIX], "big")
        content, appid = padded[PREFIX : PREFIX + size], padded[PREFIX + size : -padding]
        if not 1 <= padding <= BLOCK or not hmac.compare_digest(appid, self._appid):
            raise _NotBelieved("the event is not for this account, or not encrypted with wx_encoding_aes_key")
        return content


def _receipts(event: Mapping[str, str]) -> tuple[Receipt, ...]:
    """Return the receipt that an event is; none if it is another one."""
    msgid, receiver = event.get("MsgID", ""), event.get("FromUserName", "")
    if event.get("Event") != EVENT or not msgid or not receiver:
        return ()
    status, _, why = event.get("Status", "").partition(":")
    reason = "".join(letter for letter in (why or status).strip()[:LONGEST_REASON] if letter.isprintable())
    return (Receipt(msgid, receiver, True) if status == DELIVERED else Receipt(msgid, receiver, False, reason),)


def _fields(raw: bytes) -> dict[str, str]:
    """Return the texts of the elements in the root of an XML document, by name."""
    if len(raw) > MOST_BYTES:
        raise _NotBelieved("the event is too long")
    reader = _Fields()
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(raw, True)
    except expat.ExpatError:
        raise _NotBelieved("the event is no XML") from None
    return reader.fields


class _Fields:
    """The fields of a document while it is read. It may declare nothing: an event has no use for entities."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self._path: list[str] = []

    def refuse(self, *declared: object) -> None:
        raise _NotBelieved("the event has a document type")

    def start(self, name: str, attributes: object) -> None:
        self._path.append(name)
        if len(self._path) == 2 and len(self.fields) < MOST_FIELDS:
            self.fields[name] = ""

    def end(self, name: str) -> None:
        self._path.pop()

    def text(self, text: str) -> None:
        if len(self._path) == 2 and self._path[1] in self.fields:
            self.fields[self._path[1]] += text
