// page.mjs - the page as a person uses it, in Chromium; what it shows is compared with the service's own JSON.
//
// Fails, too, where the browser logs an error, the content security policy is violated, or another host is asked for
// anything. The last line is "N passed, N failed".
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch, require, serve } from '../support/browser.mjs';

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const published = readFileSync('tests/data/worked_example/request.json', 'utf8');
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TOKEN = readFileSync('tests/data/tokens', 'utf8')
  .split(/\r?\n/)
  .filter((line) => line !== '' && !line.startsWith('#'))[0];
const folder = mkdtempSync(join(tmpdir(), 'page-'));
const browser = await launch();
const open = await serve();

// ---- What every test needs

/** Posts as the page must have done, and returns what came back. */
async function ask(body) {
  const response = await fetch(`${open.url}mse`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

/** Runs steps on the page of a server; then nothing may have gone wrong that a person does not see. */
async function visit({ server = open, settings = {}, refusals = 0 }, steps) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: 1280, height: 900 },
    ...settings,
  });
  const faults = [];
  let refused = 0;
  await context.addInitScript(() =>
    addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective}`)),
  );
  context.on('request', (request) => request.url().startsWith(server.url) || faults.push(`asked for ${request.url()}`));
  context.on('weberror', (error) => faults.push(error.error().stack));
  context.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    // The browser itself logs every status from 400 on.
    if (/^Failed to load resource: .* status of 4/.test(message.text()) && message.location().url.endsWith('/mse'))
      refused++;
    else faults.push(message.text());
  });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    await page.goto(server.url);
    await steps(page, context);
    assert.deepEqual(faults, []);
    assert.equal(refused, refusals, 'responses that were refusals');
    assert.deepEqual(await context.cookies(), []);
  } finally {
    await context.close();
  }
}

const text = (page, id) => page.locator(`#${id}`).textContent();
const numbers = (value) => value.split(/[\s,]+/).filter((part) => part !== '');

/** Does something that makes the page post, and waits until it shows the response, which is returned. */
async function posting(page, action) {
  const [response] = await Promise.all([page.waitForResponse('**/mse'), action()]);
  const body = await response.text();
  await page.waitForFunction(() => !document.body.classList.contains('busy'));
  return body;
}
const compute = (page) => posting(page, () => page.click('text=Compute'));
const ready = (page) => page.waitForFunction(() => document.querySelector('#reading b') !== null);

/** Fills the fields, as by typing. */
async function fill(page, fields) {
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'weights' && !(await page.isVisible('#weights'))) await page.click('summary');
    await page.fill(`#${name}`, value);
  }
}

/** Drops a file on the page, or gives it to the file chooser. */
async function drop(page, name, bytes) {
  const transfer = await page.evaluateHandle(
    ([name, base64]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
      return transfer;
    },
    [name, Buffer.from(bytes).toString('base64')],
  );
  await page.dispatchEvent('body', 'dragover', { dataTransfer: transfer });
  assert.ok(await page.evaluate(() => document.body.classList.contains('dragging')));
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
}

async function isAccessible(page, what) {
  await page.evaluate(axe);
  const { violations, incomplete } = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  const found = [...violations, ...incomplete.filter(({ id }) => id !== 'color-contrast')];
  assert.deepEqual(
    found.map(({ id, nodes }) => `${what}: ${id}: ${nodes.map(({ html }) => html)}`),
    [],
  );
}

const tests = [];
const test = (name, run) => tests.push([name, run]);

// ---- Sound by the rules of those who read it

test('the script is correct by its types', () => {
  const options =
    '--noEmit --checkJs --allowJs --strict --noUnusedLocals --target es2023 --lib es2023,dom,dom.iterable ' +
    '--module esnext --moduleDetection force';
  execFileSync('build/node/node_modules/.bin/tsc', [...options.split(' '), 'server/page/page.js'], {
    encoding: 'utf8',
  });
});

