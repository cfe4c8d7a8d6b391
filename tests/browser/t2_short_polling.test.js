import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { DEADLINE_MS, eventually, isNow, leave, person, personWithoutPauses, say, sees, serve, texts } from "./rawchat.js";

const INTERVAL_MS = 3_000;
const TIMER_MS = 10; // so much a timer may end too early
const isPoll = (request) => request.method() === "GET" && new URL(request.url()).pathname === "/messages";

test("§2 Bob sees what Alice said with the next poll, and Alice at once", async () => {
  const server = await serve(2);
  const alice = await personWithoutPauses(server, "Alice"); // whoever writes need not wait for the next poll
  const bob = await person(server, "Bob");
  for (const page of [alice, bob]) await isNow(page, "connected");
  await say(alice, "скоро побачиш");
  await sees(alice, "скоро побачиш");
  await sees(bob, "скоро побачиш");
  await leave(alice, bob);
  await server.stop();
});

test("§2 the next poll starts three seconds after the last answer came, however slow the server is", async () => {
  const server = await serve(2);
  const page = await person();
  const slow_ms = 1_000;
  await page.route(isPollUrl, async (route) => {
    const answer = await route.fetch();
    await new Promise((later) => setTimeout(later, slow_ms));
    await route.fulfill({ response: answer });
  });
  await page.goto(`${server.url}/?user=Alice`);
  // By the page's own clock: what we are told of it may be late.
  const polls = await eventually(async () => {
    const all = await page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.includes("/messages?")).map((poll) => poll.toJSON()));
    assert.ok(all.length >= 3);
    return all;
  });
  for (const [turn, { startTime, responseEnd }] of polls.slice(0, 2).entries()) {
    assert.ok(responseEnd - startTime >= slow_ms - TIMER_MS, "the server is slow");
    const pause = polls[turn + 1].startTime - responseEnd;
    assert.ok(pause >= INTERVAL_MS - TIMER_MS, `a pause of ${pause} ms`);
  }
  await leave(page);
  await server.stop();
});
const isPollUrl = (url) => url.pathname === "/messages";

test("§2 a tab that is shown again asks at once", async () => {
  const server = await serve(2);
  const page = await personWithoutPauses(server, "Alice");
  await isNow(page, "connected");
  const next = page.waitForRequest(isPoll);
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await next;
  await leave(page);
  await server.stop();
});

test("§2 polls, empty polls, bytes and polls per message are counted", async () => {
  const server = await serve(2);
  await server.say("Bob", "the past is no news");
  const page = await personWithoutPauses(server, "Alice"); // each poll is one that this test has caused
  const shown = async (name) => page.locator(`[data-count="${name}"]`).textContent();
  await isNow(page, "connected");
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await eventually(async () => assert.equal(await shown("polls"), "2"));
  assert.equal(await shown("empty"), "1");
  assert.equal(await shown("perMessage"), "—");
  await say(page, "news");
  await sees(page, "news");
  assert.deepEqual([await shown("polls"), await shown("empty"), await shown("perMessage")], ["3", "1", "3"]);
  const rows = await page.locator("#network td:nth-child(3)").allTextContents();
  const numbers = (text) => text.match(/\d[\d\s]*/g).map((part) => Number(part.replace(/\s/g, "")));
  const sum = rows.flatMap(numbers).reduce((a, b) => a + b);
  assert.equal(numbers(await shown("bytesIn"))[0], sum);
  await leave(page);
  await server.stop();
});

test("§2 what another server answers is counted once, when it is shown", async () => {
  const server = await serve(2);
  await server.say("Bob", "the past is no news");
  const page = await person(server, "Alice");
  await sees(page, "the past is no news");
  page.serverWasDown = true;
  await page.route(isPollUrl, (route) => route.abort("connectionrefused")); // nobody asks before all is said
  await server.stop();
  const again = await serve(2, server.port);
  for (const text of ["one", "two", "three"]) await again.say("Bob", text);
  await page.unroute(isPollUrl);
  await sees(page, "three");
  await eventually(async () => {
    const [polls, messages, perMessage] = await page.evaluate(() => ["polls", "messages", "perMessage"].map((name) => document.querySelector(`[data-count="${name}"]`).textContent));
    assert.equal(messages, "4");
    assert.equal(Number(perMessage.replace(",", ".")), Math.round((10 * Number(polls)) / 3) / 10);
  });
  await leave(page);
  await again.stop();
});

test("§2 the debug panel counts the bytes of an answer as they are on the wire", async () => {
  const server = await serve(2);
  const page = await person(server, "Alice");
  await page.locator("#network tr").first().waitFor();
  const raw = await new Promise((whole, broken) => {
    const socket = connect(server.port, "127.0.0.1", () => socket.write(`GET /messages?lastId=0 HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`));
    let text = "";
    socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error(`only this came: ${text}`)));
    socket.on("error", broken).on("data", (part) => {
      text += part;
      if (text.endsWith("\r\n\r\n[]")) whole(text) || socket.destroy();
    });
  });
  const head = raw.length - "[]".length;
  const shown = await page.locator("#network tr").last().locator("td:nth-child(3)").textContent();
  assert.equal(shown.replace(/\s/g, ""), `${head}+2`);
  await leave(page);
  await server.stop();
});

test("§2 a network that breaks and comes back shows nothing twice", async () => {
  const server = await serve(2);
  for (const text of ["one", "two"]) await server.say("Bob", text);
  const page = await person(server, "Alice");
  await sees(page, "two");
  page.serverWasDown = true;
  await page.route(isPollUrl, (route) => route.abort("connectionrefused"));
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await isNow(page, "reconnecting");
  await server.say("Bob", "three");
  await page.unroute(isPollUrl);
  await sees(page, "three");
  assert.deepEqual(await texts(page), ["one", "two", "three"]);
  await leave(page);
  await server.stop();
});
