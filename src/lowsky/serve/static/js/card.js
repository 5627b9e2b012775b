// The card of the selected track: what it is thought to be, how well that is known, who saw it, and when.

import { el, byId, num, ageText, clockText } from './dom.js';
import { distanceBearing } from './mercator.js';
import { AFFILIATIONS, HEALTH_PATH, SPRITE, classText, drawSymbol, shapeOf, svg } from './symbols.js';
import { KIND, ON_GROUND } from './tracks.js';

const STATUS_TEXT = ['', 'tentative', 'confirmed', 'coasting: predicted, not seen', 'dropped'];
const POINTS = ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'];
const ATTRIBUTE_TEXT = {
  pressure_altitude_m: ['Pressure altitude', 'm (1013.25 hPa)', 0], height_agl_m: ['Height reported', 'm above ground or take-off', 0],
  snr_db: ['Signal to noise', 'dB', 1], rcs_dbsm: ['Radar cross-section', 'dB m²', 1], link_rssi_dbm: ['Received level', 'dBm', 0],
  nic: ['NIC', '', 0], nac_p: ['NACp', '', 0], nac_v: ['NACv', '', 0], sil: ['SIL', '', 0],
};

export class Card {
  /** @param {any} app */
  constructor(app) {
    this.app = app;
    this.root = byId('card');
    /** @type {any} facts of /api/tracks/{id}, live only */
    this.facts = null;
    this.asked = 0;
  }

  hide() { this.root.hidden = true; this.root.replaceChildren(); this.facts = null; }

  /** @param {number} id @param {import('./tracks.js').Tracks} tracks */
  async ask(id, tracks) {
    const now = performance.now();
    if (tracks.past || now - this.asked < 2000 && this.facts?.id === id) return;
    this.asked = now;
    const response = await fetch(`/api/tracks/${id}`).catch(() => null);
    if (response?.ok && this.app.selected === id) this.facts = { id, ...(await response.json()) };
  }

  /** @param {number} id @param {import('./tracks.js').Tracks} tracks @param {string[]} classes @param {any} state */
  draw(id, tracks, classes, state, time, colours) {
    const slot = tracks.slots.get(id);
    this.root.hidden = false;
    if (slot === undefined) {
      this.root.replaceChildren(this.header(el('canvas'), tracks.nameOf(id), 'no longer in the picture'));
      return;
    }
    const c = Object.fromEntries(Object.entries(tracks.col).map(([name, values]) => [name, values[slot]]));
    const cls = c.class_1_probability > 0 ? classes[c.class_1] : 'unknown';
    const symbol = el('canvas', { width: 56, height: 56, 'aria-hidden': 'true' });
    const g = symbol.getContext('2d');
    g.setTransform(56 / SPRITE, 0, 0, 56 / SPRITE, 28, 28);
    drawSymbol(g, shapeOf(cls), c.affiliation, c.status, colours, tracks.course(slot) * Math.PI / 180);
    const scroll = this.root.scrollTop;
    const focus = this.root.contains(document.activeElement) ? document.activeElement?.id : null;
    this.root.replaceChildren(
      this.header(symbol, tracks.nameOf(id), `${AFFILIATIONS[c.affiliation]} · ${STATUS_TEXT[c.status]}`),
      this.classes(c, classes),
      el('dl', {}, this.lines(id, slot, c, tracks, state, time).flatMap(([k, v]) => [el('dt', { text: k }), el('dd', { text: v })])),
      ...this.seenBy(slot, tracks, state),
    );
    this.root.scrollTop = scroll;
    if (focus) byId(focus)?.focus();
  }

  header(symbol, name, line) {
    return el('header', {}, [
      symbol, el('div', {}, [el('b', { text: name }), el('small', { text: line })]),
      el('button', { type: 'button', id: 'follow', text: 'Follow', title: 'Keep it in the middle (F)', 'aria-pressed': String(this.app.following), onclick: () => this.app.follow() }),
      el('button', { type: 'button', id: 'card-close', text: '×', 'aria-label': 'Close (Escape)', onclick: () => this.app.select(null) }),
    ]);
  }

