// What the four pages share: the list of messages, sending, counters, backoff and the debug panel.
// What differs, the technique, is the script at the top of each page.

const MESSAGES_MAX = 5_000; // as many as the server keeps
const ROWS_MAX = 50; // in the debug panel
const NAMES_MAX = 100; // shown as "who is here"
const ANSWER_MS_MAX = 45_000; // the server holds a request for 30 s: beyond this nobody is there
const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 10_000;

const $ = (id) => document.getElementById(id);
const lang = document.documentElement.lang;

/** Whoever this page writes as. */
export const me = document.body.dataset.user.trim();

/** One text in both languages, side by side, where it is used. */
export const t = (uk, en) => (lang === "uk" ? uk : en);

export const number = new Intl.NumberFormat(lang, { maximumFractionDigits: 1 }).format;
const two = "2-digit";
const clock = new Intl.DateTimeFormat(lang, { hour: two, minute: two, second: two, hourCycle: "h23" }).format;

// Text of others goes in as text, so it can never become markup.
function element(tag, text = "", name = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

// ---- The messages -------------------------------------------------------------------------------

const scroller = $("log");
const list = $("messages");
const stamps = new Map(); // id -> timestamp of what is shown: an id alone repeats after a restart
let items = 0;

export const log = {
  lastId: 0,

  /** Set when the connection was lost: the server may be another one with the same ids. So the last
      message is asked for once more, and if it comes back different, we are reading a new log. */
  doubted: false,

  /** The N of `lastId=N`. */
  get since() {
    return Math.max(0, log.lastId - (log.doubted ? 1 : 0));
  },

  /** Shows what was not shown yet and returns it. */
  show(messages) {
    log.doubted = false;
    const fresh = messages.filter(({ id, timestamp }) => stamps.get(id) !== timestamp);
    if (fresh.length === 0) return fresh;
    if (fresh[0].id <= log.lastId) {
      log.startOver();
      if (fresh[0].id > 1) return []; // only the tail of the new log: the next request takes it all
    }
    for (const { id, timestamp } of fresh) stamps.set(id, timestamp);
    for (const id of stamps.keys()) {
      if (stamps.size <= MESSAGES_MAX) break;
      stamps.delete(id);
    }
    // A long history would be read aloud from its first word.
    scroller.setAttribute("aria-live", fresh.length > 20 ? "off" : "polite");
    append(...fresh.map(item));
    if (!atEnd) missed(unseen + fresh.length);
    log.lastId = fresh.at(-1).id;
    count("received", fresh.length);
    return fresh;
  },

  /** The server was started again: its ids begin anew. */
  startOver() {
    log.lastId = 0;
    stamps.clear();
    log.note(t("Сервер перезапущено. Усе, що вище, лишилося тільки на цій сторінці.", "The server was restarted. What is above remains on this page only."));
  },

  /** A line that nobody wrote: joined, left. */
  note(text) {
    append(element("li", text, "note"));
  },
};

// <li data-id="7"><b>Alice</b> <time datetime="…">10:15:30</time><p>text</p></li>, as the server writes it in part 1.
function item({ id, user, text, timestamp }) {
  const li = element("li");
  const time = element("time");
  li.dataset.id = id;
  time.dateTime = timestamp;
  li.append(element("b", user), " ", time, element("p", text));
  return dress(li);
}

/** Local time, and mine apart from the others'. */
export function dress(li) {
  const time = li.querySelector("time");
  time.textContent = clock(new Date(time.dateTime));
  li.classList.toggle("mine", li.querySelector("b").textContent === me);
  return li;
}

function append(...added) {
  list.append(...added);
  items += added.length;
  // Older ones go while nobody looks at them.
  for (; atEnd && items > MESSAGES_MAX; items--) list.firstElementChild.remove();
  if (atEnd) toEnd();
}

// ---- The list follows its end, unless the reader has scrolled up --------------------------------

let atEnd = true;
let top = 0;
let due = false;
let unseen = 0;
const more = element("button", "", "more");
more.type = "button";
more.hidden = true;
scroller.after(more);

// Once a frame: reading the size of the list after each of 5,000 messages would lay it out 5,000 times.
function toEnd() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    if (atEnd) scroller.scrollTop = scroller.scrollHeight;
  });
}

function missed(messages) {
  unseen = messages;
  more.hidden = messages === 0;
  more.textContent = `↓ ${t("Нових:", "New:")} ${number(messages)}`;
}

scroller.addEventListener("scroll", () => {
  const gap = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  // The end can run away from us by itself, but only the reader moves up.
  atEnd = gap < 40 || (atEnd && scroller.scrollTop >= top);
  top = scroller.scrollTop;
  if (atEnd) missed(0);
});
new ResizeObserver(() => atEnd && toEnd()).observe(scroller);
more.addEventListener("click", () => {
  atEnd = true;
  missed(0);
  toEnd();
  $("text").focus();
});

