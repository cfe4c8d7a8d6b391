// What only the page of part 4 needs: whether the other end is still there, who is here, and the frames.

import { outbox, requestBytes } from "/chat.js";
import { collator, count, element, journal, me, milliseconds, note, number, person, show, soon, t } from "/draw.js";

const SILENCE_MS = 70_000; // two heartbeats and some: the other end has gone without a word
const PING_MS = 5_000;
const ECHO_MS_MAX = 10_000; // a message that pongs have overtaken is given up by then

/** Follows a new socket to its end, and hangs up if the other end is not there any more. A browser shows no ping of the
 * server to a page, so the page sends its own, in JSON. What it returns is to be given each message, before it is shown. */
export function watch(socket, { path, send, hangUp }) {
  const pinged = []; // when each ping went that has no pong yet
  let heard = Date.now();
  handshake(path);

  const ping = () => {
    pinged.push(performance.now());
    send({ type: "ping" });
  };
  const pong = () => {
    const trip = performance.now() - pinged.shift();
    show("rtt", milliseconds(trip));
    // The server has read all that went before this ping. If our message did, and has no echo, it never arrived.
    if (outbox.waited() > Math.max(trip, ECHO_MS_MAX)) hangUp(t("наше повідомлення загубилося", "our message is lost"));
  };
  const hear = (data, news) => {
    heard = Date.now();
    frame("↓", data, news.type === "pong" ? performance.now() - pinged[0] : outbox.took(news.message));
    presence[news.type]?.(news);
    if (news.type === "welcome") ping();
    if (news.type === "pong") pong();
  };

  const timer = setInterval(() => {
    if (socket.readyState > WebSocket.OPEN) clearInterval(timer);
    else if (Date.now() - heard > SILENCE_MS) hangUp(t("тиша", "silence"));
    else if (!document.hidden && socket.readyState === WebSocket.OPEN) ping();
  }, PING_MS);
  return hear;
}

// ---- Who is here --------------------------------------------------------------------------------

const NAMES_MAX = 100; // shown as "who is here"
const names = new Set();

// The messages of the server that tell it.
const presence = {
  user_list({ users }) {
    names.clear();
    for (const user of users) names.add(user);
    soon(drawNames);
  },
  user_joined({ username }) {
    if (names.has(username)) return; // in another window
    names.add(username);
    note(person("bdi", username), ` ${t("заходить у чат", "joined")}`);
    soon(drawNames);
  },
  user_left({ username }) {
    if (!names.delete(username)) return;
    note(person("bdi", username), ` ${t("виходить із чату", "left")}`);
    soon(drawNames);
  },
};

/** We are cut off and cannot know. */
export const nobodyKnows = () => presence.user_list({ users: [] });

function drawNames() {
  const sorted = [...names].sort(collator.compare);
  const shown = sorted.slice(0, NAMES_MAX).map((name) => person("li", name));
  for (const li of shown) li.classList.toggle("mine", li.textContent === me);
  if (names.size > NAMES_MAX) shown.push(element("li", `… ${t("і ще", "and another")} ${number(names.size - NAMES_MAX)}`));
  document.getElementById("people").replaceChildren(...shown);
  show("people", names.size === 0 ? "?" : names.size);
}

// The request that opens the socket, with the least that RFC 6455 §4.1 asks of it.
function handshake(path) {
  const headers = { Connection: "Upgrade", Upgrade: "websocket", Origin: location.origin, "Sec-WebSocket-Version": 13, "Sec-WebSocket-Key": "x".repeat(24) };
  count("requests");
  count("bytesOut", requestBytes(path, { headers }));
}

// ---- Frames, as far as a page can know them -----------------------------------------------------

const FIN_AND_TEXT = 0b1000_0001;
const MASK = 0b1000_0000;
const KEY = "•• •• •• ••";
const SHOWN_MAX = 64; // bytes of a payload

/** A frame that went out. */
export const sent = (text) => frame("↑", text);

// A frame in the journal; its row opens and shows the bytes.
function frame(arrow, text, ms) {
  const isSent = arrow === "↑";
  const payload = new TextEncoder().encode(text);
  const header = headerOf(payload.length, isSent);
  const head = header.length + (isSent ? 4 : 0);
  const what = `${arrow} ${text.length > 90 ? `${text.slice(0, 89)}…` : text}`;
  journal({ what, head, body: payload.length, ms, inside: () => fields(header, payload, isSent) });
  count(isSent ? "framesOut" : "framesIn");
  count(isSent ? "bytesOut" : "bytesIn", head + payload.length);
}

// Always the shortest length that fits. RFC 6455 §5.2
function headerOf(length, isMasked) {
  const mask = isMasked ? MASK : 0;
  if (length < 126) return [FIN_AND_TEXT, mask | length];
  if (length < 65_536) return [FIN_AND_TEXT, mask | 126, length >> 8, length & 255];
  return [FIN_AND_TEXT, mask | 127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
}

function fields([first, second, ...long], payload, isSent) {
  const mask = isSent ? t("MASK 1: браузер мусить маскувати.", "MASK 1: a browser must mask.") : t("MASK 0: сервер не маскує.", "MASK 0: a server does not mask.");
  const length = `${t("Довжина вмісту:", "Length of the payload:")} ${number(payload.length)}`;
  const follows = t("126 чи 127: довжина — у наступних байтах", "126 or 127: the length is in the bytes that follow");
  const rows = [
    [hex([first]), bits(first, 1, 3, 4), t("FIN 1: на цьому повідомлення закінчується. RSV 000: без розширень. opcode 0001: текст", "FIN 1: the message ends here. RSV 000: no extensions. opcode 0001: text")],
    [hex([second]), bits(second, 1, 7), `${mask} ${long.length === 0 ? length : follows}`],
  ];
  if (long.length > 0) rows.push([hex(long), "", length]);
  if (isSent) rows.push([KEY, "", t("ключ: для кожного кадру браузер вигадує новий і сторінці не показує", "the key: the browser makes a new one for each frame, and hides it from the page")]);
  const start = hex(payload.slice(0, SHOWN_MAX)) + (payload.length > SHOWN_MAX ? " …" : "");
  rows.push([start, "", isSent ? t("вміст; у мережі кожен байт — XOR із байтом ключа", "the payload; on the wire each byte is XORed with a byte of the key") : t("вміст", "the payload")]);
  return layout(rows);
}

function layout(rows) {
  const list = element("dl", "", "bytes");
  for (const [hex, bits, what] of rows) {
    const [row, meaning] = [element("div"), element("dd", what)];
    if (bits) meaning.prepend(element("code", bits), " ");
    row.append(element("dt", hex), meaning);
    list.append(row);
  }
  const hidden = t("Обчислила сторінка: браузер дає їй самий лише вміст. Він не каже, чи прийшло повідомлення одним кадром, і не показує кадрів Ping, Pong і Close. Їх покаже rawchat tap.", "The page worked this out: all that a browser hands it is the payload. It does not tell whether a message came in one frame, and it shows no Ping, Pong or Close. rawchat tap shows them.");
  const all = element("div");
  all.append(list, element("p", hidden));
  return all;
}

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

/** `bits(0x81, 1, 3, 4)` is "1 000 0001". */
function bits(byte, ...groups) {
  const all = byte.toString(2).padStart(8, "0");
  let from = 0;
  return groups.map((length) => all.slice(from, (from += length))).join(" ");
}
