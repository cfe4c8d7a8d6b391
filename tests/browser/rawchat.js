// The house of the browser tests: a server to stop and start, people with windows, and waiting for what must become true.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import readline from "node:readline";
import { text } from "node:stream/consumers";
import { after } from "node:test";
import { chromium, firefox } from "playwright-core";

// It ends a test that would hang for ever, and says nothing of how fast this machine is. The exercises hang on purpose, and need not do so for long.
export const DEADLINE_MS = process.env.HANGS_SOON === undefined ? 120_000 : 15_000;
// What Chromium and Firefox write to the console when the server is gone.
const CUT_OFF = /ERR_(CONNECTION_(REFUSED|RESET)|EMPTY_RESPONSE|INTERNET_DISCONNECTED|INCOMPLETE_CHUNKED)|Firefox can’t establish a connection/;
const here = import.meta.dirname;
const target = process.env.CARGO_TARGET_DIR ?? path.join(here, "../../target");
export const binary = process.env.RAWCHAT ?? path.join(target, "debug/rawchat");
const inPath = (name) => (process.env.PATH ?? "").split(path.delimiter).map((folder) => path.join(folder, name)).find(existsSync);

/** `ENGINE=firefox npm test`: an ordinary Firefox, driven over WebDriver BiDi. */
const engine = process.env.ENGINE ?? "chromium";
export const browser = await {
  chromium: () => chromium.launch({
    executablePath: process.env.CHROMIUM ?? inPath("chromium") ?? inPath("chromium-browser") ?? inPath("google-chrome"),
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  }),
  firefox: () => firefox.launch({ channel: "moz-firefox", executablePath: process.env.FIREFOX ?? inPath("firefox-esr") ?? inPath("firefox") }),
}[engine]();

/** Over WebDriver BiDi a page cannot be shown without scripts, on paper, in another colour scheme or without motion: such tests are Chromium's. */
export const inChromium = { skip: engine !== "chromium" && "WebDriver BiDi cannot ask for this yet" };
const CHROMIUM_ONLY = ["javaScriptEnabled", "colorScheme", "reducedMotion"];
/** For a page that must not need scripts: without them where the browser lets us. */
export const withoutScripts = engine === "chromium" ? { javaScriptEnabled: false } : {};
const servers = new Set();
after(async () => {
  await browser.close();
  await Promise.all([...servers].map((server) => server.stop()));
});

/** No system gives these ports away by itself, so a server that was stopped finds its own free. A race takes five. */
let nextPort = 23_000 + Math.floor(Math.random() * 8_000);
let portsTaken = 0;

