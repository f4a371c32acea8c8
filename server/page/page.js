// page.js - the page: numbers as they are typed -> POST /mse -> the response, pictures of it, and gradient descent.
// The service computes every loss and gradient. Text is sent as it stands, so that no digit passes through here.
// @ts-check

/** @typedef {number | Nested[]} Nested */
/** @typedef {{loss: Nested, gradients?: {predictions?: Nested, targets?: Nested}}} Answer */
/** @typedef {{title: string, detail: string, type: string, status: number,
 *   pointer?: string, offset?: number}} Problem */
/** @typedef {{status: number, text: string, milliseconds: number}} Reply */
/** @typedef {{s: number[], y: number[], g: number[] | null}} Elements */

/** @template {Element} T @param {string} id @param {new () => T} type @returns {T} */
function get(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new TypeError(`#${id} is no ${type.name}`);
  return element;
}
/** @param {string} id */
const html = (id) => get(id, HTMLElement);
/** @param {string} id */
const input = (id) => get(id, HTMLInputElement);
/** @param {string} id @param {() => unknown} action */
const onClick = (id, action) => html(id).addEventListener('click', action);

/** Lets the browser draw and react between two pieces of work. */
const pause = () => new Promise((resolve) => setTimeout(resolve));
const count = new Intl.NumberFormat('en').format;
/** @param {number} n @param {string} noun */
const counted = (n, noun) => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;

// ---- What is typed, and where in it a number stands

const SEPARATOR = /\s*[,;]\s*|\s+/g;
const LARGE = 50_000; // characters; a longer text is kept here, and the text area, which would be slow, shows a window
const WINDOW = 10_000; // characters

/** The comma or bracket that ends the JSON value which begins at a position. @param {string} json @param {number} at */
function endOfValue(json, at) {
  for (let depth = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') {
      while (++at < json.length && json[at] !== '"') if (json[at] === '\\') at++;
    } else if (character === '[' || character === '{') {
      depth++;
    } else if (depth === 0 && (character === ',' || character === ']' || character === '}')) {
      break;
    } else if (character === ']' || character === '}') {
      depth--;
    }
  }
  return at;
}

/** Where the value at these indices stands in a JSON array.
 * @param {string} json @param {number[]} indices @returns {[number, number]} */
function placeOf(json, indices) {
  let at = 0;
  for (const index of indices) {
    at = json.indexOf('[', at) + 1;
    for (let i = 0; i < index; i++) at = endOfValue(json, at) + 1;
  }
  while (json[at] === ' ' || json[at] === '\n') at++;
  return [at, at + json.slice(at, endOfValue(json, at)).trimEnd().length];
}

/** Numbers as a person types them. */
class Field {
  text = '';
  from = 0; // where in the text the window begins
  shownLength = 0; // of the window: what the text area held last

  /** @param {string} name of a member of the request */
  constructor(name) {
    this.name = name;
    this.area = get(name, HTMLTextAreaElement);
    this.area.addEventListener('input', () => this.edit(this.area.value));
    this.area.addEventListener('paste', (event) => {
      const pasted = event.clipboardData?.getData('text/plain') ?? '';
      if (this.text.length + pasted.length <= LARGE) return;
      event.preventDefault();
      const { value, selectionStart, selectionEnd } = this.area;
      const whole = selectionStart === 0 && selectionEnd === value.length;
      this.set(whole ? pasted : this.spliced(value.slice(0, selectionStart) + pasted + value.slice(selectionEnd)));
    });
  }

  /** The text with another window. @param {string} shown */
  spliced(shown) {
    return this.text.slice(0, this.from) + shown + this.text.slice(this.from + this.shownLength);
  }

  /** @param {string} shown */
  edit(shown) {
    this.text = this.spliced(shown);
    this.shownLength = shown.length;
    this.area.removeAttribute('aria-invalid');
    this.describe();
  }

  /** @param {string} text @param {number} at what must be seen */
  set(text, at = 0) {
    this.text = text;
    const isLarge = text.length > LARGE;
    this.from = isLarge ? Math.max(0, Math.min(at - WINDOW / 2, text.length - WINDOW)) : 0;
    this.area.value = isLarge ? text.slice(this.from, this.from + WINDOW) : text;
    this.shownLength = this.area.value.length;
    this.area.removeAttribute('aria-invalid');
    this.describe();
  }

