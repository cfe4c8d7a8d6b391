import assert from "node:assert/strict";
import { test } from "node:test";
import { another, eventually, interrupt, isNow, leave, person, personWithoutPauses, say, sees, serve, texts } from "./rawchat.js";

const names = (page) => page.locator("#people li").allTextContents();
const notes = (page) => page.locator("#messages .note").allTextContents();
const queue = (page) => page.locator("#outbox li span").allTextContents();

// Stands between a page and the server; `meddle` sees each connection before anything passes.
const between = (page, meddle) => {
  let connections = 0;
  return page.routeWebSocket(/./, (ws) => meddle(ws, ++connections));
};
const type = (data) => JSON.parse(data).type;
/** It may have been cut off for less time than it takes to look. */
const isBack = async (page) => {
  await page.locator('[data-count="reconnects"]', { hasText: "1" }).waitFor();
  await isNow(page, "connected");
};

test("§4 Alice and Bob hear each other at once", async () => {
  const server = await serve(4);
  const alice = await personWithoutPauses(server, "Alice");
  const bob = await personWithoutPauses(server, "Bob");
  await isNow(alice, "connected");
  await isNow(bob, "connected");
  for (const [speaker, listener, text] of [[alice, bob, "чуєш?"], [bob, alice, "чую!"]]) {
    await say(speaker, text);
    await sees(listener, text);
    await sees(speaker, text);
  }
  for (const page of [alice, bob]) {
    assert.deepEqual(await texts(page), ["чуєш?", "чую!"]);
    assert.deepEqual(await queue(page), []);
  }
  await leave(alice, bob);
  await server.stop();
});

test("§4 everybody sees who is here, once a name, until the last window of that name closes", async () => {
  const server = await serve(4);
  const alice = await person(server, "Alice");
  await eventually(async () => assert.deepEqual(await names(alice), ["Alice"]));
  const bob = await person(server, "Bob");
  const bobs = async () => {
    assert.deepEqual(await names(alice), ["Alice", "Bob"]);
    assert.deepEqual(await names(bob), ["Alice", "Bob"]);
  };
  await eventually(bobs);
  await alice.locator('[data-count="people"]', { hasText: "2" }).waitFor();
  const second = await another(bob.context(), server, "Bob");
  await isNow(second, "connected");
  await say(second, "two windows");
  await sees(alice, "two windows");
  await bobs();

  await second.close();
  await say(bob, "one window");
  await sees(alice, "one window");
  await bobs();
  assert.deepEqual(await notes(alice), ["Bob заходить у чат"]);

  await leave(bob);
  await eventually(async () => assert.deepEqual(await names(alice), ["Alice"]));
  assert.deepEqual(await notes(alice), ["Bob заходить у чат", "Bob виходить із чату"]);
  await leave(alice);
  await server.stop();
});

test("§4 the round trip from ping to pong is shown", async () => {
  const server = await serve(4);
  const page = await person(server, "Alice");
  await eventually(async () => assert.match(await page.locator('[data-count="rtt"]').textContent(), /^[\d,]+ мс$/));
  const row = page.locator("#network tr").filter({ hasText: '↓ {"type":"pong"}' }).first();
  assert.deepEqual((await row.locator("td").allTextContents()).slice(1, 3), ['↓ {"type":"pong"}', "2 + 15"]);
  await page.locator("#network tr").filter({ hasText: '↑ {"type":"ping"}' }).first().waitFor();
  await leave(page);
  await server.stop();
});

test("§4 what was said before the first connection stands is said once, though the history has the same words", async () => {
  const server = await serve(4);
  await server.say("Alice", "hello");
  const page = await person();
  let open;
  await between(page, (ws) => new Promise((opened) => (open = opened)).then(() => ws.connectToServer()));
  await page.goto(`${server.url}/?user=Alice`);
  await eventually(() => assert.ok(open));
  await say(page, "hello");
  assert.deepEqual(await queue(page), ["hello"]);
  open();
  await eventually(async () => assert.deepEqual(await queue(page), []));
  assert.deepEqual(await server.texts(), ["hello", "hello"]);
  await eventually(async () => assert.deepEqual(await texts(page), ["hello", "hello"]));
  await leave(page);
  await server.stop();
});

test("§4 a message whose echo was lost with the connection is found in the history, not said again", async () => {
  const server = await serve(4);
  const page = await person();
  await between(page, (ws, connection) => {
    const there = ws.connectToServer();
    if (connection > 1) return;
    there.onMessage((data) => (type(data) === "message" ? ws.close() : ws.send(data))); // the echo never arrives
  });
  await page.goto(`${server.url}/?user=Alice`);
  await isNow(page, "connected");
  await say(page, "once");
  await sees(page, "once");
  await say(page, "and on");
  await sees(page, "and on");
  assert.deepEqual(await server.texts(), ["once", "and on"]);
  assert.deepEqual(await texts(page), ["once", "and on"]);
  assert.deepEqual(await queue(page), []);
  await leave(page);
  await server.stop();
});

test("§4 a message that was lost with the connection is said again", async () => {
  const server = await serve(4);
  await server.say("Bob", "first");
  const page = await person();
  await between(page, (ws, connection) => {
    const there = ws.connectToServer();
    if (connection > 1) return;
    ws.onMessage((data) => (type(data) === "message" ? ws.close() : there.send(data))); // the server never gets it
  });
  await page.goto(`${server.url}/?user=Alice`);
  await isNow(page, "connected");
  await say(page, "lost once");
  await sees(page, "lost once");
  assert.deepEqual(await server.texts(), ["first", "lost once"]);
  assert.deepEqual(await texts(page), ["first", "lost once"]);
  await leave(page);
  await server.stop();
});