test('every page is valid HTML, and comes with the policy and an entity tag', async () => {
  const { HtmlValidate } = require('html-validate');
  const validator = new HtmlValidate({
    extends: ['html-validate:standard'],
    rules: { 'long-title': 'off', 'doctype-style': 'off' },
  });
  const index = await (await fetch(`${open.url}problems/`)).text();
  const paths = [...index.matchAll(/<li>.*href="([^"]+)"/g)].map(([, name]) => `problems/${name}`);
  assert.ok(paths.length > 25);
  for (const path of ['', 'problems/', ...paths]) {
    const response = await fetch(open.url + path);
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
    assert.equal(response.headers.get('content-security-policy'), POLICY);
    assert.match(response.headers.get('etag'), /^"[0-9a-f]{16}"$/);
    const report = await validator.validateString(await response.text());
    assert.deepEqual(
      report.results.flatMap(({ messages }) => messages.map((m) => `/${path}:${m.line}: ${m.message}`)),
      [],
    );
  }
});

test('every problem page has an example that is refused so, and one that is not', async () => {
  const index = await (await fetch(`${open.url}problems/`)).text();
  let posted = 0;
  for (const [, name] of index.matchAll(/<li>.*href="([^"]+)"/g)) {
    const page = await (await fetch(`${open.url}problems/${name}`)).text();
    const examples = [...page.matchAll(/<code>(\{"[^<]*)<\/code><\/pre>/g)].map(([, body]) => body);
    if (examples.length === 0) continue;
    const refusal = await ask(examples[0]);
    assert.equal(JSON.parse(refusal.text).type, `/problems/${name}`);
    assert.ok(page.includes(`<span class="status">${refusal.status}</span> ${JSON.parse(refusal.text).title}</h1>`));
    assert.equal((await ask(examples[1])).status, 200, name);
    posted++;
  }
  assert.ok(posted >= 14, `${posted} examples`);
});

// ---- Try it

test('the page opens with the published numbers and their loss', () =>
  visit({}, async (page) => {
    await ready(page);
    const { text: expected } = await ask(published);
    const { predictions, targets } = JSON.parse(published);
    const loss = /"loss":([^,}]+)/.exec(expected)[1];
    assert.deepEqual(numbers(await page.inputValue('#predictions')).map(Number), predictions);
    assert.deepEqual(numbers(await page.inputValue('#targets')).map(Number), targets);
    for (const [, digits] of published.matchAll(/(0\.\d+)/g)) assert.ok((await page.content()).includes(digits));
    assert.equal(await text(page, 'loss'), loss);
    assert.equal(await text(page, 'headline'), loss);
    assert.equal(await text(page, 'response'), expected);
    assert.match(await text(page, 'timing'), /^[\d.]+ ms/);
    assert.equal(await text(page, 'predictions-note'), '27 numbers');
  }));

const PASTED = [
  ['commas', '1,2,3', '1,2,3'],
  ['spaces', ' 1 2  3 ', '1,2,3'],
  ['a column', '1\r\n2\r\n3\r\n', '1,2,3'],
  ['a row of a spreadsheet', '1\t2\t3', '1,2,3'],
  ['semicolons', '1;2; 3', '1,2,3'],
  ['a list that was broken', '1,\n2,\n3', '1,2,3'],
  ['JSON', '[1, 2,\n 3]', '1,2,3'],
  ['nested JSON', '[[1,2,3],[4,5,6]]', '[1,2,3],[4,5,6]'],
  ['all digits', '0.1000000000000000055511151231257827 2 3', '0.1000000000000000055511151231257827,2,3'],
];
test('numbers are read however they are pasted', () =>
  visit({ settings: { permissions: ['clipboard-read', 'clipboard-write'] } }, async (page) => {
    for (const [what, pasted, json] of PASTED) {
      const targets = json.replace(/[\d.]+/g, '0.5');
      await fill(page, { targets: `[${targets}]` });
      await page.evaluate((value) => navigator.clipboard.writeText(value), pasted);
      await page.fill('#predictions', '');
      await page.focus('#predictions');
      await page.keyboard.press('Control+V');
      await page.keyboard.press('Control+Enter');
      const { text: expected } = await ask(`{"predictions":[${json}],"targets":[${targets}]}`);
      await page
        .waitForFunction((expected) => document.querySelector('#response').textContent === expected, expected)
        .catch(() => assert.fail(what));
      assert.equal(await text(page, 'loss'), String(JSON.parse(expected).loss), what);
    }
  }));

test('weights, reductions and gradients are those chosen', () =>
  visit({}, async (page) => {
    await ready(page);
    await fill(page, { predictions: '0.5 1.5', targets: '0 2', weights: '1 3' });
    const inputs = { predictions: [0.5, 1.5], targets: [0, 2], weights: [1, 3] };
    assert.equal(await compute(page), (await ask(inputs)).text);
    assert.equal(
      await posting(page, () => page.check('[value=sum]')),
      (await ask({ ...inputs, reduction: 'sum' })).text,
    );
    assert.equal(
      await posting(page, () => page.check('[value=none]')),
      (await ask({ ...inputs, reduction: 'none' })).text,
    );
    assert.equal(await text(page, 'loss-label'), 'The first of 2 losses');
    assert.equal(await text(page, 'loss'), '0.25');
    const one = await posting(page, () => page.uncheck('#gradients [value=predictions]'));
    assert.equal(one, (await ask({ ...inputs, reduction: 'none', gradients: ['targets'] })).text);
    assert.match(await text(page, 'reading'), /gradient 1/);
    assert.equal(
      await posting(page, () => page.uncheck('#gradients [value=targets]')),
      (await ask({ ...inputs, reduction: 'none', gradients: [] })).text,
    );
    assert.doesNotMatch(await text(page, 'reading'), /gradient/);
    const { text: expected } = await ask(published);
    assert.equal(await posting(page, () => page.click('#example')), expected);
    assert.equal(await text(page, 'response'), expected);
  }));

// What is typed, and what of it must be selected.
const REFUSED = [
  [{ predictions: '1, 2x, 3', targets: '1 2 3' }, 'predictions', '2x'],
  [{ predictions: '1 2 3', targets: '1\n.5\n3' }, 'targets', '.5'],
  [{ predictions: '1 2 3', targets: '1,,3' }, 'targets', ','],
  [{ predictions: '1 2 3', targets: '1,2,' }, 'targets', ','],
  [{ predictions: '1.,2', targets: '1 2' }, 'predictions', '1.'],
  [{ predictions: '1 \u22122 3', targets: '1 2 3' }, 'predictions', '\u22122'],
  [{ predictions: '1 \u{1D7D9} 3', targets: '\u22121 2 3' }, 'predictions', '\u{1D7D9}'],
  [{ predictions: '1 2 1e400', targets: '1 2 3' }, 'predictions', '1e400'],
  [{ predictions: '[[1, 2], [3, null]]', targets: '[[1,2],[3,4]]' }, 'predictions', 'null'],
  [{ predictions: '[[1, 2], [3]]', targets: '[[1,2],[3,4]]' }, 'predictions', '[3]'],
  [{ predictions: '["]", 2]', targets: '1 2' }, 'predictions', '"]"'],
  [{ predictions: '1 2 3', targets: '  4 5 ' }, 'targets', '  4 5 '],
  [{ predictions: '1 2 3', targets: '4 5 6', weights: '1, 1, -2' }, 'weights', '-2'],
];
test('a refusal has the words of the service, and points at the number', () =>
  visit({ refusals: REFUSED.length }, async (page) => {
    await ready(page);
    let problem;
    for (const [typed, name, selected] of REFUSED) {
      await fill(page, typed);
      problem = JSON.parse(await compute(page));
      assert.equal(await text(page, 'problem-title'), problem.title);
      assert.equal(await text(page, 'problem-detail'), problem.detail);
      const at = await page.evaluate((name) => {
        const area = document.getElementById(name);
        return [
          document.activeElement === area,
          area.getAttribute('aria-invalid'),
          area.value.slice(area.selectionStart, area.selectionEnd),
        ];
      }, name);
      assert.deepEqual(at, [true, 'true', selected], JSON.stringify(typed));
      assert.equal(await page.locator('#problem-excerpt mark').textContent(), selected);
      assert.equal(await page.isVisible('#result'), false);
    }
    await page.click('#problem-link');
    assert.equal(await page.title(), `${problem.title} - mse-server`);
    assert.equal(new URL(page.url()).pathname, problem.type);
  }));

test('CSV files fill the fields by their heads, or in order', () =>
  visit({ refusals: 1 }, async (page) => {
    await ready(page);
    const files = [
      ['heads.csv', 'id,y_true,weight,y_pred\r\n7,1.5,2,1\r\n8,2.5,3,2\r\n', ['1, 2', '1.5, 2.5', '2, 3']],
      ['order.tsv', '1\t3\n2\t4', ['1, 2', '3, 4', '']],
      ['quoted.csv', '\uFEFF"Target";"Prediction"\n"0.10";"0.20"\n', ['0.20', '0.10', '']],
      ['gap.csv', '1,2\n,3\n4,5\n', ['1, , 4', '2, 3, 5', '']],
    ];
    for (const [name, content, expected] of files) {
      await posting(page, () => drop(page, name, content));
      const found = await Promise.all(
        ['predictions', 'targets', 'weights'].map((field) => page.inputValue(`#${field}`)),
      );
      assert.deepEqual(found, expected, name);
    }
    assert.equal(await page.locator('#problem-excerpt mark').textContent(), ','); // a missing number moves no other
    await drop(page, 'one.csv', '1\n2\n');
    await page.waitForFunction(() => document.querySelector('#problem-title').textContent === 'one.csv cannot be read');
    assert.equal(await text(page, 'problem-detail'), 'It needs a column of predictions and a column of targets.');
  }));

/** A safetensors file of tensors: name -> [dtype, shape, bytes]. */
function safetensors(tensors) {
  let at = 0;
  const header = { __metadata__: { format: 'np' } };
  for (const [name, [dtype, shape, bytes]] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.byteLength] };
    at += bytes.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([size, json, ...Object.values(tensors).map(([, , bytes]) => Buffer.from(bytes.buffer))]);
}

test('safetensors files of every type of number are read', () =>
  visit({}, async (page) => {
    await ready(page);
    const types = [
      ['F64', new Float64Array([0.1, -2, 5e-324]), [0.1, -2, 5e-324]],
      ['F32', new Float32Array([0.1, -2, 3]), [0.10000000149011612, -2, 3]],
      ['F16', new Uint16Array([0x3555, 0xc000, 1]), [0.333251953125, -2, 2 ** -24]],
      ['BF16', new Uint16Array([0x3dcd, 0xc000, 0x4049]), [0.10009765625, -2, 3.140625]],
      ['I64', new BigInt64Array([1n, -2n, 2n ** 53n + 1n]), [1, -2, 9007199254740992]],
      ['U64', new BigUint64Array([1n, 2n, 2n ** 64n - 1n]), [1, 2, 18446744073709551616]],
      ['I32', new Int32Array([1, -2, 3]), [1, -2, 3]],
      ['U32', new Uint32Array([1, 2, 4294967295]), [1, 2, 4294967295]],
      ['I16', new Int16Array([1, -2, 3]), [1, -2, 3]],
      ['U16', new Uint16Array([1, 2, 65535]), [1, 2, 65535]],
      ['I8', new Int8Array([1, -2, 3]), [1, -2, 3]],
      ['U8', new Uint8Array([1, 2, 255]), [1, 2, 255]],
    ];
    const targets = ['F64', [3], new Float64Array([1, 2, 3])];
    for (const [dtype, bytes, predictions] of types) {
      const found = await posting(page, () =>
        drop(page, 'a.safetensors', safetensors({ targets, predictions: [dtype, [3], bytes] })),
      );
      assert.equal(found, (await ask({ predictions, targets: [1, 2, 3] })).text, dtype);
    }
    const nested = safetensors(
      Object.fromEntries(
        ['predictions', 'targets', 'weights'].map((name, i) => [
          name,
          ['I8', [2, 1, 3], new Int8Array([1, 2, 3, 4, 5, 6].map((n) => n * (i + 1)))],
        ]),
      ),
    );
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.click('#open')]);
    const found = await posting(page, () => chooser.setFiles({ name: 'b.safetensors', mimeType: '', buffer: nested }));
    assert.equal(
      found,
      (
        await ask({
          predictions: [[[1, 2, 3]], [[4, 5, 6]]],
          targets: [[[2, 4, 6]], [[8, 10, 12]]],
          weights: [[[3, 6, 9]], [[12, 15, 18]]],
        })
      ).text,
    );
    await drop(page, 'c.safetensors', safetensors({ targets }));
    await page.waitForSelector('#problem:visible');
    assert.match(
      await text(page, 'problem-detail'),
      /It needs tensors named predictions and targets; it has targets\./,
    );
  }));

