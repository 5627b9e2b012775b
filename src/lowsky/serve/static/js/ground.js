// What stands still: range rings, sensors with what they can reach, the site. Drawn when the camera or they change.

import { sized } from './camera.js';
import { xOf, yOf, unitsPerMetre, destination } from './mercator.js';
import { HEALTH_PATH } from './symbols.js';

const RINGS_M = [500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 400000];
const MARKS = Object.fromEntries(Object.entries(HEALTH_PATH).map(([word, path]) => [word, new Path2D(path)]));
const KIND_TEXT = { radar: 'radar', 'direction-finder': 'direction finder', acoustic: 'acoustic', camera: 'camera', cooperative: 'receiver' };

export class Ground {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** @type {number[][]} boxes no label may cover, CSS pixels */
    this.taken = [];
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }));
  }

  /** @param {import('./camera.js').Camera} camera @param {any} state @param {Record<string, string>} colours @param {import('./zones.js').Zones|null} zones */
  draw(camera, state, colours, zones = null) {
    const c = this.context;
    if (!sized(this.canvas, camera)) { c.setTransform(1, 0, 0, 1, 0, 0); c.clearRect(0, 0, this.canvas.width, this.canvas.height); }
    c.setTransform(camera.ratio, 0, 0, camera.ratio, 0, 0);
    if (!state?.site) return;
    const at = (lat, lon) => [camera.px(xOf(lon)) / camera.ratio, camera.py(yOf(lat)) / camera.ratio];
    const { latitude_deg: lat, longitude_deg: lon } = state.site;
    const perMetre = unitsPerMetre(lat) * camera.scale;
    zones?.draw(c, camera, colours);
    const drawn = this.rings(c, camera, colours, lat, lon, perMetre, at);
    this.origin(c, colours, ...at(lat, lon));
    this.sensors(c, camera, state.sensors, colours, at);
    this.zoneNames(c, zones, colours);
    this.distances(c, camera, colours, lat, lon, drawn, at);
  }

  /** @returns {number[]} radii of the rings that can be seen, m */
  rings(c, camera, colours, lat, lon, perMetre, at) {
    const [cx, cy] = at(lat, lon);
    // farthest corner from the site: rings beyond it cannot be seen
    const reach = Math.hypot(Math.max(cx, camera.width - cx), Math.max(cy, camera.height - cy));
    const drawn = [];
    for (const radius of RINGS_M) {
      const pixels = radius * perMetre;
      if (pixels < 34 || pixels > reach * 1.1) continue;
      c.beginPath();
      for (let bearing = 0; bearing <= 360; bearing += 3) {
        const [x, y] = at(...swap(destination(lat, lon, radius, bearing)));
        if (bearing) c.lineTo(x, y); else c.moveTo(x, y);
      }
      c.strokeStyle = colours.zone;
      c.globalAlpha = 0.2;
      c.lineWidth = 1;
      c.setLineDash([2, 4]);
      c.stroke();
      c.setLineDash([]);
      drawn.push(radius);
    }
    c.globalAlpha = 1;
    return drawn;
  }

  /** How far each ring is, where no sensor has its name. */
  distances(c, camera, colours, lat, lon, radii, at) {
    c.font = '500 10.5px Inter, sans-serif';
    c.textAlign = 'center';
    for (const radius of radii) {
      const text = radius >= 1000 ? `${radius / 1000} km` : `${radius} m`;
      const w = c.measureText(text).width / 2 + 3;
      for (const bearing of [35, 145, 215, 325]) {
        const [x, y] = at(...swap(destination(lat, lon, radius, bearing)));
        const box = [x - w, y - 7, x + w, y + 7];
        if (x < 20 || y < 14 || x > camera.width - 20 || y > camera.height - 30 || this.isTaken(box)) continue;
        this.taken.push(box);
        halo(c, text, x, y, colours.place, colours.land);
        break;
      }
    }
  }

  isTaken(box) { return this.taken.some((b) => b[0] < box[2] && box[0] < b[2] && b[1] < box[3] && box[1] < b[3]); }

  origin(c, colours, x, y) {
    c.strokeStyle = colours.zone;
    c.globalAlpha = 0.8;
    c.lineWidth = 1.2;
    c.beginPath();
    c.moveTo(x - 7, y); c.lineTo(x + 7, y); c.moveTo(x, y - 7); c.lineTo(x, y + 7);
    c.stroke();
    c.globalAlpha = 1;
  }

  sensors(c, camera, sensors, colours, at) {
    this.taken = [];
    for (const sensor of sensors) this.sector(c, camera, sensor, colours, at);
    const inView = sensors.map((sensor) => [sensor, ...at(sensor.latitude_deg, sensor.longitude_deg)])
      .filter(([, x, y]) => x >= -60 && y >= -20 && x <= camera.width + 60 && y <= camera.height + 20);
    for (const [sensor, x, y] of inView) {
      const colour = { ok: colours.ok, stale: colours.stale, degraded: colours.stale, down: colours.down }[sensor.status] ?? colours.waiting;
      c.save();
      c.translate(x - 7, y - 7);
      c.scale(7 / 6, 7 / 6);
      c.lineWidth = 3;
      c.strokeStyle = colours.halo;
      c.stroke(MARKS[sensor.status] ?? MARKS.waiting);
      c.fillStyle = colour;
      c.fill(MARKS[sensor.status] ?? MARKS.waiting, 'evenodd');
      c.restore();
      this.taken.push([x - 8, y - 8, x + 8, y + 8]);
    }
    if (camera.zoom >= 7.5) this.names(c, colours, inView);
  }

  /** With the heights where there is room; the first place that is free. */
  zoneNames(c, zones, colours) {
    c.textAlign = 'center';
    for (const { zone, places, big } of zones?.labels ?? []) {
      c.font = '600 11px Inter, sans-serif';
      const below = big ? zone.heights : '';
      const w = Math.max(c.measureText(zone.text).width, below ? c.measureText(below).width : 0) / 2 + 4;
      for (const [from, y, side = 0] of places) {
        const x = from + side * w;
        const box = [x - w, y - 8, x + w, y + (below ? 21 : 8)];
        if (this.isTaken(box)) continue;
        this.taken.push(box);
        c.globalAlpha = zone.watched ? 1 : 0.7;
        halo(c, zone.text, x, y, colours.zone, colours.land);
        c.font = '500 10.5px Inter, sans-serif';
        if (below) halo(c, below, x, y + 13, colours.place, colours.land);
        c.globalAlpha = 1;
        break;
      }
    }
  }

  /** After all the marks, so that no name is under one. */
  names(c, colours, inView) {
    c.font = '500 11px Inter, sans-serif';
    c.textAlign = 'center';
    for (const [sensor, x, y] of inView) {
      const text = sensor.status === 'ok' ? sensor.id : `${sensor.id} · ${sensor.status}`;
      const w = c.measureText(text).width / 2 + 3;
      for (const dy of [17, -17, 31, -31]) { // the first place that is free
        const box = [x - w, y + dy - 7, x + w, y + dy + 7];
        if (this.isTaken(box)) continue;
        this.taken.push(box);
        halo(c, text, x, y + dy, sensor.status === 'ok' ? colours.place : colours.text, colours.land);
        break;
      }
    }
  }

  /** The field of view of a sensor that does not look all round. */
  sector(c, camera, sensor, colours, at) {
    const [from, to] = sensor.azimuth_deg;
    if (!sensor.max_range_m || to - from > 359.5 || !['ok', 'degraded'].includes(sensor.status)) return;
    const { latitude_deg: lat, longitude_deg: lon } = sensor;
    c.beginPath();
    c.moveTo(...at(lat, lon));
    for (let k = 0; k <= 48; k++) c.lineTo(...at(...swap(destination(lat, lon, sensor.max_range_m, from + (to - from) * k / 48))));
    c.closePath();
    c.globalAlpha = 0.03;
    c.fillStyle = colours.zone;
    c.fill();
    c.globalAlpha = 0.18;
    c.strokeStyle = colours.zone;
    c.lineWidth = 1;
    c.stroke();
    c.globalAlpha = 1;
  }
}

export const kindText = (kind) => KIND_TEXT[kind] ?? kind;
const swap = ([lon, lat]) => /** @type {[number, number]} */ ([lat, lon]);

function halo(c, text, x, y, colour, behind) {
  c.textBaseline = 'middle';
  c.lineWidth = 3;
  c.lineJoin = 'round';
  c.strokeStyle = behind;
  c.strokeText(text, x, y);
  c.fillStyle = colour;
  c.fillText(text, x, y);
}
