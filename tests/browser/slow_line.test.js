// A line so slow that a long answer takes longer than the page waits for a server that is silent.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { leave, person, sees, serve, texts } from "./rawchat.js";

const FASTER = 4; // the page's 10 s are 2.5 s here
const PIECE_BYTES = 4 * 1024;
const PIECE_MS = 100; // an answer of 128 KiB takes 3 s

/** A way to the server on which the first long answer stops half-way for ever, and each later one comes in drops. */
async function slowLine(port) {
  let long = 0;
  const line = createServer((browser) => {
    const server = connect(port, "127.0.0.1");
    let turn; // of the long answer that comes on this connection
    let waits = Buffer.alloc(0);
    browser.on("data", (request) => {
      if (request.includes("GET /messages?lastId=0 ")) turn = ++long;
      server.write(request);
    });
    server.on("data", (bytes) => (turn === undefined ? browser.write(bytes) : (waits = Buffer.concat([waits, bytes]))));
    const drops = setInterval(() => {
      if (turn === 1 && browser.bytesWritten > 2 * PIECE_BYTES) return;
      if (waits.length > 0) browser.write(waits.subarray(0, PIECE_BYTES));
      waits = waits.subarray(PIECE_BYTES);
    }, PIECE_MS).unref();
    for (const [end, other] of [[browser, server], [server, browser]])
      end.on("error", () => other.destroy()).on("close", () => other.destroy() && clearInterval(drops));
  }).listen(0, "127.0.0.1").unref();
  await once(line, "listening");
  return { url: `http://127.0.0.1:${line.address().port}`, stop: () => line.close(), longAnswers: () => long };
}

for (const part of [2, 3, 4])
  test(`§${part} a long answer may come slowly, as long as it comes`, async () => {
    const server = await serve(part);
    const history = Array.from({ length: 60 }, (_, at) => `${at} ${"long ".repeat(390)}`.trim());
    await server.sayAll("Bob", history);
    const line = await slowLine(server.port);
    const page = await person();
    await page.addInitScript((faster) => {
      const [later, within] = [window.setTimeout, AbortSignal.timeout.bind(AbortSignal)];
      window.setTimeout = (call, ms, ...rest) => later(call, ms / faster, ...rest);
      AbortSignal.timeout = (ms) => within(ms / faster);
    }, FASTER);
    page.serverWasDown = true;
    await page.goto(`${line.url}/?user=Alice`);
    await sees(page, history.at(-1));
    assert.deepEqual(await texts(page), history);
    assert.ok(line.longAnswers() >= 2, "the first one was given up");
    await leave(page);
    line.stop();
    await server.stop();
  });
