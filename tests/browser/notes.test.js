// The notes' blocks tagged `js` are carried out in the page of their part. What must come back stands behind `//`:
// what was printed, a line each, or else the value. `…` stands for what varies.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { eventually, isNow, leave, person, serve } from "./rawchat.js";

const notes = readFileSync(path.join(import.meta.dirname, "../../public/notes/en.md"), "utf8");
const blocks = notes.split("\n## §").slice(1).flatMap((note) =>
  [...note.matchAll(/^```js\n(.*?)^```$/gms)].map(([, text]) => ({ mark: note.split(" ")[0], lines: text.trim().split("\n") })));
assert.ok(blocks.length >= 2, "this test looks at nothing");

const literally = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const pattern = (shown) => new RegExp(`^${shown.split("…").map(literally).join(".*")}$`);

for (const { mark, lines } of blocks)
  test(`§${mark} what the note shows comes back in the browser`, async () => {
    const server = await serve(Number(mark[0]));
    const page = await person(server, "Alice");
    // Else the page comes in while the block runs, and the block is told of that, too.
    if (mark[0] === "4") await isNow(page, "connected");
    const printed = [];
    page.on("console", (message) => printed.push(message.text()));
    const shown = lines.filter((line) => line.startsWith("// ")).map((line) => line.slice(3));
    const value = await page.evaluate(`{ ${lines.filter((line) => !line.startsWith("// ")).join("\n")} }`).catch(String);
    await eventually(async () => {
      const came = printed.length ? printed : [JSON.stringify(value)];
      assert.ok(came.length >= shown.length, came.join("\n")); // a heartbeat may come, too
      shown.forEach((line, at) => assert.match(came[at], pattern(line)));
    });
    await leave(page);
    await server.stop();
  });
