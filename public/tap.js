// The tap's page: rows come over Server-Sent Events; the one exchange that is open is asked for by itself.

import { Exchange, t } from "/tap-exchange.js";

const ROWS_MAX = 10_000; // as the server keeps
const ROW_PX = 40;
const ROWS_BEYOND = 8; // drawn above and below what is seen
const SIZES = [0.8, 1, 1.25, 1.5];
const HELD_MS = 1_000; // an answer that took longer says so

export const $ = (selector) => document.querySelector(selector);
const half = document.documentElement.lang === "uk" ? 0 : 1; // which of two texts of a row

/** An element with these properties and children; text is only ever text. */
export function element(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

const list = $("#list");
const rows = []; // in the order of their numbers
let shown = []; // those that the filter lets through
let epoch, at, open; // which feed; the number of the chosen row; the exchange that is open
let held = false;
let linked = /^#\d/.test(location.hash); // the row of the address stays in sight until somebody does something
let follows = !linked; // the end of the list is in sight, and stays there
let zoom = SIZES.indexOf(1);
let copies = false; // C was pressed

// ---- The feed

const feed = new EventSource("/feed");
feed.onopen = () => live();
feed.onerror = () => live();
feed.onmessage = ({ lastEventId, data }) => {
  const [newEpoch, last] = lastEventId.split("-");
  if (newEpoch !== epoch) {
    epoch = newEpoch;
    rows.length = shown.length = 0;
  }
  const batch = JSON.parse(data);
  batch.forEach((row, index) => Object.assign(row, { n: last - batch.length + 1 + index }));
  for (const row of batch) {
    rows.push(row);
    const pair = row.pair && find(rows, row.pair);
    if (pair) Object.assign(pair, { pair: row.n, after: row.at - pair.at });
    if (row.trouble) showTrouble(row.trouble);
  }
  rows.splice(0, rows.length - ROWS_MAX);
  if (!held) show(batch);
  live();
};

function live() {
  const kept = !document.body.dataset.live;
  $("#live").textContent = kept ? t("запис", "recorded") : feed.readyState !== EventSource.OPEN ? t("обірвано", "cut off") : held ? t("зупинено", "paused") : t("наживо", "live");
  const connections = new Set(rows.map(({ c }) => c).filter(Boolean)).size;
  $("#counts").textContent = t("з’єднань: #, рядків: ##", "connections: #, rows: ##").replace("##", rows.length).replace("#", connections);
}

/** Adds what the filter lets through. The list follows only if its end was seen. */
function show(batch) {
  const before = shown.length;
  shown.push(...batch.filter(filter));
  const gone = shown.findIndex(({ n }) => n >= rows[0]?.n);
  if (gone > 0) {
    shown.splice(0, gone);
    if (!follows) list.scrollTop -= gone * rowPx();
  }
  draw();
  if (linked) reveal(at);
  else if (follows) toEnd();
  else news.count += shown.length - before + Math.max(gone, 0);
  news.tell();
}

const news = {
  count: 0,
  tell() {
    $("#news").hidden = this.count === 0;
    $("#news").textContent = t("↓ нових: #", "↓ # new").replace("#", this.count);
  },
};
$("#news").onclick = () => toEnd();

/** The row with this number, or nothing: rows are in order. */
function find(rows, n) {
  const index = place(rows, n);
  return rows[index]?.n === n ? rows[index] : undefined;
}

/** How many rows have smaller numbers. */
function place(rows, n) {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].n < n) low = middle + 1;
    else high = middle;
  }
  return low;
}

// ---- The filter: the words of `rawchat tap --only`

let filter = () => true;
const KINDS = ["request", "response", "continuation", "text", "binary", "close", "ping", "pong", "tls", "unknown"];

function filterOf(words) {
  const tests = [];
  const pattern = /^(conn:(\d+)|dir:(->|<-)|kind:(\S+)|status:([\dx]{3})|text:(.+))\s*/;
  for (let rest = words.trim(), found; rest; rest = rest.slice(found[0].length)) {
    found = pattern.exec(rest);
    const kinds = found?.[4]?.split(",");
    if (!found || kinds?.some((kind) => !KINDS.includes(kind)))
      throw new Error(t("Слова відбору: conn:3 dir:-> kind:ping status:4xx text:слово", "The words are conn:3 dir:-> kind:ping status:4xx text:word").concat(kinds ? `; kind: ${KINDS.join(", ")}` : ""));
    const [, , conn, dir, , status, text] = found;
    if (conn) tests.push(({ c }) => c === Number(conn));
    if (dir) tests.push(({ from }) => from === (dir === "->" ? "client" : "server"));
    if (kinds) tests.push(({ kind }) => kinds.includes(kind));
    if (status) tests.push((row) => row.status && [...status].every((digit, place) => digit === "x" || digit === row.status[place]));
    const word = text?.trim().replace(/^"(.*)"$/, "$1").toLowerCase();
    if (text) tests.push(({ what, said, note }) => `${note?.[half] ?? what[2 * half]}\n${said}`.toLowerCase().includes(word));
  }
  return (row) => tests.every((test) => test(row));
}

