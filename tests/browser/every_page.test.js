import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, inChromium, leave, person, say, sees, serve, texts, withoutScripts } from "./rawchat.js";

const PARTS = [1, 2, 3, 4];
const cyrillic = /\p{Script=Cyrillic}/u;
const language = (page) => page.locator("html").getAttribute("lang");

// Runs in the page: the words that stand on two lines.
function brokenWords(elements) {
  const inTwo = ({ firstChild }) =>
    [...firstChild.textContent.matchAll(/\S+/g)].filter(({ 0: word, index }) => {
      const range = document.createRange();
      range.setStart(firstChild, index);
      range.setEnd(firstChild, index + word.length);
      return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1;
    });
  return elements.flatMap(inTwo).map(([word]) => word);
}

for (const part of PARTS) {
  test(`§${part} speaks the reader's language: the browser's, then the one chosen, which is remembered`, async () => {
    const server = await serve(part);
    for (const [locale, expected] of [["uk-UA", "uk"], ["en-GB", "en"], ["fr-FR", "en"]]) {
      const page = await person(server, "Alice", { locale });
      assert.equal(await language(page), expected, locale);
      await leave(page);
    }
    const page = await person(server, "Оля & Co", { locale: "uk-UA", ...(part === 1 && withoutScripts) });
    await page.locator("a.lang").click();
    await page.locator('html[lang="en"]').waitFor();
    assert.equal(await page.locator(".me strong").textContent(), "Оля & Co", "the name is kept");
    await page.goto(`${server.url}/?user=Bob`);
    assert.equal(await language(page), "en", "remembered");
    await page.locator("a.lang").click();
    await page.locator('html[lang="uk"]').waitFor();
    await page.goto(`${server.url}/?user=Bob`);
    assert.equal(await language(page), "uk");
    await leave(page);
    await server.stop();
  });

  test(`§${part} leaves no half of a text out and no mark of the template in`, async () => {
    const server = await serve(part);
    const read = async (locale) => {
      const page = await person(server, "Alice", { locale });
      await say(page, "x");
      await sees(page, "x");
      const text = await page.evaluate(() => {
        document.querySelector("a.lang").remove(); // it names the other language in that language
        const attributes = [...document.querySelectorAll("[aria-label], [title]")].map((one) => `${one.getAttribute("aria-label") ?? ""} ${one.getAttribute("title") ?? ""}`);
        const texts = document.createTreeWalker(document, NodeFilter.SHOW_TEXT, (node) =>
          node.parentElement.localName === "script" ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
        const all = [document.title, ...attributes];
        while (texts.nextNode()) all.push(texts.currentNode.data);
        return all.join("\n");
      });
      await leave(page);
      assert.doesNotMatch(text, /\[\[|\]\]|\{\{|\}\}|undefined|NaN/);
      return text;
    };
    assert.doesNotMatch(await read("en-GB"), cyrillic);
    assert.match(await read("uk-UA"), cyrillic);
    await server.stop();
  });

  test(`§${part} shows markup as text, in a message and in a name`, async () => {
    const server = await serve(part);
    const markup = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    const name = '<img src=x onerror="document.title=3">';
    const page = await person(server, name);
    const title = await page.title();
    await say(page, markup);
    await sees(page, markup);
    assert.equal(await page.locator("#messages b").textContent(), name);
    assert.equal(await page.locator(".me strong").textContent(), name);
    assert.equal(await page.locator("#user").inputValue(), name);
    if (part === 4) await page.locator("#people").getByText(name, { exact: true }).waitFor();
    assert.equal(await page.locator("img, body script").count(), 0);
    assert.equal(await page.title(), title);
    assert.equal((await page.locator("#messages li").evaluate((li) => {
      const copy = li.cloneNode(true);
      copy.removeAttribute("class");
      copy.querySelector("time").textContent = "";
      return copy.outerHTML;
    })).replace(/datetime="[^"]+Z"/, 'datetime="…"').replaceAll(/(?<=<(b|p) dir="auto">)[^]*?(?=<\/\1>)/g, "…"),
    '<li data-id="1"><b dir="auto">…</b> <time datetime="…"></time><p dir="auto">…</p></li>');
    await leave(page);
    await server.stop();
  });

  test(`§${part} asks for a name first`, async () => {
    const server = await serve(part);
    await fetch(`${server.url}/messages`, { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"text":"from nobody"}' });
    const page = await person(null, null, { locale: "en-GB", ...(part === 1 && withoutScripts) });
    await page.goto(server.url);
    assert.equal(await page.locator("#text, #people").count(), 0, "nobody is in the chat yet");
    await page.locator("#user:focus").waitFor();
    await page.keyboard.type("Оля & Co");
    await page.keyboard.press("Enter");
    await page.locator(".me strong").getByText("Оля & Co", { exact: true }).waitFor();
    await sees(page, "from nobody");
    assert.equal(await page.locator("#messages b").textContent(), "Anonymous");
    await leave(page);
    await server.stop();
  });

  test(`§${part} says what to run for the other parts and links to their source`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice", { locale: "en-GB" });
    const others = PARTS.filter((other) => other !== part);
    assert.deepEqual(await page.locator(".parts code:visible").allTextContents(), others.map((other) => `cargo run -- ${other}`));
    assert.equal(await page.locator(".parts [aria-current]").textContent().then((text) => text.trim()[0]), String(part));
    await page.locator(`.p${others[0]} a`).click();
    await page.locator(`[id="part-${others[0]}"] h2`).waitFor();
    await leave(page);
    await server.stop();
  });

  test(`§${part} keeps the line breaks of a message, and each text and name in its own direction`, async () => {
    const server = await serve(part);
    await server.say("عالية", "one\n  two\nשלום (hello)");
    const page = await person(server, "Alice");
    const text = page.locator("#messages p").first();
    await text.waitFor();
    assert.equal(await text.innerText(), "one\n  two\nשלום (hello)");
    await server.say("Bob", "مرحبا");
    if (part === 1) await page.reload();
    const second = page.locator("#messages p").nth(1);
    await second.waitFor();
    const direction = (locator) => locator.evaluate((one) => getComputedStyle(one).direction);
    assert.equal(await direction(second), "rtl");
    assert.equal(await direction(page.locator("#messages b").first()), "rtl");
    assert.equal(await direction(page.locator("#messages b").nth(1)), "ltr");
    await leave(page);
    await server.stop();
  });

  test(`§${part} a draft outlives its page, until it is sent`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice");
    await page.locator("#text").pressSequentially("half a thou");
    await page.locator(".further a").first().click();
    await page.locator("#part-1").waitFor();
    await page.goBack();
    await eventually(async () => assert.equal(await page.locator("#text").inputValue(), "half a thou"));
    await page.reload();
    await eventually(async () => assert.equal(await page.locator("#text").inputValue(), "half a thou"));
    await say(page, "half a thought");
    await sees(page, "half a thought");
    await page.reload();
    await sees(page, "half a thought");
    assert.equal(await page.locator("#text").inputValue(), "");
    await leave(page);
    await server.stop();
  });

  test(`§${part} what is typed before the scripts come stays`, async () => {
    const server = await serve(part);
    const page = await person();
    let come;
    const held = new Promise((done) => (come = done));
    await page.route("**/chat.js", (route) => held.then(() => route.continue()));
    await page.goto(`${server.url}/?user=Alice`, { waitUntil: "commit" });
    await page.locator("#text").fill("typed at once");
    come();
    await page.waitForLoadState();
    assert.equal(await page.locator("#text").inputValue(), "typed at once");
    await leave(page);
    await server.stop();
  });

  test(`§${part} a text that is too long says so and keeps its end`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice");
    const long = `${"😀".repeat(2_000)}end`;
    await page.locator("#text").fill(long);
    await page.locator("#trouble").getByText("Задовго, символів: 2 003 / 2 000".replaceAll(" 0", "\u00a00")).waitFor();
    await page.locator("#text").press("Enter");
    assert.equal(await page.locator("#text").inputValue(), long);
    await page.locator("#text").fill(long.slice(0, -3)); // 2,000 characters, though 4,000 halves of a pair
    await eventually(async () => assert.equal(await page.locator("#trouble").textContent(), ""));
    await page.locator("#text").press("Enter");
    await sees(page, long.slice(0, -3));
    assert.deepEqual(await server.texts(), [long.slice(0, -3)]);
    await leave(page);
    await server.stop();
  });

  test(`§${part} does not scroll sideways at 320 px, and breaks no word of a counter at 360 px`, async () => {
    const server = await serve(part);
    await server.say("В".repeat(64), "frame".repeat(400));
    for (const locale of ["uk-UA", "en-GB"]) {
      const page = await person(server, "W".repeat(64), { locale, viewport: { width: 320, height: 640 } });
      await sees(page, "frame".repeat(400));
      await page.locator(".me summary").click();
      await say(page, "M".repeat(2_000));
      await sees(page, "M".repeat(2_000));
      const wide = await page.evaluate(() =>
        [...document.querySelectorAll("html, body, #log, #outbox, .network, .lesson")].filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.id || box.className || box.localName));
      assert.deepEqual(wide, []);
      await page.setViewportSize({ width: 360, height: 740 });
      assert.deepEqual(await page.locator(".counters dt").evaluateAll(brokenWords), [], locale);
      await leave(page);
    }
    await server.stop();
  });

  test(`§${part} is used with the keyboard alone, and the input keeps the focus`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice");
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.localName);
    await page.locator("#text:focus").waitFor();
    for (const text of ["перше", "друге"]) {
      await page.keyboard.type(text);
      await page.keyboard.press("Enter");
      await sees(page, text);
      await eventually(async () => assert.deepEqual([await focused(), await page.locator("#text").inputValue()], ["text", ""]));
    }
    // Back through the page: everything that can be used can be reached, and shows that it was.
    const reached = new Set();
    for (let steps = 0; steps < 12; steps++) {
      await page.keyboard.press("Shift+Tab");
      reached.add(await focused());
      if (!(await page.evaluate(() => document.hasFocus()))) break; // on to the browser's own buttons
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      if ((await focused()) !== "body") assert.notEqual(outline, "none", await focused());
    }
    for (const stop of ["log", "summary", "a"]) assert.ok(reached.has(stop), stop);
    await leave(page);
    await server.stop();
  });

  test(`§${part} opens at the end of a room of 5,000 messages`, async () => {
    const server = await serve(part);
    const all = Array.from({ length: 5_000 }, (_, i) => `message ${i + 1}`);
    await server.sayAll("Bob", all);
    const page = await person(null, null, part === 1 ? withoutScripts : {});
    const shown = part === 1 ? 200 : 5_000; // the server writes the newest 200 into the page
    await page.goto(`${server.url}/?user=Alice`);
    await eventually(async () => assert.equal(await page.locator("#messages li:not(.note)").count(), shown));
    await eventually(async () => assert.ok(await page.locator("#messages li:not(.note)").last().evaluate((li) => {
      const log = document.querySelector("#log").getBoundingClientRect();
      return li.getBoundingClientRect().bottom <= log.bottom + 1;
    })));
    assert.deepEqual(await texts(page), all.slice(-shown));
    await leave(page);
    await server.stop();
  });
}

