// One exchange of the tap: its bytes, what each of them is, and the ways from byte to field and back.

import { $, element } from "/tap.js";

export const t = (uk, en) => (document.documentElement.lang === "uk" ? uk : en);
const PAINTED_BYTES = 4096; // and so many more each time one asks
const HIDDEN = ["Space", "LineEnd", "Colon"]; // what only separates
const BIT_NAMES = { Fin: "F", Rsv: "R R R", RsvCompressed: "R R R", Opcode: "opcode", Mask: "M", Length7: t("довжина", "length") };
const HEADER_BITS = 16; // of a frame, those that are drawn one by one

const hex = (byte) => byte.toString(16).padStart(2, "0");
const ofHex = (digits) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const NAMES = {
  EarlyLine: t("порожній рядок", "early line"), Request: t("запит", "request"), RequestLine: t("рядок запиту", "request line"), OddRequestLine: t("не рядок запиту", "odd request line"),
  Method: t("метод", "method"), Space: t("пробіл", "space"), Authority: t("хост", "authority"), Path: t("шлях", "path"), Parameter: t("параметр", "parameter"),
  Version: t("версія", "version"), Response: t("відповідь", "response"), StatusLine: t("рядок стану", "status line"), OddStatusLine: t("не рядок стану", "odd status line"),
  Status: t("код", "status"), Reason: t("пояснення", "reason"), LineEnd: t("кінець рядка", "line end"), Control: t("керівний символ", "control"),
  EmptyLine: t("порожній рядок", "empty line"), Field: t("заголовок", "field"), FieldName: t("назва", "field name"), Colon: t("двокрапка", "colon"),
  FieldValue: t("значення", "field value"), FoldedLine: t("продовження рядка", "folded line"), OddField: t("не заголовок", "odd field"), Content: t("тіло", "content"),
  ContentUntilClose: t("тіло", "content until close"), Chunk: t("шматок", "chunk"), ChunkSize: t("розмір шматка", "chunk size"), LastChunk: t("останній шматок", "last chunk"),
  ChunkExtension: t("розширення шматка", "chunk extension"), ChunkData: t("дані шматка", "chunk data"), BodyEnd: t("кінець тіла", "body end"), Frame: t("кадр", "frame"),
  Length7: t("довжина (7 бітів)", "length (7 bits)"), Length16: t("довжина (16 бітів)", "length (16 bits)"), Length64: t("довжина (64 біти)", "length (64 bits)"),
  MaskingKey: t("ключ маски", "masking key"), TextPayload: t("текст", "text payload"), BinaryPayload: t("двійкові дані", "binary payload"),
  ContinuedPayload: t("продовження", "continued payload"), CompressedPayload: t("стиснений вміст", "compressed payload"), PingPayload: t("вміст ping", "ping payload"),
  PongPayload: t("вміст pong", "pong payload"), CloseCode: t("код закриття", "close code"), CloseReason: t("причина закриття", "close reason"),
  HalfCloseCode: t("половина коду закриття", "half close code"), TlsRecord: t("запис TLS", "TLS record"), TlsType: t("вид запису TLS", "TLS type"),
  TlsVersion: t("версія TLS", "TLS version"), TlsLength: t("довжина запису TLS", "TLS length"), TlsFragment: t("вміст запису TLS", "TLS fragment"),
  Unfinished: t("ще не все", "unfinished"), Unknown: t("незрозуміле", "unknown"),
};
/** What is no word of a protocol has a name in both languages; the others are called as in the source. */
const named = (kind) => NAMES[kind] ?? kind.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();

