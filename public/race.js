// Draws the race. What happens is told by the server in rows: who asked when, what came when, what was said when, all on one clock.

const LAG_MS = 250; // what is drawn was so long ago: rows come in batches, and a bar must not grow beyond its end
const GHOSTS_MAX = 10;
const MESSAGES_MAX = 100;
const REQUESTS_MAX = 2_000;
const WAITING_MAX = 20_000; // rows, while the picture is frozen
const DOTS_MS = 30_000; // what the second view shows
const LOG_MS_MAX = 60_000;

const $ = (id) => document.getElementById(id);
const lang = document.documentElement.lang;
const t = (uk, en) => (lang === "uk" ? uk : en);
const number = (value, digits = 0) => value.toLocaleString(lang, { minimumFractionDigits: digits, maximumFractionDigits: Math.max(digits, 1) });

function duration(ms) {
  if (ms < 1) return t("<1 мс", "<1 ms");
  if (ms < 1_000) return `${number(ms)}\u00a0${t("мс", "ms")}`;
  return `${number(ms / 1_000, ms < 10_000 ? 2 : 1)}\u00a0${t("с", "s")}`;
}

function bytes(count) {
  if (count < 1_000) return `${number(count)}\u00a0${t("Б", "B")}`;
  if (count < 1_000_000) return `${number(count / 1_000, 1)}\u00a0${t("кБ", "kB")}`;
  return `${number(count / 1_000_000, 1)}\u00a0${t("МБ", "MB")}`;
}

function element(tag, name, text = "") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

// ---- What has happened --------------------------------------------------------------------------

const ports = document.body.dataset.ports.split(" ");
const lanes = [
  [4, "◆", "WebSocket"],
  [3, "●", t("довге опитування", "long polling")],
  [2, "▲", t("коротке опитування", "short polling")],
  [1, "■", t("оновлення", "refresh")],
].map(([part, shape, name]) => {
  const lane = { part, requests: [], shown: [], count: [0, 0], zero: [0, 0], since: undefined };
  const row = element("li", "lane");
  row.dataset.lane = part;
  const link = element("a", "name");
  Object.assign(link, { href: `http://${location.hostname}:${ports[part - 1]}/?user=Alice`, target: "_blank", title: t("Справжня сторінка цієї техніки, у тій самій кімнаті", "The real page of this technique, in the same room") });
  link.append(element("span", "", shape), `${part} ${name}`);
  lane.cost = element("span", "cost");
  lane.figure = element("output", "figure");
  lane.bar = element("div", "bar");
  lane.canvas = element("canvas", "");
  lane.canvas.role = "img";
  lane.track = element("div", "track");
  lane.track.append(lane.bar, lane.canvas);
  row.append(link, lane.cost, lane.track, lane.figure);
  $("lanes").append(row);
  return lane;
});

const messages = [];
const knobs = { rtt: 50, pause: 3_000 };
const waiting = []; // what the server has told, and the page has not taken yet
let frozen; // the moment that is drawn, if it is not now
let epoch; // of the feed
let skew = Infinity; // our clock minus the server's, and the shortest time that a row was under way

const take = {
  said({ said, at, user, text }) {
    messages.push({ id: said, at: Date.parse(at), user, text });
    if (messages.length > MESSAGES_MAX) messages.shift();
  },
  asks({ lane, asks }) {
    lane.requests.push({ from: asks });
    if (lane.requests.length > REQUESTS_MAX) lane.requests.shift();
  },
  answered({ lane, answered, newest }) {
    const request = lane.requests.at(-1);
    if (request && request.to === undefined) Object.assign(request, { to: answered, brought: newest !== null || lane.part === 4 });
    lane.since ??= answered;
    if (newest === null) return;
    lane.shown.push({ id: newest, at: answered });
    if (lane.shown.length > REQUESTS_MAX) lane.shown.shift();
  },
  trouble({ lane, trouble }) {
    say(`${lane.part}: ${trouble}`, true);
  },
  counts({ counts, at }) {
    skew = Math.min(skew, Date.now() - at);
    for (const lane of lanes) lane.count = counts[lane.part - 1];
  },
  rtt(row) {
    Object.assign(knobs, row);
    for (const input of $("knobs").elements) if (input !== document.activeElement) input.value = row[input.name];
    drawAxis();
  },
};

