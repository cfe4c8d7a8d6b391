// Parts 2, 3 and 4 count the same, so that a class can compare them; and what they count is what was on the wire.

import assert from "node:assert/strict";
import net from "node:net";
import { after, test } from "node:test";
import { eventually, isNow, leave, person, personWithoutPauses, say, sees, serve } from "./rawchat.js";

const MEASURED = ["late", "lateMean", "messages", "requests", "bytesIn", "bytesOut"];
const shown = (page, name) => page.locator(`[data-count="${name}"]`).textContent();
const number = async (page, name) => Number((await shown(page, name)).replace(/\s/g, ""));
const isReady = (page) => page.locator('#status:is([data-state="connected"], [data-state="waiting"])').waitFor();

/** "1,5 с" and "12 мс" in ms. */
const ms = (text) => {
  const [, value, unit] = /^([\d\s,]+) (мс|с)$/.exec(text);
  return Number(value.replace(/\s/g, "").replace(",", ".")) * (unit === "с" ? 1_000 : 1);
};
const ROUNDING_MS = 100;
/** So wrong the page may be about the server's clock, as it says itself; it knows better later, not worse. */
const clockError = (page) => eventually(async () => ms((await shown(page, "clock")).replace("± ", "")));
const late = (page) => eventually(async () => ms(await shown(page, "late")));

/** Bob speaks, and the page says how late that was: `lateMs` at the least, and no more than we have waited. */
async function isCountedAs(lateMs, server, page) {
  const error = ROUNDING_MS + (await clockError(page));
  const began = performance.now();
  await server.say("Bob", "when?");
  await sees(page, "when?");
  const [counted, took] = [await late(page), performance.now() - began];
  assert.ok(counted >= lateMs - error && counted <= took + error, `${counted} ms of ${took} ms, give or take ${error} ms`);
}

const COUNTED = /^(GET|POST) \/(messages|subscribe|\?\S*lastId)/; // what else a browser asks for, and when, is its own affair

/** A way to the server that keeps what passes of the chat: `out` from the browser, `in` to it. */
async function wire(server) {
  const passed = { in: [], out: [] };
  const proxy = net.createServer((browser) => {
    const there = net.connect(server.port, "127.0.0.1");
    let isCounted = false; // the exchange that this connection carries now
    browser.on("data", (data) => /^(GET|POST) /.test(data) && (isCounted = COUNTED.test(data)));
    const keep = (from, to, way) => from.on("data", (data) => {
      if (isCounted) passed[way].push(data);
      to.write(data);
    }).on("error", () => to.destroy()).on("close", () => to.destroy());
    keep(browser, there, "out");
    keep(there, browser, "in");
  });
  await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
  after(() => proxy.close());
  const bytes = (way) => Buffer.concat(passed[way]);
  return { url: `http://127.0.0.1:${proxy.address().port}`, bytes };
}

for (const part of [2, 3, 4]) {
  test(`§${part} shows the counters that all three show`, async () => {
    const server = await serve(part);
    const page = await person();
    let requests = 0;
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (["/messages", "/subscribe"].includes(pathname)) requests++;
    });
    await page.goto(`${server.url}/?user=Alice`);
    await isReady(page);
    assert.deepEqual(await page.locator(".counters").first().locator("dd").evaluateAll((all) => all.map((dd) => dd.dataset.count)), MEASURED);
    await say(page, "mine");
    await server.say("Bob", "another’s");
    await sees(page, "another’s");
    await eventually(async () => assert.equal(await shown(page, "messages"), "2"));
    await eventually(async () => assert.equal(await number(page, "requests"), requests + (part === 4 ? 1 : 0)), "part 4 has its handshake");
    await leave(page);
    await server.stop();
  });

  test(`§${part} counts the bytes that were on the wire`, async () => {
    const server = await serve(part);
    const way = await wire(server);
    const page = await personWithoutPauses(way, "Alice");
    await isReady(page);
    if (part === 4) await eventually(async () => assert.notEqual(await shown(page, "rtt"), "—")); // nothing else comes by itself
    const begun = async () => ({ in: way.bytes("in").length - (await number(page, "bytesIn")), out: way.bytes("out").length - (await number(page, "bytesOut")) });
    const before = part === 4 ? await begun() : { in: 0, out: 0 }; // a page cannot see all of its handshake
    for (const text of ["short", "long ".repeat(60)]) {
      await say(page, text);
      await sees(page, text.trim());
    }
    await eventually(async () => {
      const { in: received, out } = await begun();
      assert.equal(received, before.in);
      if (part === 4) assert.equal(out, before.out);
      else assert.ok(out >= before.out, "the browser adds fields of its own");
    });
    await leave(page);
    await server.stop();
  });

  for (const hours of [-1, 1])
    test(`§${part} a server whose clock is ${hours} hour off makes no message later or earlier`, async () => {
      const off = hours * 3_600_000;
      const server = await serve(part);
      const page = await person();
      await page.route("**/stats", async (route) => route.fulfill({ json: { now: new Date(Date.now() + off).toISOString() } }));
      const LATE_MS = 500;
      const later = () => new Promise((done) => setTimeout(done, LATE_MS));
      const shift = (message) => ({ ...message, timestamp: new Date(Date.parse(message.timestamp) + off).toISOString() });
      const news = async (route) => {
        const response = await route.fetch();
        const body = await response.text();
        await later();
        await route.fulfill({ response, body: body && JSON.stringify(JSON.parse(body).map(shift)) });
      };
      await page.route((url) => url.searchParams.has("lastId") && url.pathname !== "/", news);
      await page.routeWebSocket(/./, (socket) => {
        socket.connectToServer().onMessage(async (data) => {
          const said = JSON.parse(data);
          await later();
          socket.send(JSON.stringify(said.type === "message" ? { ...said, message: shift(said.message) } : said));
        });
      });
      await page.goto(`${server.url}/?user=Alice`);
      await isReady(page);
      await isCountedAs(LATE_MS, server, page);
      assert.equal(await shown(page, "lateMean"), await shown(page, "late"));
      await leave(page);
      await server.stop();
    });
}

