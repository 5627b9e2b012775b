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
    /** @type {{element: any, since: number, suffix: string}[]} ages that grow */
    this.ages = [];
    this.text = '';
  }

  /** @param {any} state */
  update(state) {
    const text = JSON.stringify([state.alerts, state.sensors]);
    if (text === this.text) return;
    this.text = text;
    this.ages = [];
    this.alerts(state.alerts, state.sensors);
    this.sensors(state.sensors);
  }

  alerts(alerts, sensors) {
    const list = byId('alerts-list');
    const focused = document.activeElement?.getAttribute('data-alert');
    const sorted = [...alerts].sort((a, b) => (RANK[a.priority] ?? 3) - (RANK[b.priority] ?? 3) || b.raised - a.raised);
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
    this.ages.push({ element: age, since: alert.raised, suffix: ' ago' });
    const icon = svg(path);
    icon.setAttribute('fill', 'currentColor');
    const go = () => {
      if (alert.track_id !== null) this.app.select(alert.track_id, true);
      const sensor = sensors.find((s) => s.id === alert.sensor);
      if (sensor) this.app.goTo(sensor.latitude_deg, sensor.longitude_deg);
    };
    return el('button', { type: 'button', class: 'alert', 'data-priority': alert.priority, 'data-alert': alert.id, onclick: go }, [
      icon, el('span', {}, [el('b', { text: word }), alert.title]), age,
    ]);
  }

  sensors(sensors) {
    const list = byId('sensors-list');
    setText(byId('sensors-count'), String(sensors.length || ''));
    list.replaceChildren(...sensors.map((s) => this.sensor(s)));
    if (!sensors.length) list.append(el('p', { class: 'empty', text: 'This site has no sensors.' }));
    const parts = HEALTHS.map((health) => [health, sensors.filter((s) => s.status === health).length]).filter(([, n]) => n);
    byId('sensor-summary').replaceChildren(...parts.map(([health, n]) => el('span', { 'data-health': health }, [
      svg(HEALTH_PATH[health]), el('span', { class: 'word', text: `${n} ${health}` }),
    ])));
    byId('sensor-summary').setAttribute('aria-label', `Sensors: ${parts.map(([health, n]) => `${n} ${health}`).join(', ') || 'none'}`);
  }

  sensor(s) {
    const line = el('small');
    const rate = s.status === 'ok' || s.status === 'degraded' ? ` · ${num(s.rate_hz, s.rate_hz < 10 ? 1 : 0)}/s` : '';
    const delay = s.latency_s !== null && s.status === 'ok' ? ` · ${Math.round(s.latency_s * 1000)} ms` : '';
    if (s.detail) line.textContent = s.detail;
    else if (s.last_seen === null) line.textContent = `${kindText(s.kind)} · nothing received yet`;
    else if (s.status === 'ok') line.textContent = `${kindText(s.kind)}${rate}${delay}`;
    else this.ages.push({ element: line, since: s.last_seen, suffix: ' since the last data' });
    return el('button', { type: 'button', class: 'sensor', 'data-health': s.status, title: countsText(s), onclick: () => this.app.goTo(s.latitude_deg, s.longitude_deg) }, [
      svg(HEALTH_PATH[s.status] ?? HEALTH_PATH.waiting), el('span', { text: s.id }), el('span', { class: 'word', text: s.status }), line,
    ]);
  }

  /** Without data nobody knows how the sensors are. */
  forget() {
    this.text = '';
    for (const word of document.querySelectorAll('#sensors-list .word')) setText(word, 'unknown');
    byId('sensor-summary').replaceChildren(el('span', { 'data-health': 'unknown' }, [svg(HEALTH_PATH.waiting), el('span', { class: 'word', text: 'sensors unknown' })]));
  }

  /** Ages grow also where nothing else changes. @param {number} time data time, s */
  tick(time) {
    for (const { element, since, suffix } of this.ages) setText(element, Number.isFinite(since) ? ageText(time - since) + suffix : 'never');
  }
}

/** What became of a sensor's records, by name. */
function countsText(sensor) {
  const counts = Object.entries(sensor.counts ?? {}).filter(([, n]) => n > 0);
  return counts.length ? counts.map(([name, n]) => `${name.toLowerCase().replaceAll('_', ' ')} ${n.toLocaleString('en')}`).join('\n') : 'no records yet';
}
