// SHOTS=1: every page, light and dark, narrow and wide, in both languages, into shots/ for a person to look at.

import path from "node:path";
import { test } from "node:test";
import { isNow, leave, person, say, sees, serve } from "./rawchat.js";

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
