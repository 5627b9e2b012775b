// The track table: only visible rows are in the DOM. It holds everything the map says, for those who read it out.

import { el, byId, num, setText } from './dom.js';
import { distanceBearing } from './mercator.js';
import { SHAPES, SPRITE, AFFILIATIONS, classText, shapeOf, drawSymbol } from './symbols.js';
import { ALERTED, KIND, STATUS } from './tracks.js';

const ROW = 30;
const COLUMNS = [
  ['rank', ' ', 'Attention: alerts first, then the nearest', ''], ['name', 'Track', 'Callsign, declared identity or number', ''],
  ['cls', 'Class', 'Most probable class', ''], ['probability', '%', 'Probability of the class', 'n'], ['distance', 'km', 'Ground distance from the site', 'n'],
  ['height', 'm', 'Height above the WGS-84 ellipsoid', 'n'], ['speed', 'm/s', 'Ground speed', 'n'],
];

export class Table {
  /** @param {{select: (id: number|null, centre?: boolean) => void}} app */
  constructor(app) {
    this.app = app;
    this.body = byId('table-body');
    this.space = byId('table-space');
    /** @type {any[]} */
    this.rows = [];
    /** @type {any[]} */
    this.pool = [];
    this.key = 'rank';
    this.down = false;
    this.filter = '';
    this.selected = null;
    this.colours = {};
    this.head();
    this.body.addEventListener('scroll', () => this.paint(), { passive: true });
    new ResizeObserver(() => this.paint()).observe(this.body);
    byId('table').addEventListener('keydown', (event) => this.keydown(event));
    byId('search').addEventListener('input', ({ target }) => { this.filter = target.value.trim().toLowerCase(); this.body.scrollTop = 0; this.refresh(); });
  }

  head() {
    const head = byId('table-head');
    for (const [key, title, meaning, css] of COLUMNS) {
      const button = el('button', { type: 'button', id: `sort-${key}`, text: key === 'rank' ? '!' : title, title: meaning, 'aria-label': meaning, onclick: () => this.sortBy(key) });
      head.append(el('span', { role: 'columnheader', class: css, 'data-key': key, 'aria-sort': key === this.key ? 'ascending' : 'none' }, [button]));
    }
  }

  sortBy(key) {
    this.down = this.key === key ? !this.down : key === 'probability' || key === 'speed';
    this.key = key;
    for (const cell of byId('table-head').children) cell.setAttribute('aria-sort', cell.dataset.key === key ? (this.down ? 'descending' : 'ascending') : 'none');
    this.refresh();
  }

  /** @param {import('./tracks.js').Tracks} tracks @param {string[]} classes @param {any} site */
  update(tracks, classes, site, time, colours) {
    this.source = { tracks, classes, site, time };
    if (this.colours !== colours) { this.colours = colours; for (const row of this.pool) row.symbol = ''; }
    this.refresh();
  }

  refresh() {
    if (!this.source) return;
    const { tracks, classes, site, time } = this.source;
    const { kind, class_1, class_1_probability, affiliation, flags, status, height, latitude, longitude, azimuth } = tracks.col;
    const rows = [];
    for (const [id, slot] of tracks.slots) {
      if (status[slot] === STATUS.DROPPED) continue;
      const cls = class_1_probability[slot] > 0 ? classes[class_1[slot]] : 'unknown';
      const shape = shapeOf(cls);
      const name = tracks.nameOf(id);
      if (this.filter && ![name, `T${id}`, classText(cls), ...(tracks.labels.get(id) ?? [])].some((text) => text?.toLowerCase().includes(this.filter))) continue;
      const point = kind[slot] === KIND.POINT;
      const muted = SHAPES[shape].muted === true && affiliation[slot] !== 2;
      rows.push({
        id, slot, name, cls: classText(cls), shape, muted, status: status[slot], affiliation: affiliation[slot],
        probability: class_1_probability[slot], height: height[slot], speed: point ? tracks.speed(slot) : NaN, course: point ? tracks.course(slot) : 0,
        distance: point && site ? distanceBearing(site.latitude_deg, site.longitude_deg, latitude[slot], longitude[slot]).distance / 1000 : NaN,
        rank: (flags[slot] & ALERTED ? 0 : affiliation[slot] === 2 ? 1 : muted ? 4 : status[slot] === STATUS.TENTATIVE ? 3 : affiliation[slot] === 1 ? 2.5 : 2),
        kind: kind[slot], azimuth: azimuth[slot], age: tracks.age(slot, time),
      });
    }
    rows.sort(comparer(this.key, this.down));
    this.rows = rows;
    this.space.style.height = `${rows.length * ROW}px`;
    setText(byId('tracks-count'), this.filter ? `${rows.length} of ${tracks.size}` : String(rows.length));
    byId('table').setAttribute('aria-rowcount', String(rows.length + 1));
    this.paint();
  }

