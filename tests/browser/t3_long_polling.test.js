import assert from "node:assert/strict";
import { test } from "node:test";
import { another, eventually, interrupt, isNow, leave, person, personWithoutPauses, say, sees, serve, texts } from "./rawchat.js";

const isSubscribe = (url) => url.pathname === "/subscribe";
const isQuestion = (url) => url.searchParams.has("lastId");

test("§3 Alice and Bob hear each other at once", async () => {
  const server = await serve(3);
  const alice = await personWithoutPauses(server, "Alice");
  const bob = await personWithoutPauses(server, "Bob");
  await isNow(alice, "waiting");
  await isNow(bob, "waiting");
  for (const [speaker, listener, text] of [[alice, bob, "чуєш?"], [bob, alice, "чую!"]]) {
    await say(speaker, text);
    await sees(listener, text);
    await sees(speaker, text);
  }
  for (const page of [alice, bob]) assert.deepEqual(await texts(page), ["чуєш?", "чую!"]);
  await isNow(alice, "waiting");
  assert.equal(await alice.locator('[data-count="messages"]').textContent(), "2");
  await leave(alice, bob);
  await server.stop();
});

test("§3 a thousand messages in a hurry come once each and in order", async () => {
  const server = await serve(3);
  const page = await person(server, "Alice");
  await isNow(page, "waiting");
  const all = Array.from({ length: 1_000 }, (_, i) => `message ${i}`);
  await server.sayAll("Bob", all);
  await sees(page, all.at(-1));
  assert.deepEqual(await texts(page), all);
  await leave(page);
  await server.stop();
});

test("§3 silence (204) is answered by the next request at once", async () => {
  const server = await serve(3);
  const page = await personWithoutPauses();
  const asked = [];
  await page.route(isSubscribe, (route) => {
    asked.push(route);
    return asked.length === 1 ? route.fulfill({ status: 204 }) : route.continue();
  });
  await page.goto(`${server.url}/?user=Alice`);
  await eventually(() => assert.ok(asked.length >= 2));
  await isNow(page, "waiting");
  assert.equal(await page.locator('[data-count="reconnects"]').textContent(), "0");
  await leave(page);
  await server.stop();
});

test("§3 the time a request is held is counted while it is held", async () => {
  const server = await serve(3);
  const page = await person(server, "Alice");
  const held = async () => Number.parseFloat((await page.locator('[data-count="held"]').textContent()).replace(",", "."));
  await eventually(async () => assert.ok((await held()) >= 1.5));
  await eventually(async () => {
    await server.say("Bob", "enough");
    assert.ok((await held()) < 1.5);
  });
  await leave(page);
  await server.stop();
});

test("§3 no request is held while the server is away, and the counter says so", async () => {
  const server = await serve(3);
  const page = await person(server, "Alice");
  const held = () => page.locator('[data-count="held"]').textContent();
  await eventually(async () => assert.match(await held(), /с$/));
  await interrupt(server, page);
  await eventually(async () => assert.equal(await held(), "—"));
  await leave(page);
});

test("§3 a network that breaks and comes back shows nothing twice", async () => {
  const server = await serve(3);
  for (const text of ["one", "two"]) await server.say("Bob", text);
  const page = await person(server, "Alice");
  await sees(page, "two");
  page.serverWasDown = true;
  await page.route(isQuestion, (route) => route.abort("connectionrefused"));
  await server.say("Bob", "three"); // ends the request that waits
  await isNow(page, "reconnecting");
  await server.say("Bob", "four");
  await page.unroute(isQuestion);
  await sees(page, "four");
  assert.deepEqual(await texts(page), ["one", "two", "three", "four"]);
  assert.equal(await page.locator("#messages .note").count(), 0);
  await leave(page);
  await server.stop();
});

test("§3 the pauses between attempts grow and are random, and a network that is back ends them", async () => {
  const server = await serve(3);
  const page = await person(server, "Alice");
  await isNow(page, "waiting");
  // The longest pause the dice can give.
  await page.evaluate(() => (Math.random = () => 0.999));
  await interrupt(server, page);
  const pauses = () => page.locator("#network td:nth-child(2)").filter({ hasText: "навмання" }).allTextContents();
  await eventually(async () => assert.ok((await pauses()).length >= 3));
  const ceilings = (await pauses()).slice(-3).map((text) => Number.parseFloat(/до (.*) с/.exec(text)[1].replace(",", ".")));
  assert.deepEqual(ceilings, [2, 1, 0.5]);
  await eventually(async () => assert.ok((await pauses()).length >= 4));

  await page.evaluate(() => (Math.random = () => 1_000)); // the next pause would last longer than this test
  await page.locator("#network tr").first().getByText(/^4\s000\s000 мс$/).waitFor();
  assert.match((await pauses())[0], /до 4 с/, "longer than 4 s they never are");
  const again = await serve(3, server.port);
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await isNow(page, "waiting");
  await leave(page);
  await again.stop();
});

test("§3 too many tabs are warned before the sixth takes the last connection of the browser", async () => {
  const server = await serve(3);
  const first = await person(server, "Alice");
  const warning = first.locator("#tabs");
  const tabs = [first];
  while (tabs.length < 4) tabs.push(await another(first.context(), server, "Alice"));
  for (const tab of tabs) await isNow(tab, "waiting");
  await first.locator('[data-count="tabs"]').getByText("4 / 6").waitFor();
  assert.ok(await warning.isHidden());

  tabs.push(await another(first.context(), server, "Alice"));
  await warning.waitFor();
  await eventually(async () => assert.match(await warning.textContent(), /Відкрито вкладок: 5\..*шість/)); // a tab that is late is counted by the next call
  await say(first, "ще можна");
  await sees(tabs.at(-1), "ще можна");

  await tabs.pop().close();
  await warning.waitFor({ state: "hidden" });
  await leave(first);
  await server.stop();
});
