#!/usr/bin/env python3
"""The chat of the lecture, all four techniques in one program: sockets, threads and one lock.

    PORT=4000 python3 server.py         then open http://127.0.0.1:4000/?user=Alice

Python 3.8, no packages. Stages 0 and 1 of the homework are http1.py, 5 and 6 websocket.py; the
others are here. Left out: TLS, a disk, chunked requests (411 says so), pages for parts 2 and 3.
"""
import collections, html, json, os, re, threading, time
from datetime import datetime, timezone
from urllib.parse import parse_qs, quote

from http1 import Gone, Refusal, listen, number, response
from websocket import TEXT, TOO_SLOW, WebSocket, shake_hands

PORT = int(os.environ.get("PORT", 3000))
HOLD_S = float(os.environ.get("HOLD", 30))  # a long poll is answered 204 after this
GLANCE_S = 1  # meanwhile we look this often whether the client is still there
USER_CHARS_MAX = 64
TEXT_CHARS_MAX = 2000
KEPT_MAX = 5000  # messages, and events; older ones are forgotten
CHAT_BYTES_MAX = 1024 * 1024
ECHO_BYTES_MAX = 16 * 1024 * 1024


# ---- Stage 2: it remembers ----------------------------------------------------------------------

class Log:
    """Things numbered 1, 2, 3, … without gaps: what came after 7 is a slice, not a search."""

    def __init__(self):
        self.kept, self.newest = [], 0

    def add(self, thing):
        self.newest += 1
        self.kept.append(thing)
        del self.kept[:-KEPT_MAX]

    def forgotten(self):
        return self.newest - len(self.kept)

    def since(self, after):
        if after > self.newest:
            after = 0  # the reader counts from before a restart
        return self.kept[max(0, after - self.forgotten()):]


class Room:
    """`changed` is a lock and a bell. The rest is touched only with the lock held, and the bell is
    rung after every change."""

    def __init__(self):
        self.changed = threading.Condition()
        self.messages = Log()                 # as JSON
        self.events = Log()                   # what WebSockets are told, as JSON
        self.members = collections.Counter()  # how many connections each name has

    def say(self, user, text):
        with self.changed:
            message = to_json({"id": self.messages.newest + 1, "user": user, "text": text,
                               "timestamp": now()})
            self.messages.add(message)
            self.tell(of_message(message))
            return message

    def tell(self, event):
        """With the lock held."""
        self.events.add(event)
        self.changed.notify_all()  # everybody: notify() would wake one, and the others sleep on


room = Room()


def to_json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clean(text, chars_max):
    """Trimmed. Half a surrogate pair, which JSON can write and UTF-8 cannot, is replaced."""
    if not isinstance(text, str):
        raise Refusal(400, "user and text are strings")
    text = re.sub("[\ud800-\udfff]", "\ufffd", text).strip()
    if len(text) > chars_max:
        raise Refusal(413, f"{len(text)} characters, {chars_max} are allowed")
    return text


def user_of(text):
    return clean(text, USER_CHARS_MAX) or "Анонім"


def text_of(text):
    text = clean(text, TEXT_CHARS_MAX)
    if not text:
        raise Refusal(400, "the text is empty")
    return text


def object_of(data):
    try:
        value = json.loads(data.decode())
    except (ValueError, RecursionError) as problem:
        raise Refusal(400, f"that is no JSON: {problem}")
    if not isinstance(value, dict):
        raise Refusal(400, "that is no JSON object")
    return value