$("#filter").oninput = () => {
  try {
    filter = filterOf($("#filter").value);
    $("#filter-fault").textContent = "";
  } catch (fault) {
    $("#filter-fault").textContent = fault.message;
    return;
  }
  showAll();
};

function showAll() {
  shown = rows.filter(filter);
  news.count = 0;
  draw();
  toEnd();
}

// ---- The list: only the rows that are seen exist

const NOTHING_YET = $("#empty").textContent;
const rowPx = () => ROW_PX * SIZES[zoom];
const space = element("div", { role: "presentation", className: "space" });
list.append(space);

function draw() {
  const height = rowPx();
  space.style.height = `${shown.length * height}px`;
  const first = Math.max(0, Math.floor(list.scrollTop / height) - ROWS_BEYOND);
  const count = Math.ceil(list.clientHeight / height) + 2 * ROWS_BEYOND;
  const seen = shown.slice(first, first + count).map((row, index) => drawn(row, first + index, height));
  space.replaceChildren(...seen);
  const chosen = space.querySelector('[aria-selected="true"]');
  if (chosen) list.setAttribute("aria-activedescendant", chosen.id);
  else list.removeAttribute("aria-activedescendant");
  $("#empty").hidden = shown.length > 0;
  $("#empty").textContent = rows.length === 0 ? NOTHING_YET : t("Жоден рядок не підходить, приховано: #", "No row fits, hidden: #").replace("#", rows.length.toLocaleString(document.documentElement.lang));
}

function drawn(row, index, height) {
  const node = element("div", { id: `row-${row.n}`, role: "option", className: "item", ariaSelected: String(row.n === at), ariaSetSize: shown.length, ariaPosInSet: index + 1 });
  node.dataset.n = row.n;
  node.style.transform = `translateY(${index * height}px)`;
  if (row.note) {
    node.classList.add("remark");
    node.append(element("span", { className: "number" }, row.n), element("span", {}, row.c || ""), element("span", { className: "what" }, `~ ${row.note[half]}`));
    node.title = row.note[half];
    return node;
  }
  const [what, sizes] = row.what.slice(2 * half, 2 * half + 2);
  const arrow = row.from === "client" ? "→" : "←";
  const took = row.from === "server" && find(rows, row.pair)?.after;
  const late = took >= HELD_MS ? ` +${(took / 1000).toFixed(1)} s` : "";
  if (/^[45]/.test(row.status)) node.classList.add("bad");
  if (["ping", "pong", "close"].includes(row.kind)) node.classList.add("control");
  const lost = row.swallowed ? t("Не передано. ", "Not passed on. ") : "";
  node.title = `${lost}${what}\n${sizes}\n${row.said}`;
  node.append(
    element("span", { className: "number" }, row.n),
    element("span", { ariaLabel: t("з’єднання ", "connection ") + row.c }, row.c),
    element("span", { ariaLabel: row.from === "client" ? t("від клієнта", "from the client") : t("від сервера", "from the server") }, arrow),
    element("span", { className: "what" }, lost && element("b", {}, lost), what, late && element("b", {}, late), " ", element("i", {}, row.said)),
    element("span", { className: "size" }, row.size),
  );
  return node;
}

list.onscroll = () => {
  draw();
  follows = list.scrollTop + list.clientHeight >= list.scrollHeight - 2;
  if (follows) news.count = 0;
  news.tell();
};
new ResizeObserver(() => {
  if (follows) toEnd();
  draw();
}).observe(list);

function toEnd() {
  list.scrollTop = list.scrollHeight;
}

/** Scrolls to a row, if it is listed. */
function reveal(n) {
  const index = place(shown, n);
  if (shown[index]?.n === n) {
    const top = index * rowPx();
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + rowPx() > list.scrollTop + list.clientHeight) list.scrollTop = top + rowPx() - list.clientHeight;
  }
  draw();
}

/** Opens nothing, and says this in its place. */
function tell(text) {
  open = undefined;
  $("#sentence p").textContent = text;
  $(".where").textContent = $("#sum").textContent = "";
  $("#open").className = "told";
  $("#open").hidden = false;
  history.replaceState(null, "", `#${at}`);
}

async function ask(path) {
  const answer = await fetch(path);
  return answer.ok ? answer.json() : "none";
}

/** Chooses a row, and opens it if it is an exchange. `hash` is what the address should say. */
async function choose(n, hash = `#${n}`) {
  at = n;
  reveal(n);
  const note = find(rows, n)?.note;
  if (note) return tell(note[half]);
  const exchange = await ask(`/exchange?row=${n}`).catch(() => "nobody");
  if (n !== at) return; // another one was chosen meanwhile
  if (exchange === "nobody") return tell(t("Tap не відповідає. Чи він іще працює?", "The tap does not answer. Is it still running?"));
  if (exchange === "none") return tell(find(rows, n)?.note?.[half] ?? t("Рядка # уже немає, або це не обмін.", "Row # is forgotten, or it is no exchange.").replace("#", n));
  open = new Exchange(exchange, find(rows, n));
  open.chosen = Number(hash.split(">")[1] ?? 0);
  $("#open").hidden = false;
  $("#open").className = "";
  open.draw();
}

