// Zones on the map: what is watched, drawn beneath everything that moves. Asked for when a site appears, when somebody puts
// one over the API or takes it away, and once a minute.

import { xOf, yOf, unitsPerMetre } from './mercator.js';

const ASK_MS = 60000; // hours begin and end
const EDGE = 1.4; // width of a line, CSS pixels
const NAME_FROM = 36; // a zone smaller than this on the screen has no name there

export class Zones {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    this.shown = true;
    /** @type {any[]} */
    this.zones = [];
    this.key = '';
    this.version = 0;
    this.asked = -Infinity;
  }

  /** @param {string} key of the site: another one has other zones @param {number} version of them: another one, and they have changed */
  async ask(key, version) {
    const now = performance.now();
    if (key === this.key && version === this.version && now - this.asked < ASK_MS) return;
    if (key !== this.key) { this.zones = []; this.changed(); }
    this.key = key;
    this.version = version;
    this.asked = now;
    try {
      const answer = await fetch('/api/zones');
      if (!answer.ok || key !== this.key || version !== this.version) return;
      this.zones = (await answer.json()).features.map(prepared);
      this.changed();
    } catch { this.asked = now - ASK_MS + 5000; } // the node is away: asked again in a little while
  }

  toggle() { this.shown = !this.shown; this.changed(); return this.shown; }

  /** Beneath the rings: an eraser of its own, so before anything else. @param {CanvasRenderingContext2D} c */
  draw(c, camera, colours) {
    this.labels = [];
    if (!this.shown) return;
    const at = ([x, y]) => [camera.px(x) / camera.ratio, camera.py(y) / camera.ratio];
    for (const zone of this.zones) {
      const perMetre = unitsPerMetre(zone.latitude) * camera.scale;
      const half = zone.width * perMetre / 2;
      const [left, top] = at([zone.box[0], zone.box[1]]), [right, bottom] = at([zone.box[2], zone.box[3]]);
      if (right + half < 0 || left - half > camera.width || bottom + half < 0 || top - half > camera.height) continue;
      if (Math.max(right - left, bottom - top) + 2 * half < 2) continue;
      c.save();
      c.lineJoin = c.lineCap = 'round';
      if (zone.width) corridor(c, camera, zone, half, at, colours); else area(c, zone, at, colours);
      c.restore();
      this.name(zone, left - half, top - half, right + half, bottom + half, camera, at);
    }
  }

  /** Where the name may stand: in the middle of what is in view, else above it. */
  name(zone, left, top, right, bottom, camera, at) {
    if (right - left < NAME_FROM && bottom - top < NAME_FROM) return;
    const [x, y] = at(zone.middle);
    const big = right - left > 66 && zone.heights !== '';
    const above = top - (big ? 23 : 9);
    const whole = above > 8 && bottom < camera.height - 30 && x > 50 && x < camera.width - 50;
    const places = [[x, above], [x, bottom + 11], [right + 3, y - 6, 1], [left - 3, y - 6, -1], [x, above - 16], [x, bottom + 26]];
    if (whole) { this.labels.push({ zone, places, big }); return; }
    // of a zone that the screen cuts, the name stands by the corners that are in view, else where it is all around
    const seen = zone.rings[0].map(at).filter(([a, b]) => a > 60 && b > 20 && a < camera.width - 60 && b < camera.height - 40);
    const [a, b] = seen.length ? [0, 1].map((k) => seen.reduce((sum, p) => sum + p[k], 0) / seen.length) : [camera.width / 2, 18];
    this.labels.push({ zone, places: [[a, b], [a, b - 30], [a, b + 30]], big });
  }
}

/** What does not depend on the camera: places in Mercator units, the box around them, what is written. */
function prepared({ geometry, properties }) {
  const rings = (geometry.type === 'LineString' ? [geometry.coordinates] : geometry.coordinates).map((ring) => ring.map(([lon, lat]) => [xOf(lon), yOf(lat)]));
  const xs = rings[0].map((p) => p[0]), ys = rings[0].map((p) => p[1]);
  const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  return {
    rings, box, middle: [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2], latitude: geometry.type === 'LineString' ? geometry.coordinates[0][1] : geometry.coordinates[0][0][1],
    width: properties.width_m ?? 0, watched: properties.watched, high: properties.priority === 'high', text: properties.label || properties.id, heights: heights(properties),
  };
}

function heights({ floor_height_m: low, ceiling_height_m: high }) {
  const m = (value) => `${Math.round(value)} m`;
  if (low === null && high === null) return '';
  return low === null ? `below ${m(high)}` : high === null ? `above ${m(low)}` : `${Math.round(low)} to ${m(high)}`;
}

function area(c, zone, at, colours) {
  c.beginPath();
  for (const ring of zone.rings) {
    let last = [NaN, NaN];
    ring.forEach((place, k) => {
      const p = at(place);
      if (k && Math.hypot(p[0] - last[0], p[1] - last[1]) < 0.7 && k < ring.length - 1) return; // finer than the screen
      if (k) c.lineTo(p[0], p[1]); else c.moveTo(p[0], p[1]);
      last = p;
    });
    c.closePath();
  }
  c.fillStyle = c.strokeStyle = colours.zone;
  c.globalAlpha = zone.watched ? (zone.high ? 0.11 : 0.07) : 0.02;
  c.fill('evenodd');
  edge(c, zone);
  c.stroke();
}

/** As wide as it is: drawn aside, because its edge is what a wide line leaves around a narrower one. */
function corridor(c, camera, zone, half, at, colours) {
  const aside = spare(Math.ceil(camera.width), Math.ceil(camera.height));
  const s = aside.getContext('2d');
  s.globalCompositeOperation = 'source-over';
  s.clearRect(0, 0, aside.width, aside.height);
  s.lineJoin = s.lineCap = 'round';
  s.strokeStyle = colours.zone;
  const line = (width) => {
    s.beginPath();
    zone.rings[0].forEach((place, k) => { const p = at(place); if (k) s.lineTo(p[0], p[1]); else s.moveTo(p[0], p[1]); });
    s.lineWidth = Math.max(width, 0.1);
    s.stroke();
  };
  const put = (alpha) => { c.globalAlpha = alpha; c.drawImage(aside, 0, 0, camera.width, camera.height); };
  line(2 * half);
  put(zone.watched ? (zone.high ? 0.11 : 0.07) : 0.02);
  s.clearRect(0, 0, aside.width, aside.height);
  line(2 * half + EDGE);
  s.globalCompositeOperation = 'destination-out';
  line(2 * half - EDGE);
  put(zone.watched ? 0.75 : 0.35);
}

function edge(c, zone) {
  c.globalAlpha = zone.watched ? 0.75 : 0.45;
  c.lineWidth = zone.watched && zone.high ? EDGE + 0.4 : EDGE;
  if (!zone.watched) c.setLineDash([5, 5]);
}

/** @type {HTMLCanvasElement|null} */
let aside = null;
function spare(width, height) {
  aside ??= document.createElement('canvas');
  if (aside.width !== width || aside.height !== height) { aside.width = width; aside.height = height; }
  return aside;
}
