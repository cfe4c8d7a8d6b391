"""Stages 0 and 1: connections, and the HTTP/1.1 on them. Knows nothing of the chat."""
import json, re, socket, threading, time
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qs, unquote

PATIENCE_S = 60  # for a whole head; and for a peer that takes nothing
BODY_S = 30
HEAD_BYTES_MAX = 16 * 1024
BODY_BYTES_MAX = 64 * 1024
THREADS_MAX = 2000


def listen(port, route):
    """Gives each connection a thread: a client that is silent delays nobody else."""
    with socket.create_server(("127.0.0.1", port), backlog=512) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:  # no descriptor is free: wait until one is given back
                time.sleep(0.1)
                continue
            if threading.active_count() < THREADS_MAX:
                threading.Thread(target=serve, args=(sock, route), daemon=True).start()
            else:
                sock.close()


class Gone(Exception):
    """The client has closed the connection: nobody is left to answer."""


class Refusal(Exception):
    """An answer that says what was wrong."""

    def __init__(self, status, problem, **fields):
        super().__init__(problem)
        self.answer = response(status, json.dumps({"error": problem}, ensure_ascii=False), **fields)


class Connection:
    """A socket, and the bytes that came and are not used yet: one read may bring half a request,
    or two requests, or a request and the first frames behind it."""

    def __init__(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.buffer = sock, bytearray()

    def more(self, deadline):
        """Waits until some bytes arrive. `socket.timeout`: they did not come in time."""
        self.sock.settimeout(max(deadline - time.monotonic(), 1))
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        self.buffer += data

    def take(self, count, patience):
        """The next `count` bytes."""
        deadline = time.monotonic() + patience
        while len(self.buffer) < count:
            self.more(deadline)
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def send(self, data):
        self.sock.settimeout(PATIENCE_S)
        self.sock.sendall(data)

    def has_gone(self):
        """Looks, without taking a byte and without waiting for one."""
        self.sock.setblocking(False)
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False

    def hang_up(self):
        """Says that we are done, and reads until the client is. With bytes left unread TCP would
        send RST, and the client might lose our last answer."""
        deadline = time.monotonic() + 2
        try:
            self.sock.shutdown(socket.SHUT_WR)
            while time.monotonic() < deadline:
                self.buffer.clear()
                self.more(deadline)
        except (Gone, OSError):
            pass


REQUEST_LINE = re.compile(r"([!-~]+) ([!-~]+) HTTP/([0-9])\.([0-9])")
FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
HOST = re.compile(r"[0-9A-Za-z._~%!$&'()*+;=:\[\]-]+")


class Request:
    def __init__(self, head):
        line, *lines = head.decode("latin-1").split("\r\n")
        words = REQUEST_LINE.fullmatch(line)
        if not words:
            raise Refusal(400, f"the request line is {line!r}, expected METHOD path HTTP/1.1")
        self.method, target, major, minor = words.groups()
        if major != "1":
            raise Refusal(505, "only HTTP/1.1 is spoken here")
        self.fields = {}  # names in small letters; what is said twice is joined by a comma
        for line in lines:
            field = FIELD.fullmatch(line)
            if not field:
                raise Refusal(400, f"{line!r} is not a header field")
            name, value = field[1].lower(), field[2]
            self.fields[name] = f"{self.fields[name]}, {value}" if name in self.fields else value
        if not HOST.fullmatch(self.fields.get("host", "-" if minor == "0" else "")):
            raise Refusal(400, "HTTP/1.1 asks for exactly one Host")
        target = re.sub("^https?://[^/?]*", "", target)  # as a client says it to a proxy
        path, _, query = target.partition("?")
        self.path, self.query = unquote(path) or "/", parse_qs(query, keep_blank_values=True)
        self.keep_alive = minor != "0" and not self.has("connection", "close")
        self.body = b""

    def has(self, name, token):
        """Whether the list in the field `name` has this token; case means nothing."""
        return token in [part.strip().lower() for part in self.fields.get(name, "").split(",")]

    def check_origin(self):
        """A browser says which page asks, and only ours may. curl says nothing. RFC 6455 §10.2"""
        origin = self.fields.get("origin")
        if origin is not None and origin.partition("://")[2] != self.fields.get("host"):
            raise Refusal(403, f"a page of {origin} may not do that")


def number(text, name):
    if not re.fullmatch("[0-9]+", text):
        raise Refusal(400, f"{name} is {text!r}, expected a number")
    return int(text[:18])  # a longer one is beyond every limit anyway


def read_request(connection):
    """The next request: up to the empty line, and then as many bytes as it announces."""
    buffer, deadline = connection.buffer, time.monotonic() + PATIENCE_S
    while (end := buffer.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)) <= 0:
        if buffer.startswith(b"\r\n"):
            del buffer[:2]  # an empty line before a request is skipped: RFC 9112 §2.2
            continue
        if len(buffer) > HEAD_BYTES_MAX:
            raise Refusal(431, f"the head is longer than {HEAD_BYTES_MAX} bytes")
        if re.search(rb"(?<!\r)\n", buffer):
            raise Refusal(400, "a line ends in CR LF: nc needs -C for that")
        try:
            connection.more(deadline)
        except socket.timeout:
            if not buffer:
                raise Gone  # nothing was asked
            raise Refusal(408, f"the head did not arrive within {PATIENCE_S} s")
    request = Request(connection.take(end + 4, 0)[:-4])
    length = request.fields.get("content-length", None if request.method == "POST" else "0")
    if length is None or "transfer-encoding" in request.fields:
        raise Refusal(411, "say with Content-Length how long the body is")
    length = number(length, "Content-Length")
    if length > BODY_BYTES_MAX:  # judged now, before a byte of it is stored
        raise Refusal(413, f"a body of {length} bytes, {BODY_BYTES_MAX} are allowed")
    if request.has("expect", "100-continue"):
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        request.body = connection.take(length, BODY_S)
    except socket.timeout:
        raise Refusal(408, f"the body did not arrive within {BODY_S} s")
    return request


def response(status, body="", kind="application/json; charset=utf-8", **fields):
    """(status, fields, body). In the name of a field _ stands for -."""
    fields = {name.replace("_", "-"): value for name, value in fields.items()}
    return status, {"Content-Type": kind, **fields} if body else fields, body.encode()


def written(answer, method, keep_alive):
    """The bytes of an answer, in one piece. Content-Length counts bytes, not characters."""
    status, fields, body = answer
    fields = {"Date": formatdate(usegmt=True), "Cache-Control": "no-store", **fields}
    if status != 204:
        fields["Content-Length"] = len(body)
    if not keep_alive:
        fields["Connection"] = "close"
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n"
    return head.encode("latin-1") + (b"" if method == "HEAD" else body)


def serve(sock, route):
    """Answers one request after another. `route` makes the answer; None: the connection is over."""
    connection, keep_alive = Connection(sock), True
    try:
        while keep_alive:
            request = None
            try:
                request = read_request(connection)
                answer = route(connection, request)
            except Refusal as refusal:
                answer = refusal.answer
            if answer is None:
                return
            # Behind a request that was not understood nobody knows where the next one begins.
            keep_alive = request is not None and request.keep_alive
            connection.send(written(answer, request and request.method, keep_alive))
        connection.hang_up()
    except (Gone, OSError):
        pass
    finally:
        sock.close()
