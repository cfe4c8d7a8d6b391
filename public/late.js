// How late each message is when it is shown: from the time the server gave it to the time the reader sees it.

import { count, duration, milliseconds, onShown, show } from "/draw.js";

const COMPARISONS = 4;
const AGAIN_MS = 60_000; // clocks drift, and are set

// The server's clock is not ours. So we ask it for the time, and suppose that the question took as long as the answer, as NTP does.
// That is wrong by half the round trip at the most, so of a few comparisons the one with the shortest counts.
let ahead; // how far the server's clock is ahead of ours, in ms

async function compareClocks() {
  let shortest = Infinity;
  for (let i = 0; i < COMPARISONS; i++) {
    const asked = Date.now();
    const { now } = await (await fetch("/stats", { cache: "no-store" })).json();
    const trip = Date.now() - asked;
    if (trip >= shortest) continue;
    shortest = trip;
    ahead = Date.parse(now) - (asked + trip / 2);
    show("clock", `± ${milliseconds(Math.ceil(trip / 2))}`);
  }
}

const compare = () => compareClocks().catch(() => {}); // no answer: what we knew has to do
compare();
setInterval(compare, AGAIN_MS);

const opened = Date.now();
let sum = 0;

onShown((messages) => {
  if (ahead === undefined) return;
  for (const { timestamp } of messages) {
    const said = Date.parse(timestamp) - ahead;
    if (said < opened) continue; // what was said before we came is not late
    const late = Math.max(0, Date.now() - said);
    sum += late;
    show("late", duration(late));
    show("lateMean", duration(sum / count("timed")));
  }
});