  describe() {
    const n = this.text.match(/[^\s,;[\]]+/g)?.length ?? 0;
    html(`${this.name}-note`).textContent = n === 0 && this.name === 'weights' ? 'none' : counted(n, 'number');
    html(`${this.name}-window`).hidden = this.text.length <= LARGE;
    const [from, to, all] = [this.from + 1, this.from + this.shownLength, this.text.length].map(count);
    html(`${this.name}-window`).textContent = `Characters ${from} to ${to} of ${all}; all are sent.`;
  }

  /** The text as a JSON array, in which its position p is p + shift. @returns {{json: string, shift: number}} */
  array() {
    if (/^\s*\[/.test(this.text)) return { json: this.text, shift: 0 };
    const start = this.text.length - this.text.trimStart().length;
    const join = (/** @type {string} */ run) => ',' + ' '.repeat(run.length - 1);
    return { json: `[${this.text.trim().replace(SEPARATOR, join)}]`, shift: 1 - start };
  }

  /** Selects a part of the text, and brings it into view. @param {number} start @param {number} end */
  select(start, end) {
    if (this.text.length > LARGE) this.set(this.text, start);
    this.area.setAttribute('aria-invalid', 'true');
    this.area.closest('details')?.setAttribute('open', '');
    this.area.setSelectionRange(start - this.from, end - this.from);
    this.area.blur();
    this.area.focus();
  }
}

const fields = { predictions: new Field('predictions'), targets: new Field('targets'), weights: new Field('weights') };
for (const field of Object.values(fields)) field.set(field.area.defaultValue);

/** A body for POST /mse, and where in it each field's array begins. */
class Call {
  body = '';
  /** @type {{field: Field, json: string, start: number, shift: number}[]} */
  parts = [];

  constructor() {
    for (const field of Object.values(fields)) {
      if (field === fields.weights && field.text.trim() === '') continue;
      const { json, shift } = field.array();
      this.body += `${this.body === '' ? '{' : ','}"${field.name}":`;
      this.parts.push({ field, json, shift, start: this.body.length });
      this.body += json;
    }
    const form = new FormData(get('form', HTMLFormElement));
    const gradients = form.getAll('gradients');
    if (form.get('reduction') !== 'mean') this.body += `,"reduction":"${form.get('reduction')}"`;
    if (gradients.length !== 2) this.body += `,"gradients":${JSON.stringify(gradients)}`;
    this.body += '}';
  }

  /** The part of the input that a problem is about.
   * @param {Problem} problem @returns {{field: Field, start: number, end: number} | null} */
  find(problem) {
    if (problem.offset !== undefined) {
      // The offset counts bytes of UTF-8, a string has units of UTF-16.
      const before = new TextDecoder().decode(new TextEncoder().encode(this.body).subarray(0, problem.offset)).length;
      const part = this.parts.findLast(({ start }) => start <= before);
      if (part === undefined) return null;
      const { text } = part.field;
      const at = Math.max(0, Math.min(before - part.start - part.shift, text.length));
      const start = at - (/[^\s,;[\]]*$/.exec(text.slice(Math.max(0, at - 5000), at))?.[0].length ?? 0);
      const end = at + (/^[^\s,;[\]]*/.exec(text.slice(at, at + 5000))?.[0].length ?? 0);
      if (start < end) return { field: part.field, start, end };
      return { field: part.field, start: Math.min(at, text.length - 1), end: at + 1 }; // a comma or a bracket
    }
    const [member, ...indices] = (problem.pointer ?? '').split('/').slice(1);
    const part = this.parts.find(({ field }) => field.name === member);
    if (part === undefined) return null;
    if (indices.length === 0) return { field: part.field, start: 0, end: part.field.text.length };
    const [start, end] = placeOf(part.json, indices.map(Number));
    return { field: part.field, start: start - part.shift, end: end - part.shift };
  }
}

// ---- The service

let token = ''; // kept here only

/** Throws where there is no response. @param {string} body @returns {Promise<Reply>} */
async function post(body) {
  /** @type {Record<string, string>} */
  const headers = { 'Content-Type': 'application/json' };
  if (token !== '') headers.Authorization = `Bearer ${token}`;
  const started = performance.now();
  const response = await fetch('mse', { method: 'POST', headers, body });
  const text = await response.text();
  return { status: response.status, text, milliseconds: performance.now() - started };
}

/** @param {Reply} reply @returns {Problem} */
function problemOf(reply) {
  try {
    const problem = JSON.parse(reply.text);
    if (typeof problem.detail === 'string') return problem;
  } catch { /* A proxy may respond in the place of the service, with anything. */ }
  const { status, text } = reply;
  return { type: '', title: `The response has status ${status}`, detail: text.slice(0, 300), status };
}

// ---- Try it

/** What is shown: the last request, and the text of its response. */
let shown = { request: new Call(), response: '' };
const exampleBody = shown.request.body;

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // There is no clipboard where the page came over plain HTTP from another machine.
    const area = document.body.appendChild(document.createElement('textarea'));
    area.value = text;
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  html('status').textContent = 'Copied.';
}