export class Exchange {
  /** `detail` as GET /exchange gives it, and its row of the list, if that is still there. */
  constructor(detail, row) {
    Object.assign(this, detail, { listed: row, painted: PAINTED_BYTES, cells: [], lit: [] });
    const [first, rest] = [ofHex(detail.first), ofHex(detail.rest)];
    this.held = new Uint8Array([...first, ...rest]);
    this.firstCount = first.length;
    const parents = new Set(this.fields.map(({ parent }) => parent));
    this.leaves = [...this.fields.keys()].filter((index) => !parents.has(index));
    this.names = this.fields.map(({ kind }) => named(kind));
    for (const { kind, parent, value } of this.fields) if (kind === "FieldName") this.names[parent] = value;
    this.plain = this.held.slice();
    for (const leaf of this.leaves) {
      const { start, end, key } = this.fields[leaf];
      if (key) ofHex(key).forEach((byte, turn, { length }) => {
        for (let place = start / 8 + turn; place < end / 8; place += length) this.plain[this.index(place)] ^= byte;
      });
    }
    this.glyphs = glyphs(this.plain);
  }

  // Places are counted in the stream from the first byte of the exchange; between its ends there may be a gap.

  index(place) {
    return place < this.firstCount ? place : place - this.gap;
  }

  place(index) {
    return index < this.firstCount ? index : index + this.gap;
  }

  /** The number of the leaf that has this bit: leaves are in order and leave nothing out. */
  leafAt(bit) {
    return this.leaves.findLast((leaf) => this.fields[leaf].start <= bit) ?? 0;
  }

  leavesOf(place) {
    return this.leaves.filter((leaf) => this.fields[leaf].start < 8 * place + 8 && this.fields[leaf].end > 8 * place);
  }

  /** From the outermost field to this one. */
  ancestors(index) {
    const path = [];
    for (let at = index; at !== null; at = this.fields[at].parent) path.unshift(at);
    return path;
  }

  // ---- Drawing

  draw() {
    const focused = ["#bytes", "#bits", "#fields", "#pair"].find((part) => $(part).contains(document.activeElement));
    this.drawBytes();
    this.drawBits();
    $("#fields").replaceChildren(
      ...[...this.fields.keys()].filter((index) => this.fields[index].parent === 0 && !HIDDEN.includes(this.fields[index].kind))
        .map((index) => element("li", {}, this.button(index, this.names[index] + (this.fields[index].kind.endsWith("Line") ? "" : `: ${this.fields[index].value}`)))));
    const other = this.pair && this.listed?.after !== undefined ? `, ${this.listed.after} ms` : "";
    $("#pair").replaceChildren(...(this.pair ? [element("button", { onclick: () => (location.hash = `#${this.pair}`) }, t("пара: #", "pair: #") + this.pair + other)] : []));
    this.drawSaid();
    $("[data-copy=u]").textContent = this.fields[0].kind === "Request" ? "curl" : "printf";
    this.drawVerdict();
    $("#sum").textContent = `${t("з’єднання", "connection")} ${this.connection}: ${this.sum}`;
    this.drawHandshake();
    this.select(this.fields[this.chosen] ? this.chosen : 0, this.bit);
    if (focused === "#bytes") this.focus();
    else if (focused) $(`${focused} button`)?.focus();
  }

  /** Its body or payload without a mask, if it is text. */
  drawSaid() {
    const content = this.leaves.filter((leaf) => this.fields[leaf].content).flatMap((leaf) => [...this.plain.subarray(this.index(this.fields[leaf].start / 8), this.index(this.fields[leaf].end / 8))]);
    const text = new TextDecoder().decode(new Uint8Array(content));
    $("#said").hidden = text === "" || text.includes("\ufffd");
    $("#said pre").textContent = text;
  }

  /** Where the core refuses, it says in which line of the source. */
  drawVerdict() {
    const [, said, place] = /^(.* )\((src\/\S+:\d+)\)$/s.exec(this.verdict) ?? [null, this.verdict];
    $("#verdict").replaceChildren(said, ...(place ? ["(", element("a", { href: `/source#${place}` }, place), ")"] : []));
  }

  button(index, text) {
    const button = element("button", { onclick: () => this.select(index) }, text);
    button.dataset.field = index;
    if (this.fields[index].fault) button.className = "fault";
    return button;
  }

