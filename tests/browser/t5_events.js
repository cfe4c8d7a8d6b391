// What `tests/exercises/22-server-sent-events-solution.patch` promises. It is run by `make exercises`, on a server with that patch:
// there is no part 5 without it, so this file has not the name of a test.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import { promisify } from "node:util";
import { binary, interrupt, isNow, leave, person, say, sees, serve, texts } from "./rawchat.js";

// It waits half a minute for a heartbeat; the other tests do not wait for it.
const checked = promisify(execFile)(binary, ["check", "5", (await serve(5)).url, "--lang", "en"]);
checked.catch(() => {}); // the last test tells of it

/** A proxy that can cut what passes, and remembers every head of a request for `/events`. */
async function between(server) {
  const heads = [];
  const sockets = new Set();
  const proxy = net.createServer((near) => {
    const far = net.connect(server.port, "127.0.0.1");
    near.pipe(far).pipe(near);
    near.on("data", (bytes) => bytes.toString("latin1").startsWith("GET /events") && heads.push(bytes.toString("latin1")));
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const cut = () => sockets.forEach((socket) => socket.destroy());
  const stop = () => [proxy.close(), cut()];
  return { url: `http://127.0.0.1:${proxy.address().port}`, heads, cut, stop };
}

test("§5 Alice and Bob hear each other at once", async () => {
  const server = await serve(5);
  const [alice, bob] = [await person(server, "Alice"), await person(server, "Bob")];
  for (const page of [alice, bob]) await isNow(page, "connected");
  for (const [speaker, text] of [[alice, "чуєш?"], [bob, "чую!"]]) {
    await say(speaker, text);
    for (const page of [alice, bob]) await sees(page, text);
  }
  for (const page of [alice, bob]) assert.deepEqual(await texts(page), ["чуєш?", "чую!"]);
  await leave(alice, bob);
  await server.stop();
});

test("§5 the browser opens a connection that was cut by itself, and says which event it has", async () => {
  const server = await serve(5);
  const proxy = await between(server);
  const page = await person(proxy, "Alice");
  await isNow(page, "connected");
  await server.say("Bob", "one");
  await sees(page, "one");
  page.serverWasDown = true;
  proxy.cut();
  await server.say("Bob", "two");
  await sees(page, "two");
  assert.deepEqual(await texts(page), ["one", "two"]);
  const asked = proxy.heads.map((head) => /^Last-Event-ID: [0-9]+-([0-9]+)\r$/im.exec(head)?.[1]);
  assert.deepEqual(asked, [undefined, "1"]);
  await leave(page);
  proxy.stop();
  await server.stop();
});

test("§5 a refusal ends an EventSource for good, and the page begins another", async () => {
  const server = await serve(5);
  const page = await person();
  page.expects = /503/;
  let refusals = 0;
  await page.route(({ pathname }) => pathname === "/events", (route) => (refusals++ < 1 ? route.fulfill({ status: 503 }) : route.continue()));
  await page.goto(`${server.url}/?user=Alice`);
  await isNow(page, "connected");
  assert.equal(refusals, 2);
  await say(page, "here again");
  await sees(page, "here again");
  await leave(page);
  await server.stop();
});

test("§5 after a restart nothing is missed, though ids begin anew", async () => {
  const server = await serve(5);
  const page = await person(server, "Alice");
  await isNow(page, "connected");
  for (const text of ["one", "two"]) await say(page, text);
  await sees(page, "two");
  await interrupt(server, page);
  const again = await serve(5, server.port);
  for (const text of ["three", "four", "five"]) await again.say("Bob", text);
  await sees(page, "five");
  assert.deepEqual(await texts(page), ["one", "two", "three", "four", "five"]);
  await leave(page);
  await again.stop();
});

test("§5 rawchat check 5 has no fault to find", async () => {
  const { stdout } = await checked;
  assert.match(stdout, /^pass +8\.1 /m);
  assert.doesNotMatch(stdout, /^(FAIL|not run) /m);
});