/** @param {string} name @param {string} text */
function save(name, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The call in a language. A body that is too long to read is in a file. */
function call() {
  const { body } = shown.request;
  const language = document.querySelector('[name=language]:checked')?.getAttribute('value');
  const url = new URL('mse', location.href).href;
  const isLong = body.length > 3000;
  html('save-request').hidden = !isLong;
  if (language === 'curl') {
    const data = isLong ? '@request.json' : `'${body.replaceAll("'", "'\\''")}'`;
    return `curl${token && ' -H "Authorization: Bearer $MSE_TOKEN"'} -d ${data} ${url}`;
  }
  if (language === 'python') {
    return `${token && 'import os\n'}import requests

response = requests.post(
    "${url}",${token && '\n    headers={"Authorization": f"Bearer {os.environ[\'MSE_TOKEN\']}"},'}
    ${isLong ? 'data=open("request.json", "rb"),' : `json=${body},`}
)
response.raise_for_status()
print(response.json()["loss"])`;
  }
  return `${isLong ? 'import { readFile } from "node:fs/promises";\n\n' : ''}const response = await fetch("${url}", {
  method: "POST",
  headers: { "Content-Type": "application/json"${token && ', Authorization: `Bearer ${process.env.MSE_TOKEN}`'} },
  body: ${isLong ? 'await readFile("request.json")' : `JSON.stringify(${body})`},
});
const { loss, gradients } = await response.json();
console.log(loss);`;
}

function showCall() {
  html('call-code').textContent = call();
}

/** @param {Problem} problem @param {Call} request */
function showProblem(problem, request) {
  html('problem-title').textContent = problem.title;
  html('problem-detail').textContent = problem.detail;
  const isOurs = problem.type.startsWith('/problems/');
  get('problem-link', HTMLAnchorElement).href = isOurs ? problem.type.slice(1) : 'problems/';
  const place = request.find(problem);
  html('problem-excerpt').hidden = place === null;
  html('problem').hidden = false;
  html('result').hidden = true;
  if (problem.status === 401) {
    html('token-form').hidden = false;
    if (document.activeElement !== document.body) input('token').focus(); // not while the page loads
  }
  if (place === null) return;
  const { field, start, end } = place;
  const mark = document.createElement('mark');
  mark.textContent = field.text.slice(start, Math.min(end, start + 80)) || ' ';
  const from = Math.max(0, start - 24), to = Math.min(end + 24, field.text.length);
  html('problem-excerpt').replaceChildren(`${field.name}: ${from > 0 ? '…' : ''}${field.text.slice(from, start)}`, mark,
    `${field.text.slice(end, to)}${to < field.text.length ? '…' : ''}`);
  field.select(start, end);
}

/** @param {Answer} answer @param {Reply} reply @param {Call} request */
function showAnswer(answer, reply, request) {
  const losses = flat(answer.loss);
  const isOne = typeof answer.loss === 'number';
  html('problem').hidden = true;
  html('result').hidden = false;
  html('loss-label').textContent = isOne ? 'Loss' : `The first of ${count(losses.length)} losses`;
  html('loss').textContent = String(losses[0]);
  const { text, milliseconds } = reply, isLong = text.length > 4000;
  html('timing').textContent = `${milliseconds.toFixed(1)} ms with the network and the browser; ${
    counted(request.body.length, 'byte')} sent, ${count(text.length)} received`;
  html('response').textContent = isLong ? `${text.slice(0, 2000)}… and ${count(text.length - 2000)} bytes more` : text;
  html('save-response').hidden = !isLong;
  html('headline').textContent = String(losses[0]);
  html('headline-label').textContent = request.body === exampleBody ? 'Loss of the 27 published pairs below'
    : `${isOne ? 'Loss' : 'First loss'} of the numbers below`;
  html('status').textContent = `Loss ${losses[0]}`;
}

/** @type {Call | undefined} */
let latest; // a response to an earlier one comes too late

/** Posts what the form holds, and shows what comes back. */
async function compute() {
  const request = new Call();
  latest = request;
  for (const field of Object.values(fields)) field.area.removeAttribute('aria-invalid');
  document.body.classList.add('busy');
  try {
    await pause();
    const reply = await post(request.body);
    if (latest !== request) return;
    shown = { request, response: reply.text };
    showCall();
    if (reply.status !== 200) return showProblem(problemOf(reply), request);
    html('token-form').hidden = true;
    await pause();
    const answer = /** @type {Answer} */ (JSON.parse(reply.text));
    showAnswer(answer, reply, request);
    await pause();
    const s = numbersOf(request.parts[0].json);
    await pause();
    const y = numbersOf(request.parts[1].json);
    await pause();
    if (latest !== request) return;
    const { predictions, targets } = answer.gradients ?? {};
    const g = predictions !== undefined ? flat(predictions)
      : targets !== undefined ? flat(targets).map((value) => -value) : null;
    setElements({ s, y, g });
  } catch (error) {
    showProblem({ type: '', title: 'There is no result', detail: String(error), status: 0 }, request);
  } finally {
    document.body.classList.remove('busy');
  }
}

/** @param {Nested} nested @returns {number[]} */
const flat = (nested) => (Array.isArray(nested) ? /** @type {any[]} */ (nested).flat(32) : [nested]);
/** @param {string} json */
const numbersOf = (json) => flat(JSON.parse(json));

// ---- Files

const DTYPES = /** @type {Record<string, [number, (view: DataView, at: number) => number | bigint]>} */ ({
  F64: [8, (view, at) => view.getFloat64(at, true)], F32: [4, (view, at) => view.getFloat32(at, true)],
  F16: [2, (view, at) => half(view.getUint16(at, true))], BF16: [2, (view, at) => brain(view.getUint16(at, true))],
  I64: [8, (view, at) => view.getBigInt64(at, true)], U64: [8, (view, at) => view.getBigUint64(at, true)],
  I32: [4, (view, at) => view.getInt32(at, true)], U32: [4, (view, at) => view.getUint32(at, true)],
  I16: [2, (view, at) => view.getInt16(at, true)], U16: [2, (view, at) => view.getUint16(at, true)],
  I8: [1, (view, at) => view.getInt8(at)], U8: [1, (view, at) => view.getUint8(at)],
});
/** binary16 @param {number} bits */
function half(bits) {
  const exponent = (bits >> 10) & 31, fraction = bits & 1023, sign = bits >> 15 ? -1 : 1;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}
/** bfloat16: the upper half of a binary32 @param {number} bits */
const brain = (bits) => new Float32Array(new Uint32Array([bits << 16]).buffer)[0];

/** @param {string[]} texts of the elements @param {number[]} shape @returns {string} */
function nestedText(texts, shape) {
  for (const size of shape.slice(1).reverse()) {
    const rows = [];
    for (let i = 0; i < texts.length; i += size) rows.push(`[${texts.slice(i, i + size).join(', ')}]`);
    texts = rows;
  }
  return shape.length > 1 ? `[${texts.join(',\n')}]` : texts.join(', ');
}

/** @param {ArrayBuffer} buffer @returns {Record<string, string>} the text of each field */
function readSafetensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(buffer, 8, length)));
  /** @type {Record<string, string>} */
  const texts = {};
  for (const name of Object.keys(fields)) {
    if (header[name] === undefined) continue;
    const { dtype, shape, data_offsets: [begin, end] } = header[name];
    if (!(dtype in DTYPES)) throw new Error(`${name} has the type ${dtype}, which is no number that a double holds.`);
    const [size, read] = DTYPES[dtype];
    const view = new DataView(buffer, 8 + length + begin, end - begin);
    const elements = Array.from({ length: view.byteLength / size }, (_, i) => String(read(view, i * size)));
    texts[name] = nestedText(elements, shape);
  }
  if (texts.predictions === undefined || texts.targets === undefined) {
    const names = Object.keys(header).filter((name) => name !== '__metadata__');
    throw new Error(`It needs tensors named predictions and targets; it has ${names.join(', ')}.`);
  }
  return texts;
}