  paint() {
    const first = Math.max(0, Math.floor(this.body.scrollTop / ROW));
    const visible = Math.ceil(this.body.clientHeight / ROW) + 1;
    while (this.pool.length < visible) this.pool.push(this.makeRow());
    this.pool.forEach((row, k) => {
      const fact = k < visible ? this.rows[first + k] : undefined;
      row.root.hidden = !fact;
      if (fact) this.fill(row, fact, first + k);
    });
  }

  makeRow() {
    const symbol = el('canvas', { width: 44, height: 44, 'aria-hidden': 'true' });
    const cells = COLUMNS.slice(1).map(([key, , , css]) => el('span', { role: 'gridcell', class: `${css} ${key === 'name' ? 'name' : ''}`.trim() }));
    const root = el('div', { class: 'row', role: 'row' }, [el('span', { role: 'gridcell' }, [symbol]), ...cells]);
    root.addEventListener('click', () => this.app.select(row.id, true));
    const row = { root, canvas: symbol, cells, id: 0, symbol: '' };
    this.body.append(root);
    return row;
  }

  fill(row, f, index) {
    const { root, cells } = row;
    row.id = f.id;
    root.style.transform = `translateY(${index * ROW}px)`;
    root.id = `track-${f.id}`;
    root.setAttribute('aria-rowindex', String(index + 2));
    root.setAttribute('aria-selected', String(f.id === this.selected));
    root.dataset.affiliation = AFFILIATIONS[f.affiliation];
    root.dataset.id = String(f.id);
    root.classList.toggle('muted', f.muted);
    const bearing = f.kind === KIND.WEDGE ? 'bearing' : f.kind === KIND.RING ? 'range' : null;
    const texts = [f.name, f.cls, String(f.probability), bearing ? (Number.isFinite(f.azimuth) ? `${num(f.azimuth)}°` : '–') : num(f.distance, f.distance < 100 ? 1 : 0), num(f.height), num(f.speed)];
    texts.forEach((text, k) => setText(cells[k], text));
    root.setAttribute('aria-label', `${f.name}, ${f.cls}, ${f.probability} percent, ${AFFILIATIONS[f.affiliation]}, ${bearing ? `${bearing} only` : `${num(f.distance, 1)} kilometres`}`);
    const symbol = `${f.shape}|${f.affiliation}|${f.status}|${Math.round(f.course / 6)}`;
    if (row.symbol !== symbol) {
      row.symbol = symbol;
      const c = row.canvas.getContext('2d');
      c.setTransform(1, 0, 0, 1, 0, 0);
      c.clearRect(0, 0, 44, 44);
      c.setTransform(44 / SPRITE, 0, 0, 44 / SPRITE, 22, 22);
      drawSymbol(c, f.shape, f.affiliation, f.status, this.colours, f.course * Math.PI / 180);
    }
  }

  /** @param {number|null} id */
  choose(id, reveal) {
    this.selected = id;
    const index = this.rows.findIndex((row) => row.id === id);
    if (reveal && index >= 0) {
      const top = index * ROW;
      if (top < this.body.scrollTop) this.body.scrollTop = top;
      else if (top + ROW > this.body.scrollTop + this.body.clientHeight) this.body.scrollTop = top + ROW - this.body.clientHeight;
    }
    this.paint();
    if (id === null) byId('table').removeAttribute('aria-activedescendant');
    else byId('table').setAttribute('aria-activedescendant', `track-${id}`);
  }

  keydown(event) {
    const page = Math.max(1, Math.floor(this.body.clientHeight / ROW) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e6, End: 1e6 }[event.key];
    if (step === undefined || !this.rows.length) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this.rows.findIndex((row) => row.id === this.selected);
    const next = at < 0 ? 0 : Math.min(Math.max(at + step, 0), this.rows.length - 1);
    this.app.select(this.rows[next].id, true);
  }
}

/** Not known comes last, whichever way; equal ones in order of distance, then number. */
function comparer(key, down) {
  const sign = down ? -1 : 1;
  const far = (row) => (Number.isFinite(row.distance) ? row.distance : 1e9);
  return (a, b) => {
    const p = a[key], q = b[key];
    if (typeof p === 'string') return sign * p.localeCompare(q) || a.id - b.id;
    const missing = Number(p !== p) - Number(q !== q);
    return missing || (p === q || p !== p ? 0 : sign * (p - q)) || far(a) - far(b) || a.id - b.id;
  };
}
