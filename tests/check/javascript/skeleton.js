// The homework begins here. Save it as server.js, and after each change ask:
//
//     rawchat check 1 -- node server.js
"use strict";

const PORT = Number(process.env.PORT ?? 3000); // the checker chooses it

// Stage 0: require("net").createServer((socket) => …).listen(PORT, "127.0.0.1").
// Stage 1: collect bytes up to the empty line, "\r\n\r\n". What came behind it is the next request.
// Stages 2 and 3: an array of messages.
// Stage 4: a set of those who wait. Whoever posts answers them all.
// Stages 5 to 7: require("crypto").createHash("sha1"), and Buffer.
console.log(`Nothing listens on port ${PORT} yet. Stage 0: accept a connection there.`);
