// What only the page of part 3 needs: how many tabs share the six connections.

import { number, show, t } from "/draw.js";

const CONNECTIONS = 6; // that a browser opens to one server with HTTP/1.1
const ROLL_MS = 3_000;
const ROLL_CALL_MS = 500;

const channel = new BroadcastChannel("rawchat");
const mine = Math.random();
let here = new Set([mine]);
channel.onmessage = ({ data }) => {
  if (data === "who?") channel.postMessage(mine);
  else here.add(data);
};

// §3.8 Each tab keeps one connection busy. The sixth takes the last one, and nothing is left to send a message with.
// So the tabs of this browser call the roll. (Web Locks would do it too, but not over plain http in a LAN.)
function callTheRoll() {
  here = new Set([mine]);
  channel.postMessage("who?");
  setTimeout(() => tell(here.size), ROLL_CALL_MS);
}

function tell(tabs) {
  show("tabs", `${number(tabs)} / ${number(CONNECTIONS)}`);
  const warning = document.getElementById("tabs");
  const text =
    tabs < CONNECTIONS - 1
      ? ""
      : `${t("Відкрито вкладок:", "Open tabs:")} ${number(tabs)}. ${t("Кожна тримає одне з’єднання, а браузер відкриває щонайбільше шість на один хост. Шоста вкладка забере останнє — і надіслати повідомлення не буде чим. Закрийте зайві.", "Each holds one connection, and a browser opens at most six to one host. The sixth tab takes the last one, and nothing is left to send a message with. Close some.")}`;
  warning.hidden = text === "";
  if (warning.textContent !== text) warning.textContent = text;
}

callTheRoll();
// A hidden tab answers, but does not ask: nobody would read its warning.
setInterval(() => document.hidden || callTheRoll(), ROLL_MS);
