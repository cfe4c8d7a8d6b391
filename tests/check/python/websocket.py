"""Stages 5 and 6: the handshake, and frames. Knows nothing of the chat."""
import base64, binascii, codecs, hashlib, socket, threading

from http1 import Gone, Refusal

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
PROTOCOL, NOT_UTF8, TOO_SLOW, TOO_BIG = 1002, 1007, 1008, 1009  # RFC 6455 §7.4.1
SILENCE_S = 30  # then we ask with a ping; after as much again the peer is gone


class Violation(Exception):
    """The peer broke a rule; the connection ends with this close code."""

    def __init__(self, code, problem):
        super().__init__(problem)
        self.code = code


def shake_hands(connection, request):
    """Answers 101: behind its empty line the connection is no longer HTTP. RFC 6455 §4.2"""
    request.check_origin()
    if not request.has("upgrade", "websocket"):
        raise Refusal(426, "this is a WebSocket", Upgrade="websocket", Connection="Upgrade")
    if request.fields.get("sec-websocket-version") != "13":
        raise Refusal(426, "version 13 is spoken here", Sec_WebSocket_Version="13",
                      Upgrade="websocket", Connection="Upgrade")
    key = request.fields.get("sec-websocket-key", "")
    try:
        is_key = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        is_key = False
    if request.method != "GET" or not request.has("connection", "upgrade") or not is_key:
        raise Refusal(400, "a handshake is a GET with Connection: Upgrade and a key of 16 bytes")
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    connection.send(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    f"Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())


def unmasked(payload, key):
    """Byte i is XORed with byte i % 4 of the key: here all at once, as two very long numbers."""
    keys = (key * (len(payload) // 4 + 1))[:len(payload)]
    plain = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return plain.to_bytes(len(payload), "big")


class WebSocket:
    """One thread reads, with `messages`; any may `send`."""

    def __init__(self, connection, message_bytes_max):
        self.connection, self.message_bytes_max = connection, message_bytes_max
        self.sending, self.closed = threading.Lock(), False

    def send(self, opcode, payload):
        """A frame in one piece, and not masked. Nothing follows a Close frame."""
        length = len(payload)
        if length < 126:
            head = bytes([0x80 | opcode, length])
        elif length < 65536:
            head = bytes([0x80 | opcode, 126]) + length.to_bytes(2, "big")
        else:
            head = bytes([0x80 | opcode, 127]) + length.to_bytes(8, "big")
        with self.sending:  # two threads at once would mix their frames
            if not self.closed:
                self.closed = opcode == CLOSE
                self.connection.send(head + payload)

    def close(self, code, why=""):
        self.send(CLOSE, code.to_bytes(2, "big") + why.encode())

    def cut(self):
        """Ends the connection at once; who is stuck in `send` gets an error."""
        self.closed = True
        try:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already

    def first_two_bytes(self):
        """Of the next frame. A peer that is silent is asked once whether it is still there."""
        try:
            return self.connection.take(2, SILENCE_S)
        except socket.timeout:
            self.send(PING, b"")
            return self.connection.take(2, SILENCE_S)

    def frame(self, bytes_so_far):
        """(fin, opcode, payload) of the next frame; each rule is checked as soon as it can be.

         byte 0            byte 1              then                 then
        |F|R|R|R|opcode|  |M| length 7 bits |  length 16 or 64 bits,  payload
                                               key 4 bytes
        """
        b0, b1 = self.first_two_bytes()
        fin, opcode, length = bool(b0 & 0x80), b0 & 0x0F, b1 & 0x7F
        if b0 & 0x70:
            raise Violation(PROTOCOL, "a reserved bit is set")
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise Violation(PROTOCOL, f"there is no opcode {opcode}")
        if not b1 & 0x80:
            raise Violation(PROTOCOL, "a client masks its frames")
        if opcode >= CLOSE and (not fin or length > 125):
            raise Violation(PROTOCOL, "a control frame is whole and has at most 125 bytes")
        if length >= 126:
            size, least = (2, 126) if length == 126 else (8, 65536)
            length = int.from_bytes(self.connection.take(size, SILENCE_S), "big")
            if length < least or length >= 1 << 63:
                raise Violation(PROTOCOL, "a length is written in the shortest form")
        if opcode < CLOSE and bytes_so_far + length > self.message_bytes_max:
            raise Violation(TOO_BIG, f"{self.message_bytes_max} bytes are allowed")
        key = self.connection.take(4, SILENCE_S)
        return fin, opcode, unmasked(self.connection.take(length, 2 * SILENCE_S), key)

    def messages(self):
        """(opcode, payload) of each whole message, until one side closes. `Gone`, OSError: no Close
        came. Control frames may come between the parts of a message, and are answered at once."""
        try:
            kind, parts, utf8 = None, bytearray(), None
            while True:
                fin, opcode, payload = self.frame(len(parts))
                if opcode == PING:
                    self.send(PONG, payload)
                elif opcode == CLOSE:
                    check_close(payload)
                    self.send(CLOSE, payload[:2])
                    break
                elif opcode != PONG:
                    if (opcode == CONTINUATION) != (kind is not None):
                        raise Violation(PROTOCOL, "fragments: a first one, then continuations")
                    if opcode != CONTINUATION:
                        kind, parts, utf8 = opcode, bytearray(), codecs.getincrementaldecoder("utf-8")()
                    if kind == TEXT:
                        utf8.decode(payload, final=fin)
                    parts += payload
                    if fin:
                        yield kind, bytes(parts)
                        kind, parts = None, bytearray()
        except UnicodeDecodeError:
            self.close(NOT_UTF8, "text is UTF-8")
        except Violation as violation:
            self.close(violation.code, str(violation))
        self.connection.hang_up()


def check_close(payload):
    """A Close frame is empty, or a code that may be sent and a reason in UTF-8. RFC 6455 §7.4"""
    if payload:
        code = int.from_bytes(payload[:2], "big")
        if len(payload) == 1 or not (code in range(3000, 5000) or code in range(1000, 1015)
                                     and code not in (1004, 1005, 1006)):
            raise Violation(PROTOCOL, "that is no close code")
        payload[2:].decode()
