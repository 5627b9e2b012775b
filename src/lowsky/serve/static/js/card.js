// The card of the selected track: what it is thought to be, how well that is known, who saw it, and when.

import { el, byId, num, ageText, clockText, setText } from './dom.js';
import { distanceBearing } from './mercator.js';
import { AFFILIATIONS, HEALTH_PATH, SPRITE, classText, drawSymbol, shapeOf, svg } from './symbols.js';
import { KIND, ON_GROUND } from './tracks.js';

const STATUS_TEXT = ['', 'tentative', 'confirmed', 'coasting: predicted, not seen', 'dropped'];
const POINTS = ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'];
const CLAIM_TEXT = { unconfirmed: 'unconfirmed', consistent: 'consistent with what sensors see', contradicted: '≠ contradicted' };
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
    /** @type {number|null} */ this.askedId = null;
    this.build();
  }

  /** Nodes are made once and filled: a click, the focus and a marked text would go with replaced ones. */
  build() {
    this.symbol = el('canvas', { width: 56, height: 56, 'aria-hidden': 'true' });
    this.name = el('b');
    this.line = el('small');
    this.follow = el('button', { type: 'button', id: 'follow', text: 'Follow', title: 'Keep it in the middle (F)', onclick: () => this.app.follow() });
    this.bars = el('div', { class: 'bars', role: 'group', 'aria-label': 'Class' });
    this.list = el('dl');
    this.chips = el('div', { class: 'chips' });
    this.rest = el('div', {}, [this.bars, this.list, el('h3', { text: 'Seen in the last 10 s by' }), this.chips]);
    this.root.replaceChildren(
      el('header', {}, [
        this.symbol, el('div', {}, [this.name, this.line]), this.follow,
        el('button', { type: 'button', id: 'card-close', text: '×', 'aria-label': 'Close (Escape)', onclick: () => this.app.select(null) }),
      ]),
      this.rest,
    );
  }

  hide() { this.root.hidden = true; this.facts = null; }

  /** At most every two seconds, answered or not. @param {number} id */
  async ask(id) {
    const now = performance.now();
    if (now - this.asked < 2000 && this.askedId === id) return;
    this.asked = now;
    this.askedId = id;
    // a track may go, or the node, while the question is under way: then there is nothing more to say about it
    const facts = await fetch(`/api/tracks/${id}`).then((response) => (response.ok ? response.json() : null)).catch(() => null);
    if (facts && this.app.selected === id) this.facts = { id, ...facts };
  }

  /** @param {number} id @param {import('./tracks.js').Tracks} tracks @param {string[]} classes @param {any} state */
  draw(id, tracks, classes, state, time, colours) {
    const slot = tracks.slots.get(id);
    this.root.hidden = false;
    this.symbol.hidden = this.follow.hidden = this.rest.hidden = slot === undefined;
    document.body.dataset.gone = String(slot === undefined); // on a telephone the alerts come back then
    setText(this.name, tracks.nameOf(id));
    if (slot === undefined) { setText(this.line, 'no longer in the picture'); return; }
    const c = Object.fromEntries(Object.entries(tracks.col).map(([name, values]) => [name, values[slot]]));
    setText(this.line, `${AFFILIATIONS[c.affiliation]} · ${STATUS_TEXT[c.status]}`);
    this.follow.setAttribute('aria-pressed', String(this.app.following));
    const g = this.symbol.getContext('2d');
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, 56, 56);
    g.setTransform(56 / SPRITE, 0, 0, 56 / SPRITE, 28, 28);
    drawSymbol(g, shapeOf(c.class_1_probability > 0 ? classes[c.class_1] : 'unknown'), c.affiliation, c.status, colours, tracks.course(slot) * Math.PI / 180);
    this.classes(c, classes);
    const lines = this.lines(id, slot, c, tracks, state, time).flat();
    fit(this.list, lines.length, (k) => el(k % 2 ? 'dd' : 'dt'));
    lines.forEach((text, k) => setText(this.list.children[k], text));
    this.seenBy(slot, tracks, state);
  }

  classes(c, classes) {
    const known = [1, 2, 3].filter((k) => c[`class_${k}_probability`] > 0);
    fit(this.bars, 3 * known.length, (k) => (k % 3 === 1 ? el('span', { class: 'bar', 'aria-hidden': 'true' }, [el('i')]) : el('span')));
    known.forEach((k, row) => {
      const [word, bar, percent] = [0, 1, 2].map((column) => this.bars.children[3 * row + column]);
      setText(word, classText(classes[c[`class_${k}`]]));
      bar.firstChild.style.width = `${c[`class_${k}_probability`]}%`;
      setText(percent, `${c[`class_${k}_probability`]} %`);
    });
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
    if (this.facts?.id === id && !tracks.past) {
      for (const [name, value] of Object.entries(this.facts.attributes ?? {})) {
        const text = ATTRIBUTE_TEXT[name];
        if (text) lines.push([text[0], `${num(value, text[2])} ${text[1]}`.trim()]);
      }
      const own = this.facts.track?.properties ?? {};
      if (own.identity && own.identity_probability < 0.9) lines.push(['Identity', `uncertain: with ${num(own.identity_probability * 100)} % it is this one, else one that flew close`]);
      if (own.identity && own.identity_state !== 'none') lines.push(['Claim', CLAIM_TEXT[own.identity_state] + (own.identity_reason ? `: ${own.identity_reason}` : '')]);
      if (own.identity && own.identity_since && own.identity_state !== 'unconfirmed') lines.push(['', `since ${clockText(own.identity_since)} UTC`]);
      if (own.group_count) lines.push(['Crowd', `one of ${num(own.group_count)} ± ${num(own.group_sigma, 1)} too close to be told apart`]);
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
    const sensors = tracks.sensorsOf(slot).map((k) => [state?.sensors?.[k]?.id ?? `sensor ${k}`, state?.sensors?.[k]?.status ?? 'unknown']);
    const key = JSON.stringify(sensors);
    if (this.chipsKey === key) return;
    this.chipsKey = key;
    const chips = sensors.map(([id, health]) => el('span', { class: 'chip', 'data-health': health }, [svg(HEALTH_PATH[health] ?? HEALTH_PATH.waiting), id]));
    this.chips.replaceChildren(...(chips.length ? chips : [el('span', { text: 'no sensor' })]));
  }
}

/** Exactly `n` children: the ones there stay. @param {any} parent @param {(k: number) => any} make */
function fit(parent, n, make) {
  while (parent.children.length > n) parent.lastChild.remove();
  while (parent.children.length < n) parent.append(make(parent.children.length));
}