const feed = new EventSource("/events");
feed.onmessage = ({ data, lastEventId }) => {
  const [began] = lastEventId.split("-");
  epoch ??= began;
  if (began !== epoch) location.reload(); // another race
  waiting.push(...JSON.parse(data));
  if (frozen === undefined) takeAll();
  else waiting.splice(0, waiting.length - WAITING_MAX);
};
function takeAll() {
  for (const row of waiting.splice(0)) {
    if (row.lane) row.lane = lanes.find(({ part }) => part === row.lane);
    const kind = Object.keys(take).find((kind) => kind in row);
    take[kind]?.(row);
  }
}
feed.onerror = () => say(t("Сервер не відповідає", "The server does not answer"), true);
feed.onopen = () => say("");

// ---- Drawing ------------------------------------------------------------------------------------

let isLog = false;
let isDots = false;
let spoken = "";

/** When this lane has shown this message, if it has. A later message never comes before it. */
const shownAt = (lane, message) => lane.shown.find(({ id }) => id >= message.id)?.at;

const linearMax = () => Math.max(1_000, (knobs.pause + 2 * knobs.rtt) * 1.05);

/** Where on the track so many milliseconds are, from 0 to 1. */
function place(ms) {
  const part = isLog ? Math.log(Math.max(ms, 1)) / Math.log(LOG_MS_MAX) : ms / linearMax();
  return Math.min(Math.max(part, 0), 1);
}

function draw() {
  requestAnimationFrame(draw);
  if (skew === Infinity) return;
  const now = frozen ?? Date.now() - skew - LAG_MS;
  const past = messages.filter(({ at }) => at <= now);
  const message = past.at(-1);
  for (const lane of lanes) {
    drawCost(lane);
    if (isDots) drawDots(lane, now, past);
    drawBar(lane, now, message);
    drawGhosts(lane, now, past.slice(-GHOSTS_MAX - 1, -1));
  }
  announce(message, now);
}

function drawBar(lane, now, message) {
  lane.bar.hidden = !message;
  if (!message) return write(lane.figure, "");
  const at = shownAt(lane, message);
  const isShown = at <= now;
  const age = Math.max(0, (isShown ? at : now) - message.at);
  lane.bar.style.width = `${place(age) * 100}%`;
  write(lane.figure, isShown ? duration(age) : lane.part === 1 ? "F5?" : "…");
}

function drawGhosts(lane, now, past) {
  const ages = past.map((message) => shownAt(lane, message) - message.at).filter((age) => age >= 0);
  const places = ages.map((age) => `${place(age) * 100}%`);
  if (lane.ghosts === places.join()) return;
  lane.ghosts = places.join();
  lane.track.querySelectorAll(".ghost").forEach((ghost) => ghost.remove());
  for (const left of places) {
    const ghost = element("i", "ghost");
    ghost.style.left = left;
    lane.track.append(ghost);
  }
}

function drawCost(lane) {
  const [requests, count] = lane.count.map((total, at) => total - lane.zero[at]);
  write(lane.cost, `${t("запитів:", "requests:")} ${number(requests)} · ${bytes(count)}`);
}

/** The requests of the last 30 s: hollow, if the answer was empty; a bar for as long as it was under way; a tick where a message came. */
function drawDots(lane, now, past) {
  const { canvas } = lane;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const scale = devicePixelRatio;
  Object.assign(canvas, { width: width * scale, height: height * scale });
  const paint = canvas.getContext("2d");
  paint.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const [colour, ink, paper] = ["--lane", "--ink", "--track"].map((name) => style.getPropertyValue(name));
  const x = (time) => width * (1 - (now - time) / DOTS_MS);
  const [middle, radius] = [height / 2, Math.min(11, height / 5)];
  const isSeen = (time) => time > now - DOTS_MS && time <= now;
  const bar = (from, to, thick) => paint.fillRect(x(from), middle - thick / 2, x(to) - x(from), thick);
  paint.fillStyle = ink;
  for (const { at } of past) if (isSeen(at)) paint.fillRect(x(at), 0, 1, height);
  paint.fillStyle = colour;
  if (lane.part === 4 && lane.since) bar(lane.since, now, 4); // the connection that stays
  const seen = lane.requests.filter(({ from, to = now }) => from <= now && to > now - DOTS_MS);
  for (const { from, to = now } of seen) bar(from, Math.min(to, now), radius);
  for (const { at } of lane.shown) if (isSeen(at)) paint.fillRect(x(at) - 3, 0, 6, height);
  for (const { from, to, brought } of seen) {
    paint.beginPath();
    paint.arc(x(from), middle, radius, 0, 2 * Math.PI);
    paint.fillStyle = brought && to <= now ? colour : paper;
    Object.assign(paint, { strokeStyle: ink, lineWidth: 3 });
    paint.fill();
    paint.stroke();
  }
  const empty = seen.filter(({ to, brought }) => to <= now && !brought).length;
  const label = `${t("Запитів за 30 с:", "Requests in 30 s:")} ${seen.length}, ${t("порожніх:", "empty:")} ${empty}`;
  if (canvas.ariaLabel !== label) canvas.ariaLabel = label;
}

