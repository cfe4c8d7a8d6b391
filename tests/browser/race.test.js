// The page of `rawchat race`: what a class sees, and what a lecturer presses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, leave, person, serve } from "./rawchat.js";

const lane = (page, part) => page.locator(`[data-lane="${part}"]`);
const figure = (page, part) => lane(page, part).locator(".figure");
const width = (page, part) => lane(page, part).locator(".bar").evaluate((bar) => bar.getBoundingClientRect().width);
const requests = async (page, part) => Number(/: (\d+)/.exec(await lane(page, part).locator(".cost").textContent())[1]);
const shows = (page, part, pattern) => eventually(async () => assert.match(await figure(page, part).textContent(), pattern));
const MS_OR_S = /^[<\d.]+\u00a0m?s$/;

async function open(server, options) {
  const page = await person(undefined, undefined, { locale: "en-GB", ...options });
  await page.goto(server.url);
  await eventually(async () => assert.equal(await requests(page, 4), 1));
  return page;
}

async function say(page, text) {
  await page.locator("#text").fill(text);
  await page.locator("#text").press("Enter");
}

/** With keys, as a person: Firefox lets no script select what stands in a field for numbers. */
async function turn(page, knob, value) {
  const turned = page.waitForResponse((answer) => answer.url().endsWith("/knobs"));
  await page.locator(`[name="${knob}"]`).press("ControlOrMeta+a");
  await page.keyboard.type(String(value));
  await page.keyboard.press("Tab");
  assert.equal((await turned).status(), 204);
}

test("four bars grow until each technique has shown what was said, and part 1 waits for F5", async () => {
  const server = await serve("race");
  const page = await open(server);
  await turn(page, "pause", 30_000);
  await eventually(async () => assert.ok((await requests(page, 2)) > 0));
  await say(page, "Who brings it first?");
  await shows(page, 4, MS_OR_S);
  await shows(page, 3, MS_OR_S);
  assert.equal(await figure(page, 2).textContent(), "…");
  assert.equal(await figure(page, 1).textContent(), "F5?");
  const [ended, grows] = [await width(page, 4), await width(page, 1)];
  await eventually(async () => assert.ok((await width(page, 1)) > grows));
  assert.equal(await width(page, 4), ended);
  await page.locator("h1").click();
  await page.keyboard.press("F5");
  await shows(page, 1, MS_OR_S);
  assert.equal(await figure(page, 2).textContent(), "…");
  await turn(page, "pause", 100);
  await shows(page, 2, MS_OR_S);
  assert.match(await page.locator("#status").textContent(), /^Lecturer: Who brings it first\? — 4: .*, 3: .*, 2: /);
  await leave(page);
});

test("Space freezes the picture and the counters, in both views, and Enter leads to the words", async () => {
  const server = await serve("race");
  const page = await open(server);
  const status = (pattern) => eventually(async () => assert.match(await page.locator("#status").textContent(), pattern));
  const asked = () => Promise.all([3, 4].map((part) => requests(page, part)));
  const dots = () => lane(page, 3).locator("canvas").getAttribute("aria-label");
  await say(page, "before");
  await shows(page, 3, MS_OR_S);
  await eventually(async () => assert.deepEqual(await asked(), [1, 1]));
  await page.locator("#dots").click();
  await page.keyboard.press(" ");
  await status(/before.* · frozen, new messages: 0/);
  const seen = await dots();
  await server.say("Bob", "while it is frozen");
  await status(/before.* · frozen, new messages: 1/);
  await page.locator("#dots").click();
  const grown = await width(page, 1);
  await server.say("Bob", "and once more");
  await status(/before.* · frozen, new messages: 2/);
  // The answers to the first of them have been told before the second.
  assert.deepEqual([await dots(), await width(page, 1), ...(await asked())], [seen, grown, 1, 1]);
  await page.keyboard.press(" ");
  await status(/Bob: and once more/);
  await eventually(async () => {
    const [three, four] = await asked();
    assert.ok(three > 1 && four === 1); // one answer may bring both
  });
  await page.keyboard.press("Enter");
  await page.keyboard.type("typed at once");
  await page.keyboard.press("Enter");
  await status(/Lecturer: typed at once/);
  await leave(page);
});