/** What the columns of a field may be called. */
const HEADS = {
  predictions: /^(s|(y_?)?(pred.*|hat)|forecast|estimate|output)$/,
  targets: /^(y|target.*|y_?true|true|actual|truth|label|observed)$/,
  weights: /^(w|weight.*)$/,
};

/** Columns go to the fields by the names at their heads, or else in order.
 * @param {string} text @returns {Record<string, string>} */
function readCsv(text) {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/).filter((line) => line.trim() !== '');
  const separator = ['\t', ';', ','].find((character) => lines[0]?.includes(character)) ?? ',';
  const rows = lines.map((line) => line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1')));
  const hasHeads = rows[0]?.every((cell) => cell !== '' && Number.isNaN(Number(cell)));
  const heads = (hasHeads && rows.shift() || []).map((cell) => cell.toLowerCase());
  const found = Object.values(HEADS).map((pattern) => heads.findIndex((head) => pattern.test(head)));
  const columns = found[0] >= 0 && found[1] >= 0 ? found : [0, 1, 2];
  const width = rows[0]?.length ?? 0;
  if (width < 2) throw new Error('It needs a column of predictions and a column of targets.');
  return Object.fromEntries(Object.keys(HEADS).map((name, i) => /** @type {const} */ ([name, columns[i]]))
    .filter(([, column]) => column >= 0 && column < width)
    .map(([name, column]) => [name, rows.map((row) => row[column] ?? '').join(', ')]));
}

