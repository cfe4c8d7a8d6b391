// Somebody speaks at full speed: a page draws once a frame, whatever came meanwhile.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { eventually, leave, person, serve } from "./rawchat.js";

const ROWS_MAX = 5_500; // 5,000 are kept, and 500 go at a time
const BURST_MAX = 500; // messages in one write

test("§4 a flood of messages costs a drawing a frame, not one a message", async () => {
  const server = await serve(4);
  const page = await person();
  await page.addInitScript(() => {
    window.WebSocket = class {
      static OPEN = 1;
      readyState = 1;
      send() {}
      close() {}
      constructor() {
        window.socket = this;
      }
    };
  });
  await page.goto(`${server.url}/?user=Alice`);
  await page.waitForFunction(() => window.socket?.onmessage);
  const { frames, drawings, looks, rows, network } = await page.evaluate(async () => {
    const hear = (said) => window.socket.onmessage({ data: JSON.stringify(said) });
    let [frames, drawings, looks] = [0, 0, 0];
    const tick = () => requestAnimationFrame(tick, frames++);
    for (const kind of ["querySelector", "querySelectorAll", "getElementById"]) {
      const real = Document.prototype[kind];
      Document.prototype[kind] = function (what) {
        looks++;
        return real.call(this, what);
      };
    }
    tick();
    new MutationObserver(() => drawings++).observe(document.getElementById("messages"), { childList: true });
    looks = 0;
    const timestamp = new Date().toISOString();
    for (let id = 1; id <= 6_000; id++) {
      hear({ type: "message", message: { id, user: "Bob", text: `message ${id}`, timestamp } });
      if (id % 50 === 0) await new Promise((next) => setTimeout(next)); // a task of its own
    }
    const list = document.getElementById("messages");
    looks--;
    while (list.lastElementChild?.querySelector("p").textContent !== "message 6000") await new Promise(requestAnimationFrame);
    return { frames, drawings, looks, rows: list.children.length, network: document.getElementById("network").rows.length };
  });
  assert.ok(drawings <= frames + 1, `${drawings} drawings in ${frames} frames`);
  assert.ok(looks <= 3 * drawings, `${looks} searches of the document in ${drawings} drawings`);
  assert.ok(rows >= 5_000 && rows <= ROWS_MAX && network === 50, `${rows} messages, ${network} rows of the journal`);
  await leave(page);
  await server.stop();
});

/** A WebSocket of Node's, opened by hand. */
function open(server, target) {
  const socket = connect(server.port, "127.0.0.1");
  socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  return socket;
}

/** Speaks through a socket of its own, `rate` messages a second, for `seconds`; tells how many it said. */
async function speak(server, rate, seconds) {
  const socket = open(server, "/?user=Flood").resume();
  const frame = (text) => {
    const payload = Buffer.from(JSON.stringify({ type: "message", text }));
    const length = payload.length < 126 ? [0x80 | payload.length] : [0xfe, payload.length >> 8, payload.length & 0xff];
    return Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), payload]); // a key of zeros changes nothing
  };
  const began = performance.now();
  let said = 0;
  while (performance.now() - began < seconds * 1_000) {
    const due = Math.min(Math.floor(((performance.now() - began) / 1_000) * rate), said + BURST_MAX);
    const frames = [];
    while (said < due) frames.push(frame(`flood ${++said} ${"…".repeat(30)}`));
    if (!socket.write(Buffer.concat(frames))) await new Promise((drained) => socket.once("drain", drained));
    await new Promise((next) => setTimeout(next, rate === Infinity ? 0 : 10));
  }
  socket.end();
  return said;
}