for (const part of PARTS.slice(1)) {
  test(`§${part} says that it needs scripts when they are off`, inChromium, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice", withoutScripts);
    await page.locator("noscript .warning").waitFor();
    assert.match(await page.locator("noscript .warning").textContent(), /Цій техніці потрібні скрипти/);
    assert.equal(await page.locator("#status").textContent(), "", "it does not claim to be connecting");
    await leave(page);
    await server.stop();
  });

  test(`§${part} follows the end of the list, unless the reader has scrolled up`, async () => {
    const server = await serve(part);
    await server.sayAll("Bob", Array.from({ length: 50 }, (_, i) => `message ${i + 1}`));
    const page = await person(server, "Alice");
    await sees(page, "message 50");
    const log = page.locator("#log");
    const gap = () => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
    await eventually(async () => assert.ok((await gap()) <= 1));
    await server.say("Bob", "at the end");
    await sees(page, "at the end");
    await eventually(async () => assert.ok((await gap()) <= 1));

    await log.hover();
    await page.mouse.wheel(0, -400);
    await eventually(async () => assert.equal(await gap(), 400)); // a wheel may turn smoothly
    const place = await log.evaluate((box) => box.scrollTop);
    const height = await log.evaluate((box) => box.scrollHeight);
    for (const text of ["read later 1", "read later 2"]) await server.say("Bob", text);
    await eventually(async () => assert.ok((await log.evaluate((box) => box.scrollHeight)) > height));
    const more = page.locator(".more");
    await eventually(async () => assert.equal(await more.textContent(), "↓ Нових: 2"));
    assert.equal(await log.evaluate((box) => box.scrollTop), place);
    await more.click();
    await eventually(async () => assert.ok((await gap()) <= 1));
    await more.waitFor({ state: "hidden" });
    await leave(page);
    await server.stop();
  });
}
