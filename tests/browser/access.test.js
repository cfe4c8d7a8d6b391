// What every page owes every reader, in both languages, themes and on every screen.

import assert from "node:assert/strict";
import { test } from "node:test";
import axe from "axe-core";
import { inChromium, leave, person, say, sees, serve } from "./rawchat.js";

const PAGES = ["/", "/?user=", "/source", "/lecture", "/experiments", "/api", "/homework", "/checks", "/nothing"];
const EVERYWHERE = [1, 2, 3, 4].flatMap((part) => (part === 1 ? PAGES : ["/"]).map((address) => ({ part, address })));
EVERYWHERE.push({ part: "race", address: "/?" });
const PHONE = { width: 360, height: 740 };
const HALF_A_PROJECTOR = { width: 640, height: 720 };
const WIDE = { width: 1280, height: 720 };
// Between them, each language meets each theme and each width: axe takes seconds for /source.
const READERS = [
  { locale: "uk-UA", language: /\p{Script=Cyrillic}/u, looks: [["light", PHONE], ["dark", WIDE]] },
  { locale: "en-GB", language: /^\P{Script=Cyrillic}+$/u, looks: [["dark", PHONE], ["light", WIDE]] },
];
// axe would see the colours of a transition.
const stillInChromium = inChromium.skip ? {} : { reducedMotion: "reduce" };

/** The page with everything on it that a reader may meet. */
async function open(server, address, options) {
  if (address !== "/") {
    const page = await person(undefined, undefined, options);
    page.expects = address === "/nothing" ? /404/ : undefined;
    await page.goto(server.url + address);
    return page;
  }
  const page = await person(server, "Alice", options);
  await say(page, "a message of mine");
  await sees(page, "a message of mine");
  await page.locator(".me summary").click();
  await page.evaluate(() => {
    document.querySelector("#trouble").textContent = "x";
    for (const hidden of document.querySelectorAll("#tabs, .more")) Object.assign(hidden, { hidden: false, textContent: "x" });
  });
  return page;
}

for (const { part, address } of EVERYWHERE)
  for (const { locale, language, looks } of READERS)
    test(`${address} of part ${part} for a reader of ${locale}`, async (t) => {
      const server = await serve(part);
      await server.say("Bob", "a message of another");
      const page = await open(server, address, { locale, ...stillInChromium });

      await t.test("describes itself in this language", async () => {
        const description = await page.locator('head meta[name="description"]').getAttribute("content");
        assert.match(description, language);
        assert.ok(description.length > 40 && description.length <= 250, description);
      });

      await t.test("what is to be hit is 24 px high and wide, unless it stands in a sentence", async () => {
        for (const viewport of [PHONE, WIDE]) {
          await page.setViewportSize(viewport);
          assert.deepEqual((await page.evaluate(small)).slice(0, 9), [], `${viewport.width} px`);
        }
      });

      await t.test("axe finds nothing", inChromium, async () => {
        await page.evaluate(axe.source);
        for (const [colorScheme, viewport] of looks) {
          await page.setViewportSize(viewport);
          await page.emulateMedia({ colorScheme });
          const { violations, passes } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
          const found = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`);
          assert.deepEqual(found, [], `${colorScheme}, ${viewport.width} px`);
          for (const rule of ["color-contrast", "target-size"]) assert.ok(passes.some(({ id }) => id === rule), `${rule} was looked at`);
        }
      });

      await t.test("nothing is cut when a reader spaces the text out (WCAG 1.4.12)", async () => {
        await page.evaluate(() => {
          const spaced = new CSSStyleSheet();
          spaced.replaceSync("* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important } p { margin-bottom: 2em !important }");
          document.adoptedStyleSheets.push(spaced);
        });
        for (const viewport of [PHONE, HALF_A_PROJECTOR, WIDE]) {
          await page.setViewportSize(viewport);
          assert.deepEqual((await page.evaluate(cut)).slice(0, 9), [], `${viewport.width} px`);
        }
      });

      await leave(page);
      await server.stop();
    });

/** What is to be hit and is smaller than a finger. */
function small() {
  const inline = (node) => (node instanceof Element ? getComputedStyle(node).display === "inline" : node.nodeType === Node.TEXT_NODE);
  const inSentence = (node) => inline(node) &&
    ([...node.parentElement.childNodes].some((beside) => beside !== node && inline(beside) && beside.textContent.trim() !== "") || inSentence(node.parentElement));
  return [...document.querySelectorAll("a[href], button, input, summary")].filter((target) => target.checkVisibility() && !inSentence(target))
    .map((target) => [target.outerHTML.slice(0, 80), target.getBoundingClientRect()])
    .filter(([, box]) => box.height < 24 || box.width < 24).map(([html, box]) => `${html} ${box.width} × ${box.height}`);
}

/** The texts of which a box shows only a part and does not let itself be scrolled to the rest. */
function cut() {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Set();
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (text.data.trim() === "" || !text.parentElement.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    const seen = range.getBoundingClientRect();
    for (let box = text.parentElement; box; box = box.parentElement) {
      const style = getComputedStyle(box);
      const edge = box === document.documentElement ? { left: 0, right: innerWidth, top: -Infinity, bottom: Infinity } : box.getBoundingClientRect();
      if ((!["visible", "auto", "scroll"].includes(style.overflowX) && (seen.right > edge.right + 1 || seen.left < edge.left - 1)) ||
          (!["visible", "auto", "scroll"].includes(style.overflowY) && (seen.bottom > edge.bottom + 1 || seen.top < edge.top - 1)))
        found.add(`${text.data.trim().slice(0, 60)} in ${box.localName}.${box.className}`);
      if (["auto", "scroll"].includes(style.overflowX) || ["auto", "scroll"].includes(style.overflowY)) break;
    }
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) found.add(`the page: ${document.documentElement.scrollWidth} px`);
  return [...found];
}
