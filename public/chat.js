// What parts 2, 3 and 4 do alike: what they have read, what they have said, how they ask and how they wait.
// (Part 1 uses no more of it than the form, which keeps a draft and says when it is too long.)
// What differs, the technique, is the script at the top of each page. What is seen is drawn by draw.js.

import { $, append, bytes, count, element, journal, me, note, number, own, seconds, status, t } from "/draw.js";

const TEXT_CHARS_MAX = 2_000; // as the server allows
export const ANSWER_MS_MAX = 10_000; // a server that has not answered by then will not
export const HELD_MS_MAX = 45_000; // the same, where the server may hold a request for 30 s
const POST_MS_MAX = 45_000; // longer, too: a post that we have given up may still be carried out, and then be said twice
const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 4_000;

// ---- What was read ------------------------------------------------------------------------------

// §2.3 A page knows which log it reads, and how far.
export const log = {
  /** When the server began the log we read. A restarted server begins another, and its ids begin anew. */
  epoch: undefined,
  /** The N of `lastId=N`: the newest message we have. */
  lastId: 0,
  /** Whether we have all of it. Before that, a message that looks like ours may be an old one, so we send nothing. */
  isRead: false,

  /** Shows what an answer brings. True: ask again at once, the server has more for us, or another log. */
  show({ body, epoch, more = false, began }) {
    log.isRead = false;
    if (!log.turnTo(epoch)) return true;
    const news = body.filter(({ id }) => id > log.lastId);
    if (news.length > 0) {
      const gone = news[0].id - log.lastId - 1;
      if (gone === 1) note(t("Одного повідомлення тут уже немає", "1 message is no longer kept here"));
      if (gone > 1) note(t("Повідомлень, яких тут уже немає: #", "# messages are no longer kept here").replace("#", number(gone)));
      append(...news);
      count("messages", news.length);
      log.lastId = news.at(-1).id;
    }
    for (const message of news) outbox.confirm(message);
    outbox.dropPassed();
    log.isRead = !more;
    if (log.isRead) outbox.settle(began);
    return more;
  },

  /** To the log that began then. False if it is another than the one we read: then we read it from its beginning. */
  turnTo(epoch) {
    if (epoch === log.epoch) return true;
    const isFirst = log.epoch === undefined;
    log.epoch = epoch;
    if (isFirst) return true;
    log.lastId = 0;
    outbox.doubt();
    note(t("Сервер перезапущено. Усе, що вище, лишилося тільки на цій сторінці.", "The server was restarted. What is above remains on this page only."));
    return false;
  },
};

// ---- What was said ------------------------------------------------------------------------------

// One text after another is under way, and it leaves this list when we read it in the log. If the connection is lost
// before that, nobody can tell whether the server has it: we look into the log first, and say it again if it is not there.
let entries = [];
let isOpen = false;
let send;

const STATES = {
  waiting: t("чекає на зв’язок", "waiting for the connection"),
  sending: t("надсилається", "sending"),
  doubted: t("не підтверджено", "not confirmed"),
  refused: t("сервер відмовив", "refused by the server"),
};

// §2.4 Each text that was typed, from the form to the log.
export const outbox = {
  add(text) {
    const entry = { text, li: element("li"), label: element("small") };
    entry.li.append(own("span", text), entry.label);
    $("outbox").append(entry.li);
    entries.push(entry);
    mark(entry, "waiting");
    speak();
  },
  /** The entry this message is the echo of. What was never sent has no echo, whatever the history says. */
  echoed(message) {
    const entry = current();
    if (message?.user !== me || !entry || entry.state === "waiting") return undefined;
    return bare(message.text) === bare(entry.text) ? entry : undefined;
  },
  confirm(message) {
    const entry = outbox.echoed(message);
    if (entry) drop(entry);
  },
  /** The server took it, and we have read on past its id: its echo was gone, or not to be recognised. */
  dropPassed() {
    const entry = current();
    if (entry?.state === "sending" && entry.id <= log.lastId) drop(entry);
  },
  /** Part 4 asks: how long has the echo not come, in milliseconds? 0: nothing is on its way. */
  waited() {
    const entry = current();
    return entry?.state === "sending" ? performance.now() - entry.sentAt : 0;
  },
  /** And how long did it take? */
  took(message) {
    const entry = outbox.echoed(message);
    return entry && performance.now() - entry.sentAt;
  },
  refuse(error, entry = current()) {
    if (entry?.state !== "sending") return trouble(error);
    mark(entry, "refused");
    entry.label.append(`: ${error}`);
    const button = element("button", t("Прибрати", "Remove"));
    button.type = "button";
    button.addEventListener("click", () => drop(entry));
    entry.li.append(button);
    speak();
  },
  /** The connection that carried it is lost. */
  doubt(entry = current()) {
    if (entry?.state !== "sending") return;
    mark(entry, "doubted");
    entry.doubtedAt = performance.now();
  },
  /** We have read all there was when a request `began`: what was lost before that, and is not there, is said again. A frame
   * of part 4 has no such moment, and settles nothing. */
  settle(began) {
    const entry = current();
    if (entry?.state === "doubted" && entry.doubtedAt <= began) mark(entry, "waiting");
    speak();
  },
};