/** Hears what is said, and comes back if it is cut off: what it `heard`, and what was `gone` when it came back. */
function listen(server) {
  const told = { last: 0, heard: 0, gone: 0, cuts: 0, stop: () => (stopped = socket.destroy()) };
  let socket;
  let stopped;
  const come = () => {
    let bytes = Buffer.alloc(0);
    socket = open(server, `/?user=Node&lastId=${told.last}`).on("data", (more) => {
      bytes = Buffer.concat([bytes, more]);
      for (;;) {
        if (bytes[0] === 0x48) { // the H of HTTP
          const end = bytes.indexOf("\r\n\r\n");
          if (end < 0) return;
          bytes = bytes.subarray(end + 4);
        }
        const long = bytes[1] === 126;
        const begin = long ? 4 : 2;
        if (bytes.length < begin || bytes.length < begin + (long ? bytes.readUInt16BE(2) : bytes[1])) return;
        const end = begin + (long ? bytes.readUInt16BE(2) : bytes[1]);
        const { type, message } = bytes[0] === 0x81 ? JSON.parse(bytes.subarray(begin, end)) : {};
        if (bytes[0] === 0x89) socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0])); // a pong for a ping
        bytes = bytes.subarray(end);
        if (type !== "message") continue;
        told.gone += message.id - told.last - 1;
        told.heard++;
        told.last = message.id;
      }
    });
    socket.on("error", () => {}).on("close", () => stopped || (told.cuts++, come()));
  };
  come();
  return told;
}

test("§4 three pages and 20 clients of Node follow one who speaks at full speed for 10 s, or are told what they missed", { skip: !process.env.FLOOD && "FLOOD=1 measures this" }, async (t) => {
  const server = await serve(4);
  const clients = Array.from({ length: 20 }, () => listen(server));
  t.after(() => clients.forEach((told) => told.stop()));
  const pages = await Promise.all(["Alice", "Bob", "Carol"].map(async (name) => {
    const page = await person();
    await page.addInitScript(() => {
      window.gone = 0; // as the page says; what it has said is soon out of its list
      const look = (li) => /уже немає/.test(li.textContent) && (window.gone += Number(li.textContent.replace(/\D/g, "") || 1));
      addEventListener("DOMContentLoaded", () =>
        new MutationObserver((changes) => changes.forEach(({ addedNodes }) => addedNodes.forEach(look))).observe(document.getElementById("messages"), { childList: true }));
    });
    await page.goto(`${server.url}/?user=${name}`);
    await eventually(async () => assert.match(await page.locator("#status").getAttribute("data-state"), /connected/));
    return page;
  }));
  const said = await speak(server, Infinity, 10);
  const told = () => Promise.all(pages.map((page) => page.evaluate(async () => {
    const { log } = await import("/chat.js");
    return { last: log.lastId, heard: Number(document.querySelector('[data-count="messages"]').textContent.replace(/\D/g, "")), gone: window.gone };
  })));
  await eventually(async () => {
    for (const { last, heard, gone } of [...clients, ...(await told())]) assert.deepEqual([last, heard + gone], [said, said]);
  });
  assert.ok(clients.every(({ gone, cuts }) => gone === 0 || cuts > 0), "a message is missing where nobody was cut off");
  const gone = (await told()).map(({ gone }) => gone);
  t.diagnostic(`${said} messages; gone: pages ${gone}, clients ${clients.map((told) => told.gone)} in ${clients.reduce((sum, { cuts }) => sum + cuts, 0)} cuts`);
  await leave(...pages);
  await server.stop();
});

test("§4 2,000 messages a second for 30 s leave no task of the page longer than 200 ms", { skip: !process.env.FLOOD && "FLOOD=1 measures this" }, async (t) => {
  const server = await serve(4);
  const page = await person();
  await page.addInitScript(() => {
    window.tasks = [];
    new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ entryTypes: ["longtask"] });
  });
  await page.goto(`${server.url}/?user=Alice`);
  await eventually(async () => assert.match(await page.locator("#status").getAttribute("data-state"), /connected/));
  const said = await speak(server, 2_000, 30);
  const newest = async () => (await (await fetch(`${server.url}/stats`)).json()).totalMessages;
  const shown = () => page.evaluate(() => Number([...document.getElementById("messages").children].findLast((li) => li.dataset.id).dataset.id));
  await eventually(async () => assert.equal(await shown(), await newest()));
  const tasks = await page.evaluate(() => window.tasks);
  const notes = await page.locator("#messages .note").allTextContents();
  t.diagnostic(`${said} messages, ${tasks.length} tasks over 50 ms, the longest ${Math.round(Math.max(0, ...tasks))} ms; received ${await page.locator('[data-count="framesIn"]').textContent()} frames; notes: ${notes.join(" | ")}`);
  assert.ok(said > 50_000);
  assert.ok(Math.max(0, ...tasks) <= 200, `${tasks.filter((ms) => ms > 200)}`);
  await leave(page);
  await server.stop();
});