const RUN = {
  curl: ['sh', '-c'],
  python: ['/usr/bin/python3', '-c'],
  javascript: ['node', '--input-type=module', '-e'],
};

/** Copies the call in each language, runs it in the folder, and compares what it prints. */
async function runCalls(page, expected, environment = {}) {
  for (const [language, command] of Object.entries(RUN)) {
    await page.check(`[value=${language}]`);
    await page.click('#copy-call');
    const call = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(!call.includes(TOKEN));
    const [program, ...before] = command;
    const printed = execFileSync(program, [...before, call], {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (language === 'curl') assert.equal(printed, expected);
    else assert.equal(Number(printed), JSON.parse(expected).loss, language);
  }
}

test('the copied calls run as they are', () =>
  visit({ settings: { permissions: ['clipboard-read', 'clipboard-write'] } }, async (page) => {
    await ready(page);
    await runCalls(page, (await ask(published)).text);
    await fill(page, { predictions: '[[1, 2]]', targets: '[[0.5, 4]]', weights: '[[1, 2]]' });
    await compute(page);
    await runCalls(page, await posting(page, () => page.check('[value=sum]')));
    const long = {
      predictions: Array.from({ length: 1000 }, (_, i) => i / 7),
      targets: Array.from({ length: 1000 }, (_, i) => i / 3),
    };
    await page.click('#example');
    await fill(page, { predictions: long.predictions.join(' '), targets: long.targets.join(' ') });
    const response = await compute(page);
    const [saved] = await Promise.all([page.waitForEvent('download'), page.click('#save-request')]);
    await saved.saveAs(join(folder, saved.suggestedFilename()));
    await runCalls(page, response);
    await page.click('#copy-response');
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), response);
  }));

