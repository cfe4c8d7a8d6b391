// Stages 0 and 1: connections, and the HTTP/1.1 on them. Knows nothing of the chat.
"use strict";
const net = require("net");

const PATIENCE_MS = 60_000; // for a whole head; and for a peer that takes nothing
const BODY_MS = 30_000;
const HEAD_BYTES_MAX = 16 * 1024;
const BODY_BYTES_MAX = 64 * 1024;
const READ_AHEAD_BYTES_MAX = 64 * 1024;

/** A connection that waits stops no other: `await` lets everything else run. */
function listen(port, route) {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => serve(socket, route));
  server.listen(port, "127.0.0.1", 512, () => console.log(`http://127.0.0.1:${server.address().port}`));
}

/** The client has closed the connection: nobody is left to answer. */
class Gone extends Error {}
class TimedOut extends Error {}

/** An answer that says what was wrong. */
class Refusal extends Error {
  constructor(status, problem, fields) {
    super(problem);
    this.answer = response(status, JSON.stringify({ error: problem }), fields);
  }
}

/** A socket, and the bytes that came and are not used yet: one read may bring half a request, or two
    requests, or a request and the first frames behind it. */
class Connection {
  constructor(socket) {
    Object.assign(this, { socket, chunks: [], size: 0, hasGone: false, whenGone() {}, wake() {}, drained: [] });
    socket.on("data", (chunk) => {
      this.chunks.push(chunk);
      this.size += chunk.length;
      if (this.size > READ_AHEAD_BYTES_MAX) socket.pause(); // let TCP tell the client to wait
      this.wake();
    });
    const gone = () => {
      this.hasGone = true;
      this.wake(new Gone());
      this.whenGone();
    };
    socket.on("end", gone);
    socket.on("close", gone);
    socket.on("error", () => {}); // "close" follows
    for (const event of ["drain", "close"]) socket.on(event, () => this.drained.splice(0).forEach((done) => done()));
  }

  /** Waits until some bytes arrive. */
  async more(deadline) {
    if (this.hasGone) throw new Gone();
    this.socket.resume();
    const timer = setTimeout(() => this.wake(new TimedOut()), deadline - Date.now());
    const problem = await new Promise((wake) => (this.wake = wake));
    clearTimeout(timer);
    if (problem) throw problem;
  }

  /** All that came. */
  joined() {
    if (this.chunks.length !== 1) this.chunks = [Buffer.concat(this.chunks)];
    return this.chunks[0];
  }

  /** The next `count` bytes. */
  async take(count, patience) {
    const deadline = Date.now() + patience;
    while (this.size < count) await this.more(deadline);
    const all = this.joined();
    this.chunks = [all.subarray(count)];
    this.size -= count;
    return all.subarray(0, count);
  }

  /** Waits if the client is slower than we are. */
  async send(data) {
    if (this.socket.destroyed) throw new Gone();
    if (this.socket.write(data)) return;
    const timer = setTimeout(() => this.socket.destroy(), PATIENCE_MS);
    await new Promise((done) => this.drained.push(done));
    clearTimeout(timer);
  }

  /** Says that we are done, and reads until the client is. With bytes left unread TCP would send RST,
      and the client might lose our last answer. */
  async hangUp() {
    const deadline = Date.now() + 2_000;
    this.socket.end();
    try {
      for (;;) {
        [this.chunks, this.size] = [[], 0];
        await this.more(deadline);
      }
    } catch {}
  }
}