// The server takes down towers of accents, and the space after one that stands on nothing; which characters are accents, its
// Unicode says, and ours may be older.
const bare = (text) => trimmed(text.replace(/[\p{Grapheme_Extend}\p{Mark}\p{Unassigned}]/gu, ""));
const current = () => entries.find(({ state }) => state !== "refused");

function speak() {
  const entry = current();
  if (!isOpen || !log.isRead || entry?.state !== "waiting") return;
  mark(entry, "sending");
  const sentAt = performance.now();
  Object.assign(entry, { sentAt, id: undefined });
  const isLast = () => entry.state === "sending" && entry.sentAt === sentAt; // or it is found by now, or was sent anew
  send(entry.text)?.then(
    ({ body, epoch }) => {
      if (isLast() && epoch === log.epoch) entry.id = body.message.id;
      outbox.dropPassed();
    },
    (error) => isLast() && failed(entry, error),
  );
}

async function failed(entry, error) {
  if (error instanceof Refusal) return outbox.refuse(error.message, entry);
  outbox.doubt(entry);
  entry.doubtedAt = Infinity; // nothing settles it before the pause is over: the server may have too much to do
  await pause(Math.random() * BACKOFF_MS_MAX);
  entry.doubtedAt = performance.now();
  await catchUp().catch(() => {}); // if nobody answers, the technique asks on by itself
}

function mark(entry, state) {
  entry.state = state;
  entry.label.textContent = STATES[state];
}

function drop(entry) {
  mark(entry, "gone");
  entry.li.remove();
  entries = entries.filter((other) => other !== entry);
  speak();
}

addEventListener("beforeunload", (event) => entries.length && event.preventDefault());

/** The connection stands: what waits is said. */
export function connected(text) {
  status("connected", text);
  isOpen = true;
  speak();
}

export function disconnected(text = t("Зв’язку немає. З’єднуємося знову…", "No connection. Reconnecting…")) {
  status("reconnecting", text);
  isOpen = false;
}

// ---- The form -----------------------------------------------------------------------------------

const field = $("text");

/** What the form says goes through `how`. By POST, that returns a promise of the answer, broken when the server refuses the
 * text or nobody knows. */
export function onSay(how) {
  send = how;
  status("connecting", t("З’єднуємося…", "Connecting…"));
  $("say").addEventListener("submit", (event) => {
    event.preventDefault();
    field.focus();
    const text = typedText();
    if (text === "") return;
    field.value = "";
    keepAndCheck();
    outbox.add(text);
  });
}

// Trimmed as the server does it, so that the echo equals what we keep (U+0085 is a space in Rust, not in JavaScript).
// Half a surrogate pair is no character, and the server would refuse it.
const typedText = () => trimmed(field.value.replace(/\p{Surrogate}/gu, "\uFFFD"));
const trimmed = (text) => text.replace(/^[\s\u0085]+|[\s\u0085]+$/g, "");

// A draft outlives its page: F5, the back button, the other language. (Where storage is forbidden it does not.)
function draft(text) {
  try {
    if (text !== undefined) sessionStorage.setItem("draft", text);
    return sessionStorage.getItem("draft") ?? "";
  } catch {
    return "";
  }
}

function keepAndCheck() {
  draft(field.value);
  const length = [...typedText()].length;
  const problem = length <= TEXT_CHARS_MAX ? "" : `${t("Задовго, символів:", "Too long, characters:")} ${number(length)} / ${number(TEXT_CHARS_MAX)}`;
  field.setCustomValidity(problem);
  trouble(problem);
}

