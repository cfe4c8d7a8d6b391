// What only the page of part 4 needs: who is here, and frames in the journal.

import { bytes, collator, count, element, journal, me, note, number, person, show, soon, t } from "/draw.js";

const NAMES_MAX = 100; // shown as "who is here"
const names = new Set();

/** The messages of the server that tell who is here. */
export const presence = {
  user_list({ users }) {
    names.clear();
    for (const user of users) names.add(user);
    soon(drawNames);
  },
  user_joined({ username }) {
    if (names.has(username)) return; // in another window
    names.add(username);
    note(person("bdi", username), ` ${t("заходить у чат", "joined")}`);
    soon(drawNames);
  },
  user_left({ username }) {
    if (!names.delete(username)) return;
    note(person("bdi", username), ` ${t("виходить із чату", "left")}`);
    soon(drawNames);
  },
};

/** We are cut off and cannot know. */
export const nobodyKnows = () => presence.user_list({ users: [] });

function drawNames() {
  const sorted = [...names].sort(collator.compare);
  const shown = sorted.slice(0, NAMES_MAX).map((name) => person("li", name));
  for (const li of shown) li.classList.toggle("mine", li.textContent === me);
  if (names.size > NAMES_MAX) shown.push(element("li", `… ${t("і ще", "and another")} ${number(names.size - NAMES_MAX)}`));
  document.getElementById("people").replaceChildren(...shown);
  show("people", names.size === 0 ? "?" : names.size);
}

/** A frame in the journal: 2 bytes of header, 2 or 8 more for a longer payload, and 4 of mask from a browser. */
export function frame(arrow, text, ms) {
  const body = bytes(text);
  const head = 2 + (body > 65_535 ? 8 : body > 125 ? 2 : 0) + (arrow === "↑" ? 4 : 0);
  journal({ what: `${arrow} ${text.length > 90 ? `${text.slice(0, 89)}…` : text}`, head, body, ms });
  count(arrow === "↑" ? "framesOut" : "framesIn");
}