function drawAxis() {
  let marks;
  const name = (ms) => (ms < 1_000 ? duration(ms) : `${number(ms / 1_000)} ${t("с", "s")}`);
  if (isDots) marks = [0, 10, 20, 30].map((s) => [s / 30, s === 30 ? t("тепер", "now") : name((30 - s) * 1_000)]);
  else if (isLog) marks = [1, 10, 100, 1_000, 10_000, 60_000].map((ms) => [place(ms), name(ms)]);
  else {
    const step = [100, 200, 500, 1_000, 2_000, 5_000, 10_000].find((ms) => linearMax() / ms < 7);
    marks = Array.from({ length: Math.floor(linearMax() / step) + 1 }, (_, at) => [place(at * step), at ? name(at * step) : "0"]);
  }
  $("axis").replaceChildren(...marks.map(([left, text]) => {
    const mark = element("span", "", text);
    mark.style.left = `${left * 100}%`;
    return mark;
  }));
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function say(text, isTrouble = false) {
  write($("status"), text);
  $("status").classList.toggle("trouble", isTrouble);
}

/** For those who listen instead of looking, too: once for each message, and when all but part 1 have shown it. */
function announce(message, now) {
  const texts = [];
  if (message) {
    const ages = lanes.filter(({ part }) => part > 1).map((lane) => [lane.part, shownAt(lane, message) - message.at]);
    const isOver = ages.every(([, age]) => message.at + age <= now);
    const result = isOver ? ` — ${ages.map(([part, age]) => `${part}: ${duration(Math.max(0, age))}`).join(", ")}` : "";
    texts.push(`${message.user}: ${message.text}${result}`);
  }
  if (frozen !== undefined) texts.push(`${t("завмерло, нових повідомлень:", "frozen, new messages:")} ${waiting.filter(({ said }) => said).length}`);
  const text = texts.join(" · ");
  if (text !== spoken) say(text);
  spoken = text;
}

// ---- What is pressed ----------------------------------------------------------------------------

async function post(path, values = {}) {
  try {
    const answer = await fetch(path, { method: "POST", body: new URLSearchParams(values) });
    if (!answer.ok) say((await answer.json()).error, true);
  } catch {
    say(t("Сервер не відповідає", "The server does not answer"), true);
  }
}

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  post("/say", { user: t("Лектор", "Lecturer"), text: $("text").value });
  $("text").blur(); // so that Space freezes
});
$("knobs").addEventListener("submit", (event) => event.preventDefault());
$("knobs").addEventListener("change", ({ target }) => target.reportValidity() && post("/knobs", { [target.name]: target.value }));
$("reload").addEventListener("click", () => post("/reload"));
$("zero").addEventListener("click", () => lanes.forEach((lane) => (lane.zero = lane.count)));

function toggle(id, change) {
  $(id).addEventListener("click", () => {
    const isOn = $(id).ariaPressed !== "true";
    $(id).ariaPressed = isOn;
    change(isOn);
    drawAxis();
  });
}
toggle("freeze", (isOn) => {
  frozen = isOn ? Date.now() - skew - LAG_MS : undefined;
  if (!isOn) takeAll();
});
toggle("log", (isOn) => (isLog = isOn));
toggle("dots", (isOn) => {
  isDots = isOn;
  $("lanes").className = isOn ? "dots" : "bars";
});
toggle("dark", (isOn) => {
  document.documentElement.dataset.theme = isOn ? "dark" : "light";
  localStorage.setItem("race-theme", isOn ? "dark" : "light");
});
$("lanes").className = "bars";
if (localStorage.getItem("race-theme") === "dark") $("dark").click();

addEventListener("keydown", (event) => {
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey && !event.repeat;
  if (!isPlain) return;
  const pressed = { F5: () => post("/reload") };
  if (event.target === document.body) Object.assign(pressed, { " ": () => $("freeze").click(), Enter: () => $("text").select() });
  if (!(event.key in pressed)) return;
  event.preventDefault();
  pressed[event.key]();
});
// A button that was clicked leaves Space to the race.
addEventListener("click", ({ target, detail }) => detail > 0 && target.closest("button")?.blur());

drawAxis();
draw();
