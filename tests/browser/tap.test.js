// The tap's page: ten thousand rows, and every byte within reach of the mouse alone and of the keyboard alone.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import axe from "axe-core";
import { binary, eventually, inChromium, leave, person, serve } from "./rawchat.js";

const PHONE = { width: 360, height: 740 };
const WIDE = { width: 1280, height: 720 };
const SMALLEST_PX = 18;
const taps = [];
after(() => taps.forEach((child) => child.kill("SIGKILL")));

/** Starts `rawchat tap`; the last address that it prints is that of its page, the first one its own. */
async function tap(...flags) {
  const child = spawn(binary, ["tap", "--lang=en", "--page=0", ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  taps.push(child);
  const urls = [];
  for await (const line of readline.createInterface({ input: child.stdout })) {
    const found = /http:\/\/\S+$/.exec(line)?.[0];
    if (found) urls.push(found);
    if (urls.length === (flags.some((flag) => flag.startsWith("--to")) ? 2 : 1)) break;
  }
  return { url: urls[0], page: urls.at(-1) };
}

const recorded = (part) => tap("--open", path.join(import.meta.dirname, `../tools/sessions/${part}.jsonl`));

/** The page of a tap, when its rows have come. */
async function open({ page: url }, options, address = "") {
  const page = await person(undefined, undefined, { locale: "en-GB", ...options });
  await page.goto(url + address);
  await page.locator(".item").first().waitFor({ state: "attached" });
  return page;
}

const sentence = (page) => page.locator("#sentence p").first();
const says = (page, text) => sentence(page).getByText(text).waitFor();
const chosen = (page) => page.locator('.item[aria-selected="true"]').getAttribute("data-n");

test("of ten thousand rows the page holds some forty, and all can be reached", async () => {
  const hex = (text) => Buffer.from(text).toString("hex");
  const chunk = (from, bytes) => JSON.stringify({ connection: "1", from, ns: "5", unseen: "0", hex: bytes });
  const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
  const lines = [chunk("client", hex(`GET /?user=A HTTP/1.1\r\n${upgrade}\r\n`)), chunk("server", hex(`HTTP/1.1 101 Switching Protocols\r\n${upgrade}\r\n`))];
  while (lines.length < 10_000) lines.push(chunk("server", `8104${hex(String(lines.length + 1).padStart(4, "0").slice(-4))}`));
  const file = path.join(mkdtempSync(path.join(tmpdir(), "tap-")), "long.jsonl");
  writeFileSync(file, lines.join("\n"));
  const session = await tap("--open", file);
  const [page, address] = [await open(session), session.page];
  await page.locator("#counts").getByText("10000").waitFor();
  const count = await page.locator(".item").count();
  assert.ok(count > 10 && count <= 45, `${count} rows exist`);
  await page.locator("#row-10000").waitFor();
  await page.locator("#list").press("ArrowUp");
  for (const _ of [1, 2, 3]) await page.keyboard.press("ArrowUp");
  assert.equal(await chosen(page), "9997");
  await page.locator("#open").getByText("rawchat would take it, bytes: 6.").waitFor();
  await page.keyboard.press("PageUp");
  await page.keyboard.press("Home");
  assert.equal(await chosen(page), "1");
  await page.locator("#list").evaluate((list) => (list.scrollTop = list.scrollHeight / 2));
  await page.locator("#row-5000").waitFor();
  assert.ok((await page.locator(".item").count()) <= 45);
  await page.locator("#filter").fill("text:0777");
  await eventually(async () => assert.deepEqual(await page.locator(".item").evaluateAll((items) => items.map(({ dataset }) => dataset.n)), ["777"]));
  // As the row shows it, in upper or lower case, with quotes or without.
  await page.locator("#filter").fill('kind:response text:"switching proto"');
  await eventually(async () => assert.deepEqual(await page.locator(".item").evaluateAll((items) => items.map(({ dataset }) => dataset.n)), ["2"]));
  await page.locator("#filter").fill("text:nowhere");
  await page.getByText("No row fits, hidden: 10,000").waitFor();
  await page.locator("#filter").fill("colour:red");
  await page.locator("#filter-fault").getByText("The words are conn:3").waitFor();
  await page.locator("#filter").fill("");
  await page.locator("#list").press("Home");
  await page.keyboard.press("End");
  await eventually(async () => assert.equal(await chosen(page), "10000"));
  // An address leads to its row, and rows that come later do not take it away.
  await page.goto("about:blank");
  await page.goto(`${address}#200`);
  await page.locator("#counts").getByText("10000").waitFor();
  await says(page, "A frame");
  const [row, list] = await Promise.all(["#row-200", "#list"].map((part) => page.locator(part).boundingBox()));
  assert.ok(row.y >= list.y && row.y + row.height <= list.y + list.height);
  await leave(page);
});

test("every byte can be pointed at with the mouse alone", async () => {
  const page = await open(await recorded(4));
  await page.locator("#hint").getByText("Choose a row").waitFor();
  await page.locator("#row-5").click();
  await page.locator("#said summary").click();
  assert.equal(await page.locator("#said pre").innerText(), '{"type":"message","text":"By hand"}');
  assert.ok(!(await page.locator("#hint").isVisible()));
  const byte = (index) => page.locator(`.byte[data-index="${index}"]`);
  await byte(3).click();
  await says(page, "The masking key");
  assert.match(await byte(3).getAttribute("aria-label"), /^byte 3, \w\w, masking key$/);
  assert.equal(await page.locator(".where a").nth(1).getAttribute("href"), "/source#4.3");
  assert.equal(await page.locator(".byte.lit").count(), 4);
  // What is hovered over says what it is, and does not move.
  const box = await byte(6).boundingBox();
  await byte(0).hover();
  await says(page, "RSV = 000");
  assert.deepEqual(await byte(6).boundingBox(), box);
  await byte(6).hover();
  await says(page, "Text, in UTF-8");
  await page.locator("#sum").hover();
  await says(page, "The masking key");
  // A byte of several fields gives them one after another.
  for (const text of ["FIN = 1", "RSV = 000", "Opcode 1", "FIN = 1"]) {
    await byte(0).click();
    await says(page, text);
  }
  await page.locator("#bits button").nth(3).click();
  await says(page, "MASK = 1");
  assert.equal(await page.locator("#path").innerText(), "frame\n›\nmask = 1");
  // Masked, the key, and what they make: the first two bytes of {"type".
  const below = page.locator(".below").nth(1);
  assert.match(await below.innerText(), /=\s+7b\s+22/);
  await page.locator("#row-1").click();
  // A name, a value and the empty line say first what they are a part of.
  const at = (label) => page.locator(`.byte[aria-label$=", ${label}"]`);
  await page.locator("#fields button", { hasText: "Sec-WebSocket-Version" }).waitFor();
  for (const [label, begins, mark] of [["field value", "The host that is asked", "1.2"], ["field name", "The host that is asked", "1.2"], ["line end", "The empty line: the head ends here. CR LF", "1.2"]]) {
    await (label === "line end" ? at(label).last() : at(label).first()).click();
    await says(page, begins);
    assert.equal(await page.locator(".where a").nth(1).getAttribute("href"), `/source#${mark}`);
  }
  assert.equal(await page.locator("#path").innerText(), "request\n›\nempty line\n›\nline end");
  const [where, bytes] = await Promise.all(["#path", "#bytes"].map((part) => page.locator(part).boundingBox()));
  assert.ok(where.y + where.height <= bytes.y, "where it is stands above the bytes");
  await page.locator("#handshake").getByText("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").waitFor();
  await page.locator("#row-7").click();
  await says(page, "A frame");
  await page.locator("#pair button").click();
  await eventually(async () => assert.equal(await chosen(page), "8"));
  await page.locator(".where a").nth(1).click();
  await page.locator("h4 a", { hasText: "§4.2" }).waitFor();
  await leave(page);
});

test("a tap that has ended is told of where a row is opened", async () => {
  const page = await open(await recorded(4));
  await page.locator("#row-5").click();
  await page.locator("#said").waitFor();
  page.expects = /ERR_FAILED/;
  await page.route("**/exchange?row=6", (route) => route.abort());
  await page.locator("#row-6").click();
  await says(page, "does not answer");
  await page.locator("#row-5").click();
  await page.locator("#said").waitFor();
  await leave(page);
});

test("where the core refuses, the line that refuses is one click away", async () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), "tap-")), "refused.jsonl");
  const hex = Buffer.from("GET / HTTP/1.1\nHost: a\n\n").toString("hex");
  writeFileSync(file, JSON.stringify({ connection: "1", from: "client", ns: "5", unseen: "0", hex }));
  const page = await open(await tap("--open", file));
  await page.locator("#row-1").click();
  const link = page.locator("#verdict a");
  const place = await link.innerText();
  assert.match(place, /^src\/wire\/\S+\.rs:\d+$/);
  assert.match(await page.locator("#verdict").innerText(), /^rawchat would answer 400: .* \(src\S+\)$/);
  await link.click();
  const line = page.locator(":target");
  assert.equal(await line.getAttribute("id"), place);
  assert.match(await line.innerText(), /refuse|Refusal/, "the line that refuses");
  await leave(page);
});