  /** As the bytes travel; of masked ones the key and what they mean below them. */
  drawBytes() {
    const grid = $("#bytes");
    const perLine = grid.clientWidth >= Number.parseFloat(getComputedStyle(grid).fontSize) * 36 ? 16 : 8;
    this.perLine = perLine;
    this.cells = [];
    const lines = [];
    const keys = new Map(this.leaves.filter((leaf) => this.fields[leaf].key).map((leaf) => [leaf, ofHex(this.fields[leaf].key)]));
    const end = Math.min(this.painted, this.held.length);
    let leaf = 0;
    for (let start = 0; start < end; start += perLine) {
      if (start > 0 && this.gap && this.place(start) - this.place(start - perLine) !== perLine) lines.push(element("p", { className: "gap" }, t("… # байтів не збережено …", "… # bytes are not kept …").replace("#", this.gap)));
      const [travels, key, means] = [[], [], []];
      for (let index = start; index < Math.min(start + perLine, end); index++) {
        const place = this.place(index);
        while (this.leaves[leaf + 1] !== undefined && this.fields[this.leaves[leaf + 1]].start <= 8 * place) leaf++;
        const names = this.fields[this.leaves[leaf]].end < 8 * place + 8 ? this.leavesOf(place) : [this.leaves[leaf]];
        const cell = element("span", { role: "gridcell", tabIndex: -1, className: "byte", ariaLabel: `${t("байт", "byte")} ${place}, ${hex(this.held[index])}, ${names.map((name) => this.names[name]).join(", ")}` }, hex(this.held[index]));
        cell.dataset.index = index;
        if (this.fields[names[0]].fault) cell.classList.add("fault");
        if (leaf % 2) cell.classList.add("other");
        this.cells[index] = cell;
        travels.push(cell);
        const mask = keys.get(this.leaves[leaf]);
        key.push(element("span", { className: "byte" }, mask ? hex(mask[(place - this.fields[this.leaves[leaf]].start / 8) % 4]) : " "));
        means.push(element("span", { className: "byte" }, mask ? hex(this.plain[index]) : " "));
        if (mask) key.masked = true;
      }
      const text = element("span", { className: "glyphs", ariaHidden: "true" }, this.glyphs.slice(start, Math.min(start + perLine, end)).join(""));
      const line = (name, cells, ...more) => element("div", { className: "line", role: "row" }, element("span", { className: "offset", ariaHidden: "true" }, name), ...cells, ...more);
      lines.push(line(this.place(start).toString(16).padStart(4, "0"), travels, ...(key.masked ? [] : [text])));
      if (key.masked) {
        const below = [line("^", key), line("=", means, text)];
        for (const row of below) Object.assign(row, { role: null, ariaHidden: "true" }).classList.add("below");
        lines.push(...below);
      }
    }
    grid.replaceChildren(...lines);
    grid.onmouseover = ({ target }) => target.dataset.index && this.say(this.leavesOf(this.place(Number(target.dataset.index))));
    grid.onmouseleave = () => this.say([this.chosen]);
    grid.onclick = ({ target }) => target.dataset.index && this.point(Number(target.dataset.index));
    grid.onkeydown = (event) => this.key(event);
    const left = this.held.length - end;
    $("#more").hidden = left <= 0;
    $("#more").textContent = t("ще #", "show # more bytes").replace("#", Math.min(left, PAINTED_BYTES));
    $("#more").onclick = () => this.paint(end + PAINTED_BYTES);
  }

  paint(count) {
    this.painted = count;
    this.draw();
  }

  /** The first two bytes of a frame, as the RFC draws them. */
  drawBits() {
    const header = this.fields[0].kind === "Frame" ? this.leaves.filter((leaf) => this.fields[leaf].end <= HEADER_BITS) : [];
    $("#bits").hidden = header.length === 0;
    $("#bits").replaceChildren(...header.map((leaf) => {
      const { kind, start, end } = this.fields[leaf];
      const bits = Array.from({ length: end - start }, (_, at) => (this.held[(start + at) >> 3] >> (7 - ((start + at) & 7))) & 1);
      const button = this.button(leaf, "");
      button.append(element("span", {}, BIT_NAMES[kind] ?? this.names[leaf]), element("code", {}, ...bits.map((bit, at) => element("span", { id: `bit-${start + at}` }, bit))));
      return button;
    }));
  }

