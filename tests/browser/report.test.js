// The file that `rawchat measure --html` writes, opened from the disk.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import axe from "axe-core";
import { binary, inChromium, leave, person, withoutScripts } from "./rawchat.js";

const folder = await mkdtemp(path.join(os.tmpdir(), "rawchat-report-"));
after(() => rm(folder, { recursive: true }));
const file = path.join(folder, "report.html");
// 3: a busy machine sent them too late, and the report says so.
await promisify(execFile)(binary, ["measure", "--users=2", "--rate=30", "--pause=200ms", "--seconds=1", "--rounds=1", "--silence=2", "--lang=uk", "--html", file])
  .catch(({ code }) => assert.equal(code, 3));

async function open(options) {
  const page = await person(undefined, undefined, options);
  await page.goto(pathToFileURL(file).href);
  return page;
}

test("it is read in either language without a script", async () => {
  const page = await open(withoutScripts);
  const seen = (text) => page.getByText(text, { exact: true }).first().isVisible();
  assert.deepEqual([await seen("Як міряли"), await seen("How it was measured")], [true, false]);
  assert.equal(await page.locator("svg text.en").first().isVisible(), false);
  await page.getByText("English").click();
  assert.deepEqual([await seen("Як міряли"), await seen("How it was measured")], [false, true]);
  assert.equal(await page.locator("svg text.uk").first().isVisible(), false);
  assert.ok((await page.locator("figure").count()) >= 5);
  for (const name of await page.locator("svg text.name:visible").all()) {
    const [box, chart] = await Promise.all([name.boundingBox(), name.locator("xpath=ancestor::*[name() = 'svg']").boundingBox()]);
    assert.ok(box.x >= chart.x && box.x + box.width <= chart.x + chart.width, await name.textContent());
  }
  await leave(page);
});

test("axe finds nothing in it, on a phone, in the dark, in either language", inChromium, async () => {
  const page = await open();
  await page.evaluate(axe.source);
  for (const [language, colorScheme, width] of [["uk", "light", 360], ["en", "dark", 1280], ["en", "light", 360], ["uk", "dark", 1280]]) {
    await page.setViewportSize({ width, height: 720 });
    await page.emulateMedia({ colorScheme });
    await page.locator(`#${language}`).check();
    const { violations } = await page.evaluate(() => window.axe.run());
    assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], `${language}, ${colorScheme}, ${width} px`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${width} px`);
  }
  await leave(page);
});
