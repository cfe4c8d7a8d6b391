import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { eventually, inChromium, leave, person, serve, withoutScripts } from "./rawchat.js";

const cyrillic = /\p{Script=Cyrillic}/u;
const PAGES = ["/source", "/source?tools=1", "/lecture", "/experiments", "/api", "/homework", "/checks"];
const WIDE = { width: 1280, height: 720 };
const PHONE = { width: 360, height: 740 };

async function open(server, address, options) {
  const page = await person(undefined, undefined, options);
  await page.goto(server.url + address);
  return page;
}

/** How far below the top of the window, and below what sticks there, the mark begins. */
const gap = (page, id) => page.evaluate((id) => {
  const row = document.getElementById(id);
  const head = row.closest(".part").querySelector("h2").getBoundingClientRect();
  return row.getBoundingClientRect().top - head.bottom;
}, id);

for (const viewport of [WIDE, PHONE])
  test(`a deep link opens at its mark, under the name of its part, ${viewport.width} px`, async () => {
    const server = await serve(3);
    for (const mark of ["1.1", "3.2", "4.12", "2"]) {
      const page = await open(server, `/source#${mark}`, { viewport });
      await eventually(async () => {
        const below = await gap(page, mark);
        assert.ok(below >= 0 && below < 80, `§${mark} is ${below} px below the heading`);
      });
      const head = page.locator(".part", { has: page.locator(`[id="${mark}"]`) }).locator("h2");
      assert.ok((await head.boundingBox()).y <= 1, "the name of the part is in sight");
      assert.match(await page.locator(`[id="${mark}"] h4`).textContent(), new RegExp(`^§${mark} `));
      await leave(page);
    }
    await server.stop();
  });

