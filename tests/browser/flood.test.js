// Somebody speaks at full speed: a page draws once a frame, whatever came meanwhile.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { eventually, leave, person, serve } from "./rawchat.js";

const ROWS_MAX = 5_500; // 5,000 are kept, and 500 go at a time

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
    while (list.lastElementChild.querySelector("p").textContent !== "message 6000") await new Promise(requestAnimationFrame);
    return { frames, drawings, looks, rows: list.children.length, network: document.getElementById("network").rows.length };
  });
  assert.ok(drawings <= frames + 1, `${drawings} drawings in ${frames} frames`);
  assert.ok(looks <= 3 * drawings, `${looks} searches of the document in ${drawings} drawings`);
  assert.ok(rows >= 5_000 && rows <= ROWS_MAX && network === 50, `${rows} messages, ${network} rows of the journal`);
  await leave(page);
  await server.stop();
});

/** Speaks through a socket of its own, `rate` messages a second, for `seconds`; tells how many it said. */
async function speak(server, rate, seconds) {
  const socket = connect(server.port, "127.0.0.1");
  socket.write("GET /?user=Flood HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  socket.resume();
  const frame = (text) => {
    const payload = Buffer.from(JSON.stringify({ type: "message", text }));
    const length = payload.length < 126 ? [0x80 | payload.length] : [0xfe, payload.length >> 8, payload.length & 0xff];
    return Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), payload]); // a key of zeros changes nothing
  };
  const began = performance.now();
  let said = 0;
  while (performance.now() - began < seconds * 1_000) {
    const due = Math.floor(((performance.now() - began) / 1_000) * rate);
    const frames = [];
    while (said < due) frames.push(frame(`flood ${++said} ${"…".repeat(30)}`));
    if (!socket.write(Buffer.concat(frames))) await new Promise((drained) => socket.once("drain", drained));
    await new Promise((next) => setTimeout(next, 10));
  }
  socket.destroy();
  return said;
}

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
