// SHOTS=1: every page, light and dark, narrow and wide, in both languages, into shots/ for a person to look at.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import net from "node:net";
import path from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { binary, eventually, isNow, leave, person, say, sees, serve } from "./rawchat.js";

const talk = [
  ["Олена", "Доброго ранку! Хто вже запустив сервер?"],
  ["Bob", "Mine is up. I can see the handshake in the Network tab."],
  ["Alice", "А чому відповідь порожня? Я ж нічого не натискала."],
  ["Олена", "Бо це опитування: запит пішов, новин немає, і сервер чесно каже []."],
  ["Bob", `A long word must wrap: ${"frame".repeat(30)}`],
  ["<img src=x onerror=alert(1)>", "<b>text of others</b> is data, never markup"],
];

for (const technique of [1, 2, 3, 4])
  test(`part ${technique} is photographed`, { skip: !process.env.SHOTS }, async () => {
    const server = await serve(technique);
    for (const [user, text] of talk) await server.say(user, text);
    const bob = await person(server, "Bob");
    for (const lang of ["uk", "en"])
      for (const colorScheme of ["light", "dark"])
        for (const [width, height] of [[360, 740], [1280, 720]]) {
          const alice = await person(server, "Alice", { colorScheme, viewport: { width, height }, locale: lang === "uk" ? "uk-UA" : "en-GB" });
          await sees(alice, talk.at(-1)[1]);
          if (technique > 1) {
            if (!(await alice.locator("#messages").innerText()).includes("!!!")) await say(alice, "Чудово!!!");
            await sees(alice, "Чудово!!!");
            await isNow(alice, technique === 3 ? "waiting" : "connected");
          }
          await alice.screenshot({ path: path.join(import.meta.dirname, "shots", `${technique}-${lang}-${colorScheme}-${width}.png`), fullPage: true });
          if (width === 1280) {
            await alice.locator(".lesson").evaluate((lesson) => (lesson.scrollTop = lesson.scrollHeight));
            await alice.screenshot({ path: path.join(import.meta.dirname, "shots", `${technique}-${lang}-${colorScheme}-${width}-below.png`) });
          }
          await leave(alice);
        }
    await leave(bob);
  });

// The picture of the README: the chat, what telnet gets for a wrong line, a recorded session in the tap, and the server's log.
test("the README's picture is taken", { skip: !process.env.SHOTS }, async (t) => {
  const start = async (...flags) => {
    const child = spawn(binary, flags, { stdio: ["ignore", "pipe", "pipe"] });
    t.after(() => child.kill("SIGKILL"));
    const said = (stream) => {
      let so_far = "";
      stream.setEncoding("utf8").on("data", (chunk) => (so_far += chunk));
      return () => so_far;
    };
    const [out, log] = [said(child.stdout), said(child.stderr)];
    await eventually(() => assert.match(out(), /^http:.*\n/m));
    return { url: /^http:.*$/m.exec(out())[0], log };
  };
  const server = await start("4", "--port", "0");
  const tap = await start("tap", "--lang=en", "--page=0", "--open", path.join(import.meta.dirname, "../tools/sessions/4.jsonl"));
  const looks = (width, height) => ({ locale: "en-GB", deviceScaleFactor: 2, viewport: { width, height } });
  const [alice, bob] = await Promise.all(["Alice", "Bob"].map((name) => person(server, name, looks(360, 500))));
  await isNow(alice, "connected");
  await isNow(bob, "connected");
  await say(alice, "Who brings the news now?");
  await sees(bob, "Who brings the news now?");
  await say(bob, "The server does.");
  await sees(alice, "The server does.");
  const frame = await person(undefined, undefined, looks(792, 726));
  await frame.goto(`${tap.url}/#5>6`);
  await frame.locator(".byte.lit").first().waitFor();
  const [chat, bytes] = await Promise.all([alice, frame].map(async (page) => (await page.screenshot()).toString("base64")));
  const telnet = net.connect(Number(new URL(server.url).port), "127.0.0.1");
  telnet.write("GARBAGE\r\n");
  const answer = (await text(telnet)).replaceAll("\r", "");
  await eventually(() => assert.match(server.log(), /says message 2/));
  const lines = server.log().split("\n").filter((line) => / 101, | says | message |frame/.test(line));
  const page = await bob.context().newPage();
  await page.setViewportSize({ width: 1200, height: 100 });
  await page.setContent(`<style>
    body { margin: 0; padding: 16px; display: grid; grid-template: auto 1fr auto / 360px 792px; gap: 16px; background: #d8d5cc; }
    img { width: 100%; display: block; }
    img:nth-of-type(2) { grid-area: 1 / 2 / 3; }
    pre { margin: 0; padding: 12px 14px; background: #11161c; color: #ece8df; font: 15px/1.4 "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
    pre:last-child { grid-column: 1 / -1; font-size: 16px; }
    b { color: #8dbdff; }
  </style><img src="data:image/png;base64,${chat}"><img src="data:image/png;base64,${bytes}"><pre></pre><pre></pre>`);
  const marked = (pre, before, shown, bold) => page.locator("pre").nth(pre).evaluate((box, [before, shown, bold]) => {
    for (const [at, piece] of shown.split(new RegExp(`(${bold})`, "m")).entries())
      box.append(at % 2 ? Object.assign(document.createElement("b"), { textContent: piece }) : piece);
    box.prepend(Object.assign(document.createElement("b"), { textContent: before }));
  }, [before, shown, bold]);
  const [head, body] = answer.split("\n\n");
  await marked(0, "$ telnet 127.0.0.1 3000\nGARBAGE\n", `${head.split("\n")[0]}\n…\n\n${body.trim()}`, "^400(?:.|\\n)*");
  await marked(1, "$ cargo run -- 4\n", lines.join("\n"), "src/\\S+ §[\\d.]+");
  await page.locator("body").screenshot({ path: path.join(import.meta.dirname, "rawchat.png") });
  await leave(alice, bob, frame);
});