function trouble(text) {
  $("trouble").textContent = text;
}

const isPosted = performance.getEntriesByType("navigation")[0]?.redirectCount > 0; // part 1: the draft was sent
field.removeAttribute("maxlength"); // which would cut the end of a long text off and not say so
const kept = draft(isPosted ? "" : undefined);
field.value ||= kept; // what was typed before this script came stays
field.addEventListener("input", keepAndCheck);

// ---- Asking -------------------------------------------------------------------------------------

/** The server has it, and said no. */
class Refusal extends Error {}
const NOT_NOW = [408, 425, 429]; // it did not take it, and may do so the next time
const isRefusal = (status) => status >= 400 && status < 500 && !NOT_NOW.includes(status);

/** One request and its answer. Throws a `Refusal`, or anything else if nobody can know. */
export async function ask(path, { patience_ms = ANSWER_MS_MAX, ...options } = {}) {
  const what = `${options.method ?? "GET"} ${path}`;
  const began = performance.now();
  const ms = () => performance.now() - began;
  count("requests");
  count("bytesOut", requestBytes(path, options));
  let response, text;
  try {
    [response, text] = await patiently(patience_ms, path, options);
  } catch (error) {
    journal({ what: `${what} → ✕`, ms: ms(), bad: true });
    throw error;
  }
  const [head, body] = [headBytes(response), bytes(text)];
  count("bytesIn", head + body);
  journal({ what: `${what} → ${response.status}`, head, body, ms: ms(), bad: !response.ok });
  if (isRefusal(response.status)) throw new Refusal(reason(response.status, text));
  if (!response.ok) throw new Error(text);
  const epoch = Number(response.headers.get("Log-Epoch"));
  const more = /rel="next"/.test(response.headers.get("Link"));
  return { body: text === "" ? [] : JSON.parse(text), epoch, more, began };
}

// A long answer on a slow line takes its time. We give up when nothing at all has come for so long.
async function patiently(patience_ms, path, options) {
  const patience = new AbortController();
  const within = (step) => {
    const timer = setTimeout(() => patience.abort(), patience_ms);
    return step.finally(() => clearTimeout(timer));
  };
  const response = await within(fetch(path, { cache: "no-store", signal: patience.signal, ...options }));
  let text = "";
  if (response.body === null) return [response, text]; // 204
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await within(reader.read());
    if (done) return [response, text];
    text += value;
  }
}

/** The least it can be: a browser adds fields that it shows to no script. */
export function requestBytes(path, { method = "GET", headers = {}, body = "" } = {}) {
  const fields = { Host: location.host, "User-Agent": navigator.userAgent, ...headers };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return bytes(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

// A proxy may refuse in words of its own.
function reason(status, text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return status;
  }
}

// The status line and the fields, with their CR LF: what a script of the same origin may see of them.
function headBytes(response) {
  let sum = bytes(`HTTP/1.1 ${response.status} ${response.statusText}\r\n\r\n`);
  for (const [name, value] of response.headers) sum += bytes(`${name}: ${value}\r\n`);
  return sum;
}

/** Parts 2 and 3 say by POST; what was said comes back with the news, in its turn. */
export const post = (text) =>
  ask("/messages", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user: me, text }),
    patience_ms: POST_MS_MAX,
  });

/** Parts 3 and 4 begin like part 2: is the server there, and what was said meanwhile? */
export async function catchUp() {
  let more = true;
  while (more) more = log.show(await ask(`/messages?lastId=${log.lastId}`));
}

// ---- Waiting ------------------------------------------------------------------------------------

const pauses = new Set();

/** Ends early when the network or the reader comes back, or by `hurry`. */
export function pause(ms) {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      pauses.delete(end);
      done();
    };
    const timer = setTimeout(end, ms);
    pauses.add(end);
  });
}

export function hurry() {
  for (const end of pauses) end();
}

addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => document.hidden || hurry());

// §3.7 Exponential backoff with full jitter: a crowd that was cut off together must not come back together.
export const backoff = {
  tries: 0,
  reset() {
    backoff.tries = 0;
  },
  async pause() {
    const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** backoff.tries++);
    const ms = Math.random() * ceiling;
    journal({ what: `${t("пауза, навмання від 0 до", "a pause, at random from 0 to")} ${seconds(ceiling)}`, ms });
    await pause(ms);
  },
};