  classes(c, classes) {
    const bars = [];
    for (const k of [1, 2, 3]) {
      const percent = c[`class_${k}_probability`];
      if (!(percent > 0)) continue;
      const fill = el('i');
      fill.style.width = `${percent}%`;
      bars.push(el('span', { text: classText(classes[c[`class_${k}`]]) }), el('span', { class: 'bar', 'aria-hidden': 'true' }, [fill]), el('span', { text: `${percent} %` }));
    }
    return el('div', { class: 'bars', 'aria-label': 'Class' }, bars);
  }

  lines(id, slot, c, tracks, state, time) {
    const label = tracks.labels.get(id) ?? [];
    const lines = [['Track', `T${id}, exists with ${num(c.existence)} %`]];
    if (label[0]) lines.push(['Says it is', label[0]]);
    if (label[1]) lines.push(['Callsign', label[1]]);
    if (label[2]) lines.push(['Its own text', label[2]]);
    if (label[3]) lines.push(['Status sent', label[3]]);
    const origin = state?.sensors?.[c.origin];
    if (c.kind === KIND.WEDGE) {
      lines.push(['Position', 'not known: bearing only'], ['Bearing', `${num(c.azimuth, 1)}° ± ${num(c.azimuth_sigma, 1)}° (1σ) from ${origin?.id ?? '?'}`]);
    } else if (c.kind === KIND.RING) {
      lines.push(['Position', 'not known: range only'], ['Range', `${num(c.range / 1000, 2)} km from ${origin?.id ?? '?'}`]);
    } else lines.push(...this.place(c, slot, tracks, state));
    lines.push(['Last seen', `${ageText(tracks.age(slot, time))} ago (${clockText(tracks.base + c.t_update)} UTC)`]);
    if (this.facts?.id === id) {
      for (const [name, value] of Object.entries(this.facts.attributes ?? {})) {
        const text = ATTRIBUTE_TEXT[name];
        if (text) lines.push([text[0], `${num(value, text[2])} ${text[1]}`.trim()]);
      }
      if (this.facts.track?.properties?.operator) lines.push(['Operator', `${this.facts.track.properties.operator} (masked)`]);
    }
    return lines;
  }

  place(c, slot, tracks, state) {
    const lines = [['Position', `${num(c.latitude, 5)}, ${num(c.longitude, 5)}`], ['', `± ${num(c.sigma_major)} × ${num(c.sigma_minor)} m (1σ)`]];
    if (state?.site) {
      const from = distanceBearing(state.site.latitude_deg, state.site.longitude_deg, c.latitude, c.longitude);
      lines.push(['From the site', `${num(from.distance / 1000, 2)} km, ${num(from.bearing)}° ${POINTS[Math.round(from.bearing / 45) % 8]}`]);
    }
    if (c.flags & ON_GROUND) lines.push(['Height', 'on the ground, as it says']);
    else lines.push(['Height', Number.isFinite(c.height) ? `${num(c.height)} ± ${num(c.sigma_height)} m (WGS-84 ellipsoid)` : 'not known']);
    const course = tracks.course(slot), speed = tracks.speed(slot);
    lines.push(['Moves', speed < 0.5 ? 'hardly' : `${num(speed, 1)} m/s towards ${num(course)}° ${POINTS[Math.round(course / 45) % 8]}`]);
    if (Math.abs(c.up) >= 0.5) lines.push(['', `${c.up > 0 ? 'climbing' : 'sinking'} ${num(Math.abs(c.up), 1)} m/s`]);
    return lines;
  }

  seenBy(slot, tracks, state) {
    const chips = tracks.sensorsOf(slot).map((k) => {
      const sensor = state?.sensors?.[k];
      const health = sensor?.status ?? 'unknown';
      return el('span', { class: 'chip', 'data-health': health }, [svg(HEALTH_PATH[health] ?? HEALTH_PATH.waiting), sensor?.id ?? `sensor ${k}`]);
    });
    return [el('h3', { text: 'Seen in the last 10 s by' }), el('div', { class: 'chips' }, chips.length ? chips : [el('span', { text: 'no sensor' })])];
  }
}
