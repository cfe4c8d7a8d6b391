// The chat of the lecture, all four techniques in one program, on Node's `net`.
//
//     PORT=4000 node server.js         then open http://127.0.0.1:4000/?user=Alice
//
// Node 18, no packages. Stages 0 and 1 of the homework are http1.js, 5 and 6 websocket.js; the others
// are here. Left out: TLS, a disk, chunked requests (411 says so), pages for parts 2 and 3.
//
// There is one thread. A function runs to its end, or to its next `await`, before any other begins:
// that is the lock of this server.
"use strict";
const { Gone, Refusal, TimedOut, listen, number, response } = require("./http1.js");
const { TEXT, TOO_SLOW, WebSocket, shakeHands } = require("./websocket.js");

const PORT = Number(process.env.PORT ?? 3000);
const HOLD_MS = Number(process.env.HOLD ?? 30) * 1000; // a long poll is answered 204 after this
const USER_CHARS_MAX = 64;
const TEXT_CHARS_MAX = 2000;
const KEPT_MAX = 5000; // messages, and events; older ones are forgotten
const CHAT_BYTES_MAX = 1024 * 1024;
const ECHO_BYTES_MAX = 16 * 1024 * 1024;

// ---- Stage 2: it remembers ----------------------------------------------------------------------

/** Things numbered 1, 2, 3, … without gaps: what came after 7 is a slice, not a search. */
class Log {
  kept = [];
  newest = 0;

  add(thing) {
    this.newest += 1;
    this.kept.push(thing);
    if (this.kept.length > KEPT_MAX) this.kept.shift();
  }

  get forgotten() {
    return this.newest - this.kept.length;
  }

  since(after) {
    if (after > this.newest) after = 0; // the reader counts from before a restart
    return this.kept.slice(Math.max(0, after - this.forgotten));
  }
}

const room = {
  messages: new Log(), // as JSON
  events: new Log(), // what WebSockets are told, as JSON
  members: new Map(), // how many connections each name has
  connectedClients: 0,
  waiting: new Set(), // functions that wake somebody

  say(user, text) {
    const message = JSON.stringify({ id: room.messages.newest + 1, user, text, timestamp: now() });
    room.messages.add(message);
    room.tell(ofMessage(message));
    return message;
  },

  tell(event) {
    room.events.add(event);
    for (const wake of [...room.waiting]) wake(); // everybody
  },

  /** Until something is told, or `ms` have passed, or `connection` has gone. */
  change(connection, ms) {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        room.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      room.waiting.add(wake);
      connection.whenGone = wake;
    });
  },
};

const now = () => new Date().toISOString();

/** Trimmed. Half a surrogate pair, which JSON can write and UTF-8 cannot, is replaced. */
function clean(text, charsMax) {
  if (typeof text !== "string") throw new Refusal(400, "user and text are strings");
  const trimmed = text.replace(/\p{Surrogate}/gu, "\uFFFD").trim();
  const { length } = [...trimmed];
  if (length > charsMax) throw new Refusal(413, `${length} characters, ${charsMax} are allowed`);
  return trimmed;
}

const userOf = (text) => clean(text, USER_CHARS_MAX) || "Анонім";

function textOf(text) {
  const cleaned = clean(text, TEXT_CHARS_MAX);
  if (cleaned === "") throw new Refusal(400, "the text is empty");
  return cleaned;
}

function objectOf(bytes) {
  let value;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new Refusal(400, `that is no JSON: ${error.message}`);
  }
  if (value === null || typeof value !== "object") throw new Refusal(400, "that is no JSON object");
  return value;
}