/** Starts `rawchat N`, or `rawchat race`; the first line it prints is its address. */
export async function serve(technique, port) {
  const isRace = technique === "race";
  const flags = isRace ? [] : ["--quiet"];
  const child = spawn(binary, [String(technique), "--port", String(port ?? (nextPort += 5)), ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = readline.createInterface({ input: child.stdout });
  const [url] = await Promise.race([once(lines, "line"), once(child, "exit")]);
  if (typeof url !== "string") {
    assert.ok(port === undefined && portsTaken++ < 10, `${binary} ${technique} ended with ${url}`);
    return serve(technique);
  }
  const server = {
    url,
    port: Number(new URL(url).port),
    async stop() {
      servers.delete(server);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
    /** The process sleeps: connections stand, and nobody answers. */
    freeze: () => child.kill("SIGSTOP"),
    thaw: () => child.kill("SIGCONT"),
    /** Somebody at a terminal says something. */
    async say(user, text) {
      const answer = await fetch(`${url}/${isRace ? "say" : "messages"}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ user, text }),
        signal: AbortSignal.timeout(DEADLINE_MS),
      });
      assert.equal(answer.status, 201, await answer.text());
    },
    /** The same in a hurry, over one connection: no request waits for the answer to the one before it. */
    async sayAll(user, texts) {
      const requests = texts.map((text, at) => {
        const body = JSON.stringify({ user, text });
        const last = at === texts.length - 1 ? "Connection: close\r\n" : "";
        return `POST /messages HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n${last}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
      });
      const socket = connect(server.port, "127.0.0.1");
      socket.write(requests.join(""));
      const answers = await text(socket);
      assert.equal(answers.split("HTTP/1.1 201 ").length - 1, texts.length, answers.slice(-500));
    },
    /** The texts the server keeps; an answer that left some out says where the next ones are. */
    async texts() {
      const all = [];
      for (let next = "/messages?lastId=0"; next; ) {
        const answer = await fetch(`${url}${next}`, { signal: AbortSignal.timeout(DEADLINE_MS) });
        all.push(...(await answer.json()).map(({ text }) => text));
        next = /<(.*)>; rel="next"/.exec(answer.headers.get("Link"))?.[1];
      }
      return all;
    },
  };
  servers.add(server);
  return server;
}

/** A new person with a browser of their own, at the chat of this server. */
export async function person(server, name, options = {}) {
  const beyond = CHROMIUM_ONLY.filter((name) => name in options);
  assert.ok(engine === "chromium" || beyond.length === 0, `a test of ${beyond} is inChromium`);
  const context = await browser.newContext({ locale: "uk-UA", viewport: { width: 1280, height: 720 }, ...options });
  context.setDefaultTimeout(DEADLINE_MS);
  return another(context, server, name);
}

/** One more tab of the same browser. `page.complaints` gathers what no page may cause, unless a test sets `page.expects`. */
export async function another(context, server, name) {
  const page = await context.newPage();
  page.complaints = [];
  const complain = (text) => (page.serverWasDown && CUT_OFF.test(text)) || page.expects?.test(text) || page.complaints.push(text);
  page.on("pageerror", (error) => complain(String(error)));
  page.on("console", (said) => said.type() === "error" && complain(said.text()));
  page.on("dialog", (dialog) => {
    page.complaints.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) => console.error(`CSP ${event.violatedDirective} ${event.blockedURI}`)));
  if (server) await page.goto(`${server.url}/?user=${encodeURIComponent(name)}`);
  return page;
}

/** Like `person`, but no pause of a second or more ever ends by itself: what the page does, something else has caused. */
export async function personWithoutPauses(server, name) {
  const page = await person();
  await page.addInitScript(() => {
    for (const timer of ["setTimeout", "setInterval"]) {
      const real = window[timer];
      window[timer] = (call, ms, ...rest) => (ms >= 1_000 ? 0 : real(call, ms, ...rest));
    }
  });
  if (server) await page.goto(`${server.url}/?user=${name}`);
  return page;
}

export async function say(page, text) {
  await page.locator("#text").fill(text);
  await page.locator("#text").press("Enter");
}

/** The texts this page shows, in order, without the notes about who came and left. */
export const texts = (page) => page.locator("#messages li:not(.note) p").allTextContents();

/** Waits for a message, and for the style of the page it stands in: part 1 brings a new page with each. */
export async function sees(page, text) {
  await page.locator("#messages p").getByText(text, { exact: true }).first().waitFor();
  await page.waitForLoadState();
}

export const isNow = (page, state) => page.locator(`#status[data-state="${state}"]`).waitFor();

/** Waits until `check` no longer throws, as long as the deadline allows. */
export async function eventually(check) {
  const end = performance.now() + DEADLINE_MS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((next) => setTimeout(next, 20));
    }
  }
}

/** Stops the server; that these pages now complain about the network is expected. */
export async function interrupt(server, ...pages) {
  for (const page of pages) page.serverWasDown = true;
  await server.stop();
}

/** Nothing went wrong behind these pages; they are closed, and what a test still does to one of their requests fails nobody. */
export async function leave(...pages) {
  for (const page of pages) assert.deepEqual(page.complaints, []);
  await Promise.all(pages.map((page) => page.unrouteAll({ behavior: "ignoreErrors" })));
  await Promise.all(pages.map((page) => page.context().close()));
}