list.onclick = async ({ target }) => {
  const item = target.closest(".item");
  if (!item) return;
  await choose(Number(item.dataset.n));
  document.body.dataset.pane = "open";
};

function step(by, ofConnection) {
  const from = at === undefined ? shown.length : place(shown, at);
  const wanted = ({ c, note }) => !ofConnection || (!note && c === find(rows, at)?.c);
  for (let index = from + by; shown[index]; index += by)
    if (wanted(shown[index])) return choose(shown[index].n);
}

const pair = () => open?.pair && choose(open.pair);
const back = () => {
  document.body.dataset.pane = "list";
  list.focus();
};

// ---- The keys

list.onkeydown = (event) => {
  const page = Math.floor(list.clientHeight / rowPx()) - 1;
  const go = {
    ArrowUp: () => step(-1),
    ArrowDown: () => step(1),
    PageUp: () => shown.length && choose(shown[Math.max(0, place(shown, at ?? Infinity) - page)].n),
    PageDown: () => shown.length && choose(shown[Math.min(shown.length - 1, place(shown, at ?? Infinity) + page)].n),
    Home: () => shown.length && choose(shown[0].n),
    Enter: () => enter(),
    ArrowRight: () => enter(),
  }[event.key];
  if (!go || event.altKey || event.ctrlKey) return;
  event.preventDefault();
  go();
};

function enter() {
  if (!open) return;
  document.body.dataset.pane = "open";
  open.focus();
}

document.onkeydown = (event) => {
  const { key, target, ctrlKey, metaKey } = event;
  if (ctrlKey || metaKey || target.matches("input, select") || $("#help").open) {
    if (key === "Escape" && target.matches("input, select")) list.focus();
    return;
  }
  const wasCopying = copies;
  copies = false;
  if (wasCopying && "htu".includes(key)) return open?.copy(key);
  const go = {
    p: pair,
    "[": () => step(-1, true),
    "]": () => step(1, true),
    " ": () => hold(),
    End: () => shown.length && choose(shown.at(-1).n).then(toEnd),
    "/": () => $("#filter").select(),
    "+": () => resize(1),
    "-": () => resize(-1),
    c: () => (copies = open !== undefined),
    d: () => $("#disturb").hidden || $("#disturb").click(),
    s: () => open?.source(),
    "?": () => $("#help").showModal(),
    Escape: back,
  }[key.length === 1 ? key.toLowerCase() : key];
  if (!go || (key === " " && target.matches("button, a"))) return;
  event.preventDefault();
  go();
};

function hold() {
  held = !held;
  if (!held) showAll();
  live();
}

function resize(by) {
  zoom = Math.min(SIZES.length - 1, Math.max(0, zoom + by));
  document.documentElement.style.setProperty("--zoom", SIZES[zoom]);
  draw();
  open?.draw();
}

$("#smaller").onclick = () => resize(-1);
$("#larger").onclick = () => resize(1);
$("#keys").onclick = () => $("#help").showModal();
$(".steps").onclick = ({ target }) => ({ back, pair, before: () => open?.step(-1), after: () => open?.step(1) })[target.dataset.step]?.();
$(".copy").onclick = ({ target }) => target.dataset.copy && open?.copy(target.dataset.copy);

// ---- Trouble

function showTrouble(trouble) {
  for (const [name, value] of Object.entries(trouble)) {
    const select = $("#trouble").elements[name];
    if (![...select.options].some((option) => option.value === value)) select.append(element("option", {}, value));
    select.value = value;
  }
  $("#disturb").hidden = false;
  $("#disturb").classList.toggle("on", Object.values(trouble).some((value) => value !== "off"));
}

$("#disturb").onclick = () => {
  $("#trouble").hidden = !$("#trouble").hidden;
  $("#disturb").ariaExpanded = String(!$("#trouble").hidden);
  if (!$("#trouble").hidden) $("#trouble select").focus();
};
$("#trouble").onchange = ({ target }) => fetch("/trouble", { method: "POST", body: new URLSearchParams({ [target.name]: target.value }) }).catch(live);
if (document.body.dataset.live) showTrouble(await (await fetch("/trouble")).json());

// ---- Addresses: #7 is an exchange, #7>3 a field of it

function follow() {
  if (!/^#\d+/.test(location.hash)) return;
  choose(Number.parseInt(location.hash.slice(1)), decodeURIComponent(location.hash));
  document.body.dataset.pane = "open";
}
list.focus();
addEventListener("hashchange", follow);
for (const deed of ["pointerdown", "wheel", "keydown"]) addEventListener(deed, () => (linked = false), { passive: true });
$(".lang").onclick = ({ currentTarget }) => (currentTarget.hash = location.hash);
follow();