test("a comparison of clocks that is worse, or fails, spoils nothing, and one that shows that a clock was set counts", async () => {
  const server = await serve(3);
  const page = await person();
  await page.addInitScript(() => {
    const { setInterval } = window;
    window.setInterval = (call, ms) => (ms === 60_000 ? (window.compareAgain = call) : setInterval(call, ms));
  });
  let answer = (route) => route.continue();
  await page.route("**/stats", (route) => answer(route));
  const LATE_MS = 500;
  const later = () => new Promise((done) => setTimeout(done, LATE_MS));
  await page.route("**/subscribe?*", async (route) => {
    const response = await route.fetch();
    await later();
    await route.fulfill({ response });
  });
  await page.goto(`${server.url}/?user=Alice`);
  await isReady(page);
  const best = await clockError(page);

  answer = async (route) => {
    const response = await route.fetch();
    await later();
    await route.fulfill({ response });
  };
  await page.evaluate(() => window.compareAgain());
  assert.ok((await clockError(page)) <= best, "the road there and back was longer");

  page.expects = /500/;
  answer = (route) => route.fulfill({ status: 500, json: { error: "not now" } });
  await page.evaluate(() => window.compareAgain());
  await isCountedAs(LATE_MS, server, page);

  answer = async (route) => {
    await later(); // so it is no better one
    await route.fulfill({ json: { now: new Date(Date.now() - 3_600_000).toISOString() } });
  };
  await page.evaluate(() => window.compareAgain());
  await server.say("Bob", "and now?"); // by this clock it is not said yet
  await sees(page, "and now?");
  await eventually(async () => assert.equal(await late(page), 0));
  await leave(page);
  await server.stop();
});

test("a message is as late as it was under way, in part 2 until the next poll, and what was said before is not late at all", async () => {
  for (const part of [2, 3, 4]) {
    const server = await serve(part);
    await server.say("Bob", "long ago");
    const page = await person(server, "Alice");
    await sees(page, "long ago");
    await isReady(page);
    const error = ROUNDING_MS + (await clockError(page));
    assert.equal(await shown(page, "late"), "—");
    if (part === 2) await page.waitForResponse((response) => response.url().includes("lastId")); // so a whole pause is ahead
    const began = Date.now();
    await server.say("Bob", "now");
    const said = Date.now();
    await sees(page, "now");
    const [counted, took] = [await late(page), Date.now() - began];
    assert.ok(counted <= took + error, `part ${part}: ${counted} ms of ${took} ms, give or take ${error} ms`);
    if (part === 2) {
      // The poll that was under way when it was said, or the next one: before that it cannot have come.
      const asked = await eventually(() => page.evaluate((began) => performance.getEntriesByType("resource").filter(({ name }) => name.includes("/messages?"))
        .map(({ startTime, responseEnd }) => [startTime, responseEnd].map((time) => performance.timeOrigin + time)).find(([, end]) => end >= began)[0], began));
      assert.ok(counted >= asked - said - error, `${counted} ms, asked ${asked - said} ms after it was said, give or take ${error} ms`);
    }
    await leave(page);
    await server.stop();
  }
});

