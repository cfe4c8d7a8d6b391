// Stages 5 and 6: the handshake, and frames. Knows nothing of the chat.
"use strict";
const { createHash } = require("crypto");
const { Refusal, TimedOut } = require("./http1.js");

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455 §1.3
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10];
const [PROTOCOL, NOT_UTF8, TOO_SLOW, TOO_BIG] = [1002, 1007, 1008, 1009]; // RFC 6455 §7.4.1
const SILENCE_MS = 30_000; // then we ask with a ping; after as much again the peer is gone

/** The peer broke a rule; the connection ends with this close code. */
class Violation extends Error {
  constructor(code, problem) {
    super(problem);
    this.code = code;
  }
}

/** Answers 101: behind its empty line the connection is no longer HTTP. RFC 6455 §4.2 */
async function shakeHands(connection, request) {
  request.checkOrigin();
  const upgrade = { Upgrade: "websocket", Connection: "Upgrade" };
  if (!request.has("upgrade", "websocket")) throw new Refusal(426, "this is a WebSocket", upgrade);
  if (request.fields.get("sec-websocket-version") !== "13") {
    throw new Refusal(426, "version 13 is spoken here", { "Sec-WebSocket-Version": "13", ...upgrade });
  }
  const key = request.fields.get("sec-websocket-key") ?? "";
  const isKey = /^[A-Za-z0-9+/]{22}==$/.test(key); // 16 bytes
  if (request.method !== "GET" || !request.has("connection", "upgrade") || !isKey) {
    throw new Refusal(400, "a handshake is a GET with Connection: Upgrade and a key of 16 bytes");
  }
  const accept = createHash("sha1").update(key + GUID).digest("base64");
  await connection.send(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
}

class WebSocket {
  constructor(connection, messageBytesMax) {
    Object.assign(this, { connection, messageBytesMax, closed: false });
  }

  /** A frame in one piece, and not masked. Nothing follows a Close frame. */
  async send(opcode, payload) {
    if (this.closed) return;
    this.closed = opcode === CLOSE;
    payload = Buffer.from(payload);
    const { length } = payload;
    let head;
    if (length < 126) {
      head = Buffer.from([0x80 | opcode, length]);
    } else if (length < 65536) {
      head = Buffer.from([0x80 | opcode, 126, 0, 0]);
      head.writeUInt16BE(length, 2);
    } else {
      head = Buffer.from([0x80 | opcode, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
      head.writeBigUInt64BE(BigInt(length), 2);
    }
    await this.connection.send(Buffer.concat([head, payload]));
  }

  close(code, why) {
    return this.send(CLOSE, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(why)]));
  }

  /** Of the next frame. A peer that is silent is asked once whether it is still there. */
  async firstTwoBytes() {
    try {
      return await this.connection.take(2, SILENCE_MS);
    } catch (error) {
      if (!(error instanceof TimedOut)) throw error;
      await this.send(PING, "");
      return this.connection.take(2, SILENCE_MS);
    }
  }

  /** The next frame; each rule is checked as soon as it can be.
   *
   *   byte 0            byte 1              then                   then
   *  |F|R|R|R|opcode|  |M| length 7 bits |  length 16 or 64 bits,  payload
   *                                         key 4 bytes
   */
  async frame(bytesSoFar) {
    const [b0, b1] = await this.firstTwoBytes();
    const [fin, opcode] = [(b0 & 0x80) !== 0, b0 & 0x0f];
    let length = b1 & 0x7f;
    if (b0 & 0x70) throw new Violation(PROTOCOL, "a reserved bit is set");
    if (![CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].includes(opcode)) {
      throw new Violation(PROTOCOL, `there is no opcode ${opcode}`);
    }
    if (!(b1 & 0x80)) throw new Violation(PROTOCOL, "a client masks its frames");
    if (opcode >= CLOSE && (!fin || length > 125)) {
      throw new Violation(PROTOCOL, "a control frame is whole and has at most 125 bytes");
    }
    if (length >= 126) {
      const [size, least] = length === 126 ? [2, 126] : [8, 65536];
      const bytes = await this.connection.take(size, SILENCE_MS);
      length = Number(size === 2 ? bytes.readUInt16BE() : bytes.readBigUInt64BE());
      if (length < least || length >= 2 ** 63) {
        throw new Violation(PROTOCOL, "a length is written in the shortest form");
      }
    }
    if (opcode < CLOSE && bytesSoFar + length > this.messageBytesMax) {
      throw new Violation(TOO_BIG, `${this.messageBytesMax} bytes are allowed`);
    }
    const key = await this.connection.take(4, SILENCE_MS);
    const payload = await this.connection.take(length, 2 * SILENCE_MS);
    for (let i = 0; i < length; i++) payload[i] ^= key[i % 4];
    return { fin, opcode, payload };
  }

  /** Each whole message, until one side closes. `Gone`, `TimedOut`: no Close came. Control frames may
      come between the parts of a message, and are answered at once. */
  async *messages() {
    let kind, parts, bytes = 0, utf8;
    try {
      for (;;) {
        const { fin, opcode, payload } = await this.frame(bytes);
        if (opcode === PING) {
          await this.send(PONG, payload);
        } else if (opcode === CLOSE) {
          checkClose(payload);
          await this.send(CLOSE, payload.subarray(0, 2));
          break;
        } else if (opcode !== PONG) {
          if ((opcode === CONTINUATION) !== (kind !== undefined)) {
            throw new Violation(PROTOCOL, "fragments: a first one, then continuations");
          }
          if (opcode !== CONTINUATION) [kind, parts, utf8] = [opcode, [], decoder()];
          if (kind === TEXT) decode(utf8, payload, { stream: !fin });
          parts.push(payload);
          bytes += payload.length;
          if (fin) {
            yield { opcode: kind, payload: Buffer.concat(parts) };
            [kind, bytes] = [undefined, 0];
          }
        }
      }
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      await this.close(error.code, error.message);
    }
    await this.connection.hangUp();
  }
}

const decoder = () => new TextDecoder("utf-8", { fatal: true });

function decode(utf8, bytes, options) {
  try {
    utf8.decode(bytes, options);
  } catch {
    throw new Violation(NOT_UTF8, "text is UTF-8");
  }
}

/** A Close frame is empty, or a code that may be sent and a reason in UTF-8. RFC 6455 §7.4 */
function checkClose(payload) {
  if (payload.length === 0) return;
  const code = payload.length === 1 ? 0 : payload.readUInt16BE();
  const isOurs = code >= 1000 && code < 1015 && ![1004, 1005, 1006].includes(code);
  if (!isOurs && !(code >= 3000 && code < 5000)) throw new Violation(PROTOCOL, "that is no close code");
  decode(decoder(), payload.subarray(2));
}

module.exports = { TEXT, TOO_SLOW, WebSocket, shakeHands };
