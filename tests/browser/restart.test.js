// A server that was started again on its port: its ids begin anew, and no page misses a message or shows one twice.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, interrupt, isNow, leave, person, say, sees, serve, texts } from "./rawchat.js";

const RESTARTED = "Сервер перезапущено. Усе, що вище, лишилося тільки на цій сторінці.";
const notes = (page) => page.locator("#messages .note").allTextContents();
const restarts = async (page) => (await notes(page)).filter((text) => text === RESTARTED).length;

// Firefox sends a GET anew by itself when its connection broke before the answer. If the new server is there by then, it
// holds that request of part 3 for 30 s, and the page learns of the restart from its answer: that may take a minute.

/** Another server on the port of this one, and every page has noticed. */
async function restart(part, server, ...pages) {
  const before = await Promise.all(pages.map(restarts));
  await interrupt(server, ...pages);
  const again = await serve(part, server.port);
  for (const [at, page] of pages.entries()) await eventually(async () => assert.equal(await restarts(page), before[at] + 1));
  return again;
}

for (const part of [2, 3, 4]) {
  const isAsked = (url) => url.searchParams.has("lastId");

  test(`§${part} a restart between an empty answer and the next message loses nothing`, async () => {
    const server = await serve(part);
    const alice = await person(server, "Alice");
    const bob = await person(server, "Bob");
    await say(alice, "one");
    for (const page of [alice, bob]) await sees(page, "one");
    const again = await restart(part, server, alice, bob); // the new log is still empty
    await say(alice, "two");
    for (const page of [alice, bob]) {
      await sees(page, "two");
      assert.deepEqual(await texts(page), ["one", "two"]);
    }
    assert.deepEqual(await again.texts(), ["two"]);
    await leave(alice, bob);
    await again.stop();
  });

  test(`§${part} a restart before any message loses nothing`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice");
    await page.locator('#status:is([data-state="connected"], [data-state="waiting"])').waitFor();
    const again = await restart(part, server, page);
    await again.say("Bob", "first");
    await sees(page, "first");
    assert.deepEqual(await texts(page), ["first"]);
    await leave(page);
    await again.stop();
  });

  for (const [many, news] of [["fewer messages than", ["new 1"]], ["as many messages as", ["new 1", "new 2"]], ["more messages than", ["new 1", "new 2", "new 3"]]])
    test(`§${part} a restarted server that has ${many} we have seen is read from its beginning`, async () => {
      const server = await serve(part);
      for (const text of ["old 1", "old 2"]) await server.say("Bob", text);
      const page = await person(server, "Alice");
      await sees(page, "old 2");
      page.serverWasDown = true;
      await page.route(isAsked, (route) => route.abort("connectionrefused")); // nobody asks before all is said
      await interrupt(server, page);
      await isNow(page, "reconnecting");
      await say(page, "mine");
      const again = await serve(part, server.port);
      for (const text of news) await again.say("Bob", text);
      await page.unroute(isAsked);
      await sees(page, "mine");
      assert.deepEqual(await texts(page), ["old 1", "old 2", ...news, "mine"]);
      assert.deepEqual(await again.texts(), [...news, "mine"]);
      assert.equal(await restarts(page), 1);
      await leave(page);
      await again.stop();
    });

  test(`§${part} two restarts in a row lose nothing`, async () => {
    let server = await serve(part);
    const page = await person(server, "Alice");
    for (const text of ["one", "two", "three"]) {
      await server.say("Bob", text);
      await sees(page, text);
      server = await restart(part, server, page);
    }
    await server.say("Bob", "four");
    await sees(page, "four");
    assert.deepEqual(await texts(page), ["one", "two", "three", "four"]);
    await leave(page);
    await server.stop();
  });

  test(`§${part} what the server no longer keeps is told in words`, async () => {
    const server = await serve(part);
    const page = await person();
    await page.route((url) => url.pathname === "/messages", async (route) => {
      // As a server that has forgotten 1 to 3.
      const response = await route.fetch();
      await route.fulfill({ response, json: (await response.json()).filter(({ id }) => id > 3) });
    });
    for (let i = 1; i <= 5; i++) await server.say("Bob", `message ${i}`);
    await page.goto(`${server.url}/?user=Alice`);
    await sees(page, "message 5");
    assert.deepEqual(await texts(page), ["message 4", "message 5"]);
    assert.ok((await notes(page)).includes("Повідомлень, яких тут уже немає: 3"));
    await leave(page);
    await server.stop();
  });
}