for (const lost of ["the message", "its echo"])
  test(`§4 where ${lost} is lost and the connection is not, it arrives all the same, once`, async () => {
    const server = await serve(4);
    const page = await person();
    await page.clock.install();
    let connections = 0;
    let swallows = false;
    const dropped = [];
    await between(page, (ws, connection) => {
      connections = connection;
      const there = ws.connectToServer();
      const past = (way, side) => (data) => (swallows && type(data) === "message" && side === lost && connection === 1 ? dropped.push(data) : way.send(data));
      ws.onMessage(past(there, "the message"));
      there.onMessage(past(ws, "its echo"));
    });
    await page.goto(`${server.url}/?user=Alice`);
    await isNow(page, "connected");
    swallows = true;
    await say(page, "swallowed");
    await eventually(() => assert.equal(dropped.length, 1));
    await say(page, "and on");
    const pongs = page.locator("#network tr").filter({ hasText: '↓ {"type":"pong"}' });
    for (const count of [2, 3]) {
      await page.clock.fastForward(5_000);
      await eventually(async () => assert.ok((await pongs.count()) >= count));
    }
    await page.clock.fastForward(5_000);
    await sees(page, "and on");
    assert.deepEqual(await server.texts(), ["swallowed", "and on"]);
    assert.deepEqual(await texts(page), ["swallowed", "and on"]);
    assert.deepEqual(await queue(page), []);
    assert.equal(connections, 2);
    await leave(page);
    await server.stop();
  });

test("§4 a late pong to a ping from before our message does not say that the message is lost", async () => {
  const server = await serve(4);
  const page = await person();
  await page.clock.install();
  let held; // what the server has sent since then
  let release;
  await between(page, (ws) => {
    const there = ws.connectToServer();
    there.onMessage((data) => (held ? held.push(data) : ws.send(data)));
    release = (wanted) => ws.send(held.find((data) => type(data) === wanted));
  });
  const holds = (wanted) => eventually(() => assert.ok(held.map(type).includes(wanted)));
  await page.goto(`${server.url}/?user=Alice`);
  await page.locator("#network tr").filter({ hasText: '↓ {"type":"pong"}' }).first().waitFor();
  held = [];
  await page.clock.fastForward(5_000);
  await holds("pong");
  await say(page, "slow");
  await holds("message");
  await page.clock.fastForward(11_000);
  release("pong");
  release("message");
  await sees(page, "slow");
  assert.equal(await page.locator('[data-count="reconnects"]').textContent(), "0");
  await leave(page);
  await server.stop();
});

test("§4 a reconnecting page asks for what it missed only", async () => {
  const server = await serve(4);
  for (const text of ["one", "two", "three"]) await server.say("Bob", text);
  const page = await person();
  const asked = [];
  let cut;
  await between(page, (ws) => {
    asked.push(new URL(ws.url()).searchParams.get("lastId"));
    ws.connectToServer();
    cut = () => ws.close();
  });
  page.on("request", (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (pathname === "/messages") asked.push(searchParams.get("lastId"));
  });
  await page.goto(`${server.url}/?user=Alice`);
  await isNow(page, "connected");
  await sees(page, "three");
  await server.say("Bob", "four");
  await sees(page, "four");
  cut();
  await isBack(page);
  await server.say("Bob", "five");
  await sees(page, "five");
  assert.deepEqual(asked, ["0", "3", "4", "4"], "by HTTP, then over the socket");
  assert.deepEqual(await texts(page), ["one", "two", "three", "four", "five"]);
  await leave(page);
  await server.stop();
});

test("§4 a server that has been silent for 70 seconds is left for a new connection", async () => {
  const server = await serve(4);
  const page = await person();
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 60_000); // from here on only what this test lets pass
  let connections = 0;
  await between(page, (ws, connection) => {
    connections = connection;
    if (connection > 1) ws.connectToServer(); // the first one is never answered
  });
  await page.goto(`${server.url}/?user=Alice`);
  await eventually(() => assert.equal(connections, 1));
  await page.clock.fastForward(66_000);
  assert.equal(await page.locator("#status").getAttribute("data-state"), "connecting");
  await page.clock.fastForward(10_000);
  await page.clock.resume();
  await isNow(page, "connected");
  assert.equal(connections, 2);
  await leave(page);
  await server.stop();
});

test("§4 words are mended and trimmed as the server does it, so their echo is known", async () => {
  const server = await serve(4);
  const page = await person(server, "Alice");
  await isNow(page, "connected");
  await page.locator("#text").evaluate((field) => (field.value = " \u0085half of a smile: \ud83d, a tower: o\u0301\u0301\u0301\u0301\u0301\u0301\u0085 "));
  await page.locator("#text").press("Enter");
  await sees(page, "half of a smile: \ufffd, a tower: o\u0301\u0301\u0301\u0301");
  await eventually(async () => assert.deepEqual(await queue(page), []));
  await leave(page);
  await server.stop();
});

test("§4 a refusal is told, and what was refused is not said again", async () => {
  const server = await serve(4);
  const page = await person();
  let cut;
  await between(page, (ws, connection) => {
    const there = ws.connectToServer();
    if (connection > 1) return;
    cut = () => ws.close();
    ws.onMessage((data) => (data.includes("bad word") ? ws.send('{"type":"error","error":"not here"}') : there.send(data)));
  });
  await page.goto(`${server.url}/?user=Alice`);
  await isNow(page, "connected");
  await say(page, "bad word");
  await page.locator("#outbox").getByText("сервер відмовив: not here").waitFor();
  cut();
  await isBack(page);
  await say(page, "good word");
  await sees(page, "good word");
  assert.deepEqual(await server.texts(), ["good word"]);
  await page.locator("#outbox button").click();
  assert.deepEqual(await queue(page), []);
  await leave(page);
  await server.stop();
});