function post(request) {
  request.checkOrigin();
  const kind = (request.fields.get("content-type") ?? "").split(";")[0].trim().toLowerCase();
  let said;
  if (kind === "application/json") said = objectOf(request.body);
  else if (kind === "application/x-www-form-urlencoded") {
    said = Object.fromEntries(new URLSearchParams(request.body.toString()));
  } else throw new Refusal(415, `Content-Type is "${kind}", expected JSON or a form`);
  const [user, text] = [userOf(said.user ?? ""), textOf(said.text ?? "")];
  const message = room.say(user, text);
  if (request.fields.get("accept")?.includes("text/html")) {
    const Location = `/?user=${encodeURIComponent(user)}`;
    return response(303, "", { Location }); // F5 will not post it once more
  }
  return response(201, `{"success":true,"message":${message}}`);
}

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (text) => text.replace(/[&<>"']/g, (character) => ESCAPES[character]);

/** The messages are written into the page, escaped: what somebody typed is never markup. */
function page(request) {
  const user = userOf(request.query.get("user") ?? "");
  const said = room.messages.since(0).map((message) => JSON.parse(message));
  const items = said.map(({ user, text }) => `<li>${escape(user)}: ${escape(text)}</li>\n`);
  const html = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Chat</title>
<ul>${items.join("")}</ul>
<form method="post" action="/messages">
<input name="user" value="${escape(user)}" aria-label="name"> <input name="text" aria-label="text" autofocus>
<button>Say</button></form></html>
`;
  return response(200, html, { "Content-Type": "text/html; charset=utf-8" });
}

// ---- Stage 3: polling ---------------------------------------------------------------------------

/** Undefined: the client did not say what it has. */
function lastId(request) {
  const text = request.query.get("lastId");
  return text === null ? undefined : number(text, "lastId");
}

const listed = (messages) => response(200, `[${messages.join(",")}]`);

const messages = (request) => listed(room.messages.since(lastId(request) ?? 0));

// ---- Stage 4: long polling ----------------------------------------------------------------------

/** Between the look and joining those who wait nothing else runs, so no message can slip in. */
async function subscribe(connection, request) {
  const after = lastId(request) ?? 0;
  const deadline = Date.now() + HOLD_MS;
  while (room.messages.since(after).length === 0) {
    const left = deadline - Date.now();
    if (left <= 0) return response(204);
    await room.change(connection, left);
    if (connection.hasGone) throw new Gone();
  }
  return listed(room.messages.since(after));
}

// ---- Stages 5 and 6 are websocket.js. Stage 7: the chat on it ------------------------------------

const ofMessage = (message) => `{"type":"message","message":${message}}`;

/** A connection of `user` comes (by 1) or goes (by -1); the first and the last are told. */
function count(user, by) {
  const connections = (room.members.get(user) ?? 0) + by;
  room.connectedClients += by;
  if (connections > 0) room.members.set(user, connections);
  else room.members.delete(user);
  const { connectedClients } = room;
  const told = (type) => room.tell(JSON.stringify({ type, username: user, connectedClients, timestamp: now() }));
  if (by > 0 && connections === 1) told("user_joined");
  if (connections === 0) told("user_left");
}

async function echo(connection, request) {
  await shakeHands(connection, request);
  const websocket = new WebSocket(connection, ECHO_BYTES_MAX);
  for await (const { opcode, payload } of websocket.messages()) await websocket.send(opcode, payload);
}

/** This function reads what the member says; meanwhile `push` writes what the room says. */
async function chat(connection, request) {
  const [user, after] = [userOf(request.query.get("user") ?? ""), lastId(request)];
  await shakeHands(connection, request);
  const websocket = new WebSocket(connection, CHAT_BYTES_MAX);
  count(user, 1);
  // What was missed, and where the live events begin, without an `await` between: no gap, no double.
  const seen = room.events.newest;
  const missed = after === undefined ? [] : room.messages.since(after);
  const { connectedClients, messages } = room;
  const welcome = { type: "welcome", message: `Welcome, ${user}!`, connectedClients, lastId: messages.newest };
  const userList = { type: "user_list", users: [...room.members.keys()] };
  const begin = [JSON.stringify(welcome), JSON.stringify(userList), ...missed.map(ofMessage)];
  try {
    for (const event of begin) await websocket.send(TEXT, event);
    push(websocket, seen).catch(() => connection.socket.destroy());
    for await (const { opcode, payload } of websocket.messages()) await hear(websocket, user, opcode, payload);
  } finally {
    websocket.closed = true;
    connection.whenGone(); // `push` may be waiting
    count(user, -1);
  }
}

/** A bad message is answered with an error, and the connection stays. */
async function hear(websocket, user, opcode, payload) {
  try {
    if (opcode !== TEXT) throw new Refusal(400, "a chat message is text");
    const said = objectOf(payload);
    if (said.type === "message") room.say(user, textOf(said.text ?? ""));
    else if (said.type === "ping") await websocket.send(TEXT, '{"type":"pong"}');
    else throw new Refusal(400, "type is neither message nor ping");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    await websocket.send(TEXT, JSON.stringify({ type: "error", error: error.message }));
  }
}

/** The wait of `subscribe`, moved into the server. A member that takes nothing stops this loop and
    nobody else's; when it comes back to what is forgotten, it has to go. */
async function push(websocket, seen) {
  while (!websocket.closed) {
    while (room.events.newest === seen && !websocket.closed) await room.change(websocket.connection, HOLD_MS);
    if (seen < room.events.forgotten) return websocket.close(TOO_SLOW, "too slow");
    const news = room.events.since(seen);
    seen = room.events.newest;
    for (const event of news) await websocket.send(TEXT, event);
  }
}

// ---- All addresses ------------------------------------------------------------------------------

/** The answer to a request. Undefined: it became a WebSocket, and that has ended. */
function route(connection, request) {
  if (request.path === "/echo") return echo(connection, request);
  if (request.path === "/" && request.has("upgrade", "websocket")) return chat(connection, request);
  const addresses = new Map([
    ["/", { GET: page }],
    ["/messages", { GET: messages, POST: post }],
    ["/subscribe", { GET: (request) => subscribe(connection, request) }],
  ]);
  const methods = addresses.get(request.path);
  if (!methods) throw new Refusal(404, `there is no ${request.path}`);
  // HEAD is GET; `written` leaves the body out.
  const answer = methods[request.method === "HEAD" ? "GET" : request.method];
  const Allow = ["HEAD", ...Object.keys(methods)].join(", ");
  if (!answer) throw new Refusal(405, `${request.method} is not for ${request.path}`, { Allow });
  return answer(request);
}

listen(PORT, route);