  drawHandshake() {
    $("#handshake").hidden = !this.handshake;
    if (!this.handshake) return;
    const { key, guid, accept } = this.handshake;
    const sha1 = Array.from(atob(accept), (char) => hex(char.charCodeAt(0))).join(" ");
    const step = (name, value) => element("li", {}, `${name} `, element("code", {}, value));
    $("#handshake").replaceChildren(
      element("h2", {}, t("Рукостискання: звідки береться відповідь", "The handshake: where the answer comes from")),
      element("ol", {},
        step("Sec-WebSocket-Key", key),
        step(t("ключ і стала з RFC 6455 §1.3, разом", "the key, followed by the constant of RFC 6455 §1.3"), key + guid),
        step(t("SHA-1 від цього, 20 байтів", "SHA-1 of that, 20 bytes"), sha1),
        step(t("у Base64: Sec-WebSocket-Accept", "in Base64: Sec-WebSocket-Accept"), accept)));
  }

  // ---- Choosing

  /** Chooses a field, and the bit of it that one points at. */
  select(index, bit = this.fields[index]?.start) {
    if (!this.fields[index]) return;
    Object.assign(this, { chosen: index, bit });
    const { start, end } = this.fields[index];
    if (this.index(bit >> 3) >= this.painted && this.painted < this.held.length) return this.paint(this.index(bit >> 3) + PAINTED_BYTES);
    for (const cell of this.lit) cell.classList.remove("lit");
    // The whole exchange is chosen when nothing of it is pointed at.
    this.lit = index === 0 ? [] : this.cells.slice(this.index(start >> 3), this.index((end + 7) >> 3));
    for (const cell of this.lit) cell.classList.add("lit");
    for (const cell of this.cells) if (cell.tabIndex === 0) cell.tabIndex = -1;
    this.cell = this.cells[this.index(bit >> 3)];
    if (this.cell) this.cell.tabIndex = 0;
    for (const pointed of document.querySelectorAll("#bits .bit")) pointed.classList.remove("bit");
    $(`#bit-${bit}`)?.classList.add("bit");
    const path = this.ancestors(index);
    const focused = $("#path").contains(document.activeElement);
    $("#path").replaceChildren(...path.flatMap((at, depth) => [depth ? " › " : "", this.button(at, this.names[at] + (at === index && this.leaves.includes(at) && !this.fields[at].content && this.fields[at].value ? ` = ${this.fields[at].value}` : ""))]));
    if (focused) $("#path button:last-of-type").focus();
    for (const button of document.querySelectorAll("#open [data-field]")) {
      const here = path.includes(Number(button.dataset.field));
      if (here) button.ariaCurrent = "true";
      else button.removeAttribute("aria-current");
    }
    this.say([index]);
    history.replaceState(null, "", `#${this.row}>${index}`);
  }

  /** The sentences of these fields, and where to read on. What a name, a value or an empty line is, the line says. */
  say(indices) {
    const isOfLine = ({ kind, parent }) => /^Field./.test(kind) || ["EmptyLine", "BodyEnd"].includes(this.fields[parent]?.kind);
    const said = indices.map((index) => this.fields[index]).filter(Boolean);
    const fields = said.map((field) => (isOfLine(field) ? this.fields[field.parent] : field));
    const less = said.filter(isOfLine).map(({ sentence }) => element("small", {}, ` ${sentence}`));
    $("#sentence p").replaceChildren(fields.map(({ sentence }) => sentence).join(" "), ...less);
    const { rfc, mark, fault } = fields[0] ?? {};
    const [, number, section] = /RFC (\d+) §(.*)/.exec(rfc ?? "") ?? [];
    $(".where").replaceChildren(
      ...(number ? [element("a", { href: `https://www.rfc-editor.org/rfc/rfc${number}#section-${section}` }, rfc)] : []), " ",
      ...(mark ? [element("a", { href: `/source#${mark}` }, `${t("код", "source")} §${mark}`)] : number && this.from === "client" ? [t("rawchat цього не читає", "rawchat does not read it")] : []), " ",
      ...(fault ? [element("b", {}, t("так не має бути", "this breaks the rules"))] : []));
  }

