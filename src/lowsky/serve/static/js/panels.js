// Alerts and sensors on the left, their summary above.

import { el, byId, ageText, setText, num } from './dom.js';
import { HEALTH_PATH, svg } from './symbols.js';
import { kindText } from './ground.js';

const PRIORITY = {
  high: ['HIGH', 'M6 .5 11.5 6 6 11.5.5 6z'], medium: ['MED', 'M6 1 11.5 10.5H.5z'], low: ['LOW', HEALTH_PATH.ok],
};
const RANK = { high: 0, medium: 1, low: 2 };
const HEALTHS = ['ok', 'stale', 'degraded', 'down', 'waiting'];

export class Panels {
  /** @param {{select: (id: number|null, centre?: boolean) => void, goTo: (lat: number, lon: number) => void}} app */
  constructor(app) {
    this.app = app;
    /** @type {Set<number>} */
    this.known = new Set();
    this.first = true;
    /** @type {Map<any, {since: number, suffix: string}>} element → what its age grows from */
    this.ages = new Map();
    this.alertsText = this.sensorsText = this.summaryText = '';
    /** @type {Map<string, any>} rows of the sensors by id: kept, or a click and the focus would go with the old row */
    this.rows = new Map();
  }

  /** @param {any} state */
  update(state) {
    const alerts = JSON.stringify([state.alerts, state.sensors.map((s) => s.status)]);
    if (alerts !== this.alertsText) { this.alertsText = alerts; this.alerts(state.alerts, state.sensors); }
    const sensors = JSON.stringify(state.sensors);
    if (sensors !== this.sensorsText) { this.sensorsText = sensors; this.sensors(state.sensors); }
  }

  alerts(alerts, sensors) {
    const list = byId('alerts-list');
    const focused = document.activeElement?.getAttribute('data-alert');
    const sorted = [...alerts].sort((a, b) => (RANK[a.priority] ?? 3) - (RANK[b.priority] ?? 3) || b.raised - a.raised);
    for (const age of list.querySelectorAll('.alert small')) this.ages.delete(age);
    setText(byId('alerts-count'), alerts.length ? `${alerts.length} open` : '');
    list.replaceChildren(...sorted.map((alert) => this.alert(alert, sensors)));
    if (!alerts.length) {
      const bad = sensors.filter((s) => s.status !== 'ok').length;
      list.append(el('p', { class: 'empty' }, [
        el('b', { text: 'No open alerts' }),
        bad ? `${bad} of ${sensors.length} sensors are not ok: not everything can be seen.` : 'All sensors are ok.',
      ]));
    }
    if (focused) list.querySelector(`[data-alert="${CSS.escape(focused)}"]`)?.focus();
    const fresh = sorted.filter((a) => !this.known.has(a.id));
    if (!this.first && fresh.length) byId('announce').textContent = fresh.map((a) => `${a.priority} alert: ${a.title}`).join('. ');
    this.known = new Set(alerts.map((a) => a.id));
    this.first = false;
  }

  alert(alert, sensors) {
    const [word, path] = PRIORITY[alert.priority] ?? PRIORITY.low;
    const age = el('small');
    this.ages.set(age, { since: alert.raised, suffix: ' ago' });
    const icon = svg(path);
    icon.setAttribute('fill', 'currentColor');
    const go = () => {
      if (alert.track_id !== null) this.app.select(alert.track_id, true);
      const sensor = sensors.find((s) => s.id === alert.sensor);
      if (sensor) this.app.goTo(sensor.latitude_deg, sensor.longitude_deg);
    };
    return el('button', { type: 'button', class: 'alert', title: alert.why || alert.title, 'data-priority': alert.priority, 'data-alert': alert.id, onclick: go }, [
      icon, el('span', {}, [el('b', { text: word }), alert.title]), age,
    ]);
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