def post(request):
    request.check_origin()
    kind = request.fields.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        said = object_of(request.body)
    elif kind == "application/x-www-form-urlencoded":
        said = {name: values[0] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
    else:
        raise Refusal(415, f"Content-Type is {kind!r}, expected JSON or a form")
    user, text = user_of(said.get("user", "")), text_of(said.get("text", ""))
    message = room.say(user, text)
    if "text/html" in request.fields.get("accept", ""):
        return response(303, Location=f"/?user={quote(user)}")  # F5 will not post it once more
    return response(201, f'{{"success":true,"message":{message}}}')


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Chat</title>
<ul>{messages}</ul>
<form method="post" action="/messages">
<input name="user" value="{user}" aria-label="name"> <input name="text" aria-label="text" autofocus>
<button>Say</button></form></html>
"""


def page(request):
    """The messages are written into the page, escaped: what somebody typed is never markup."""
    user = user_of(request.query.get("user", [""])[0])
    with room.changed:
        said = [json.loads(message) for message in room.messages.since(0)]
    items = [f"<li>{html.escape(m['user'])}: {html.escape(m['text'])}</li>\n" for m in said]
    text = PAGE.format(messages="".join(items), user=html.escape(user))
    return response(200, text, "text/html; charset=utf-8")


# ---- Stage 3: polling ---------------------------------------------------------------------------

def last_id(request):
    """None: the client did not say what it has."""
    values = request.query.get("lastId")
    return values and number(values[0], "lastId")


def listed(messages):
    return response(200, f"[{','.join(messages)}]")


def messages(request):
    after = last_id(request) or 0
    with room.changed:
        return listed(room.messages.since(after))


# ---- Stage 4: long polling ----------------------------------------------------------------------

def subscribe(connection, request):
    """Looking and falling asleep are one step: `wait` gives the lock back only when this thread is
    among those who will hear the bell. So no message can slip in between."""
    after, deadline = last_id(request) or 0, time.monotonic() + HOLD_S
    while True:
        left = deadline - time.monotonic()
        with room.changed:
            news = room.messages.since(after)
            if not news and left > 0:
                room.changed.wait(min(left, GLANCE_S))
                news = room.messages.since(after)
        if news:
            return listed(news)
        if left <= 0:
            return response(204)
        if connection.has_gone():
            raise Gone


# ---- Stages 5 and 6 are websocket.py. Stage 7: the chat on it ------------------------------------

def of_message(message):
    return f'{{"type":"message","message":{message}}}'


def presence(kind, user):
    return to_json({"type": kind, "username": user, "timestamp": now(),
                    "connectedClients": sum(room.members.values())})


def echo(connection, request):
    shake_hands(connection, request)
    websocket = WebSocket(connection, ECHO_BYTES_MAX)
    for opcode, payload in websocket.messages():
        websocket.send(opcode, payload)


def chat(connection, request):
    """This thread reads what the member says; another one, `push`, writes what the room says."""
    user, after = user_of(request.query.get("user", [""])[0]), last_id(request)
    shake_hands(connection, request)
    websocket = WebSocket(connection, CHAT_BYTES_MAX)
    with room.changed:
        room.members[user] += 1
        if room.members[user] == 1:
            room.tell(presence("user_joined", user))
        # What was missed, and where the live events begin, with the lock held once: no gap, no double.
        missed = [] if after is None else room.messages.since(after)
        seen = room.events.newest
        begin = [to_json({"type": "welcome", "message": f"Welcome, {user}!",
                          "connectedClients": sum(room.members.values()),
                          "lastId": room.messages.newest}),
                 to_json({"type": "user_list", "users": list(room.members)})]
    pusher = threading.Thread(target=push, args=(websocket, seen), daemon=True)
    try:
        for event in begin + [of_message(message) for message in missed]:
            websocket.send(TEXT, event.encode())
        pusher.start()
        for opcode, payload in websocket.messages():
            hear(websocket, user, opcode, payload)
    finally:
        websocket.cut()
        with room.changed:
            room.members[user] -= 1
            if room.members[user] == 0:
                del room.members[user]
                room.tell(presence("user_left", user))
            room.changed.notify_all()  # `push` may be asleep
        if pusher.ident:
            pusher.join()


def hear(websocket, user, opcode, payload):
    """A bad message is answered with an error, and the connection stays."""
    try:
        if opcode != TEXT:
            raise Refusal(400, "a chat message is text")
        said = object_of(payload)
        if said.get("type") == "message":
            room.say(user, text_of(said.get("text", "")))
        elif said.get("type") == "ping":
            websocket.send(TEXT, b'{"type":"pong"}')
        else:
            raise Refusal(400, "type is neither message nor ping")
    except Refusal as refusal:
        websocket.send(TEXT, to_json({"type": "error", "error": str(refusal)}).encode())


def push(websocket, seen):
    """The wait of `subscribe`, moved into the server. A member that takes nothing stops this
    thread and nobody else's; when it comes back to what is forgotten, it has to go."""
    try:
        while not websocket.closed:
            with room.changed:
                while room.events.newest == seen and not websocket.closed:
                    room.changed.wait()
                if seen < room.events.forgotten():
                    break
                news, seen = room.events.since(seen), room.events.newest
            for event in news:
                websocket.send(TEXT, event.encode())
        websocket.close(TOO_SLOW, "too slow")
    except OSError:
        websocket.cut()


# ---- All addresses ------------------------------------------------------------------------------

def route(connection, request):
    """The answer to a request. None: it became a WebSocket, and that has ended."""
    if request.path == "/echo":
        return echo(connection, request)
    if request.path == "/" and request.has("upgrade", "websocket"):
        return chat(connection, request)
    methods = {"/": {"GET": page},
               "/messages": {"GET": messages, "POST": post},
               "/subscribe": {"GET": lambda request: subscribe(connection, request)},
               }.get(request.path)
    if methods is None:
        raise Refusal(404, f"there is no {request.path}")
    # HEAD is GET; `written` leaves the body out.
    answer = methods.get("GET" if request.method == "HEAD" else request.method)
    if answer is None:
        raise Refusal(405, f"{request.method} is not for {request.path}",
                      Allow=", ".join(["HEAD", *methods]))
    return answer(request)


if __name__ == "__main__":
    try:
        listen(PORT, route)
    except KeyboardInterrupt:
        pass
