// How late each message is when it is shown: from the time the server gave it to the time the reader sees it.

import { ANSWER_MS_MAX } from "/chat.js";
import { count, duration, milliseconds, onShown, show } from "/draw.js";

const COMPARISONS = 4;
const AGAIN_MS = 60_000; // clocks drift, and are set

// The server's clock is not ours. So we ask it for the time, and suppose that the question took as long as the answer, as NTP does.
// That is wrong by half the round trip at the most. So the comparison with the shortest counts, until another contradicts it.
let ahead; // how far the server's clock is ahead of ours, in ms
let error = Infinity; // by so much, at the most, is that wrong

async function compareClocks() {
  for (let i = 0; i < COMPARISONS; i++) {
    const [asked, began] = [Date.now(), performance.now()];
    const answer = await fetch("/stats", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    const { now } = await answer.json();
    const half = (performance.now() - began) / 2;
    const compared = Date.parse(now) - (asked + half);
    if (Number.isNaN(compared)) return; // a refusal: there is no time in it
    const hasChanged = Math.abs(compared - ahead) > half + error;
    if (half >= error && !hasChanged) continue;
    [ahead, error] = [compared, half];
    show("clock", `± ${milliseconds(Math.ceil(error))}`);
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
