// What moves: tails, wedges, ellipses, velocity vectors, symbols, labels. One Canvas2D; symbols may be WebGL's instead.

import { sized } from './camera.js';
import { xOf, yOf, unitsPerMetre, destination } from './mercator.js';
import { SHAPES, Sprites, colourName, shapeOf } from './symbols.js';
import { ALERTED, AFFILIATION, KIND, ON_GROUND, STATUS, GONE_S } from './tracks.js';
import { Labels } from './labels.js';

const FADE_S = 12; // a symbol whose last measurement is older fades
const VECTOR_S = 30; // a vector ends where the object will be then
const ELLIPSE_ZOOM = 10.5;
const TAILS_ALL = 250; // up to this many tracks everyone's tail is drawn
const WEDGE_M = 8000; // length of a wedge where the sensor's reach is not known

/** @typedef {import('./tracks.js').Tracks} Tracks */

export class Marks {
  /** @param {HTMLCanvasElement} canvas @param {string[]} classes names by the wire's number */
  constructor(canvas, classes) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));
    this.shapes = classes.map(shapeOf);
    this.sprites = new Sprites(1);
    this.labels = new Labels();
    this.sigma = 1;
    /** @type {{id: number, x: number, y: number}[]} what can be clicked, CSS pixels */
    this.hits = [];
    this.drawn = 0;
  }

  recolour() { this.sprites.clear(); this.labels.clear(); }

  /**
   * @param {import('./camera.js').Camera} camera @param {Tracks} tracks @param {number} time data time, s
   * @param {{sensors: any[]}} state @param {Record<string, string>} colours @param {number|null} selected
   * @param {import('./glsymbols.js').GlSymbols|null} gl draws the symbols where there is a GPU
   * @param {import('./ground.js').Ground} ground
   */
  draw(camera, tracks, time, state, colours, selected, gl, ground) {
    const c = this.context;
    if (this.sprites.ratio !== camera.ratio) { this.sprites = new Sprites(camera.ratio); this.labels.clear(); }
    if (!sized(this.canvas, camera)) { c.setTransform(1, 0, 0, 1, 0, 0); c.clearRect(0, 0, this.canvas.width, this.canvas.height); }
    c.setTransform(1, 0, 0, 1, 0, 0);
    if (ground.canvas.hidden && ground.canvas.width === this.canvas.width) c.drawImage(ground.canvas, 0, 0);
    this.hits = [];
    const view = this.inView(camera, tracks, time, selected);
    this.wedges(c, camera, tracks, state, colours, selected);
    this.tails(c, camera, tracks, view, colours, selected);
    this.vectors(c, camera, tracks, view, colours);
    this.ellipses(c, camera, tracks, view, colours, selected, gl !== null);
    this.gone(c, camera, tracks, time, colours);
    if (gl) gl.draw(camera, view, tracks, this.shapes, colours);
    else this.symbols(c, tracks, view, colours);
    this.selection(c, camera, tracks, view, colours, selected);
    this.labels.draw(c, camera, tracks, view, this.shapes, colours, selected, ground.taken, gl ? 120 : 45);
    this.drawn = view.length;
  }

  /** Tracks that are points and on the screen, the important ones last. */
  inView(camera, tracks, time, selected) {
    const { kind, class_1, affiliation, flags, status } = tracks.col;
    const w = camera.width * camera.ratio, h = camera.height * camera.ratio, edge = 24 * camera.ratio;
    const view = [];
    for (const [id, slot] of tracks.slots) {
      if (kind[slot] !== KIND.POINT || status[slot] === STATUS.DROPPED) continue;
      const [mx, my] = tracks.placeOf(slot, time);
      const x = camera.px(mx), y = camera.py(my);
      if (!(x > -edge && y > -edge && x < w + edge && y < h + edge)) continue;
      const shape = this.shapes[class_1[slot]] ?? 'unknown';
      const rank = id === selected ? 5 : flags[slot] & ALERTED ? 4 : affiliation[slot] === AFFILIATION.SUSPICIOUS ? 3
        : SHAPES[shape].muted || status[slot] === STATUS.TENTATIVE ? 0 : affiliation[slot] === AFFILIATION.COOPERATIVE ? 1 : 2;
      const age = tracks.age(slot, time);
      view.push({ id, slot, x, y, shape, rank, fade: age > FADE_S ? 0.45 : status[slot] === STATUS.TENTATIVE ? 0.7 : 1 });
      this.hits.push({ id, x: x / camera.ratio, y: y / camera.ratio });
    }
    return view.sort((a, b) => a.rank - b.rank);
  }

  symbols(c, tracks, view, colours) {
    const { affiliation, status } = tracks.col;
    for (const v of view) {
      c.globalAlpha = v.fade;
      this.sprites.draw(c, v.x, v.y, v.shape, affiliation[v.slot], status[v.slot], colours, tracks.course(v.slot));
    }
    c.globalAlpha = 1;
  }

  /** One path for each colour: a stroke costs more than its lines. */
  vectors(c, camera, tracks, view, colours) {
    const { east, north, affiliation, flags } = tracks.col;
    /** @type {Record<string, Path2D>} */
    const paths = {};
    for (const v of view) {
      if (flags[v.slot] & ON_GROUND) continue;
      const k = VECTOR_S * tracks.upm[v.slot] * camera.scale * camera.ratio;
      let dx = east[v.slot] * k, dy = -north[v.slot] * k;
      const length = Math.hypot(dx, dy), clear = 9 * camera.ratio;
      if (!(length > clear * 1.4)) continue;
      const most = 160 * camera.ratio;
      if (length > most) { dx *= most / length; dy *= most / length; }
      const path = paths[colourName(v.shape, affiliation[v.slot])] ??= new Path2D();
      path.moveTo(v.x + dx * clear / Math.hypot(dx, dy), v.y + dy * clear / Math.hypot(dx, dy));
      path.lineTo(v.x + dx, v.y + dy);
    }
    c.lineWidth = 1.3 * camera.ratio;
    c.globalAlpha = 0.65;
    for (const [name, path] of Object.entries(paths)) { c.strokeStyle = colours[name]; c.stroke(path); }
    c.globalAlpha = 1;
  }

  tails(c, camera, tracks, view, colours, selected) {
    const { affiliation } = tracks.col;
    const all = view.length <= TAILS_ALL;
    /** @type {Record<string, Path2D>} */
    const paths = {};
    for (const v of view) {
      if (!all && v.rank < 3 && v.id !== selected) continue;
      const n = tracks.tailLengths[v.slot], tail = tracks.tails[v.slot];
      if (!tail || n < 2) continue;
      const path = paths[colourName(v.shape, affiliation[v.slot])] ??= new Path2D();
      path.moveTo(camera.px(tail[0]), camera.py(tail[1]));
      for (let k = 1; k < n; k++) path.lineTo(camera.px(tail[3 * k]), camera.py(tail[3 * k + 1]));
      path.lineTo(v.x, v.y);
    }
    c.lineWidth = 1.6 * camera.ratio;
    c.lineJoin = 'round';
    c.globalAlpha = 0.32;
    for (const [name, path] of Object.entries(paths)) { c.strokeStyle = colours[name]; c.stroke(path); }
    c.globalAlpha = 1;
  }

  ellipses(c, camera, tracks, view, colours, selected, gpu) {
    const { sigma_major, sigma_minor, ellipse_angle, affiliation } = tracks.col;
    const near = camera.zoom >= ELLIPSE_ZOOM;
    const few = view.length <= 150;
    for (const v of view) {
      const k = this.sigma * tracks.upm[v.slot] * camera.scale * camera.ratio;
      const a = sigma_major[v.slot] * k, b = sigma_minor[v.slot] * k;
      const bad = a > 40 * camera.ratio; // badly placed: the symbol alone would lie
      if (!(a > 7 * camera.ratio) || !(v.rank >= 3 || bad || (near && (gpu || few)))) continue;
      c.beginPath();
      c.ellipse(v.x, v.y, Math.min(a, 4e3), Math.min(Math.max(b, 1), 4e3), (ellipse_angle[v.slot] - 90) * Math.PI / 180, 0, 2 * Math.PI);
      c.strokeStyle = c.fillStyle = colours[colourName(v.shape, affiliation[v.slot])];
      c.lineWidth = 1.1 * camera.ratio;
      c.globalAlpha = 0.55 * v.fade;
      c.stroke();
      c.globalAlpha = 0.07;
      c.fill();
    }
    c.globalAlpha = 1;
  }

  /** Bearing only: ± sigma from the sensor. Range only: a ring. Never a point. */
  wedges(c, camera, tracks, state, colours, selected) {
    const { kind, origin, azimuth, azimuth_sigma, range, status, class_1, affiliation } = tracks.col;
    const at = ([lon, lat]) => /** @type {[number, number]} */ ([camera.px(xOf(lon)), camera.py(yOf(lat))]);
    for (const [id, slot] of tracks.slots) {
      if (kind[slot] === KIND.POINT || status[slot] === STATUS.DROPPED) continue;
      const sensor = state?.sensors?.[origin[slot]];
      if (!sensor) continue;
      const { latitude_deg: lat, longitude_deg: lon } = sensor;
      const colour = colours[colourName(this.shapes[class_1[slot]] ?? 'unknown', affiliation[slot])];
      const chosen = id === selected;
      let edge = null;
      c.beginPath();
      if (kind[slot] === KIND.RING) {
        const radius = range[slot] * unitsPerMetre(lat) * camera.scale * camera.ratio;
        if (!(radius > 0)) continue;
        c.arc(...at([lon, lat]), radius, 0, 2 * Math.PI);
      } else {
        const reach = sensor.max_range_m ?? WEDGE_M;
        const half = Math.max(this.sigma * azimuth_sigma[slot], 0.3);
        const steps = Math.max(2, Math.ceil(half));
        const [x0, y0] = at([lon, lat]);
        c.moveTo(x0, y0);
        for (let k = 0; k <= steps; k++) c.lineTo(...at(destination(lat, lon, reach, azimuth[slot] - half + 2 * half * k / steps)));
        c.closePath();
        const [x1, y1] = at(destination(lat, lon, reach, azimuth[slot]));
        // it fades with distance: how far away it is, nobody knows
        const fading = (near) => { const g = c.createLinearGradient(x0, y0, x1, y1); g.addColorStop(0, near); g.addColorStop(0.55, near); g.addColorStop(1, 'transparent'); return g; };
        c.globalAlpha = chosen ? 0.5 : 0.26;
        c.fillStyle = fading(colour);
        c.fill();
        edge = fading(chosen ? colours.select : colour);
        for (const f of [0.3, 0.6]) {
          const [x, y] = at(destination(lat, lon, reach * f, azimuth[slot]));
          this.hits.push({ id, x: x / camera.ratio, y: y / camera.ratio });
        }
      }
      c.globalAlpha = chosen ? 1 : 0.6;
      c.strokeStyle = edge ?? colour;
      c.lineWidth = (chosen ? 1.8 : 1) * camera.ratio;
      c.setLineDash(status[slot] === STATUS.COASTING ? [5 * camera.ratio, 4 * camera.ratio] : []);
      c.stroke();
      c.setLineDash([]);
    }
    c.globalAlpha = 1;
  }

  /** A dropped track stays as × for ten seconds. */
  gone(c, camera, tracks, time, colours) {
    const r = 5 * camera.ratio;
    for (const g of tracks.gone) {
      const x = camera.px(g.x), y = camera.py(g.y);
      c.globalAlpha = Math.max(0, 0.9 * (1 - (time - g.at) / GONE_S));
      c.beginPath();
      c.moveTo(x - r, y - r); c.lineTo(x + r, y + r); c.moveTo(x + r, y - r); c.lineTo(x - r, y + r);
      c.strokeStyle = colours[colourName(this.shapes[g.cls] ?? 'unknown', g.affiliation)];
      c.lineWidth = 1.6 * camera.ratio;
      c.stroke();
    }
    c.globalAlpha = 1;
  }

  selection(c, camera, tracks, view, colours, selected) {
    for (const v of view) {
      if (!(tracks.col.flags[v.slot] & ALERTED) || tracks.col.affiliation[v.slot] === AFFILIATION.SUSPICIOUS) continue;
      c.beginPath();
      c.arc(v.x, v.y, 17 * camera.ratio, 0, 2 * Math.PI);
      c.lineWidth = 1.6 * camera.ratio;
      c.strokeStyle = colours.suspicious;
      c.setLineDash([4 * camera.ratio, 3 * camera.ratio]);
      c.stroke();
      c.setLineDash([]);
    }
    const v = view.at(-1);
    if (!v || v.id !== selected) return;
    c.beginPath();
    c.arc(v.x, v.y, 18 * camera.ratio, 0, 2 * Math.PI);
    c.lineWidth = 4 * camera.ratio;
    c.strokeStyle = colours.halo;
    c.stroke();
    c.lineWidth = 1.6 * camera.ratio;
    c.strokeStyle = colours.select;
    c.stroke();
  }

  /** The track nearest to a place on the stage, or null. */
  at(x, y, radius = 20) {
    let best = null, nearest = radius;
    for (const hit of this.hits) {
      const d = Math.hypot(hit.x - x, hit.y - y);
      if (d <= nearest) { nearest = d; best = hit.id; }
    }
    return best;
  }
}