test("every request is a dot, and the scale can be logarithmic", async () => {
  const server = await serve("race");
  const page = await open(server);
  await page.locator("#dots").click();
  const seen = (part) => lane(page, part).locator("canvas").getAttribute("aria-label");
  await turn(page, "pause", 100);
  await eventually(async () => assert.match(await seen(2), /Requests in 30 s: \d\d, empty: \d\d/));
  assert.equal(await seen(3), "Requests in 30 s: 1, empty: 0");
  assert.equal(await seen(4), "Requests in 30 s: 1, empty: 0");
  await say(page, "one more");
  await eventually(async () => assert.equal(await seen(3), "Requests in 30 s: 2, empty: 0"));
  assert.equal(await seen(4), "Requests in 30 s: 1, empty: 0");
  const marks = page.locator("#axis span");
  assert.deepEqual(await marks.allTextContents(), ["30 s", "20 s", "10 s", "now"]);
  await page.locator("#dots").click();
  await page.locator("#log").click();
  assert.equal((await marks.allTextContents())[0], "1\u00a0ms");
  await page.locator("#zero").click();
  await eventually(async () => assert.equal(await requests(page, 4), 0));
  await leave(page);
});

test("the names lead to the real pages, over the same room", async () => {
  const server = await serve("race");
  const page = await open(server);
  await say(page, "from the race");
  for (const part of [1, 2, 3, 4]) {
    const [real] = await Promise.all([page.context().waitForEvent("page"), lane(page, part).locator("a").click()]);
    await real.locator("#messages").getByText("from the race").waitFor();
    assert.equal(await real.locator("html").getAttribute("data-part"), String(part));
    await real.locator("#text").fill(`from part ${part}`);
    await real.locator("#text").press("Enter");
    await eventually(async () => assert.match(await page.locator("#status").textContent(), new RegExp(`Alice: from part ${part}`)));
    await real.close();
  }
  await leave(page);
});

test("a knob that is turned too far says so, and a race that has gone does, too", async () => {
  const server = await serve("race");
  const page = await open(server);
  page.expects = /400 \(Bad Request\)/;
  const posted = page.waitForResponse((answer) => answer.url().endsWith("/knobs"));
  await page.locator('[name="crowd"]').evaluate((input) => Object.assign(input, { max: 1000, value: 101 }).dispatchEvent(new Event("change", { bubbles: true })));
  assert.equal((await posted).status(), 400);
  await eventually(async () => assert.match(await page.locator("#status").textContent(), /a crowd of 101: from 1 to 100/));
  page.serverWasDown = true;
  await server.stop();
  await eventually(async () => assert.equal(await page.locator("#status").textContent(), "The server does not answer"));
  await leave(page);
});

test("another race on the same port is drawn from its beginning", async () => {
  const server = await serve("race");
  const page = await person(undefined, undefined, { locale: "en-GB" });
  const body = ["id: 1-1\ndata: [{\"counts\":[[7,7],[7,7],[7,7],[7,7]],\"at\":1}]", "id: 2-1\ndata: []", ""].join("\n\n");
  await page.route("**/events", (route) => route.fulfill({ contentType: "text/event-stream", body }), { times: 1 });
  let loads = 0;
  page.on("load", () => loads++);
  await page.goto(server.url);
  await eventually(() => assert.equal(loads, 2));
  await eventually(async () => assert.equal(await requests(page, 4), 1));
  await leave(page);
});

test("figures of 72 px and names of 40 px, and nothing to scroll, at 1280 × 720 in both languages", async () => {
  const server = await serve("race");
  for (const locale of ["uk-UA", "en-GB"]) {
    const page = await open(server, { locale });
    await say(page, "!");
    await shows(page, 4, /\d/);
    const size = (locator) => locator.evaluate((node) => parseFloat(getComputedStyle(node).fontSize));
    assert.ok((await size(figure(page, 4))) >= 72);
    assert.ok((await size(lane(page, 4).locator(".name"))) >= 40);
    assert.ok(await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight));
    await leave(page);
  }
});
