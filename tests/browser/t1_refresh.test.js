import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, inChromium, leave, person, say, sees, serve, texts, withoutScripts } from "./rawchat.js";

for (const scripts of ["on", "off"])
  test(`§1 Bob sees what Alice said after F5 only, scripts ${scripts}`, scripts === "off" ? inChromium : {}, async () => {
    const server = await serve(1);
    const alice = await person(server, "Alice", scripts === "off" ? withoutScripts : {});
    const bob = await person(server, "Bob", scripts === "off" ? withoutScripts : {});
    const asked = [];
    bob.on("request", (request) => request.url().endsWith("/icon.svg") || asked.push(request.url()));

    await say(alice, "Привіт, Bob!");
    await sees(alice, "Привіт, Bob!");
    assert.equal(new URL(alice.url()).search, "?user=Alice", "303 brings the writer back to the page");
    assert.deepEqual(await server.texts(), ["Привіт, Bob!"]);

    assert.deepEqual(await texts(bob), [], "nobody tells Bob");
    assert.deepEqual(asked, [], "and his page asks nobody");
    await bob.reload();
    assert.deepEqual(await texts(bob), ["Привіт, Bob!"]);
    await leave(alice, bob);
    await server.stop();
  });

test("§1 the refresh link brings the news as F5 does", async () => {
  const server = await serve(1);
  const bob = await person(server, "Bob", withoutScripts);
  await server.say("Alice", "link");
  await bob.locator("#refresh").click();
  await sees(bob, "link");
  assert.equal(new URL(bob.url()).search, "?user=Bob");
  await leave(bob);
  await server.stop();
});

test("§1 another name is taken by a form that needs no script", async () => {
  const server = await serve(1);
  const page = await person(server, "Bob", withoutScripts);
  await page.locator(".me summary").click();
  await page.locator("#user").fill("Оля & Co");
  await page.locator("#user").press("Enter");
  await page.locator(".me strong").getByText("Оля & Co", { exact: true }).waitFor();
  await say(page, "це я");
  await page.locator("#messages b").getByText("Оля & Co", { exact: true }).waitFor();
  await leave(page);
  await server.stop();
});

test("§1 the debug panel tells what the page weighed, and says why it is empty when scripts are off", inChromium, async () => {
  const server = await serve(1);
  const alice = await person(server, "Alice");
  await say(alice, "one");
  await sees(alice, "one");
  const network = () => alice.locator("#network").innerText();
  await eventually(async () => assert.match(await network(), /POST \/messages → 303/));
  const [page] = await alice.evaluate(() => performance.getEntriesByType("navigation").map((entry) => entry.encodedBodySize));
  const digits = (text) => Number(text.replace(/\D/g, ""));
  assert.equal(digits(await alice.locator('[data-count="page"]').textContent()), page);
  assert.ok(page > 1000);

  const bob = await person(server, "Bob", withoutScripts);
  await bob.locator(".lesson noscript p").waitFor();
  assert.match(await bob.locator(".lesson noscript p").textContent(), /Цю панель заповнює скрипт/);
  await leave(alice, bob);
  await server.stop();
});

/** What was sent again and again is in the chat once, and the form can be sent again. */
async function isPostedOnce(server, page) {
  server.thaw();
  await sees(page, "once");
  await say(page, "twice");
  await sees(page, "twice");
  assert.deepEqual(await server.texts(), ["once", "twice"]);
  await leave(page);
  await server.stop();
}

test("§1 Enter held down posts once", async () => {
  const server = await serve(1);
  const page = await person(server, "Alice");
  await page.locator("#text").fill("once");
  server.freeze(); // the page is still there when Enter repeats
  await page.keyboard.down("Enter");
  for (let repeats = 0; repeats < 5; repeats++) await page.keyboard.down("Enter"); // again without `up`: the key repeats
  await page.keyboard.up("Enter");
  await isPostedOnce(server, page);
});

test("§1 a form that was refused comes back with what was typed, and needs no script to be sent again", async () => {
  const server = await serve(1);
  const page = await person(server, "Оля", withoutScripts);
  page.expects = /400/;
  await say(page, "\u200b\u200b"); // nothing of it can be seen
  await page.locator("h1").getByText("Сервер відмовив").waitFor();
  assert.equal(await page.locator("#user").inputValue(), "Оля");
  assert.equal(await page.locator("#text").inputValue(), "\u200b\u200b");
  await page.locator("#text").fill("тепер видно");
  await page.locator("button").click();
  await sees(page, "тепер видно");
  assert.equal(new URL(page.url()).searchParams.get("user"), "Оля");
  assert.deepEqual(await server.texts(), ["тепер видно"]);
  await leave(page);
  await server.stop();
});

// Over WebDriver BiDi two clicks are never a double one.
test("§1 a double click posts once", inChromium, async () => {
  const server = await serve(1);
  const page = await person(server, "Alice");
  await page.locator("#text").fill("once");
  const { x, y } = await page.locator("#say button").boundingBox();
  server.freeze(); // the page is still there at the second click
  const posted = page.waitForRequest("**/messages");
  await page.mouse.click(x + 9, y + 9);
  await posted;
  await page.mouse.down({ clickCount: 2 });
  await page.mouse.up({ clickCount: 2 });
  await isPostedOnce(server, page);
});

test("§1 who has stopped a slow page can send again", async () => {
  const server = await serve(1);
  const page = await person(server, "Alice");
  page.serverWasDown = true;
  await page.evaluate(() => document.addEventListener("submit", () => setTimeout(() => (window.stop(), (window.isStopped = true))))); // as Esc does
  await page.locator("#text").fill("first");
  server.freeze();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => window.isStopped);
  server.thaw();
  await page.evaluate(() => {
    window.stop = () => {};
    document.getElementById("text").value = "again";
    document.getElementById("say").requestSubmit();
  });
  await eventually(async () => assert.ok((await server.texts()).includes("again")));
  await leave(page);
  await server.stop();
});