// ---- See it, and descend

test('every element is drawn, and shows its numbers by pointer and by keyboard', () =>
  visit({}, async (page) => {
    await ready(page);
    const { predictions, targets } = JSON.parse(published);
    const { gradients } = JSON.parse((await ask(published)).text);
    const drawn = (kind) =>
      page
        .locator(`#plot path.${kind}`)
        .getAttribute('d')
        .then((d) => d.split('M').length - 1);
    assert.deepEqual(await Promise.all(['residuals', 's', 'y', 'g'].map(drawn)), [27, 27, 27, 27]);
    const shows = async (i) => {
      const residual = predictions[i] - targets[i];
      const inputs = `element ${i}prediction ${predictions[i]}target ${targets[i]}`;
      const expected = `${inputs}residual ${residual}gradient ${gradients.predictions[i]}`;
      assert.equal(await text(page, 'reading'), expected);
      assert.equal(
        await page.getAttribute('#element', 'aria-valuetext'),
        expected.replace(/(prediction)/, ': $1').replace(/(target|residual|gradient)/g, ', $1'),
      );
    };
    await shows(0);
    await page.focus('#element');
    for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight');
    await shows(5);
    await page.keyboard.press('End');
    await shows(26);
    await page.locator('#plot').scrollIntoViewIfNeeded();
    const box = await page.locator('#plot').boundingBox();
    await page.mouse.move(box.x + 56 + ((box.width - 70) * 13.5) / 27, box.y + 100);
    await shows(13);
  }));