// ---- Status and counters ------------------------------------------------------------------------

let later;

/** Says how things are; after `delay_ms`, unless something else is said before. */
export function status(state, text, delay_ms = 0) {
  clearTimeout(later);
  const say = () => {
    if ($("status").textContent !== text) $("status").textContent = text;
    $("status").dataset.state = state;
  };
  if (delay_ms === 0) say();
  else later = setTimeout(say, delay_ms);
}

const totals = new Map();

/** Adds to a counter of this page and returns the total. */
export function count(name, by = 1) {
  totals.set(name, (totals.get(name) ?? 0) + by);
  show(name, number(totals.get(name)));
  return totals.get(name);
}

export function show(name, text) {
  const value = document.querySelector(`[data-count="${name}"]`);
  if (value) value.textContent = text;
}

export const seconds = (ms) => `${number(Math.floor(ms / 100) / 10)} ${t("с", "s")}`;
export const milliseconds = (ms) => `${number(ms < 10 ? ms : Math.round(ms))} ${t("мс", "ms")}`;

// ---- The debug panel: what went over the network, newest first ----------------------------------

/** `head` is what the protocol adds, `body` is what was said; both in bytes. */
export function debug({ what, head, body, ms, bad = false }) {
  const row = element("tr", "", bad ? "bad" : "");
  const size = body === undefined ? "" : head === undefined ? number(body) : `${number(head)} + ${number(body)}`;
  const took = ms === undefined ? "" : milliseconds(ms);
  row.append(...[clock(Date.now()), what, size, took].map((text) => element("td", text)));
  $("network").prepend(row);
  if ($("network").rows.length > ROWS_MAX) $("network").lastElementChild.remove();
}

/** A frame of a WebSocket: 2 bytes of head, 2 or 8 more for a longer payload, and 4 of mask from a browser. */
export function frame(arrow, text, ms) {
  const body = bytes(text);
  const head = 2 + (body > 65_535 ? 8 : body > 125 ? 2 : 0) + (arrow === "↑" ? 4 : 0);
  debug({ what: `${arrow} ${text.length > 90 ? `${text.slice(0, 89)}…` : text}`, head, body, ms });
  count(arrow === "↑" ? "framesOut" : "framesIn");
}

const encoder = new TextEncoder();
const bytes = (text) => encoder.encode(text).length;

// ---- Requests -----------------------------------------------------------------------------------

/** One request and its answer. Throws what a person can read. */
export async function ask(path, options = {}) {
  const what = `${options.method ?? "GET"} ${path}`;
  const started = performance.now();
  const ms = () => performance.now() - started;
  let response, text;
  try {
    response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS_MAX), ...options });
    text = await response.text();
  } catch {
    debug({ what: `${what} → ✕`, ms: ms(), bad: true });
    throw new Error(t("сервер не відповідає", "the server does not answer"));
  }
  const head = headBytes(response);
  const body = bytes(text);
  debug({ what: `${what} → ${response.status}`, head, body, ms: ms(), bad: !response.ok });
  if (!response.ok) throw new Error(refusal(response.status, text));
  return { body: text === "" ? [] : JSON.parse(text), bytes: head + body };
}

// The status line and the fields, with their CR LF: what a script of the same origin may see of them.
function headBytes(response) {
  let sum = bytes(`HTTP/1.1 ${response.status} ${response.statusText}\r\n\r\n`);
  for (const [name, value] of response.headers) sum += bytes(`${name}: ${value}\r\n`);
  return sum;
}

function refusal(code, text) {
  try {
    return JSON.parse(text).error ?? String(code);
  } catch {
    return String(code);
  }
}

/** Parts 2 and 3 say by POST; what was said comes back with the news, in its turn. */
export const post = (text) =>
  ask("/messages", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ user: me, text }) });

/** The form gives its text to `send`, and gets it back if that fails. */
export function onSay(send) {
  const field = $("text");
  let turn = Promise.resolve(); // one after another: two requests at once might overtake each other
  $("say").addEventListener("submit", (event) => {
    event.preventDefault();
    field.focus();
    // Mended and trimmed as the server does it, so that the echo equals what we keep
    // (half a surrogate pair is no character; U+0085 is a space in Rust, not in JavaScript).
    const text = field.value.replace(/\p{Surrogate}/gu, "\uFFFD").replace(/^[\s\u0085]+|[\s\u0085]+$/g, "");
    if (text === "") return;
    field.value = "";
    turn = turn
      .then(() => send(text))
      .then(() => trouble(""))
      .catch((error) => {
        trouble(`${t("Не надіслано:", "Not sent:")} ${error.message}`);
        field.value = `${text} ${field.value}`.trim();
      });
  });
}

function trouble(text) {
  $("trouble").textContent = text;
}