test("§4 a row of the journal opens and shows the frame as it was on the wire", async () => {
  const server = await serve(4);
  const way = await wire(server);
  const page = await person(way, "Alice");
  await isNow(page, "connected");
  const long = "довге слово ".repeat(20).trim();
  for (const text of ["hi", long]) {
    await say(page, text);
    await sees(page, text);
  }
  const hex = (ofWay) => way.bytes(ofWay).toString("hex").replace(/..(?=.)/g, "$& ");
  const open = async (text) => {
    const row = page.locator("#network tr").filter({ hasText: text }).last(); // a newer one may come before it
    await row.locator("summary").click();
    await row.locator(".bytes div").first().waitFor();
    return row.locator(".bytes div").evaluateAll((rows) => rows.map((row) => [row.querySelector("dt").textContent, row.querySelector("code")?.textContent]));
  };
  const heard = await open('↓ {"type":"pong"}');
  assert.deepEqual(heard.slice(0, 2), [["81", "1 000 0001"], ["0f", "0 0001111"]]);
  assert.ok(hex("in").includes(heard.map(([bytes]) => bytes).join(" ")), "a frame of the server stood on the wire like this");

  const said = await open('↑ {"type":"message","text":"hi"}');
  assert.deepEqual(said.slice(0, 3), [["81", "1 000 0001"], ["9e", "1 0011110"], ["•• •• •• ••", undefined]]);
  assert.equal(said[3][0], Buffer.from('{"type":"message","text":"hi"}').toString("hex").replace(/..(?=.)/g, "$& "));
  assert.ok(hex("out").includes("81 9e "));

  const longer = await open('↑ {"type":"message","text":"довге');
  assert.deepEqual(longer.map(([bytes]) => bytes).slice(0, 2), ["81", "fe"]);
  assert.equal(Number.parseInt(longer[2][0].replace(" ", ""), 16), Buffer.byteLength(`{"type":"message","text":"${long}"}`));
  assert.ok(hex("out").includes(`81 fe ${longer[2][0]}`));
  assert.match(longer.at(-1)[0], /…$/);
  assert.match(await page.locator("#network details[open]").first().textContent(), /браузер/, "and says what a browser hides");
  await leave(page);
  await server.stop();
});

for (const part of [1, 2, 3, 4])
  test(`§${part} in half a projector and in a whole one: chat, input, counters and where there is room the journal's first row without scrolling`, async () => {
    const server = await serve(part);
    for (const locale of ["uk-UA", "en-GB"]) {
      const page = await person(undefined, undefined, { locale });
      for (const viewport of [{ width: 640, height: 600 }, { width: 683, height: 650 }, { width: 1280, height: 640 }, { width: 640, height: 720 }, { width: 1280, height: 720 }]) {
        await page.setViewportSize(viewport);
        await page.goto(`${server.url}/?user=Alice`);
        const text = `said at ${viewport.width} × ${viewport.height} px`;
        await say(page, text);
        await sees(page, text);
        await page.locator("#outbox li").waitFor({ state: "detached" }); // else the page asks before it is left
        const where = await page.evaluate(() => ({
          scrolled: scrollY,
          out: [...document.querySelectorAll("#log, #text, #say button, .counters dt, .counters dd")].filter((one) => one.checkVisibility())
            .filter((one) => { const { top, bottom } = one.getBoundingClientRect(); return top < 0 || bottom > innerHeight; })
            .map((one) => one.dataset.count ?? (one.id || one.textContent)),
          log: document.querySelector("#log").clientHeight,
          alone: [...document.querySelectorAll(".counters")].filter((list) => list.checkVisibility() && [...list.children].every((one) => one.offsetTop < list.lastElementChild.offsetTop || one === list.lastElementChild)).length,
          journal: document.querySelector("#network tr")?.getBoundingClientRect().top,
          edge: Math.min(innerHeight, document.querySelector(".lesson").getBoundingClientRect().bottom),
          order: [...document.querySelectorAll(".network, .diagram")].map((one) => one.classList[0]),
        }));
        assert.deepEqual([where.scrolled, where.out], [0, []], `${locale}, ${viewport.width} px`);
        assert.ok(where.log >= 100, `${where.log} px for the messages, ${locale}, ${viewport.width} px`);
        assert.equal(where.alone, 0, `a counter has a row of its own, ${locale}, ${viewport.width} px`);
        if (part > 1 && viewport.height === 720) assert.ok(where.journal < where.edge, `${where.journal} < ${where.edge}, ${locale}, ${viewport.width} px`);
        assert.deepEqual(where.order, ["network", "diagram"]);
      }
      await leave(page);
    }
    await server.stop();
  });

test("a phone shows the names of the four parts and what the counters count", async () => {
  const server = await serve(2);
  const page = await person(server, "Alice", { viewport: { width: 360, height: 740 } });
  assert.deepEqual((await page.locator(".parts li").allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim()),
    ["1 Оновлення", "2 Коротке опитування", "3 Довге опитування", "4 WebSocket"]);
  for (const name of await page.locator(".counters dt").all()) if ((await name.textContent()) !== "") assert.ok(await name.isVisible());
  await leave(page);
  await server.stop();
});