test("every byte can be pointed at with the keyboard alone, and has an address", async () => {
  const page = await open(await recorded(4));
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  await press("Home", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown");
  await eventually(async () => assert.equal(await page.locator("#fields li").count(), 7));
  await press("Enter", "ArrowRight", "ArrowLeft");
  await says(page, "FIN = 1");
  await press("Shift+ArrowRight", "Shift+ArrowRight");
  await says(page, "Opcode 1");
  await press("Alt+ArrowLeft");
  await says(page, "RSV = 000");
  await press("ArrowRight");
  await says(page, "MASK = 1");
  await press("ArrowDown");
  await says(page, "Text, in UTF-8");
  const address = page.url();
  assert.match(address, /#5(>|%3E)\d+$/);
  await press("]");
  await eventually(async () => assert.equal(await chosen(page), "6"));
  // The keys go on where they were: in the bytes, or on a button of the path.
  await says(page, "A frame");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.index), "0");
  await press("ArrowRight");
  await says(page, "MASK = 0");
  await page.locator("#path button").first().press("Enter");
  await says(page, "A frame");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "frame");
  await press("[", "Escape", "ArrowDown", "ArrowDown");
  await eventually(async () => assert.equal(await chosen(page), "7"));
  await page.locator("#pair button").waitFor();
  await press("p");
  await eventually(async () => assert.equal(await chosen(page), "8"));
  await press("?");
  await page.locator("#help dt").first().waitFor();
  await press("Escape", "+");
  assert.equal(await page.evaluate(() => document.documentElement.style.getPropertyValue("--zoom")), "1.25");
  await page.goto("about:blank");
  await page.goto(address);
  await says(page, "Text, in UTF-8");
  await press("s");
  await page.locator("h4 a", { hasText: "§4.4" }).waitFor();
  await leave(page);
});