/** @param {File | undefined} file */
async function load(file) {
  if (file === undefined) return;
  try {
    const buffer = await file.arrayBuffer();
    await pause();
    const isBinary = file.name.endsWith('.safetensors');
    const texts = isBinary ? readSafetensors(buffer) : readCsv(new TextDecoder().decode(buffer));
    for (const [name, field] of Object.entries(fields)) {
      if (name in texts || name === 'weights') field.set(texts[name] ?? '');
      await pause();
    }
    html('weights-fold').toggleAttribute('open', 'weights' in texts);
    await compute();
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    showProblem({ type: '', title: `${file.name} cannot be read`, detail, status: 0 }, shown.request);
  }
}

// ---- Pictures

const LEFT = 56, RIGHT = 14; // pixels beside the plots
const THUMB = 16; // pixels; of a slider, as browsers draw it

/** What is drawn in an SVG element, in its own pixels, in the place of what was there. */
class Drawing {
  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    this.svg = svg;
    this.width = svg.clientWidth;
    this.height = svg.clientHeight;
    svg.replaceChildren();
    svg.setAttribute('viewBox', `0 0 ${this.width} ${this.height}`);
  }
  /** @param {string} name @param {Record<string, string | number>} attributes @param {string} [text] */
  add(name, attributes, text = '') {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
    element.textContent = text;
    this.svg.append(element);
  }
  /** A label of the vertical axis. @param {number} y @param {string} text */
  beside(y, text) {
    this.add('text', { x: LEFT - 8, y: y + 4, 'text-anchor': 'end' }, text);
  }
  /** A label around a middle. @param {number} x @param {number} y @param {string} text */
  below(x, y, text) {
    this.add('text', { x, y, 'text-anchor': 'middle' }, text);
  }
  /** @param {string} kind @param {string} d */
  path(kind, d) {
    if (d !== '') this.add('path', { class: kind, d });
  }
}

/** A length in the text of a path. @param {number} length */
const pixel = (length) => length.toFixed(1);

/** Some round numbers between two. @param {number} low @param {number} high @param {number} wanted */
function ticks(low, high, wanted) {
  const raw = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5].find((factor) => factor * power >= raw) ?? 10) * power;
  const list = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) list.push(i * step);
  return list;
}
/** @param {number} value */
function short(value) {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(0) : String(Number(value.toPrecision(4)));
}

