// What was typed is in sight until it is in the log, and gets there once: parts 2, 3 and 4 alike.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, interrupt, isNow, leave, person, say, sees, serve, texts } from "./rawchat.js";

const queue = (page) => page.locator("#outbox li span").allTextContents();
const state = (page, text) => page.locator("#outbox small").getByText(text).first().waitFor();
const isReady = (page) => page.locator('#status:is([data-state="connected"], [data-state="waiting"])').waitFor();

for (const part of [2, 3, 4]) {
  test(`§${part} what was typed while offline is kept in sight and arrives exactly once, in order`, async () => {
    const server = await serve(part);
    const alice = await person(server, "Alice");
    const bob = await person(server, "Bob");
    await say(alice, "ok");
    for (const page of [alice, bob]) await sees(page, "ok");
    await interrupt(server, alice, bob);
    await isNow(alice, "reconnecting");
    const typed = ["ok", "typed offline", "ok"]; // an old "ok" confirms no new one
    for (const text of typed) await say(alice, text);
    assert.deepEqual(await queue(alice), typed);
    await state(alice, "чекає на зв’язок");

    const again = await serve(part, server.port);
    await eventually(async () => assert.deepEqual(await queue(alice), []));
    assert.deepEqual(await again.texts(), typed);
    for (const page of [alice, bob]) await eventually(async () => assert.deepEqual(await texts(page), ["ok", ...typed]));
    assert.equal(await alice.locator("#trouble").textContent(), "");
    await leave(alice, bob);
    await again.stop();
  });

  test(`§${part} what is being sent is in sight while the server sleeps`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice");
    await isReady(page);
    server.freeze();
    await say(page, "sleep well");
    await state(page, "надсилається");
    assert.deepEqual(await queue(page), ["sleep well"]);
    await page.locator("#outbox li").waitFor();
    server.thaw();
    await sees(page, "sleep well");
    assert.deepEqual(await queue(page), []);
    assert.deepEqual(await server.texts(), ["sleep well"]);
    await leave(page);
    await server.stop();
  });

  test(`§${part} leaving with words that were not sent yet is asked about first`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice");
    await isReady(page);
    const stays = () => page.evaluate(() => dispatchEvent(new Event("beforeunload", { cancelable: true })));
    assert.equal(await stays(), true);
    await interrupt(server, page);
    await isNow(page, "reconnecting");
    await say(page, "wait");
    assert.equal(await stays(), false);
    await leave(page);
  });
}

for (const part of [2, 3]) {
  const isPost = (route) => route.request().method() === "POST";

  test(`§${part} a post whose answer was lost is found in the log, not said again`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice");
    await isReady(page);
    await page.evaluate(() => {
      window.posts = 0;
      const { fetch } = window;
      window.fetch = async (path, options) => {
        const answer = await fetch(path, options); // the server has it
        if (options.method !== "POST") return answer;
        window.posts++;
        throw new TypeError("the answer is lost");
      };
    });
    await say(page, "once");
    await sees(page, "once");
    await eventually(async () => assert.deepEqual(await queue(page), []));
    assert.equal(await page.evaluate(() => window.posts), 1);
    assert.deepEqual(await server.texts(), ["once"]);
    await leave(page);
    await server.stop();
  });

  test(`§${part} a post that was lost on its way is said again`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice");
    await isReady(page);
    page.serverWasDown = true;
    let posts = 0;
    await page.route("**/messages", (route) => (isPost(route) && ++posts === 1 ? route.abort("connectionreset") : route.fallback()));
    await say(page, "lost once");
    await sees(page, "lost once");
    await eventually(async () => assert.deepEqual(await queue(page), []));
    assert.equal(posts, 2);
    assert.deepEqual(await server.texts(), ["lost once"]);
    await leave(page);
    await server.stop();
  });

  test(`§${part} a refusal is told with its reason, and what was refused is not said again`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice");
    await isReady(page);
    await page.evaluate(() => {
      const { fetch } = window;
      window.fetch = async (path, options) =>
        options.body?.includes("bad word") ? Response.json({ error: "not here" }, { status: 413 }) : fetch(path, options);
    });
    await say(page, "bad word");
    await state(page, "сервер відмовив: not here");
    await say(page, "good word");
    await sees(page, "good word");
    assert.deepEqual(await server.texts(), ["good word"]);
    await page.locator("#outbox button").click();
    assert.deepEqual(await queue(page), []);
    await leave(page);
    await server.stop();
  });
}