const REQUEST_LINE = /^([!-~]+) ([!-~]+) HTTP\/([0-9])\.([0-9])$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*$/;
const HOST = /^[0-9A-Za-z._~%!$&'()*+;=:[\]-]+$/;

class Request {
  constructor(head) {
    const [line, ...lines] = head.split("\r\n");
    const words = REQUEST_LINE.exec(line);
    if (!words) throw new Refusal(400, `the request line is "${line}", expected METHOD path HTTP/1.1`);
    const [, method, target, major, minor] = words;
    if (major !== "1") throw new Refusal(505, "only HTTP/1.1 is spoken here");
    this.method = method;
    this.fields = new Map(); // names in small letters; what is said twice is joined by a comma
    for (const line of lines) {
      const field = FIELD.exec(line);
      if (!field) throw new Refusal(400, `"${line}" is not a header field`);
      const [name, value] = [field[1].toLowerCase(), field[2]];
      this.fields.set(name, this.fields.has(name) ? `${this.fields.get(name)}, ${value}` : value);
    }
    if (!HOST.test(this.fields.get("host") ?? (minor === "0" ? "-" : ""))) {
      throw new Refusal(400, "HTTP/1.1 asks for exactly one Host");
    }
    // With http://host before it if the client thinks that we are a proxy.
    const [, path, query] = /^(?:https?:\/\/[^/?]*)?([^?]*)\??(.*)$/.exec(target);
    try {
      this.path = decodeURIComponent(path) || "/";
    } catch {
      throw new Refusal(400, `${path} is no path`);
    }
    this.query = new URLSearchParams(query);
    this.keepAlive = minor !== "0" && !this.has("connection", "close");
  }

  /** Whether the list in the field `name` has this token; case means nothing. */
  has(name, token) {
    const list = this.fields.get(name) ?? "";
    return list.split(",").some((part) => part.trim().toLowerCase() === token);
  }

  /** A browser says which page asks, and only ours may. curl says nothing. RFC 6455 §10.2 */
  checkOrigin() {
    const origin = this.fields.get("origin");
    if (origin !== undefined && origin.split("://")[1] !== this.fields.get("host")) {
      throw new Refusal(403, `a page of ${origin} may not do that`);
    }
  }
}

function number(text, name) {
  if (!/^[0-9]+$/.test(text)) throw new Refusal(400, `${name} is "${text}", expected a number`);
  return Number(text);
}

/** The next request: up to the empty line, and then as many bytes as it announces. */
async function readRequest(connection) {
  const request = new Request(await readHead(connection));
  let length = request.fields.get("content-length") ?? (request.method === "POST" ? undefined : "0");
  if (length === undefined || request.fields.has("transfer-encoding")) {
    throw new Refusal(411, "say with Content-Length how long the body is");
  }
  length = number(length, "Content-Length");
  if (length > BODY_BYTES_MAX) { // judged now, before a byte of it is stored
    throw new Refusal(413, `a body of ${length} bytes, ${BODY_BYTES_MAX} are allowed`);
  }
  if (request.has("expect", "100-continue")) await connection.send("HTTP/1.1 100 Continue\r\n\r\n");
  try {
    request.body = await connection.take(length, BODY_MS);
  } catch (error) {
    throw error instanceof TimedOut ? new Refusal(408, "the body did not arrive in time") : error;
  }
  return request;
}

async function readHead(connection) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const buffer = connection.joined();
    const end = buffer.subarray(0, HEAD_BYTES_MAX).indexOf("\r\n\r\n");
    if (buffer.subarray(0, 2).equals(CR_LF)) {
      await connection.take(2, 0); // an empty line before a request is skipped: RFC 9112 §2.2
      continue;
    }
    if (end >= 0) return (await connection.take(end + 4, 0)).toString("latin1", 0, end);
    if (buffer.length > HEAD_BYTES_MAX) throw new Refusal(431, `the head is longer than ${HEAD_BYTES_MAX} bytes`);
    if (/(?<!\r)\n/.test(buffer.toString("latin1"))) throw new Refusal(400, "a line ends in CR LF: nc needs -C for that");
    try {
      await connection.more(deadline);
    } catch (error) {
      if (error instanceof TimedOut && buffer.length > 0) throw new Refusal(408, "the head did not arrive in time");
      throw error; // gone; or nothing was asked
    }
  }
}

const CR_LF = Buffer.from("\r\n");
const JSON_TYPE = { "Content-Type": "application/json; charset=utf-8" };
const REASONS = {
  200: "OK", 201: "Created", 204: "No Content", 303: "See Other", 400: "Bad Request", 403: "Forbidden",
  404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 411: "Length Required",
  413: "Content Too Large", 415: "Unsupported Media Type", 426: "Upgrade Required",
  431: "Request Header Fields Too Large", 505: "HTTP Version Not Supported",
};

function response(status, body = "", fields = {}) {
  return { status, body: Buffer.from(body), fields: body ? { ...JSON_TYPE, ...fields } : fields };
}

/** The bytes of an answer, in one piece. Content-Length counts bytes, not characters. */
function written({ status, fields, body }, method, keepAlive) {
  fields = { Date: new Date().toUTCString(), "Cache-Control": "no-store", ...fields };
  if (status !== 204) fields["Content-Length"] = body.length;
  if (!keepAlive) fields.Connection = "close";
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${status} ${REASONS[status]}\r\n${lines.join("")}\r\n`;
  return Buffer.concat([Buffer.from(head), method === "HEAD" ? Buffer.alloc(0) : body]);
}

/** Answers one request after another. `route` makes the answer; undefined: the connection is over. */
async function serve(socket, route) {
  const connection = new Connection(socket);
  let keepAlive = true;
  try {
    while (keepAlive) {
      let request, answer;
      try {
        request = await readRequest(connection);
        answer = await route(connection, request);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        answer = error.answer;
      }
      if (answer === undefined) return;
      // Behind a request that was not understood nobody knows where the next one begins.
      keepAlive = request?.keepAlive ?? false;
      await connection.send(written(answer, request?.method, keepAlive));
    }
    await connection.hangUp();
  } catch (error) {
    if (!(error instanceof Gone || error instanceof TimedOut)) console.error(error);
  } finally {
    socket.destroy();
  }
}

module.exports = { Gone, Refusal, TimedOut, listen, number, response };
