// What the pages show: the messages, the status, the counters and the journal of the network.
// All that came since the last frame of the screen is drawn in one go, so a flood of messages does not cost a layout each.

const MESSAGES_MAX = 5_000; // as many as the server keeps
const DRAWN_MAX = 500; // messages a frame
const ROWS_MAX = 50; // in the journal
const HIDDEN_MS = 1_000; // between two drawings of a page that nobody sees

export const $ = (id) => document.getElementById(id);
const lang = document.documentElement.lang;

/** The name this page writes under. It is never empty: whoever has none is given the page that asks for it. */
export const me = document.body.dataset.user;

/** One text in both languages, side by side, where it is used. */
export const t = (uk, en) => (lang === "uk" ? uk : en);

export const collator = new Intl.Collator(lang);
export const number = new Intl.NumberFormat(lang, { maximumFractionDigits: 1 }).format;
export const seconds = (ms) => `${number(Math.floor(ms / 100) / 10)} ${t("с", "s")}`;
/** In whichever unit it reads best. */
export const duration = (ms) => (ms < 1_000 ? milliseconds(ms) : seconds(ms));
export const milliseconds = (ms) => `${number(ms < 10 ? ms : Math.round(ms))} ${t("мс", "ms")}`;
const two = "2-digit";
const clock = new Intl.DateTimeFormat(lang, { hour: two, minute: two, second: two, hourCycle: "h23" }).format;

/** Text of others goes in as text, so it can never become markup. */
export function element(tag, text = "", name = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

/** Text of others in its own direction: Arabic between Latin words moves nothing but itself. */
export function own(tag, text) {
  const made = element(tag, text);
  made.dir = "auto";
  return made;
}

const NOBODY = "\u0410\u043d\u043e\u043d\u0456\u043c"; // so the API calls who says no name

/** A name, as `own` makes it. */
export const person = (tag, user) => own(tag, user === NOBODY ? t("Анонім", "Anonymous") : user);

// ---- Once a frame -------------------------------------------------------------------------------

const due = new Set();

/** `draw` is called before the next frame of the screen, once, however often it was asked for. */
export function soon(draw) {
  if (due.size === 0) document.hidden ? setTimeout(drawAll, HIDDEN_MS) : requestAnimationFrame(drawAll);
  due.add(draw);
}

function drawAll() {
  const draws = [...due];
  due.clear();
  for (const draw of draws) draw();
}

// ---- The messages, in a list that follows its end unless the reader has scrolled up --------------

const scroller = $("log");
const list = $("messages");
let fresh = []; // not drawn yet
let rows = 0;
let atEnd = true;
let top = 0;
let unseen = 0;
const more = element("button", "", "more");
more.type = "button";
more.hidden = true;
scroller.after(more);

/** Shows messages, and notes. */
export function append(...items) {
  fresh.push(...items);
  // Nobody will see more than the list holds.
  if (fresh.length > 2 * MESSAGES_MAX) fresh = fresh.slice(-MESSAGES_MAX);
  soon(drawMessages);
}

/** A line that nobody wrote: joined, left. Its parts are texts, and names as `person` makes them. */
export const note = (...parts) => append({ note: parts });

let shown = () => {};

/** `how` is called with the messages that have just been drawn. */
export const onShown = (how) => (shown = how);

function drawMessages() {
  const items = fresh.splice(0, DRAWN_MAX);
  if (fresh.length > 0) soon(drawMessages);
  // A long history would be read aloud from its first word.
  scroller.setAttribute("aria-live", items.length > 20 ? "off" : "polite");
  list.append(...items.map((item) => (item.note ? noteItem(item) : messageItem(item))));
  rows += items.length;
  // Old ones go, many at a time, because all that stands below them has to move; later, while somebody reads them.
  const max = (atEnd ? 1 : 2) * MESSAGES_MAX;
  if (rows > max + DRAWN_MAX) for (; rows > max; rows--) list.firstElementChild.remove();
  const messages = items.filter((item) => !item.note);
  if (atEnd) toEnd();
  else missed(unseen + messages.length);
  shown(messages);
}

function noteItem({ note }) {
  const li = element("li", "", "note");
  li.append(...note);
  return li;
}

// <li data-id="7"><b dir="auto">Alice</b> <time datetime="…">10:15:30</time><p dir="auto">text</p></li>,
// as the server writes it in part 1.
function messageItem({ id, user, text, timestamp }) {
  const li = element("li");
  const name = person("b", user);
  const time = element("time");
  li.dataset.id = id;
  time.dateTime = timestamp;
  li.append(name, " ", time, own("p", text));
  return dress(li, name, time);
}

/** Local time, and mine apart from the others'. */
export function dress(li, name, time) {
  time.textContent = clock(new Date(time.dateTime));
  li.classList.toggle("mine", name.textContent === me);
  return li;
}

function toEnd() {
  if (atEnd) scroller.scrollTop = scroller.scrollHeight;
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
new ResizeObserver(() => soon(toEnd)).observe(scroller);
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

const places = new Map([...document.querySelectorAll("[data-count]")].map((place) => [place.dataset.count, place]));
const values = new Map();
const changed = new Set();

/** Adds to a counter of this page and returns the total. */
export function count(name, by = 1) {
  show(name, (values.get(name) ?? 0) + by);
  return values.get(name);
}

/** Sets a counter to a number or a text. */
export function show(name, value) {
  values.set(name, value);
  changed.add(name);
  soon(drawCounters);
}

function drawCounters() {
  for (const name of changed) {
    const [place, value] = [places.get(name), values.get(name)];
    if (place) place.textContent = typeof value === "number" ? number(value) : value;
  }
  changed.clear();
}

// ---- The journal: what went over the network, newest first --------------------------------------

const network = $("network");
let lines = []; // not drawn yet

/** `head` is what the protocol adds, `body` is what was said; both in bytes. `inside` makes what a row shows when it is opened. */
export function journal(line) {
  lines.push({ ...line, at: Date.now() });
  if (lines.length > ROWS_MAX) lines.shift();
  soon(drawJournal);
}

function drawJournal() {
  network.prepend(...lines.reverse().map(row));
  lines = [];
  while (network.rows.length > ROWS_MAX) network.lastElementChild.remove();
}

function row({ at, what, head, body, ms, bad = false, inside }) {
  const tr = element("tr", "", bad ? "bad" : "");
  const size = body === undefined ? "" : head === undefined ? number(body) : `${number(head)} + ${number(body)}`;
  const took = ms === undefined ? "" : milliseconds(ms);
  tr.append(...[clock(at), what, size, took].map((text) => element("td", text)));
  if (inside) tr.cells[1].replaceChildren(opening(what, inside));
  return tr;
}

function opening(what, inside) {
  const details = element("details");
  details.append(element("summary", what));
  details.addEventListener("toggle", () => details.append(inside()), { once: true });
  return details;
}

const encoder = new TextEncoder();
export const bytes = (text) => encoder.encode(text).length;