/** The smallest and largest of some numbers. @param {number[]} values @returns {[number, number]} */
function range(values, from = 0, to = values.length) {
  let low = Infinity, high = -Infinity;
  for (let i = from; i < to; i++) {
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  return [low, high];
}

const MANY = 2000; // elements; of more an envelope is drawn

/** Draws elements, and their gradients below.
 * @param {SVGSVGElement} svg @param {Elements} elements @param {Elements} scale what there must be room for, too */
function drawElements(svg, { s, y, g }, scale = { s, y, g }) {
  const drawing = new Drawing(svg);
  const { width, height } = drawing;
  const n = s.length;
  const bottom = g === null ? height - 26 : height * 0.66, strip = { top: bottom + 34, bottom: height - 8 };
  const [low, high] = range([...range(s), ...range(y), ...range(scale.s)]);
  const margin = (high - low || Math.abs(high) || 1) * 0.07;
  const x = (/** @type {number} */ i) => LEFT + ((width - LEFT - RIGHT) * (i + 0.5)) / n;
  const unit = (bottom - 8) / (high - low + 2 * margin); // pixels
  const v = (/** @type {number} */ value) => bottom - unit * (value - low + margin);
  for (const tick of ticks(low - margin, high + margin, 5)) {
    drawing.path('grid', `M${LEFT} ${v(tick)}H${width - RIGHT}`);
    drawing.beside(v(tick), short(tick));
  }
  for (const tick of ticks(0, n - 1 || 1, Math.min(n, width / 90)).filter((i) => Number.isInteger(i) && i < n)) {
    drawing.below(x(tick), bottom + 18, String(tick));
  }
  const steepest = g === null ? 1 : Math.max(...range(g).map(Math.abs), ...range(scale.g ?? g).map(Math.abs)) || 1;
  const middle = (strip.top + strip.bottom) / 2;
  const w = (/** @type {number} */ value) => middle - ((strip.bottom - strip.top) / 2 - 2) * (value / steepest);
  if (g !== null) {
    drawing.path('zero', `M${LEFT} ${middle}H${width - RIGHT}`);
    drawing.beside(middle, '0');
    drawing.beside(strip.top + 4, short(Number(steepest.toPrecision(2))));
  }
  if (n > MANY) {
    const columns = Math.floor((width - LEFT - RIGHT) / 2);
    /** @param {string} kind @param {number[]} values @param {(value: number) => number} place */
    const band = (kind, values, place) => {
      let there = '', back = '';
      for (let c = 0; c < columns; c++) {
        const [least, most] = range(values, Math.floor((c * n) / columns), Math.floor(((c + 1) * n) / columns));
        const left = pixel(LEFT + ((width - LEFT - RIGHT) * c) / columns);
        there += `L${left} ${pixel(place(most))}`;
        back = `L${left} ${pixel(place(least) + 1)}` + back;
      }
      drawing.path(`band ${kind}`, `M${there.slice(1)}${back}Z`);
    };
    band('y', y, v);
    band('s', s, v);
    if (g !== null) band('g', g, w);
    return;
  }
  const r = Math.max(1.2, Math.min(4.5, (width / n) * 0.22));
  const circle = (/** @type {number} */ i, /** @type {number} */ value) =>
    `M${pixel(x(i) - r)} ${pixel(v(value))}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
  drawing.path('residuals', s.map((value, i) => `M${pixel(x(i))} ${pixel(v(value))}V${pixel(v(y[i]))}`).join(''));
  drawing.path('y', y.map((value, i) => circle(i, value)).join(''));
  drawing.path('s', s.map((value, i) => circle(i, value)).join(''));
  drawing.path('g', (g ?? []).map((value, i) => {
    const tip = w(value), size = Math.min(4, Math.abs(tip - middle), (width / n) * 0.3);
    const down = value > 0 ? size : -size;
    if (value === 0) return '';
    return `M${pixel(x(i))} ${middle}V${pixel(tip)}m${-size} ${down}l${size} ${-down}l${size} ${down}`;
  }).join(''));
}

/** Draws losses on a logarithmic axis. @param {SVGSVGElement} svg @param {number[]} losses */
function drawLosses(svg, losses) {
  const drawing = new Drawing(svg);
  const { width, height } = drawing;
  if (losses.length === 0) return drawing.below(width / 2, height / 2, 'No step yet');
  const logs = losses.filter((loss) => loss > 0).map(Math.log10);
  const hasZero = losses.includes(0);
  const [least, most] = logs.length > 0 ? range(logs) : [0, 0];
  const high = Math.ceil(most + 0.1), low = Math.min(Math.floor(least) - (hasZero ? 1 : 0), high - 3);
  const bottom = height - 26;
  const x = (/** @type {number} */ i) => LEFT + ((width - LEFT - RIGHT) * i) / Math.max(10, losses.length - 1);
  const unit = (bottom - 8) / (high - low); // pixels per power of ten
  const v = (/** @type {number} */ loss) => bottom - unit * ((loss > 0 ? Math.log10(loss) : low) - low);
  for (const tick of ticks(low, high, 6).filter(Number.isInteger)) {
    drawing.path('grid', `M${LEFT} ${v(10 ** tick)}H${width - RIGHT}`);
    drawing.beside(v(10 ** tick), tick === low && hasZero ? '0' : short(10 ** tick));
  }
  for (const tick of ticks(0, Math.max(10, losses.length - 1), 5).filter(Number.isInteger)) {
    drawing.below(x(tick), bottom + 18, String(tick));
  }
  drawing.path('line', losses.map((loss, i) => `${i === 0 ? 'M' : 'L'}${pixel(x(i))} ${pixel(v(loss))}`).join(''));
  drawing.add('circle', { class: 's', cx: x(losses.length - 1), cy: v(losses[losses.length - 1]), r: 4.5 });
}

// ---- See it

/** @type {Elements} */
let elements = { s: [], y: [], g: null };
const plot = get('plot', SVGSVGElement);
const slider = input('element');

/** @param {Elements} next */
function setElements(next) {
  elements = next;
  slider.max = String(next.s.length - 1);
  html('gradient-key').hidden = next.g === null;
  html('envelope').hidden = next.s.length <= MANY;
  html('envelope').textContent = `${counted(next.s.length, 'element')}: each column spans all values in it.`;
  drawElements(plot, elements);
  showElement();
  restart();
}

/** Shows the numbers of the element that the slider is at. */
function showElement() {
  const i = Number(slider.value), { s, y, g } = elements;
  if (s.length === 0) return;
  const numbers = [['prediction', s[i], 's'], ['target', y[i], 'y'], ['residual', s[i] - y[i], '']];
  if (g !== null) numbers.push(['gradient', g[i], 'g']);
  const spoken = numbers.map(([name, value]) => `${name} ${value}`).join(', ');
  slider.setAttribute('aria-valuetext', `element ${i}: ${spoken}`);
  html('reading').replaceChildren(...[['element', i, ''], ...numbers].map(([name, value, kind]) => {
    const item = document.createElement('span'), number = document.createElement('b');
    number.className = String(kind);
    number.textContent = String(value);
    item.append(`${name} `, number);
    return item;
  }));
  const column = (plot.clientWidth - LEFT - RIGHT) / s.length, at = LEFT + column * (i + 0.5);
  slider.style.marginLeft = `${LEFT + column / 2 - THUMB / 2}px`; // so that its thumb is below the element
  slider.style.width = `${column * (s.length - 1) + THUMB}px`;
  plot.querySelector('.cursor')?.remove();
  const cursor = plot.appendChild(document.createElementNS('http://www.w3.org/2000/svg', 'path'));
  cursor.setAttribute('class', 'cursor');
  cursor.setAttribute('d', `M${at} 4V${plot.clientHeight - 4}`);
}

slider.addEventListener('input', showElement);
plot.addEventListener('pointermove', (event) => {
  const share = (event.clientX - plot.getBoundingClientRect().left - LEFT) / (plot.clientWidth - LEFT - RIGHT);
  slider.value = String(Math.floor(share * elements.s.length));
  showElement();
});

// ---- Descend

const STEPS_MAX = 300;
/** @typedef {Elements & {losses: number[], isDone: boolean, isRunning: boolean}} Descent */
/** @type {Descent} */
let descent = { s: [], y: [], g: null, losses: [], isDone: false, isRunning: false };

const share = () => Number(input('step').value); // of n

function showVerdict() {
  const factor = Number((1 - 2 * share()).toPrecision(3));
  html('step-size').textContent = `${share()} n = ${Number((share() * elements.s.length).toPrecision(6))}`;
  const [name, why] = share() === 0.5 ? ['arrives at once', 'but for rounding']
    : share() < 1 ? ['converges', share() < 0.5 ? 'from one side' : 'oscillating']
    : share() === 1 ? ['oscillates for ever', 'always as far away'] : ['diverges', 'farther away each time'];
  const bold = document.createElement('b');
  bold.className = share() >= 1 ? 'bad' : '';
  bold.textContent = name;
  const written = String(factor).replace('-', '−');
  html('verdict').replaceChildren(`Each step multiplies every residual by ${written}: it `, bold, `, ${why}.`);
}

function drawDescent() {
  drawElements(get('path', SVGSVGElement), descent, elements);
  drawLosses(get('losses', SVGSVGElement), descent.losses);
}

function restart() {
  descent = { ...elements, losses: [], isDone: false, isRunning: false };
  const isMany = elements.s.length > MANY;
  for (const id of ['play', 'one-step', 'restart']) get(id, HTMLButtonElement).disabled = isMany;
  html('play').textContent = 'Play';
  html('descent').textContent = isMany ? `Descent is shown for up to ${count(MANY)} elements.`
    : 'Press Play, or take one step at a time.';
  showVerdict();
  if (!isMany) drawDescent();
}

/** Posts the predictions, takes note of the loss, and goes against the gradient.
 * @param {Descent} from what may be replaced meanwhile */
async function descend(from) {
  const step = share() * from.s.length;
  const reply = await post(JSON.stringify({ predictions: from.s, targets: from.y, gradients: ['predictions'] }));
  if (from !== descent) return;
  if (reply.status !== 200) {
    const problem = problemOf(reply);
    html('descent').textContent = `${problem.title}. ${problem.detail}`;
    from.isDone = true;
    return;
  }
  const answer = /** @type {Answer} */ (JSON.parse(reply.text));
  const loss = Number(answer.loss), g = flat(answer.gradients?.predictions ?? []);
  from.losses.push(loss);
  from.g = g;
  const steps = from.losses.length - 1;
  from.isDone = loss <= from.losses[0] * 1e-30 || steps >= STEPS_MAX;
  html('descent').textContent = `After ${counted(steps, 'step')} the loss is ${loss}.`;
  drawStep();
  if (!from.isDone) from.s = from.s.map((value, i) => value - step * g[i]);
}

/** Draws this step, unless it is one of many and the reader prefers reduced motion. */
function drawStep() {
  if (!descent.isRunning || descent.isDone || !matchMedia('(prefers-reduced-motion: reduce)').matches) drawDescent();
}

/** @param {boolean} isOne step, or all there are */
async function play(isOne) {
  const wasRunning = descent.isRunning;
  descent.isRunning = false;
  if (wasRunning && !isOne) return;
  if (descent.isDone) restart();
  const from = descent;
  from.isRunning = !isOne;
  html('play').textContent = isOne ? 'Play' : 'Pause';
  html('descent').setAttribute('aria-live', isOne ? 'polite' : 'off'); // no screen reader keeps up with each frame
  try {
    do {
      await descend(from);
      await new Promise(requestAnimationFrame);
    } while (from === descent && from.isRunning && !from.isDone);
  } catch (error) {
    html('descent').textContent = `There is no result: ${error}`;
  }
  if (from !== descent) return;
  from.isRunning = false;
  html('play').textContent = 'Play';
  html('descent').setAttribute('aria-live', 'polite');
  drawDescent();
}

// ---- Start

const form = get('form', HTMLFormElement);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void compute();
});
form.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
for (const id of ['reduction', 'gradients']) html(id).addEventListener('change', compute);
onClick('example', () => {
  form.reset();
  for (const field of Object.values(fields)) field.set(field.area.defaultValue);
  html('weights-fold').removeAttribute('open');
  return compute();
});
onClick('open', () => input('file').click());
input('file').addEventListener('change', () => load(input('file').files?.[0]));
for (const kind of ['dragover', 'dragleave', 'drop']) {
  document.addEventListener(kind, (event) => {
    const files = /** @type {DragEvent} */ (event).dataTransfer;
    if (!files?.types.includes('Files')) return;
    event.preventDefault(); // or the browser would leave the page for the file
    document.body.classList.toggle('dragging', kind === 'dragover');
    if (kind === 'drop') void load(files.files[0]);
  });
}
get('token-form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  token = input('token').value.trim();
  void compute();
});
html('languages').addEventListener('change', showCall);
onClick('copy-call', () => copy(call()));
onClick('copy-response', () => copy(shown.response));
onClick('save-request', () => save('request.json', shown.request.body));
onClick('save-response', () => save('response.json', shown.response));

input('step').addEventListener('input', showVerdict);
for (const button of document.querySelectorAll('[data-step]')) {
  button.addEventListener('click', () => {
    input('step').value = button.getAttribute('data-step') ?? '';
    restart();
  });
}
onClick('play', () => play(false));
onClick('one-step', () => play(true));
onClick('restart', restart);
new ResizeObserver(() => {
  if (elements.s.length === 0) return;
  drawElements(plot, elements);
  showElement();
  if (elements.s.length <= MANY) drawDescent();
}).observe(plot);

showCall();
void compute();