test("what is copied is what was sent", inChromium, async () => {
  const server = await serve(1);
  const { url, page: address } = await tap(`--to=${server.url}`, "--port=0");
  const asked = await fetch(`${url}/messages`, { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"user":"O\'Hara","text":"Привіт"}' });
  assert.equal(asked.status, 201);
  const page = await open({ page: address });
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const copied = async (form) => {
    await page.locator("#copied").evaluate((said) => (said.textContent = "")); // of what was copied before
    await page.keyboard.press("c");
    await page.keyboard.press(form);
    await page.locator("#copied").getByText("copied").waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  await page.locator("#row-1").click();
  await page.locator("#verdict").getByText("would take it").waitFor();
  assert.match(await copied("t"), /^POST \/messages HTTP\/1\.1[^]*"text":"Привіт"}$/);
  assert.match(await copied("h"), /^50 4f 53 54 20/);
  assert.match(execFileSync("sh", ["-c", await copied("u")], { encoding: "utf8" }), /^HTTP\/1\.1 201[^]*O'Hara[^]*Привіт/);
  // Of a frame its words; of a handshake all that it needs.
  const frames = await open(await recorded(4));
  await frames.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  for (const [row, form, text] of [[5, "t", /^{"type":"message","text":"By hand"}$/], [1, "u", /-H 'Connection: Upgrade'/]]) {
    await frames.locator(`#row-${row}`).click();
    await frames.locator(row === 1 ? "#handshake" : "#said").waitFor();
    await frames.locator(`[data-copy=${form}]`).click();
    await frames.locator("#copied").getByText("copied").waitFor();
    assert.match(await frames.evaluate(() => navigator.clipboard.readText()), text);
    await frames.locator("#copied").evaluate((said) => (said.textContent = ""));
  }
  // The sum of a connection is said in full.
  await frames.locator(".item.remark").click();
  await says(frames, "requests 1, empty answers 0, heads 162 + 267 B");
  assert.ok(!(await frames.locator("#bytes").isVisible()));
  assert.match(await frames.locator(".item.remark").getAttribute("title"), /^requests 1, .* messages delivered 1$/);
  await leave(page, frames);
});

test("the list goes on while it is looked at, follows at its end only, and trouble leaves a row", async () => {
  const server = await serve(1);
  const saved = path.join(mkdtempSync(path.join(tmpdir(), "tap-")), "saved.jsonl");
  const { url, page: address } = await tap(`--to=${server.url}`, "--port=0", `--save=${saved}`);
  // One connection that stays: where one ends there is a row more.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ask = async (times) => {
    for (let time = 0; time < times; time++) {
      const [answer] = await once(http.get(`${url}/messages`, { agent }), "response");
      await text(answer);
    }
  };
  await ask(20);
  const page = await open({ page: address });
  const last = async (n) => eventually(async () => assert.equal(await page.locator(".item").last().getAttribute("data-n"), String(n)));
  await last(40);
  await ask(1);
  await last(42);
  await page.locator("#list").evaluate((list) => (list.scrollTop = 0));
  await page.locator("#row-1").waitFor();
  await ask(1);
  await page.locator("#news").getByText("2 new").waitFor();
  await page.locator("#row-1").waitFor();
  await page.keyboard.press("End");
  await last(44);
  await page.keyboard.press(" ");
  await page.locator("#live").getByText("paused").waitFor();
  await ask(1);
  await page.locator("#counts").getByText("rows: 46").waitFor();
  await last(44);
  await page.keyboard.press(" ");
  await last(46);
  await page.keyboard.press("d");
  await page.locator('#trouble [name="rtt"]').selectOption("50ms");
  await page.locator(".item.remark", { hasText: "~ rtt 50ms" }).waitFor();
  // Another page knows it, too.
  const another = await open({ page: address });
  await another.locator("#disturb.on").waitFor();
  assert.equal(await another.locator('#trouble [name="rtt"]').inputValue(), "50ms");
  // What is swallowed does not look as if it had arrived, neither now nor in the recording.
  await page.locator('#trouble [name="swallow"]').selectOption("on");
  await page.locator(".item.remark", { hasText: "~ swallow on" }).waitFor();
  http.get(`${url}/nobody-hears`).on("error", () => {}); // when the tap ends
  await page.locator(".item", { hasText: "Not passed on. GET /nobody-hears" }).waitFor();
  assert.equal(await page.locator(".item", { hasText: "Not passed on" }).count(), 1);
  const again = await open(await tap("--open", saved));
  await again.locator(".item", { hasText: "Not passed on. GET /nobody-hears" }).waitFor();
  agent.destroy();
  await leave(page, another, again);
});

test("the page is never wider than its window", async () => {
  const page = await open(await recorded(4), {}, "#1>3");
  await page.locator(".byte.lit").first().waitFor();
  for (const width of [320, 480, 700, 800, 1024, 1280]) {
    await page.setViewportSize({ width, height: 720 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${width} px`);
  }
  await leave(page);
});

test("on a phone there is one pane at a time, and buttons for what keys do", async () => {
  const page = await open(await recorded(4), { viewport: PHONE });
  await page.locator("#row-7").click();
  await page.locator("#bytes").waitFor();
  assert.ok(!(await page.locator("#list").isVisible()));
  await page.getByRole("button", { name: "Next field" }).click();
  await says(page, "FIN = 1");
  await page.locator('[data-step="pair"]').click();
  await eventually(async () => assert.equal(await chosen(page), "8"));
  await page.getByRole("button", { name: "← List" }).click();
  await page.locator("#list").waitFor();
  assert.ok(!(await page.locator("#bytes").isVisible()));
  await leave(page);
});

// Two runs, in which each language meets each theme and each width.
for (const [locale, looks] of [["uk-UA", [["light", PHONE], ["dark", WIDE]]], ["en-GB", [["dark", PHONE], ["light", WIDE]]]])
  test(`axe finds nothing on the tap's page, and nothing on it is small (${locale})`, inChromium, async () => {
    const [session, server] = [await recorded(4), await serve(1)];
    const live = await tap(`--to=${server.url}`, "--port=0", "--rtt=50ms");
    await (await fetch(`${live.url}/messages`)).text();
    for (const [colorScheme, viewport] of looks)
      for (const [of, address] of [[session, ""], [session, "#1>3"], [session, "#5>6"], [live, ""]]) {
        const page = await open(of, { locale, colorScheme, viewport, reducedMotion: "reduce" }, address);
        if (address) await page.locator(".byte.lit").first().waitFor();
        else if (of === live) await page.locator("#disturb").click();
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`);
        assert.deepEqual(found, [], `${colorScheme}, ${viewport.width} px, ${address}`);
        const small = await page.evaluate((smallest) => {
          const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          const found = [];
          while (texts.nextNode()) {
            const { data, parentElement } = texts.currentNode;
            if (data.trim() && parentElement.checkVisibility() && Number.parseFloat(getComputedStyle(parentElement).fontSize) < smallest) found.push(data);
          }
          return found;
        }, SMALLEST_PX);
        assert.deepEqual(small, []);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page is not wider than the window");
        await leave(page);
      }
  });
