// Whatever is typed, its echo is known: the server trims a text and takes down its towers of accents, and the page must see
// through that, or the text stays in its way for ever.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DEADLINE_MS, leave, person, serve } from "./rawchat.js";

const CHARS_MAX = 1_900;

/** Numbers that look random and are the same each time. */
let seed = 1;
const random = (below) => {
  seed = (1_664_525 * seed + 1_013_904_223) % 2 ** 32;
  return Math.floor((seed / 2 ** 32) * below);
};

const all = Array.from({ length: 0x110000 }, (_, code) => code);
const are = (pattern) => all.filter((code) => pattern.test(String.fromCodePoint(code)));
/** All that Unicode lets stand on a letter, all spaces and controls, all that nobody sees, and a taste of everything else. */
const STRANGE = are(/[\p{Mark}\p{Grapheme_Extend}\p{Emoji_Modifier}\s\p{Cc}\p{Cf}\p{Noncharacter_Code_Point}\p{Default_Ignorable_Code_Point}]/u);
const REST = are(/[^\p{Mark}\p{Cc}\p{Cf}\p{Surrogate}]/u).filter((code) => code % 97 === 0);
const SURROGATES = [0xd800, 0xdbff, 0xdc00, 0xdfff];
const SPOTS = [0x0, 0x1, 0x7f, 0x85, 0xa0, 0x17c6, 0x200b, 0x200d, 0x2028, 0x3000, 0x3099, 0xfe0f, 0xfeff, 0xff9e, 0xff9f, 0xfffd, 0x1f3fb, 0x20, 0x61];

/** Of code points. Each character five times in a row, which is a tower if it is an accent; then any mixture of the strange ones. */
function someTexts() {
  const made = [];
  const codes = [...STRANGE, ...REST];
  while (codes.length > 0) made.push(codes.splice(0, CHARS_MAX / 6).flatMap((code) => [0x61, code, code, code, code, code]));
  const pick = () => (random(3) === 0 ? SPOTS : random(9) === 0 ? SURROGATES : STRANGE);
  for (let i = 0; i < 60; i++) {
    const mixture = Array.from({ length: 1 + random(40) }, () => pick()).map((from) => from[random(from.length)]);
    mixture.splice(random(mixture.length + 1), 0, 0x61, 0x61 + (i % 26)); // a text must show something
    made.push(mixture);
  }
  return made;
}
const texts = someTexts();

for (const part of [2, 3, 4])
  test(`§${part} whatever is typed, its echo is known`, async () => {
    const server = await serve(part);
    const page = await person(server, "Alice");
    // As a person who presses Enter; only much faster than a test that types.
    const unknown = await page.evaluate(async ({ texts, DEADLINE_MS }) => {
      const [field, form, outbox] = ["text", "say", "outbox"].map((id) => document.getElementById(id));
      for (const codes of texts) {
        field.value = codes.map((code) => String.fromCharCode(...(code < 0x10000 ? [code] : [0xd800 + ((code - 0x10000) >> 10), 0xdc00 + (code & 0x3ff)]))).join("");
        form.requestSubmit();
        if (field.value !== "") return `not sent: ${field.validationMessage}`;
        const isKnown = await new Promise((done) => {
          const look = () => outbox.children.length === 0 && done(true);
          new MutationObserver(look).observe(outbox, { childList: true });
          setTimeout(done, DEADLINE_MS / 4, false);
          look();
        });
        if (!isKnown) return codes.map((code) => code.toString(16)).join(" ");
      }
      return undefined;
    }, { texts, DEADLINE_MS });
    assert.equal(unknown, undefined, "no echo was known for these characters");
    assert.equal((await server.texts()).length, texts.length);
    await leave(page);
    await server.stop();
  });
