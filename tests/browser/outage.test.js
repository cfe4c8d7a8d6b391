// The server is away for a while. `OUTAGE_S=60 npm test outage.test.js` makes it as long as browsers need to grow impatient.

import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { once } from "node:events";
import { test } from "node:test";
import { eventually, interrupt, isNow, leave, person, say, sees, serve, texts } from "./rawchat.js";

const OUTAGE_S = Number(process.env.OUTAGE_S ?? 6);
const PAUSE_MS_MAX = 4_000;

// Counts the sockets that the page opens.
const countSockets = (page) =>
  page.addInitScript(() => {
    window.sockets = 0;
    const Real = window.WebSocket;
    window.WebSocket = class extends Real {
      constructor(url) {
        super(url);
        window.sockets++;
      }
    };
  });

for (const part of [3, 4])
  test(`§${part} after an outage of ${OUTAGE_S} s the page is back with one attempt`, async (t) => {
    const server = await serve(part);
    const page = await person();
    await countSockets(page);
    await page.goto(`${server.url}/?user=Alice`);
    await say(page, "before");
    await sees(page, "before");
    const sockets = () => page.evaluate(() => window.sockets);
    const before = await sockets();
    await interrupt(server, page);
    await isNow(page, "reconnecting");
    await new Promise((over) => setTimeout(over, OUTAGE_S * 1_000)); // this is what is tested
    assert.equal(await sockets(), before, "no socket was opened in vain");

    const again = await serve(part, server.port);
    const back = performance.now();
    await page.locator('#status:is([data-state="connected"], [data-state="waiting"])').waitFor();
    t.diagnostic(`back after ${Math.round(performance.now() - back)} ms`);
    assert.equal(await sockets(), before + (part === 4 ? 1 : 0));
    const pauses = await page.locator("#network td:nth-child(2)").filter({ hasText: "навмання" }).allTextContents();
    for (const text of pauses) assert.ok(Number.parseFloat(/до (.*) с/.exec(text)[1].replace(",", ".")) * 1_000 <= PAUSE_MS_MAX, text);
    await say(page, "after");
    await sees(page, "after");
    assert.deepEqual(await texts(page), ["before", "after"]);
    await leave(page);
    await again.stop();
  });

/** A proxy that does not know what `Upgrade` is for, until it learns it. */
async function proxy(port) {
  const state = { strips: true };
  const listener = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    client.on("data", (bytes) => {
      const text = bytes.toString("latin1");
      server.write(state.strips ? text.replace(/\r\n(Upgrade|Connection): [^\r]*/gi, "") : text, "latin1");
    });
    server.pipe(client);
    for (const [one, other] of [[client, server], [server, client]]) one.on("error", () => other.destroy()).on("close", () => other.destroy());
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  return Object.assign(state, { url: `http://127.0.0.1:${listener.address().port}`, stop: () => listener.close() });
}

test("§4 a page that loads while no WebSocket opens asks whether a proxy is in between", async () => {
  const server = await serve(4);
  const between = await proxy(server.port);
  const page = await person();
  page.expects = /WebSocket|establish a connection/;
  await page.goto(`${between.url}/?user=Alice`);
  await page.locator("#status").getByText("Сторінка завантажується, а WebSocket не відкривається: чи немає на шляху проксі?").waitFor();
  await server.say("Bob", "seen all the same");
  await sees(page, "seen all the same"); // each attempt asks by HTTP first
  between.strips = false;
  await isNow(page, "connected");
  assert.deepEqual(await texts(page), ["seen all the same"]);
  await leave(page);
  between.stop();
  await server.stop();
});
