// The pages that `rawchat check --roster` writes, opened from the disk.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import axe from "axe-core";
import { binary, inChromium, leave, person } from "./rawchat.js";

const folder = await mkdtemp(path.join(os.tmpdir(), "rawchat-class-"));
after(() => rm(folder, { recursive: true }));
// One that is right, one that listens and never answers, and one that does not listen.
const commands = [["Ann", "1 --quiet"], ["Bob", "tap --to 127.0.0.1:1 --page 0 --port {port}"], ["Eve", "explain"]];
const roster = path.join(folder, "class.csv");
await writeFile(roster, commands.map(([name, command]) => `${name},.,"""${binary}"" ${command}"\n`).join(""));
for (const language of ["uk", "en"]) {
  await promisify(execFile)(binary, ["check", "1", "--lang", language, "--roster", roster, "--out", path.join(folder, language)]);
}
const PAGES = ["index", "01-Ann", "02-Bob", "03-Eve"];
const address = (language, name) => pathToFileURL(path.join(folder, language, `${name}.html`)).href;

test("the class leads to each of its pages, and says first what most have not managed", async () => {
  const page = await person();
  for (const [language, first] of [["uk", "1.1 сторінка"], ["en", "0.1 the server accepts"]]) {
    await page.goto(address(language, "index"));
    const again = await page.locator("ol li").allTextContents();
    assert.ok(again.length >= 2 && again.some((line) => line.startsWith(first)), again.join());
    const names = await page.locator("th a").allTextContents();
    assert.deepEqual(names, ["Ann", "Bob", "Eve"]);
    for (const name of names) {
      await page.getByRole("link", { name }).click();
      assert.equal(await page.locator("h1").textContent(), name);
      await page.goto(address(language, "index"));
    }
  }
  await leave(page);
});

test("axe finds nothing in the class, on a phone, in the dark, in either language", inChromium, async () => {
  const page = await person();
  for (const [language, colorScheme, width] of [["uk", "light", 360], ["en", "dark", 1280], ["en", "light", 360], ["uk", "dark", 1280]]) {
    await page.setViewportSize({ width, height: 720 });
    await page.emulateMedia({ colorScheme });
    for (const name of PAGES) {
      await page.goto(address(language, name));
      assert.equal(await page.locator("html").getAttribute("lang"), language);
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate(() => window.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], `${name}, ${language}, ${colorScheme}, ${width} px`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}, ${width} px`);
    }
  }
  await leave(page);
});