test('past 2,000 elements an envelope is drawn', () =>
  visit({}, async (page) => {
    await ready(page);
    for (const n of [2000, 2001]) {
      const predictions = Array.from({ length: n }, (_, i) => (i * 7919) % 1000);
      await fill(page, { predictions: predictions.join(' '), targets: predictions.map((p) => p + 1).join(' ') });
      await compute(page);
      assert.equal(await page.locator('#plot path.residuals').count(), n === 2000 ? 1 : 0);
      assert.equal(await page.locator('#plot path.band').count(), n === 2000 ? 0 : 3);
      assert.equal(await page.isVisible('#envelope'), n === 2001);
      assert.equal(await page.isDisabled('#play'), n === 2001);
    }
    await page.locator('#element').fill('1500');
    assert.match(await text(page, 'reading'), /^element 1500prediction 500target 501residual -1gradient -0\.0009995/);
  }));

/** The losses that descent has, by the service, with the step in a request's own number format. */
async function losses(step, count) {
  let { predictions, targets } = JSON.parse(published);
  const found = [];
  for (;;) {
    const { loss, gradients } = JSON.parse((await ask({ predictions, targets, gradients: ['predictions'] })).text);
    found.push(loss);
    if (loss <= found[0] * 1e-30 || found.length > count) return found;
    predictions = predictions.map((value, i) => value - step * gradients.predictions[i]);
  }
}

