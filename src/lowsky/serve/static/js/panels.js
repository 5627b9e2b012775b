// Sensors on the left, their summary above. Alerts are in desk.js.

import { el, byId, ageText, setText, num } from './dom.js';
import { HEALTH_PATH, svg } from './symbols.js';
import { kindText } from './ground.js';

const HEALTHS = ['ok', 'stale', 'degraded', 'down', 'waiting'];

export class Panels {
  /** @param {{select: (id: number|null, centre?: boolean) => void, goTo: (lat: number, lon: number) => void}} app */
  constructor(app) {
    this.app = app;
    /** @type {Map<any, {since: number, suffix: string}>} element → what its age grows from */
    this.ages = new Map();
    this.sensorsText = this.summaryText = '';
    /** @type {Map<string, any>} rows of the sensors by id: kept, or a click and the focus would go with the old row */
    this.rows = new Map();
  }

  /** @param {any} state */
  update(state) {
    const sensors = JSON.stringify(state.sensors);
    if (sensors !== this.sensorsText) { this.sensorsText = sensors; this.sensors(state.sensors); }
  }

  sensors(sensors) {
    const list = byId('sensors-list');
    setText(byId('sensors-count'), String(sensors.length || ''));
    if (sensors.length !== this.rows.size || sensors.some((s) => !this.rows.has(s.id))) {
      for (const row of this.rows.values()) this.ages.delete(row.line);
      this.rows = new Map(sensors.map((s) => [s.id, this.makeSensor(s)]));
      list.replaceChildren(...[...this.rows.values()].map((row) => row.root));
      if (!sensors.length) list.append(el('p', { class: 'empty', text: 'This site has no sensors.' }));
    }
    for (const s of sensors) this.fillSensor(this.rows.get(s.id), s);
    this.summary(HEALTHS.map((health) => [health, sensors.filter((s) => s.status === health).length]).filter(([, n]) => n));
  }

  /** @param {[string, number][]} parts health and number */
  summary(parts) {
    const text = parts.map(([health, n]) => `${n} ${health}`).join(', ');
    if (text === this.summaryText) return;
    this.summaryText = text;
    byId('sensor-summary').replaceChildren(...parts.map(([health, n]) => el('span', { 'data-health': health }, [
      svg(HEALTH_PATH[health]), el('span', { class: 'word', text: `${n} ${health}` }),
    ])));
    byId('sensor-summary').setAttribute('aria-label', `Sensors: ${text || 'none'}`);
  }

  makeSensor(s) {
    const row = { shape: svg(HEALTH_PATH.waiting), word: el('span', { class: 'word' }), line: el('small'), go: () => {} };
    return Object.assign(row, {
      root: el('button', { type: 'button', class: 'sensor', onclick: () => row.go() }, [row.shape, el('span', { text: s.id }), row.word, row.line]),
    });
  }

  fillSensor(row, s) {
    const rate = s.status === 'ok' || s.status === 'degraded' ? ` · ${num(s.rate_hz, s.rate_hz < 10 ? 1 : 0)}/s` : '';
    const delay = s.latency_s !== null && s.status === 'ok' ? ` · ${Math.round(s.latency_s * 1000)} ms` : '';
    row.go = () => this.app.goTo(s.latitude_deg, s.longitude_deg);
    row.root.dataset.health = s.status;
    row.root.title = s.registration ? `off by ${s.registration.text}\n${countsText(s)}` : countsText(s);
    row.shape.firstChild.setAttribute('d', HEALTH_PATH[s.status] ?? HEALTH_PATH.waiting);
    setText(row.word, s.status);
    this.ages.delete(row.line);
    if (s.detail) setText(row.line, s.detail);
    else if (s.last_seen === null) setText(row.line, `${kindText(s.kind)} · nothing received yet`);
    else if (s.status === 'ok') setText(row.line, `${kindText(s.kind)}${rate}${delay}`);
    else this.ages.set(row.line, { since: s.last_seen, suffix: ' since the last data' });
  }

  /** Without data nobody knows how the sensors are. */
  forget() {
    this.sensorsText = this.summaryText = '';
    for (const { root, word, shape } of this.rows.values()) { setText(word, 'unknown'); root.dataset.health = 'unknown'; shape.firstChild.setAttribute('d', HEALTH_PATH.waiting); }
    byId('sensor-summary').replaceChildren(el('span', { 'data-health': 'unknown' }, [svg(HEALTH_PATH.waiting), el('span', { class: 'word', text: 'sensors unknown' })]));
    byId('sensor-summary').setAttribute('aria-label', 'Sensors: unknown');
  }

  /** Ages grow also where nothing else changes. @param {number} time data time, s */
  tick(time) {
    for (const [element, { since, suffix }] of this.ages) setText(element, Number.isFinite(since) ? ageText(time - since) + suffix : 'never');
  }
}

/** What became of a sensor's records, by name. */
function countsText(sensor) {
  const counts = Object.entries(sensor.counts ?? {}).filter(([, n]) => n > 0);
  return counts.length ? counts.map(([name, n]) => `${name.toLowerCase().replaceAll('_', ' ')} ${n.toLocaleString('en')}`).join('\n') : 'no records yet';
}
