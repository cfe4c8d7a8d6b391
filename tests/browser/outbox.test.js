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

/** Its last message is an old "ok" of Alice, and one answer has no space for all of it. */
async function longLog(server) {
  const long = "long ".repeat(390);
  await server.sayAll("Bob", Array.from({ length: 70 }, (_, at) => `${long}${at}`));
  await server.say("Alice", "ok");
}

for (const [part, when] of [[2, "at first"], [3, "at first"], [4, "at first"], [2, "after a restart"], [3, "after a restart"]])
  test(`§${part} an old message like mine is not taken for mine: ${when}, nothing is sent before the log is read to its end`, async () => {
    const server = await serve(part);
    await longLog(server);
    const page = await person();
    page.serverWasDown = true; // the first post is lost on its way
    let [isEpochForged, isRestHeld, isPostLost] = [false, when === "at first", false];
    let goOn;
    const wentOn = new Promise((go) => (goOn = go));
    await page.route((url) => url.pathname !== "/" && url.searchParams.has("lastId"), async (route) => {
      const lastId = Number(new URL(route.request().url()).searchParams.get("lastId"));
      if (isEpochForged && lastId > 71) {
        [isEpochForged, isRestHeld] = [false, true];
        return route.fulfill({ json: [], headers: { "Log-Epoch": "1" } });
      }
      if (isRestHeld && lastId > 0) await wentOn;
      await route.continue();
    });
    await page.route("**/messages", (route) => {
      if (isPostLost) return route.continue();
      isPostLost = true;
      return route.abort("connectionreset");
    });
    const rest = page.waitForRequest((request) => isRestHeld && !/lastId=0|[?]user/.test(request.url()) && request.url().includes("lastId"));
    await page.goto(`${server.url}/?user=Alice`);
    if (when === "after a restart") {
      await sees(page, "ok");
      isEpochForged = true;
      await server.say("Bob", "news"); // part 3 asks again
    }
    await rest;
    await say(page, "ok");
    await page.locator("#outbox li").waitFor();
    goOn();
    await eventually(async () => assert.deepEqual(await queue(page), []));
    assert.equal((await server.texts()).filter((text) => text === "ok").length, 2);
    await leave(page);
    await server.stop();
  });

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
        if (options.method !== "POST") return fetch(path, options);
        window.posts++; // it may be read in the log before it is answered
        await fetch(path, options); // the server has it
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

  for (const when of ["before", "after"])
    test(`§${part} what the server has forgotten before it was read here holds up nothing: answered ${when} the gap`, async () => {
      const server = await serve(part);
      const page = await person(server, "Alice");
      await isReady(page);
      let goOn;
      const wentOn = new Promise((go) => (goOn = go));
      const held = page.waitForRequest((request) => request.url().endsWith("lastId=1"));
      await page.route((url) => url.searchParams.get("lastId") === "1", async (route) => {
        await wentOn;
        const response = await route.fetch({ url: route.request().url().replace("subscribe", "messages") });
        // As a server that has forgotten what came before "kept".
        await route.fulfill({ response, json: (await response.json()).filter(({ id }) => id > 2) });
      });
      await page.evaluate(() => {
        const { fetch } = window;
        const answered = new Promise((go) => (window.answer = go));
        window.fetch = async (path, options) => {
          const answer = await fetch(path, options);
          if (options.method === "POST") await answered;
          return answer;
        };
      });
      const answer = () => page.evaluate(() => window.answer());
      await server.say("Bob", "wake up"); // part 3 asks again, and so does part 2 in its time
      await held;
      await say(page, "forgotten");
      await eventually(async () => assert.deepEqual(await server.texts(), ["wake up", "forgotten"]));
      await server.say("Bob", "kept");
      if (when === "before") await answer();
      goOn();
      await sees(page, "kept");
      await answer();
      await eventually(async () => assert.deepEqual(await queue(page), []));
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

  test(`§${part} a post that the server did not take (408, 429, 503) is said again`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice");
    await isReady(page);
    const statuses = [408, 429, 503];
    await page.evaluate((statuses) => {
      Math.random = () => 0; // of the longest pause
      const { fetch } = window;
      window.fetch = async (path, options) => {
        const status = options.method === "POST" && statuses.shift();
        return status ? new Response(`${status}: not now`, { status }) : fetch(path, options);
      };
    }, statuses);
    const words = statuses.map((status) => `after ${status}`);
    for (const text of words) await say(page, text);
    await sees(page, words.at(-1));
    assert.deepEqual(await server.texts(), words);
    assert.deepEqual(await queue(page), []);
    await leave(page);
    await server.stop();
  });

  test(`§${part} an old post that fails late does not make a third of the second`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice");
    await isReady(page);
    await page.evaluate(() => {
      const { fetch } = window;
      window.posts = []; // each with the way to end it
      window.fetch = (path, options) =>
        options.method === "POST" ? new Promise((go, fail) => window.posts.push({ fail, go: () => go(fetch(path, options)) })) : fetch(path, options);
    });
    await say(page, "once");
    await interrupt(server, page);
    const again = await serve(part, server.port);
    await page.waitForFunction(() => window.posts.length === 2); // it was not in the new log
    const label = await page.evaluate(async () => {
      window.posts[0].fail(new TypeError("cut off at last"));
      await new Promise((later) => setTimeout(later));
      return document.querySelector("#outbox small").textContent;
    });
    assert.equal(label, "надсилається");
    await page.evaluate(() => void window.posts[1].go());
    await sees(page, "once");
    assert.deepEqual(await queue(page), []);
    assert.equal(await page.evaluate(() => window.posts.length), 2);
    assert.deepEqual(await again.texts(), ["once"]);
    await leave(page);
    await again.stop();
  });
}