const DESCENTS = [
  [0.1, 'converges', '0.8'],
  [0.5, 'arrives at once', '0'],
  [1.1, 'diverges', '−1.2'],
];
for (const reducedMotion of ['no-preference', 'reduce']) {
  test(`descent converges, arrives at once or diverges (motion: ${reducedMotion})`, () =>
    visit({ settings: { reducedMotion } }, async (page) => {
      await ready(page);
      for (const [share, verdict, factor] of DESCENTS) {
        await page.click(`[data-step="${share}"]`);
        assert.match(await text(page, 'verdict'), new RegExp(`residual by ${factor}: it ${verdict},`));
        await page.click('#play');
        await page.waitForFunction(() => document.querySelector('#play').textContent === 'Play', null, {
          timeout: 60_000,
        });
        const expected = await losses(share * 27, 300);
        const steps = expected.length - 1;
        assert.equal(
          await text(page, 'descent'),
          `After ${steps} step${steps === 1 ? '' : 's'} the loss is ${expected.at(-1)}.`,
        );
        assert.equal((await page.getAttribute('#losses path.line', 'd')).split(/[ML]/).length - 1, expected.length);
        assert.ok(verdict === 'diverges' ? expected.at(-1) > expected[0] : expected.at(-1) <= expected[0] * 1e-30);
        assert.equal(steps === 1, verdict === 'arrives at once');
      }
    }));
}

test('descent can be paused, taken by steps and begun again', () =>
  visit({}, async (page) => {
    await ready(page);
    // The sixth response waits until Pause has been pressed.
    let posted = 0,
      release;
    const paused = new Promise((resolve) => {
      release = resolve;
    });
    await page.route('**/mse', async (route) => {
      if (++posted === 6) await paused;
      await route.continue();
    });
    const after = (steps) =>
      page.waitForFunction(
        (start) => document.querySelector('#descent').textContent.startsWith(start),
        `After ${steps} steps`,
      );
    await page.click('#play');
    await after(4);
    await page.click('#play');
    release();
    await page.waitForFunction(() => document.querySelector('#play').textContent === 'Play');
    await after(5);
    assert.equal(posted, 6);
    await page.click('#one-step');
    await after(6);
    await page.click('#restart');
    assert.equal(await text(page, 'descent'), 'Press Play, or take one step at a time.');
    await page.locator('#step').focus();
    await page.keyboard.press('ArrowRight');
    assert.match(await text(page, 'step-size'), /^0\.11 n = 2\.97$/);
  }));

test('descent says in words where the loss overflows', () =>
  visit({ refusals: 1 }, async (page) => {
    await ready(page);
    await fill(page, { predictions: '1e150 0', targets: '0 0' });
    await compute(page);
    await page.locator('#step').fill('1.3');
    const [refusal] = await Promise.all([
      page.waitForResponse((response) => response.status() === 422),
      page.click('#play'),
    ]);
    const problem = await refusal.json();
    assert.equal(problem.type, '/problems/overflow');
    await page.waitForFunction(() => document.querySelector('#play').textContent === 'Play');
    assert.equal(await text(page, 'descent'), `${problem.title}. ${problem.detail}`);
  }));

// ---- With a token, over HTTPS, however large