  source() {
    const { mark } = this.fields[this.chosen];
    if (mark) location.assign(`/source#${mark}`);
  }

  /** A byte with several fields gives the next of them each time. */
  point(index, focus = true) {
    const leaves = this.leavesOf(this.place(index));
    const next = leaves[(leaves.indexOf(this.chosen) + 1) % leaves.length];
    this.select(next, Math.max(this.fields[next].start, 8 * this.place(index)));
    if (focus) this.focus();
  }

  focus() {
    this.cell?.focus({ preventScroll: false });
  }

  key(event) {
    const { key, shiftKey, altKey } = event;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.perLine, ArrowDown: this.perLine }[key];
    if (by === undefined || event.ctrlKey) return;
    event.preventDefault();
    event.stopPropagation();
    const along = Math.abs(by) === 1;
    if (along && shiftKey) this.step(by);
    else if (along && altKey) this.toBit(this.bit + by);
    else this.toBit(8 * this.place(Math.max(0, Math.min(this.held.length - 1, this.index(this.bit >> 3) + by))));
    this.focus();
  }

  toBit(bit) {
    if (bit < 0 || this.index(bit >> 3) >= this.held.length) return;
    this.select(this.leafAt(bit), bit);
  }

  /** To the next leaf that says something, or to the one before. */
  step(by) {
    const said = this.leaves.filter((leaf) => !HIDDEN.includes(this.fields[leaf].kind));
    const next = by > 0 ? said.find((leaf) => leaf > this.chosen) : said.findLast((leaf) => leaf < this.chosen);
    if (next !== undefined) this.select(next);
  }

  // ---- Copying

  async copy(form) {
    const text = { h: () => Array.from(this.held, hex).join(" "), t: () => this.text(), u: () => this.command() }[form]();
    await navigator.clipboard?.writeText(text);
    $("#copied").textContent = navigator.clipboard ? t("скопійовано", "copied") : text;
  }

  /** Of a frame what it says, without its header. */
  text() {
    const { start } = this.fields.find(({ kind }) => /Payload$|^CloseReason$/.test(kind)) ?? { start: this.fields[0].kind === "Frame" ? this.fields[0].end : 0 };
    return new TextDecoder().decode(this.plain.subarray(this.index(start / 8)));
  }

  /** curl for a request, printf for everything else. */
  command() {
    if (this.fields[0].kind !== "Request") return `printf '${Array.from(this.held, (byte) => `\\x${hex(byte)}`).join("")}' | rawchat explain -`;
    const [head, ...body] = new TextDecoder().decode(this.held).split("\r\n\r\n");
    const [line, ...fields] = head.split("\r\n");
    const [method, target] = line.split(" ");
    const host = fields.find((field) => /^host:/i.test(field))?.slice(5).trim() ?? location.host;
    const kept = fields.filter((field) => !/^(host:|content-length:|connection:(?!.*upgrade))/i.test(field));
    return ["curl", "-i", "-X", method, shellQuoted(`http://${host}${target}`), ...kept.flatMap((field) => ["-H", shellQuoted(field)]),
      ...(body.join("\r\n\r\n") ? ["--data-binary", shellQuoted(body.join("\r\n\r\n"))] : [])].join(" ");
  }
}

/** A character where it begins, nothing where it goes on, and a dot for what cannot be seen. */
function glyphs(bytes) {
  const found = Array.from(bytes, () => "·");
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let at = 0, size; at < bytes.length; at += size) {
    size = bytes[at] < 0x80 ? 1 : bytes[at] >= 0xf0 ? 4 : bytes[at] >= 0xe0 ? 3 : 2;
    try {
      const char = decoder.decode(bytes.subarray(at, at + size));
      if (!/[\p{C}\p{Z}\p{M}]/u.test(char) || char === " ") found.fill(" ", at, at + size)[at] = char;
    } catch {
      size = 1;
    }
  }
  return found;
}