// ---- Waiting ------------------------------------------------------------------------------------

let wake = () => {};

/** Ends early when the network or the reader comes back, or by `hurry`. */
export function pause(ms) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    wake = () => {
      clearTimeout(timer);
      done();
    };
  });
}

export const hurry = () => wake();
addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => document.hidden || hurry());

/** Exponential backoff with full jitter: a crowd that was cut off together must not come back together. */
export const backoff = {
  tries: 0,
  reset() {
    backoff.tries = 0;
  },
  async pause() {
    const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** backoff.tries++);
    const ms = Math.random() * ceiling;
    debug({ what: `${t("пауза, навмання від 0 до", "a pause, at random from 0 to")} ${seconds(ceiling)}`, ms });
    await pause(ms);
  },
};

// ---- Part 3: how many tabs share the six connections --------------------------------------------

/** Calls the roll of this browser's tabs. (Web Locks would do it too, but not over plain http in a LAN.) */
export function countTabs(tell) {
  const channel = new BroadcastChannel("rawchat");
  const mine = Math.random();
  let here = new Set([mine]);
  channel.onmessage = ({ data }) => {
    if (data === "who?") channel.postMessage(mine);
    else here.add(data);
  };
  const call = () => {
    here = new Set([mine]);
    channel.postMessage("who?");
    setTimeout(() => tell(here.size), 500);
  };
  call();
  // A hidden tab answers, but does not ask: nobody would read its warning.
  setInterval(() => document.hidden || call(), 3_000);
}

// ---- Part 4: who is here, and what the server has not confirmed yet ------------------------------

const names = new Set();
let peopleDue = false;

export const people = {
  /** An empty list: we are cut off and cannot know. */
  all(users) {
    names.clear();
    for (const user of users) names.add(user);
    drawPeople();
  },
  /** False if that name was here already, in another window. */
  join(user) {
    const isNew = !names.has(user);
    names.add(user);
    drawPeople();
    return isNew;
  },
  leave(user) {
    const was = names.delete(user);
    drawPeople();
    return was;
  },
};

function drawPeople() {
  if (peopleDue) return;
  peopleDue = true;
  setTimeout(() => {
    peopleDue = false;
    const sorted = [...names].sort(new Intl.Collator(lang).compare);
    const shown = sorted.slice(0, NAMES_MAX).map((name) => element("li", name, name === me ? "mine" : ""));
    if (names.size > NAMES_MAX) shown.push(element("li", `… ${t("і ще", "and another")} ${number(names.size - NAMES_MAX)}`));
    $("people").replaceChildren(...shown);
    show("people", names.size === 0 ? "?" : number(names.size));
  });
}

// An entry leaves when its echo has come. `via` is the socket it was sent through: if that one is gone
// and no echo came, it has to be sent again.
let entries = [];

export const outbox = {
  add(text) {
    const li = element("li");
    li.append(element("span", text), element("small"));
    $("outbox").append(li);
    entries.push({ text, li, via: null, sent: 0, refused: false });
    outbox.draw();
  },
  /** What has not gone through this socket yet; from now on it has. */
  *take(socket) {
    for (const entry of entries) {
      if (entry.via === socket || entry.refused) continue;
      entry.via = socket;
      entry.sent = performance.now();
      yield entry.text;
    }
    outbox.draw();
  },
  /** The entry this message is the echo of. What was never sent has no echo, whatever the history says. */
  echoed(message) {
    if (message?.user !== me) return undefined;
    return entries.find(({ via, text }) => via && text === message.text);
  },
  confirm(message) {
    const entry = outbox.echoed(message);
    if (entry) outbox.drop(entry);
  },
  /** How long the echo took. */
  took(message) {
    const entry = outbox.echoed(message);
    return entry && performance.now() - entry.sent;
  },
  /** The server answers in order, so a refusal belongs to the oldest that was sent. */
  refuse(error) {
    const entry = entries.find((entry) => entry.via && !entry.refused);
    if (!entry) return trouble(error);
    entry.refused = true;
    const button = element("button", t("Прибрати", "Remove"));
    button.type = "button";
    button.addEventListener("click", () => outbox.drop(entry));
    entry.li.append(button);
    trouble(`${t("Не надіслано:", "Not sent:")} ${error}`);
    outbox.draw();
  },
  drop(entry) {
    entry.li.remove();
    entries = entries.filter((other) => other !== entry);
    outbox.draw();
  },
  draw() {
    for (const { li, via, refused } of entries) {
      li.querySelector("small").textContent = refused
        ? t("сервер відмовив", "refused by the server")
        : via
          ? t("надіслано, чекає на підтвердження", "sent, not confirmed yet")
          : t("чекає на зв’язок", "waiting for the connection");
    }
  },
};

addEventListener("beforeunload", (event) => entries.length && event.preventDefault());