test('a token is asked for, and kept in memory only', async () => {
  const server = await serve('--token-file', 'tests/data/tokens');
  await visit(
    { server, refusals: 3, settings: { permissions: ['clipboard-read', 'clipboard-write'] } },
    async (page, context) => {
      await page.waitForSelector('#token-form:visible');
      await isAccessible(page, 'asked for a token');
      await page.fill('#token', 'wrong');
      const refusal = await posting(page, () => page.click('text=Use it'));
      assert.equal(JSON.parse(refusal).type, '/problems/unauthorized');
      assert.equal(await text(page, 'problem-detail'), JSON.parse(refusal).detail);
      await page.fill('#token', TOKEN);
      const { text: expected } = await ask(published);
      assert.equal(await posting(page, () => page.keyboard.press('Enter')), expected);
      await ready(page);
      assert.equal(await page.isVisible('#token-form'), false);
      await runCalls(page, expected, { MSE_TOKEN: TOKEN });
      await posting(page, () => page.click('#one-step'));
      const kept = await page.evaluate(async () => [
        localStorage.length,
        sessionStorage.length,
        document.cookie,
        (await indexedDB.databases()).length,
        (await caches.keys()).length,
      ]);
      assert.deepEqual(kept, [0, 0, '', 0, 0]);
      await page.reload();
      await page.waitForSelector('#token-form:visible');
      assert.equal(await page.inputValue('#token'), '');
    },
  );
  server.stop();
});

test('all of it works over HTTPS', async () => {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-keyout', key, '-out', cert],
    { stdio: 'ignore' },
  );
  const server = await serve('--tls-cert', cert, '--tls-key', key);
  await visit({ server, refusals: 1 }, async (page) => {
    await ready(page);
    assert.equal(await text(page, 'response'), (await ask(published)).text);
    assert.match(await text(page, 'call-code'), /https:\/\//);
    await page.click('[data-step="0.5"]');
    await page.click('#play');
    await page.waitForFunction(() => /After 1 step/.test(document.querySelector('#descent').textContent));
    await fill(page, { targets: '1 2 x' });
    await compute(page);
    await page.click('#problem-link');
    assert.equal(page.url(), `${server.url}problems/malformed-json`);
  });
  server.stop();
});