test("the contents, the notes and the comments lead to marks", async () => {
  const server = await serve(1);
  const page = await open(server, "/source", withoutScripts);
  for (const link of [".contents a[href='#4.7']", "[id='4.7'] .note a[href='#3.4']"]) {
    await page.locator(link).first().click();
    const mark = link.match(/#([\d.]+)/)[1];
    await eventually(async () => assert.ok(Math.abs(await gap(page, mark)) < 60, link));
  }
  await leave(page);
  await server.stop();
});

test("an experiment opens at its number, under the name of its part", async () => {
  const server = await serve(3);
  for (const viewport of [WIDE, PHONE]) {
    const page = await open(server, "/experiments#16", { viewport });
    await eventually(async () => {
      const below = await gap(page, "16");
      assert.ok(below >= 0 && below < 80, `${below} px below the heading`);
    });
    assert.match(await page.locator("[id='16'] h3").textContent(), /^16 /);
    await leave(page);
  }
  await server.stop();
});

test("a note stands beside its code in a wide window and stays while the code goes by, and above it on a phone", async () => {
  const server = await serve(3);
  const boxes = (page) => page.locator('[id="3.4"]').evaluate((row) =>
    [".note", ".code"].map((name) => row.querySelector(name).getBoundingClientRect().toJSON()));
  const wide = await open(server, "/source#3.4", { viewport: WIDE });
  const [note, code] = await boxes(wide);
  assert.ok(note.right <= code.left && Math.abs(note.top - code.top) < 2);
  // The longest code of the page goes by, and its note has room to stay until the middle.
  const long = await open(server, "/source", { viewport: WIDE });
  const row = await long.evaluateHandle(() => {
    const height = (row, name) => row.querySelector(name).getBoundingClientRect().height;
    const rows = [...document.querySelectorAll("[id]:has(> .note):has(> .code)")];
    const room = (row) => height(row, ".code") - height(row, ".note");
    const longest = rows.reduce((longest, row) => (room(row) > room(longest) ? row : longest));
    scrollTo(0, scrollY + longest.getBoundingClientRect().top + room(longest) / 2);
    return longest;
  });
  const top = () => row.evaluate((row) => row.querySelector(".note").getBoundingClientRect().top);
  assert.ok((await row.evaluate((row) => row.getBoundingClientRect().top)) < -100, "this test scrolls by nothing");
  await eventually(async () => assert.ok((await top()) >= 0 && (await top()) < 120, `${await top()}`));

  const phone = await open(server, "/source#3.4", { viewport: PHONE });
  const [above, below] = await boxes(phone);
  assert.ok(above.bottom <= below.top + 1 && Math.abs(above.left - below.left) < 2);
  await leave(wide, long, phone);
  await server.stop();
});

test("the pages speak the reader's language, and the other one opens at the same mark", async () => {
  const server = await serve(2);
  for (const address of PAGES) {
    const prose = (page) => page.evaluate(() => {
      for (const other of document.querySelectorAll("a.lang, .code, pre, code, .copy, .terms span")) other.remove();
      return [document.title, document.body.innerText, ...[...document.querySelectorAll("[aria-label]")].map((one) => one.getAttribute("aria-label"))].join("\n");
    });
    const english = await open(server, address, { locale: "en-GB" });
    const ukrainian = await open(server, address, { locale: "uk-UA" });
    assert.doesNotMatch((await prose(english)).replace(/Анонім|Привіт/g, ""), cyrillic, address);
    assert.match(await prose(ukrainian), cyrillic, address);
    await leave(english, ukrainian);
  }
  const page = await open(server, "/source?tools=1#3.2", { locale: "uk-UA" });
  await page.locator("a.lang").click();
  await page.locator('html[lang="en"]').waitFor();
  assert.match(page.url(), /tools=1#3\.2$/);
  await eventually(async () => assert.ok(Math.abs(await gap(page, "3.2")) < 60));
  await page.goto(`${server.url}/lecture`);
  assert.equal(await page.locator("html").getAttribute("lang"), "en", "remembered");
  await leave(page);
  await server.stop();
});

test("what is to be typed is copied without its prompts, and pasted with its Enter into a program that runs", inChromium, async () => {
  const server = await serve(1);
  const page = await open(server, "/experiments#1", { locale: "en-GB", permissions: ["clipboard-read", "clipboard-write"] });
  const copied = async (button) => {
    await button.click();
    await button.and(page.getByText("Copied")).waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const copy = page.locator("[id='1'] .copy");
  assert.equal(await copied(copy.nth(1)), "telnet 127.0.0.1 3000");
  assert.equal(await copied(copy.nth(2)), "POST /messages HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 22\n\nuser=Alice&text=Hello!\n");
  assert.match(await copied(page.locator("[id='5'] .copy").nth(1)), /^printf '%s\\r\\n' .* \\\n {4}'Sec-.* > handshake$/);
  await leave(page);
  await server.stop();
});

test("no page scrolls sideways at 360 px, code scrolls inside itself", async () => {
  const server = await serve(4);
  for (const address of PAGES)
    for (const locale of ["uk-UA", "en-GB"]) {
      const page = await open(server, address, { viewport: PHONE, locale });
      const wide = await page.evaluate(() =>
        [...document.querySelectorAll("html, body, main, .part, .row, .note, .contents, .terms, .note pre, article pre:not(.code), .experiment")]
          .filter((box) => box.scrollWidth > box.clientWidth + 1 && box.clientWidth > 0).map((box) => box.id || box.className || box.localName));
      assert.deepEqual(wide, [], address);
      if (address.startsWith("/source")) {
        const code = page.locator('[id="3.4"] .code');
        assert.ok(await code.evaluate((box) => box.scrollWidth > box.clientWidth), "a long line");
        await code.focus();
        await page.keyboard.press("ArrowRight");
        await eventually(async () => assert.ok((await code.evaluate((box) => box.scrollLeft)) > 0));
      }
      await leave(page);
    }
  await server.stop();
});

test("a line of a hundred characters fits beside its note at 1280 px and at 1920 px", async () => {
  const server = await serve(1);
  for (const [width, height] of [[1280, 720], [1920, 1080]]) {
    const page = await open(server, "/source", { viewport: { width, height } });
    const wide = await page.locator(".code").evaluateAll((boxes) =>
      boxes.filter((box) => box.scrollWidth > box.clientWidth && box.textContent.split("\n").every((line) => line.length <= 100)).map((box) => box.ariaLabel));
    assert.deepEqual(wide, [], `${width} px`);
    await leave(page);
  }
  await server.stop();
});

test("on paper nothing is cut off, dark or light", inChromium, async () => {
  const server = await serve(1);
  for (const address of ["/source", "/lecture", "/experiments", "/api", "/homework", "/checks"]) {
    const page = await open(server, address, { colorScheme: "dark", viewport: { width: 720, height: 1000 } });
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    const cut = await page.evaluate(() => [...document.querySelectorAll("pre")].filter((box) => box.scrollWidth > box.clientWidth + 1).length);
    assert.equal(cut, 0, address);
    const [ink, paper] = await page.evaluate(() => ["color", "backgroundColor"].map((what) => getComputedStyle(document.body)[what]));
    assert.deepEqual([ink, paper], ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]);
    await leave(page);
  }
  await server.stop();
});

test("the source and the lecture are photographed", { skip: !process.env.SHOTS }, async () => {
  const server = await serve(1);
  const shots = path.join(import.meta.dirname, "shots");
  for (const lang of ["uk", "en"])
    for (const colorScheme of ["light", "dark"])
      for (const [width, height] of [[360, 740], [1280, 720]]) {
        const options = { colorScheme, viewport: { width, height }, locale: lang === "uk" ? "uk-UA" : "en-GB" };
        const name = `${lang}-${colorScheme}-${width}`;
        const views = [["/source", "source"], ["/source#3.4", "source-3.4"], ["/source#2.2", "source-2.2"], ["/source#4.8", "source-4.8"], ["/lecture", "lecture"], ["/lecture#38", "lecture-38"], ["/lecture#glossary", "glossary"], ["/experiments", "experiments"], ["/experiments#16", "experiments-16"], ["/api", "api"], ["/homework", "homework"], ["/checks", "checks"]];
        for (const [address, view] of views) {
          const page = await open(server, address, options);
          await page.screenshot({ path: path.join(shots, `${view}-${name}.png`) });
          await leave(page);
        }
      }
  for (const address of ["source", "lecture", "experiments", "api", "homework", "checks"]) {
    const page = await open(server, `/${address}`);
    await page.pdf({ path: path.join(shots, `${address}.pdf`), format: "A4" });
    await leave(page);
  }
  await server.stop();
});
