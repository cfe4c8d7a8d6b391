// A page that knows the addresses, the JSON and the frames of the original lecture, and nothing of ours, in the same
// room as our page. It is written from the lecture's description: the original's own files are not here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { another, eventually, isNow, leave, person, say, sees, serve } from "./rawchat.js";

/** The original's ways to hear, by part; each calls `shown` with messages. */
const hearing = {
  1: async (shown) => shown(await (await fetch("/messages")).json()),
  2: async (shown) => {
    for (let lastId = 0; ; await new Promise((next) => setTimeout(next, 100))) {
      const messages = await (await fetch(`/messages?lastId=${lastId}`)).json();
      lastId = messages.at(-1)?.id ?? lastId;
      shown(messages);
    }
  },
  3: async (shown) => {
    for (let lastId = 0; ; ) {
      const answer = await fetch(`/subscribe?lastId=${lastId}`);
      if (answer.status === 204) continue;
      const messages = await answer.json();
      lastId = messages.at(-1).id;
      shown(messages);
    }
  },
  4: (shown) => {
    window.came = [];
    window.socket = new WebSocket(`ws://${location.host}/?user=${new URLSearchParams(location.search).get("user")}`);
    socket.onmessage = ({ data }) => {
      const news = JSON.parse(data);
      came.push(news);
      if (news.type === "message") shown([news.message]);
    };
  },
};

/** Ann's window: a document of the same server without a script of ours, and the original's way to hear in it. */
async function original(server, part) {
  const page = await another((await person()).context());
  page.expects = /404/; // the browser asks for an icon that this document does not name
  page.load = async () => {
    await page.goto(`${server.url}/chat.css?user=Ann`);
    await page.addScriptTag({ content: `document.body.replaceChildren(document.createElement("ul"));
      (${hearing[part]})((messages) => messages.forEach(({ id, user, text, timestamp }) => {
        const li = document.createElement("li");
        li.textContent = [id, user, text, isNaN(new Date(timestamp))].join(" ");
        document.querySelector("ul").append(li);
      }));` });
  };
  await page.load();
  return page;
}

const shows = (page, line) => page.locator("li").getByText(line, { exact: true }).waitFor();

for (const part of [1, 2, 3, 4])
  test(`§${part} serves a page that knows only what the original lecture describes`, async () => {
    const server = await serve(part);
    const bob = await person(server, "Bob");
    if (part === 4) await isNow(bob, "connected"); // the greeting tells Ann of him
    const ann = await original(server, part);
    if (part === 4) {
      await ann.waitForFunction(() => window.came.length >= 2);
      await ann.evaluate(() => socket.send(JSON.stringify({ type: "message", text: "Привіт" })));
    } else {
      const answer = await ann.evaluate(async () => {
        const body = JSON.stringify({ user: "Ann", text: "Привіт" });
        return (await fetch("/messages", { method: "POST", headers: { "Content-Type": "application/json" }, body })).json();
      });
      assert.deepEqual([answer.success, answer.message.id, answer.message.user, answer.message.text], [true, 1, "Ann", "Привіт"]);
    }
    if (part === 1) await bob.reload();
    await sees(bob, "Привіт");
    await say(bob, "Hello");
    if (part === 1) {
      await sees(bob, "Hello");
      await ann.load();
    }
    await shows(ann, "1 Ann Привіт false");
    await shows(ann, "2 Bob Hello false");
    const stats = await ann.evaluate(async () => (await fetch("/stats")).json());
    assert.equal(stats.totalMessages, 2);
    await leave(bob);
    if (part === 4) {
      await ann.evaluate(() => ["ping", "nonsense"].forEach((type) => socket.send(JSON.stringify({ type }))));
      await eventually(async () => {
        const came = await ann.evaluate(() => window.came);
        const of = (type) => came.find((news) => news.type === type);
        assert.ok(of("pong") && of("error").error);
        assert.deepEqual([of("welcome").connectedClients, of("user_list").users.toSorted()], [2, ["Ann", "Bob"]]);
        assert.deepEqual([of("user_left").username, of("user_left").connectedClients], ["Bob", 1]);
      });
    }
    await leave(ann);
    await server.stop();
  });