/** The longest task of a page's main thread in a trace, in milliseconds of CPU time: no other program lengthens it. */
function longestTask(trace) {
  const { traceEvents } = JSON.parse(trace);
  const main = new Set(
    traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  const tasks = traceEvents.filter(
    ({ name, pid, tid, tdur }) =>
      name === 'ThreadControllerImpl::RunTask' && tdur !== undefined && main.has(`${pid} ${tid}`),
  );
  assert.ok(tasks.length > 100, `${tasks.length} tasks`);
  return Math.max(...tasks.map(({ tdur }) => tdur)) / 1000;
}

test('100,000 pasted numbers leave the page quick, and a wrong one is found', () =>
  visit({ refusals: 1, settings: { permissions: ['clipboard-read', 'clipboard-write'] } }, async (page) => {
    await ready(page);
    const n = 100_000;
    const columns = {
      predictions: Array.from({ length: n }, (_, i) => Math.sin(i * 0.7) * 1000),
      targets: Array.from({ length: n }, (_, i) => Math.cos(i * 0.3) * 1000),
    };
    const paste = async (name, value) => {
      await page.evaluate((value) => navigator.clipboard.writeText(value), value);
      await page.focus(`#${name}`);
      await page.keyboard.press('Control+A');
      await page.keyboard.press('Control+V');
      await page.waitForFunction((id) => /^100,000/.test(document.getElementById(id).textContent), `${name}-note`);
    };
    const { text: expected } = await ask(columns);
    await browser.startTracing(page, { categories: ['toplevel'] });
    await paste('predictions', columns.predictions.join('\n'));
    await paste('targets', columns.targets.join('\n'));
    const [response] = await Promise.all([page.waitForResponse('**/mse'), page.click('text=Compute')]);
    await page.waitForFunction(
      () => document.querySelector('#plot path.band') !== null && !document.body.classList.contains('busy'),
    );
    const longest = longestTask(await browser.stopTracing());
    console.log(`             longest task: ${longest.toFixed(1)} ms`);
    assert.equal(await response.text(), expected);
    assert.equal(await text(page, 'loss'), String(JSON.parse(expected).loss));
    assert.ok(longest < 100, `a task of ${longest} ms`);

    const lines = columns.targets.map(String);
    lines[77_776] = 'oops';
    await paste('targets', lines.join('\n'));
    await compute(page);
    const selection = () =>
      page.evaluate(() => {
        const area = document.getElementById('targets');
        return area.value.slice(area.selectionStart, area.selectionEnd);
      });
    assert.equal(await selection(), 'oops');
    await page.keyboard.type(lines[77_777]); // what is typed there goes to its place among all
    await page.keyboard.press('Control+Enter');
    columns.targets[77_776] = columns.targets[77_777];
    const { text: mended } = await ask(columns);
    await page.waitForFunction(
      (loss) => document.querySelector('#loss').textContent === loss,
      String(JSON.parse(mended).loss),
    );
  }));

// ---- For everybody

for (const [name, settings] of [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['narrow', { viewport: { width: 360, height: 740 } }],
  ['narrow and dark', { colorScheme: 'dark', viewport: { width: 360, height: 740 } }],
]) {
  test(`nothing is in anybody's way: ${name}`, () =>
    visit({ settings, refusals: 1 }, async (page) => {
      const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
      await ready(page);
      await page.click('[data-step="1.1"]');
      await page.click('#one-step');
      await page.waitForSelector('#losses circle');
      await isAccessible(page, 'result');
      assert.ok(await fits());
      const [paper, ink] = await page.evaluate(() =>
        [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color].map((colour) =>
          Number(/\d+/.exec(colour)[0]),
        ),
      );
      assert.equal(paper < ink, name.includes('dark'));
      await fill(page, { predictions: '1 2 3', targets: '1 2 x', weights: '1 1 1' });
      await compute(page);
      await isAccessible(page, 'problem');
      assert.ok(await fits());
      await page.goto(`${open.url}problems/nesting-too-deep`);
      await isAccessible(page, 'problem page');
      assert.ok(await fits());
      await page.goto(`${open.url}problems/`);
      await isAccessible(page, 'all problems');
      assert.ok(await fits());
    }));
}

test('the keyboard alone reaches and works everything', () =>
  visit({}, async (page) => {
    await ready(page);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the form');
    const reached = new Set();
    for (let i = 0; i < 60; i++) {
      reached.add(
        await page.evaluate(
          () =>
            document.activeElement.id ||
            document.activeElement.name ||
            document.activeElement.dataset.step ||
            document.activeElement.textContent.trim(),
        ),
      );
      await page.keyboard.press('Tab');
    }
    for (const wanted of [
      'predictions',
      'targets',
      'Weights none',
      'reduction',
      'gradients',
      'Compute',
      'open',
      'example',
      'copy-response',
      'response',
      'language',
      'copy-call',
      'call-code',
      'element',
      'step',
      '0.1',
      '0.5',
      '1.1',
      'play',
      'one-step',
      'restart',
      'GET /openapi.yaml',
      'GET /problems/',
      'GET /metrics',
    ]) {
      assert.ok(reached.has(wanted), `${wanted} is not among ${[...reached]}`);
    }
    await page.focus('[name=reduction]:checked');
    await posting(page, () => page.keyboard.press('ArrowRight'));
    assert.equal(
      await text(page, 'status'),
      `Loss ${JSON.parse((await ask({ ...JSON.parse(published), reduction: 'sum' })).text).loss}`,
    );
  }));

// ---- Run them

const wanted = process.argv[2] ?? '';
let passed = 0,
  failed = 0;
for (const [name, run] of tests.filter(([name]) => name.includes(wanted))) {
  try {
    await run();
    console.log(`[       OK ] ${name}`);
    passed++;
  } catch (error) {
    console.log(`[  FAILED  ] ${name}\n${error.stdout ?? ''}${error.stack}`);
    failed++;
  }
}
await browser.close();
open.stop();
rmSync(folder, { recursive: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1); // with what a failed test has left running
