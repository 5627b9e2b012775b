// What the page must do, in a real browser against a real server: node scenarios.mjs NAME PYTHON
// Each scenario starts its own node (fake_node.py) and its own browser. Prints nothing and exits 0, or says what failed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open, state, until } from './chromium.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const ARTEFACTS = join(HERE, '../../artefacts');
const [, , name, python = 'python3'] = process.argv;
const RAD = Math.PI / 180;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });

/** Start fake_node.py; resolves when it accepts connections. */
async function startNode(...args) {
  const child = spawn(python, [join(HERE, 'fake_node.py'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  const url = await new Promise((done, failed) => {
    child.stdout.once('data', (text) => done(String(text).trim()));
    child.once('exit', (code) => failed(new Error(`the node ended with ${code}`)));
  });
  const stop = (signal) => new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) { done(); return; }
    child.once('exit', done);
    child.kill(signal ?? 'SIGKILL');
  });
  return { url, port: new URL(url).port, stop };
}

/** Start the real `lowsky demo`; resolves with its address once it says it. */
async function startDemo() {
  const child = spawn(python, ['-m', 'lowsky', 'demo', '--no-browser', '--port', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  running.add(child);
  let said = '';
  const url = await new Promise((done, failed) => {
    child.stderr.on('data', (text) => { said += text; const found = /http:\/\/\S+/.exec(said); if (found) done(found[0]); });
    child.once('exit', (code) => failed(new Error(`the demo ended with ${code}: ${said}`)));
  });
  const kill = () => new Promise((done) => { child.once('exit', done); child.kill('SIGKILL'); });
  return { url, kill };
}

/** Open the page and wait for its first tracks. */
async function openPage(node, options = {}, query = '') {
  const browser = await open(options);
  await browser.page.addInitScript(() => {
    window.__violations = [];
    document.addEventListener('securitypolicyviolation', (event) => window.__violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await browser.page.goto(node.url + query);
  await until(browser.page, 'a first frame drawn', (s) => s.applied > 1 && s.drawnFrames > 1 && s.mapLoaded);
  return browser;
}

const positions = (page) => page.evaluate(() => window.__lowsky.positions());

/** Share of pixels of an element's box in a screenshot that have a colour (channels differ by more than `spread`). */
async function coloured(page, selector, spread = 6) {
  const box = await page.locator(selector).boundingBox();
  const png = (await page.screenshot({ clip: box })).toString('base64');
  return page.evaluate(async ([data, most]) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.width; canvas.height = image.height;
    const c = canvas.getContext('2d');
    c.drawImage(image, 0, 0);
    const p = c.getImageData(0, 0, canvas.width, canvas.height).data;
    let n = 0;
    for (let k = 0; k < p.length; k += 4) if (Math.max(p[k], p[k + 1], p[k + 2]) - Math.min(p[k], p[k + 1], p[k + 2]) > most) n++;
    return n / (p.length / 4);
  }, [png, spread]);
}

/** Pixels of a canvas that are not empty. */
const inked = (page, id) => page.evaluate((canvas) => {
  const from = document.getElementById(canvas), to = document.createElement('canvas');
  to.width = from.width; to.height = from.height;
  const c = to.getContext('2d');
  window.__lowsky.app.dirty = true;
  window.__lowsky.app.redraw(false); // a WebGL canvas holds its picture only until it is shown
  c.drawImage(from, 0, 0);
  const p = c.getImageData(0, 0, to.width, to.height).data;
  let n = 0;
  for (let k = 3; k < p.length; k += 4) if (p[k]) n++;
  return n;
}, id);

const scenarios = {
  async loads() {
    const node = await startNode('--port', '0');
    const { page, faults, foreign, close } = await openPage(node);
    await page.waitForTimeout(1500);
    const s = await state(page);
    assert.equal(s.tracks, 40);
    assert.ok(s.drawn > 20 && s.tableRows > 10 && s.labels > 3, JSON.stringify(s));
    assert.equal(s.mode, 'demo');
    assert.equal(await page.textContent('#banner-origin'), 'SIMULATED');
    assert.deepEqual(faults, []);
    assert.deepEqual(foreign, []);
    assert.deepEqual(await page.evaluate(() => window.__violations), []);
    await close();
    await node.stop();
  },

  async moves() {
    const node = await startNode('--port', '0', '--tracks', '60');
    const { page, close } = await openPage(node, {}, '?fps=10');
    const before = await positions(page);
    await page.waitForTimeout(5000);
    const after = await positions(page);
    let moved = 0;
    for (const [id, a] of Object.entries(before)) {
      const b = after[id];
      if (!b || a.kind !== 1 || a.status === 3) continue;
      const dt = b.t - a.t, metres = Math.hypot(a.east, a.north) * dt;
      if (dt < 2 || metres < 20) continue;
      // carried on by hand, with the earth's radii of a text book, not the page's own sums
      const north = (b.latitude - a.latitude) * RAD * 6362000, east = (b.longitude - a.longitude) * RAD * 6386000 * Math.cos(a.latitude * RAD);
      const off = Math.hypot(north - a.north * dt, east - a.east * dt);
      assert.ok(off < 0.3 * metres, `track ${id} was ${off.toFixed(0)} m off after ${metres.toFixed(0)} m`);
      const course = Math.atan2(a.east, a.north), screen = Math.atan2(b.x - a.x, a.y - b.y);
      assert.ok(Math.cos(course - screen) > 0.8, `track ${id} flies ${course / RAD}° and moves ${screen / RAD}° on the screen`);
      moved++;
    }
    assert.ok(moved >= 15, `only ${moved} tracks moved far enough to judge`);
    // between two frames it is carried on, in the same direction
    const gaps = await page.evaluate(() => {
      const { app } = window.__lowsky, out = [];
      for (const [, slot] of app.tracks.slots) {
        const t0 = app.tracks.base + app.tracks.col.t_state[slot];
        const [x0, y0] = app.tracks.placeOf(slot, t0), [x1, y1] = app.tracks.placeOf(slot, t0 + 2), [x9] = app.tracks.placeOf(slot, t0 + 60), [x3] = app.tracks.placeOf(slot, t0 + 3);
        if (app.tracks.col.kind[slot] === 1) out.push([x1 - x0, y0 - y1, app.tracks.col.east[slot], app.tracks.col.north[slot], x9 - x3]);
      }
      return out;
    });
    for (const [dx, dy, east, north, later] of gaps) {
      if (Math.hypot(east, north) > 1) assert.ok((dx * east + dy * north) / (Math.hypot(dx, dy) * Math.hypot(east, north)) > 0.999);
      assert.ok(Math.abs(later) < 1e-12, 'carried on for longer than three seconds'); // rounding: 1e-12 is 40 µm
    }
    await close();
    await node.stop();
  },

  async points() {
    const node = await startNode('--port', '0');
    const { page, close } = await openPage(node);
    // a chevron is narrow in front: of one flying east, the right third has fewer pixels than the left
    for (const [angle, front, back] of [[90, 'right', 'left'], [0, 'top', 'bottom'], [180, 'bottom', 'top']]) {
      const sides = await page.evaluate(async (degrees) => {
        const { drawSymbol } = await import('/static/js/symbols.js');
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = 60;
        const c = canvas.getContext('2d');
        c.setTransform(2, 0, 0, 2, 30, 30);
        drawSymbol(c, 'drone', 0, 2, { unidentified: '#ffffff', halo: 'transparent' }, degrees * Math.PI / 180);
        const count = (x, y, w, h) => c.getImageData(x, y, w, h).data.filter((v, k) => k % 4 === 3 && v > 128).length;
        return { left: count(0, 0, 20, 60), right: count(40, 0, 20, 60), top: count(0, 0, 60, 20), bottom: count(0, 40, 60, 20) };
      }, angle);
      assert.ok(sides[front] * 1.5 < sides[back], `${angle}°: ${JSON.stringify(sides)}`);
    }
    await close();
    await node.stop();
  },

  async selects() {
    const node = await startNode('--port', '0');
    const { page, close } = await openPage(node, {}, '?freeze=1');
    await page.keyboard.press('Space');
    const stage = await page.locator('#stage').boundingBox();
    const target = Object.entries(await positions(page)).find(([, p]) => p.kind === 1 && p.x > 150 && p.y > 120 && p.x < stage.width - 150 && p.y < stage.height - 120);
    await page.mouse.click(stage.x + target[1].x, stage.y + target[1].y);
    const s = await until(page, 'a selected track', (now) => now.selected !== null);
    const at = (await positions(page))[s.selected];
    assert.ok(Math.hypot(at.x - target[1].x, at.y - target[1].y) < 20);
    assert.ok(await page.isVisible('#card'));
    assert.match(await page.textContent('#card'), /Last seen/);
    assert.equal(await page.getAttribute('.row[aria-selected="true"]', 'data-id'), String(s.selected));
    await page.keyboard.press('Escape');
    await until(page, 'nothing selected', (now) => now.selected === null);
    assert.ok(!(await page.isVisible('#card')));
    // a bearing-only track is no point anywhere, and says so
    const wedge = Object.entries(await positions(page)).find(([, p]) => p.kind === 2);
    assert.ok(Number.isNaN(wedge[1].latitude) && Number.isNaN(wedge[1].x), JSON.stringify(wedge));
    await page.evaluate((id) => window.__lowsky.select(Number(id)), wedge[0]);
    assert.match(await page.textContent('#card'), /bearing only.*from df-east/s);
    await close();
    await node.stop();
  },

  async pauses() {
    const node = await startNode('--port', '0');
    const { page, close } = await openPage(node);
    await page.keyboard.press('Space');
    const a = await until(page, 'paused', (s) => s.mode === 'paused');
    const shown = await positions(page);
    await page.waitForTimeout(2500);
    const b = await state(page);
    assert.ok(b.frames > a.frames, 'the stream stopped with the display');
    assert.equal(b.time, a.time);
    assert.deepEqual(await positions(page), shown);
    assert.equal(b.lost, false);
    assert.equal(await page.getAttribute('body', 'data-past'), 'true');
    await page.keyboard.press('Space');
    const c = await until(page, 'going on', (s) => s.mode === 'demo' && s.time > a.time + 2);
    assert.equal(c.tracks, 40);
    await close();
    await node.stop();
  },

  async stands() {
    let node = await startNode('--port', '0');
    const { page, close } = await openPage(node);
    await until(page, 'some history', (s) => s.span?.history && s.span.history[1] - s.span.history[0] > 12, 30000);
    // in history: the node lives, so this is no NO DATA
    await page.keyboard.press('ArrowLeft');
    await until(page, 'ten seconds back', (s) => s.past);
    await page.keyboard.press('Space');
    for (let k = 0; k < 10; k++) { await page.waitForTimeout(500); assert.equal((await state(page)).mode, 'paused'); }
    await page.keyboard.press('l');
    await until(page, 'live again', (s) => !s.past && s.mode === 'demo');
    // the node is started anew meanwhile: what was looked at stays
    await page.evaluate(() => window.__lowsky.select(window.__lowsky.app.table.rows[0].id));
    await page.keyboard.press('Space');
    const before = await until(page, 'paused', (s) => s.mode === 'paused'), shown = await positions(page);
    const names = await page.$$eval('#table-body .name', (all) => all.map((e) => e.textContent));
    await node.stop('SIGKILL');
    node = await startNode('--port', node.port, '--tracks', '7');
    await until(page, 'frames of the new node', (s) => s.mode === 'paused' && s.frames > before.frames + 10);
    await page.waitForTimeout(1200);
    assert.deepEqual(await positions(page), shown);
    assert.ok(!(await page.isVisible('#quiet')), '"No tracks" in a pause');
    assert.deepEqual(await page.$$eval('#table-body .name', (all) => all.map((e) => e.textContent)), names);
    await page.keyboard.press('Space');
    const after = await until(page, 'the new node', (s) => s.mode === 'demo' && s.tracks === 7);
    assert.equal(after.selected, null, 'a number of the old node means another track');
    await close();
    await node.stop();
  },

  async keeps() {
    const node = await startNode('--port', '0');
    const { page, faults, close } = await openPage(node);
    await page.evaluate(() => window.__lowsky.select(window.__lowsky.app.table.rows[0].id));
    await page.waitForSelector('#card dd');
    // what is pressed or read is the same node for as long as it is shown: else a slow click meets another one
    const wanted = ['.sensor', '.alert', '#follow', '#card dd', '#card .bar', '#sensor-summary > span'];
    const text = await page.textContent('#alerts-list');
    await page.evaluate((all) => { for (const one of all) document.querySelector(one).dataset.marked = 'yes'; }, wanted);
    await page.focus('.sensor');
    await page.waitForTimeout(3000);
    for (const one of wanted) assert.equal(await page.getAttribute(one, 'data-marked'), 'yes', `${one} was replaced`);
    assert.equal(await page.evaluate(() => document.activeElement.className), 'sensor');
    assert.notEqual(await page.textContent('#alerts-list'), text, 'ages stand still');
    // a track that has gone: said once, not asked for again and again
    let asked = 0;
    page.on('request', (request) => { if (/api.tracks/.test(request.url())) asked++; });
    await page.evaluate(() => window.__lowsky.select(4000000));
    assert.match(await page.textContent('#card'), /no longer in the picture/);
    assert.ok(!(await page.isVisible('#follow')));
    await page.waitForTimeout(2500);
    assert.equal(asked, 0);
    assert.deepEqual(faults, []);
    await close();
    await node.stop();
  },

  async bare() {
    const node = await startNode('--port', '0');
    const browser = await open();
    const { page, faults } = browser;
    await page.addInitScript(() => {
      Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('forbidden', 'SecurityError'); } });
      const get = HTMLCanvasElement.prototype.getContext;
      HTMLCanvasElement.prototype.getContext = function (kind, ...rest) { return /webgl/.test(kind) ? null : get.call(this, kind, ...rest); };
    });
    await page.goto(node.url);
    const first = await until(page, 'a table', (s) => s.tracks === 40 && s.tableRows > 10);
    await until(page, 'time that goes on', (s) => s.time > first.time + 3);
    assert.match(await page.textContent('#quiet'), /map cannot be drawn/);
    assert.ok(await page.isVisible('#quiet'));
    const clock = await page.textContent('#utc');
    await page.waitForTimeout(2500);
    assert.notEqual(await page.textContent('#utc'), clock, 'a page without a map stands still');
    assert.deepEqual(faults.filter((fault) => !/WebGL|webgl/.test(fault)), []);
    await browser.close();
    await node.stop();
  },

  async seeks() {
    const node = await startNode('--port', '0');
    const { page, close } = await openPage(node);
    const full = await until(page, 'twelve seconds of history', (s) => s.span?.history && s.span.history[1] - s.span.history[0] > 12, 30000);
    await page.keyboard.press('ArrowLeft');
    const back = await until(page, 'ten seconds back', (s) => s.past && s.mode === 'history');
    assert.ok(Math.abs(full.time - 10 - back.time) < 3, `${full.time} → ${back.time}`);
    assert.equal(await page.textContent('#pill'), 'REPLAY · 3 alerts now');
    assert.equal(back.tracks, 40);
    const first = await positions(page);
    await page.waitForTimeout(2200);
    const on = await state(page);
    assert.ok(on.past && on.time > back.time + 1 && on.time < back.time + 4, 'history plays at its own pace');
    const second = await positions(page);
    assert.ok(Object.keys(first).some((id) => second[id] && second[id].latitude !== first[id].latitude), 'history does not move');
    await page.locator('#slider').focus();
    await page.keyboard.press('l');
    const live = await until(page, 'live again', (s) => !s.past && s.mode === 'demo');
    assert.ok(live.time > on.time + 5);
    // by the slider
    const box = await page.locator('#slider').boundingBox();
    await page.mouse.click(box.x + box.width * 0.1, box.y + box.height / 2);
    await until(page, 'history by the slider', (s) => s.past && s.time < live.time - 5);
    await close();
    await node.stop();
  },

  async loses() {
    let node = await startNode('--port', '0');
    const { page, faults, close } = await openPage(node);
    const layers = ['#map', '#ground', '#marks', '#left', '#right', '#time'];
    for (const layer of ['#stage', '#left', '#right', '#time']) assert.ok(await coloured(page, layer) > 0.0005, `${layer} had no colour to lose`);
    const before = await state(page);
    await node.stop('SIGKILL');
    const killed = Date.now();
    const lost = await until(page, 'NO DATA', (s) => s.lost, 6000);
    assert.ok(Date.now() - killed < 3600, `took ${Date.now() - killed} ms`);
    assert.equal(lost.mode, 'lost');
    assert.match(await page.textContent('#pill'), /^NO DATA \d+ s$/);
    assert.ok(await page.isVisible('#lost'));
    for (const layer of layers) assert.match(await page.locator(layer).evaluate((e) => getComputedStyle(e).filter), /grayscale\(1\)/, layer);
    await page.evaluate(() => { document.getElementById('lost').style.visibility = 'hidden'; });
    for (const layer of ['#stage', '#left', '#right', '#time']) assert.equal(await coloured(page, layer), 0, `${layer} still has colour`);
    await page.evaluate(() => { document.getElementById('lost').style.visibility = ''; });
    mkdirSync(ARTEFACTS, { recursive: true });
    await page.screenshot({ path: join(ARTEFACTS, 'no-data.png') });
    assert.deepEqual(await page.$$eval('#sensors-list .word', (all) => [...new Set(all.map((e) => e.textContent))]), ['unknown']);
    const text = await page.textContent('#pill');
    await page.waitForTimeout(1500);
    assert.notEqual(await page.textContent('#pill'), text, 'the seconds do not count');
    const drawn = await positions(page);
    await page.waitForTimeout(700);
    assert.deepEqual(await positions(page), drawn, 'a lost picture moves');
    node = await startNode('--port', node.port);
    const found = await until(page, 'recovery', (s) => !s.lost && s.tracks === 40 && s.frames > before.frames, 15000);
    assert.equal(found.mode, 'demo');
    for (const layer of layers) assert.equal(await page.locator(layer).evaluate((e) => getComputedStyle(e).filter), 'none');
    assert.deepEqual(faults.filter((fault) => !/WebSocket|ERR_CONNECTION|Failed to load resource/.test(fault)), []);
    await close();
    await node.stop();
  },

  async hangs() {
    const node = await startNode('--port', '0', '--hang', '12');
    const { page, close } = await openPage(node);
    await until(page, 'NO DATA from a node that hangs', (s) => s.lost, 30000);
    assert.match(await page.textContent('#pill'), /^NO DATA \d+ s$/);
    await close();
    await node.stop();
  },

  async text() {
    const node = await startNode('--port', '0', '--evil');
    const { page, close } = await openPage(node);
    const id = await page.evaluate(() => Math.max(...window.__lowsky.app.tracks.slots.keys()));
    await page.evaluate((track) => window.__lowsky.select(track), id);
    await page.waitForTimeout(1200);
    assert.equal(await page.evaluate((track) => window.__lowsky.name(track), id), '<img src=x onerror=window.__hacked=1>\ufffd');
    assert.match(await page.textContent('#card'), /<img src=x onerror=window\.__hacked=1>\ufffd/);
    await page.fill('#search', '<img');
    await page.waitForTimeout(300);
    assert.match(await page.textContent('#table-body .row:not([hidden])'), /<img src=x/);
    assert.equal(await page.evaluate(() => document.querySelectorAll('img').length), 0);
    assert.equal(await page.evaluate(() => window.__hacked), undefined);
    assert.deepEqual(await page.evaluate(() => window.__violations), []);
    await close();
    await node.stop();
  },

  async themes() {
    const node = await startNode('--port', '0');
    const { page, faults, close } = await openPage(node);
    const seen = new Set();
    const layers = await page.evaluate(() => window.__lowsky.app.map.getStyle().layers.length);
    for (let k = 0; k < 3; k++) {
      await page.keyboard.press('t');
      await page.waitForTimeout(900);
      const s = await state(page);
      seen.add(s.theme);
      assert.ok(s.tracks === 40 && s.drawn > 20, JSON.stringify(s));
      assert.ok(await inked(page, 'marks') > 2000, `${s.theme}: nothing drawn`);
      assert.ok(await inked(page, 'ground') > 500);
      const [sea, shown] = await page.evaluate(() => [window.__lowsky.app.theme.colours.sea, window.__lowsky.app.map.getPaintProperty('sea', 'background-color')]);
      assert.equal(shown, sea);
      assert.equal(await page.evaluate(() => window.__lowsky.app.map.getStyle().layers.length), layers);
    }
    assert.deepEqual([...seen].sort(), ['dark', 'day', 'night']);
    assert.deepEqual(faults, []);
    await close();
    await node.stop();
  },

  async desk() {
    const node = await startNode('--port', '0');
    const one = await openPage(node), two = await openPage(node);
    const stateOf = (page, id) => page.evaluate((n) => document.querySelector(`.incident[data-alert="${n}"]`)?.dataset.state, id);
    const sees = (page, id, wanted) => page.waitForFunction(([n, w]) => document.querySelector(`.incident[data-alert="${n}"]`)?.dataset.state === w, [id, wanted], { timeout: 40000, polling: 200 });
    assert.equal(await stateOf(one.page, 3), 'new');
    assert.match(await one.page.textContent('#alerts-count'), /3 new · 3 active/);
    await one.page.click('.incident[data-alert="3"] .acts .main');
    await one.page.fill('#ask-user', '<b>Kim</b>');
    await one.page.fill('#ask-seat', 'tower');
    await one.page.keyboard.press('Enter');
    await sees(two.page, 3, 'acknowledged');
    await sees(one.page, 3, 'acknowledged');
    assert.match(await two.page.textContent('.incident[data-alert="3"] .said'), /acknowledged by <b>Kim<\/b> \(tower\), \d\d:\d\d:\d\d/, 'a name stays text');
    // by keyboard alone: choose the medium one, shelve it
    await one.page.keyboard.press('n');
    await one.page.keyboard.press('n');
    assert.equal((await state(one.page)).alert, 2);
    await one.page.focus('.incident[data-alert="2"] .acts button:nth-child(2)');
    await one.page.keyboard.press('Enter');
    await one.page.keyboard.press('Enter');
    assert.match(await one.page.textContent('#ask-fault'), /Reason is needed/);
    await one.page.keyboard.type('being repaired');
    await one.page.click('.choice:has(input[value="30"])');
    await one.page.keyboard.press('Enter');
    await sees(two.page, 2, 'shelved');
    assert.match(await two.page.textContent('#alerts-count'), /1 shelved/);
    await two.page.click('.more.shelved summary');
    assert.match(await two.page.textContent('.incident[data-alert="2"] .said'), /until \d\d:\d\d:\d\d by .*: being repaired/);
    await sees(one.page, 2, 'shelved'); // else A would mean it still
    await one.page.keyboard.press('a');
    await sees(two.page, 1, 'acknowledged');
    // it came over the API, too, and no other site's page can do it
    const told = await (await fetch(`${node.url}api/alerts`)).json();
    assert.deepEqual(told.map((a) => [a.id, a.state]), [[3, 'acknowledged'], [2, 'shelved'], [1, 'acknowledged']]);
    const foreign = await fetch(`${node.url}api/alerts/2/unshelve`, { method: 'POST', headers: { 'content-type': 'application/json', origin: 'http://evil.example' }, body: '{"user":"x"}' });
    assert.equal(foreign.status, 403);
    // figures
    await one.page.click('#figures-open');
    await one.page.waitForSelector('table.figures td');
    assert.match(await one.page.textContent('#figures'), /Time to acknowledge, median/);
    assert.deepEqual([...one.faults, ...two.faults], []);
    await one.close();
    await two.close();
    await node.stop();
  },

  async flood() {
    const node = await startNode('--port', '0', '--flood', '30');
    const { page, faults, close } = await openPage(node);
    await page.waitForSelector('.flood:not([hidden])');
    assert.match(await page.textContent('.more.low summary'), /31 low alerts/);
    assert.equal(await page.locator('.incident:visible').count(), 2, 'only what is urgent is shown');
    await page.click('.more.low summary');
    assert.equal(await page.locator('.incident:visible').count(), 33, 'nothing is lost');
    assert.deepEqual(faults, []);
    await close();
    await node.stop();
  },

  async sound() {
    const node = await startNode('--port', '0');
    const { page, close } = await openPage(node);
    assert.equal(await page.textContent('#sound span'), 'SOUND OFF');
    await page.click('#sound');
    await until(page, 'sound', (s) => s.sound);
    assert.equal(await page.textContent('#sound span'), 'Sound on');
    const once = await until(page, 'the alarm', (s) => s.played.high >= 2);
    await until(page, 'the alarm again', (s) => s.played.high > once.played.high);
    await page.evaluate(() => localStorage.setItem('lowsky.who', '{"user":"Kim","seat":""}'));
    await page.keyboard.press('a');
    await page.waitForSelector('.incident[data-alert="3"][data-state="acknowledged"]');
    await page.waitForTimeout(500);
    const quiet = (await state(page)).played.high;
    await page.waitForTimeout(5000);
    assert.equal((await state(page)).played.high, quiet, 'it sounds on after it was acknowledged');
    await close();
    await node.stop();
  },

  async keys() {
    const node = await startNode('--port', '0');
    const { page, close } = await openPage(node);
    const stops = new Set();
    for (let k = 0; k < 90; k++) {
      await page.keyboard.press('Tab');
      const stop = await page.evaluate(() => {
        const e = document.activeElement, style = getComputedStyle(e);
        return { name: e.id || e.className || e.tagName, seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, body: e === document.body };
      });
      if (stop.body) continue;
      assert.ok(stop.seen, `no visible focus on ${stop.name}`);
      stops.add(stop.name);
    }
    // what counts seconds must not be read out every second
    assert.deepEqual(await page.$$eval('output, [role=status], [role=alert], [aria-live]', (all) => all.map((e) => e.id || e.textContent)), ['NO DATA', 'announce']);
    for (const wanted of ['theme', 'sigma', 'help-open', 'alert', 'sensor', 'search', 'table', 'sort-distance', 'pause', 'live', 'slider', 'zoom-in', 'home']) assert.ok([...stops].some((s) => s.split(' ').includes(wanted)), `${wanted} cannot be reached; ${[...stops]}`);
    await page.locator('#table').focus();
    await page.keyboard.press('ArrowDown');
    const one = await until(page, 'a track by arrow', (s) => s.selected !== null);
    await page.keyboard.press('ArrowDown');
    await until(page, 'the next one', (s) => s.selected !== null && s.selected !== one.selected);
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'search');
    await page.keyboard.type('bird t');
    assert.equal((await state(page)).theme, 'night', 'typing is not a command');
    await page.keyboard.press('Escape');
    assert.equal(await page.inputValue('#search'), '');
    const zoom = (await state(page)).zoom;
    await page.keyboard.press('+');
    await until(page, 'zoom', (s) => s.zoom > zoom + 0.5);
    await page.keyboard.press('h');
    await until(page, 'home', (s) => Math.abs(s.zoom - zoom) < 0.6);
    await page.keyboard.press('?');
    assert.ok(await page.isVisible('#help'));
    await page.keyboard.press('Escape');
    assert.ok(!(await page.isVisible('#help')));
    await page.keyboard.press('e');
    assert.equal(await page.getAttribute('#sigma', 'aria-pressed'), 'true');
    await page.keyboard.press('n');
    await page.keyboard.press('f');
    assert.equal(await page.getAttribute('#follow', 'aria-pressed'), 'true');
    await close();
    await node.stop();
  },

  async scenes() {
    const node = await startNode('--port', '0');
    const { page, close } = await openPage(node);
    const before = await state(page);
    await page.click('#scenes button:nth-child(2)');
    const after = await until(page, 'another scene', (s) => s.epoch !== before.epoch);
    await page.waitForTimeout(1000);
    assert.equal(await page.textContent('#banner-origin'), 'RECORDED');
    assert.equal(await page.textContent('#origin'), 'RECORDED');
    assert.equal(after.tracks, 40);
    const span = (await until(page, 'a history that starts anew', (s) => s.span.history)).span.history;
    assert.ok(span[1] - span[0] < 5);
    await close();
    await node.stop();
  },

  async phone() {
    const node = await startNode('--port', '0', '--exercise');
    const { page, close } = await openPage(node, { viewport: { width: 390, height: 844 } });
    const map = await page.locator('#stage').boundingBox(), alerts = await page.locator('#alerts').boundingBox();
    assert.ok(map.y + map.height <= alerts.y + 1 && map.width === 390);
    assert.ok(!(await page.isVisible('#tracks')));
    assert.ok(await page.isVisible('#exercise'), 'an exercise does not say so');
    assert.match(await page.title(), /^EXERCISE/);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
    await page.setViewportSize({ width: 360, height: 780 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    const small = await page.$$eval('button', (all) => all.filter((b) => b.offsetParent && (b.offsetWidth < 24 || b.offsetHeight < 24)).map((b) => b.id || b.textContent));
    assert.deepEqual(small, [], 'targets under 24 px');
    await page.evaluate(() => window.__lowsky.select(window.__lowsky.app.table.rows[0].id));
    assert.ok(await page.isVisible('#card') && !(await page.isVisible('#alerts')));
    await page.evaluate(() => window.__lowsky.select(4000000));
    assert.ok(await page.isVisible('#alerts'), 'a track that has gone hides the alerts');
    await close();
    await node.stop();
  },

  async webgl() {
    const node = await startNode('--port', '0');
    const { page, faults, close } = await openPage(node, {}, '?renderer=webgl');
    await page.waitForTimeout(800);
    assert.equal((await state(page)).renderer, 'webgl');
    assert.ok(await inked(page, 'symbols') > 1000, 'WebGL drew no symbols');
    assert.deepEqual(faults, []);
    await close();
    await node.stop();
  },

  async demo() {
    const node = await startDemo();
    const { page, faults, foreign, close } = await openPage(node);
    // tracks move
    await until(page, 'tracks of the first scene', (s) => s.mode === 'demo' && s.tracks > 10, 40000);
    assert.match(await page.textContent('body'), /SIMULATED/);
    mkdirSync(ARTEFACTS, { recursive: true });
    const first = await positions(page);
    await page.waitForTimeout(3000);
    const second = await positions(page);
    const moved = Object.keys(first).filter((id) => second[id] && Math.hypot(second[id].latitude - first[id].latitude, second[id].longitude - first[id].longitude) > 1e-5);
    assert.ok(moved.length > 5, `${moved.length} of ${Object.keys(first).length} tracks moved`);
    // zones are drawn under them, and put away
    await page.waitForFunction(() => window.__lowsky.app.zones.zones.length >= 4);
    const drawn = await inked(page, 'ground');
    await page.keyboard.press('z');
    const put = await inked(page, 'ground');
    assert.ok(put < 0.95 * drawn, `${drawn} pixels with zones, ${put} without`);
    assert.equal(await page.getAttribute('#zones', 'aria-pressed'), 'false');
    await page.keyboard.press('z');
    assert.ok(await inked(page, 'ground') > 1.05 * put);
    // one that a program puts is on the map at once, and goes again; the tracks go on
    const { latitude_deg: lat, longitude_deg: lon } = await page.evaluate(() => window.__lowsky.app.state.site);
    const ring = [[-0.008, -0.006], [0.008, -0.006], [0.008, 0.006], [-0.008, 0.006], [-0.008, -0.006]].map(([x, y]) => [lon + x, lat + y]);
    const fair = { type: 'Feature', geometry: { type: 'Polygon', coordinates: [ring] }, properties: { label: 'Harbour fair', ceiling_height_m: 180 } };
    const asked = (method, body) => fetch(new URL('api/zones/fair?user=Kim', node.url), { method, body, headers: { 'content-type': 'application/geo+json' } });
    const epoch = await page.evaluate(() => window.__lowsky.app.state.epoch);
    const shown = () => page.evaluate(() => window.__lowsky.app.zones.zones.filter((z) => z.text === 'Harbour fair').length);
    const until_shown = (n) => page.waitForFunction((n) => window.__lowsky.app.zones.zones.filter((z) => z.text === 'Harbour fair').length === n, n, { timeout: 15000 });
    assert.equal(await shown(), 0);
    assert.equal((await asked('PUT', JSON.stringify(fair))).status, 200);
    await until_shown(1);
    await page.screenshot({ path: join(ARTEFACTS, 'zone-put.png') });
    assert.equal((await asked('DELETE')).status, 200);
    await until_shown(0);
    assert.equal(await page.evaluate(() => window.__lowsky.app.state.epoch), epoch);
    // select one
    await page.evaluate((id) => window.__lowsky.select(Number(id)), moved[0]);
    await until(page, 'a selected track', (s) => s.selected === Number(moved[0]));
    assert.match(await page.textContent('#card'), /Last seen/);
    // pause
    await page.keyboard.press('Space');
    const paused = await until(page, 'paused', (s) => s.mode === 'paused');
    await page.waitForTimeout(1200);
    assert.equal((await state(page)).time, paused.time);
    await page.keyboard.press('Space');
    // seek
    await until(page, 'twelve seconds to look back', (s) => s.mode === 'demo' && s.span?.history && s.span.history[1] - s.span.history[0] > 12, 30000);
    await page.keyboard.press('ArrowLeft');
    await until(page, 'ten seconds back', (s) => s.past && s.mode === 'history');
    await page.keyboard.press('l');
    await until(page, 'live again', (s) => !s.past && s.mode === 'demo');
    await page.screenshot({ path: join(ARTEFACTS, 'demo-night.png') });
    await page.keyboard.press('t');
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(ARTEFACTS, 'demo-day.png') });
    assert.deepEqual([faults, foreign], [[], []]);
    // the server is killed
    const killed = Date.now();
    await node.kill();
    await until(page, 'NO DATA', (s) => s.lost, 6000);
    assert.ok(Date.now() - killed < 3600, `took ${Date.now() - killed} ms`);
    assert.match(await page.textContent('#pill'), /^NO DATA \d+ s$/);
    await close();
  },

  async empty() {
    const node = await startNode('--port', '0', '--tracks', '0', '--quiet');
    const { page, faults, close } = await openPage(node);
    await page.waitForTimeout(800);
    assert.ok(await page.isVisible('#quiet'));
    assert.match(await page.textContent('#quiet'), /^No tracks/);
    assert.match(await page.textContent('#alerts-list'), /No open alerts.*sensors are not ok/s);
    assert.equal((await state(page)).lost, false, '"no tracks" and "no data" look alike');
    assert.deepEqual(faults, []);
    await close();
    await node.stop();
  },
};

if (!scenarios[name]) {
  console.log(Object.keys(scenarios).join('\n'));
  process.exit(2);
}
try {
  await scenarios[name]();
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
