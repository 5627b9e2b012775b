// Every track the page knows, as columns. A slot is a row number; it is reused, an id never.

import { KEYFRAME, HISTORY } from './frame.js';
import { xOf, yOf, unitsPerMetre } from './mercator.js';

export const STATUS = { TENTATIVE: 1, CONFIRMED: 2, COASTING: 3, DROPPED: 4 };
export const KIND = { POINT: 1, WEDGE: 2, RING: 3 };
export const AFFILIATION = { UNIDENTIFIED: 0, COOPERATIVE: 1, SUSPICIOUS: 2 };
export const ON_GROUND = 1, ALERTED = 2;
export const DEAD_RECKONING_S = 3; // a frozen picture must not look alive
export const GONE_S = 10; // a dropped track stays this long as ×
const LABELS_KEPT = 20000;
const TAIL_POINTS = 64, TAIL_STEP_S = 1, TAIL_S = 60;

/** @typedef {{id: number, x: number, y: number, at: number, cls: number, affiliation: number}} Gone */

export class Tracks {
  /** @param {import('./frame.js').Column[]} columns */
  constructor(columns) {
    this.columns = columns;
    this.capacity = 0;
    /** @type {Record<string, Float64Array>} values in the units of the table; NaN is "not known" */
    this.col = {};
    /** @type {Map<number, number>} */
    this.slots = new Map();
    /** @type {number[]} */
    this.free = [];
    /** @type {Map<number, string[]>} id → [identity, callsign, self id, status] */
    this.labels = new Map();
    this.labelsEpoch = -1;
    /** @type {Gone[]} */
    this.gone = [];
    this.epoch = -1;
    this.base = 0;
    this.time = 0; // UTC seconds of the newest frame applied
    this.total = 0;
    this.past = false;
    this.mx = new Float64Array(0);
    this.my = new Float64Array(0);
    this.upm = new Float64Array(0); // mercator units per metre
    this.seen = new Uint32Array(0);
    this.mark = 0;
    /** @type {(Float64Array|null)[]} x, y, t triples; newest last */
    this.tails = [];
    this.tailLengths = new Uint16Array(0);
    this.grow(512);
  }

  get size() { return this.slots.size; }

  /** @param {number} capacity */
  grow(capacity) {
    const bigger = (old, Type) => { const next = new Type(capacity); next.set(old); return next; };
    for (const { name } of this.columns) this.col[name] = bigger(this.col[name] ?? new Float64Array(0), Float64Array);
    this.mx = bigger(this.mx, Float64Array);
    this.my = bigger(this.my, Float64Array);
    this.upm = bigger(this.upm, Float64Array);
    this.seen = bigger(this.seen, Uint32Array);
    this.tailLengths = bigger(this.tailLengths, Uint16Array);
    for (let slot = capacity - 1; slot >= this.capacity; slot--) { this.free.push(slot); this.tails[slot] = null; }
    this.capacity = capacity;
  }

  clear() {
    for (const slot of this.slots.values()) { this.free.push(slot); this.tailLengths[slot] = 0; }
    this.slots.clear();
    this.gone.length = 0;
  }

  /** @param {import('./frame.js').Frame} frame */
  apply(frame) {
    const { header, raw, removed } = frame;
    const past = (header.flags & HISTORY) !== 0;
    const jumped = Math.abs(header.t_data - this.time) > 5 || past !== this.past;
    // a delta after a gap (a fast replay, an engine that paused) carries only what changed: the other rows must stay
    if (header.epoch !== this.epoch || (jumped && header.flags & KEYFRAME)) this.clear();
    else if (jumped) this.tailLengths.fill(0);
    this.epoch = header.epoch;
    this.base = header.t_base;
    this.time = header.t_data;
    this.total = header.total;
    this.past = past;
    this.mark++;
    this.takeRows(raw, header.rows);
    for (const id of removed) this.remove(id);
    if (header.flags & KEYFRAME) {
      for (const [id, slot] of this.slots) if (this.seen[slot] !== this.mark) this.remove(id);
    }
    this.gone = this.gone.filter((g) => this.time - g.at < GONE_S && g.at <= this.time);
  }

  /** Texts arrive before the frame that needs them. @param {{epoch: number, rows: any[][]}} message */
  takeLabels(message) {
    if (message.epoch !== this.labelsEpoch) { this.labels.clear(); this.labelsEpoch = message.epoch; }
    for (const [id, ...texts] of message.rows) this.labels.set(id, texts);
    // old names of tracks that are gone; the map is in order of arrival
    for (const id of this.labels.keys()) { if (this.labels.size <= LABELS_KEPT) break; if (!this.slots.has(id)) this.labels.delete(id); }
  }

  takeRows(raw, n) {
    const at = new Uint32Array(n);
    for (let row = 0; row < n; row++) {
      const id = raw.id[row];
      let slot = this.slots.get(id);
      if (slot === undefined) {
        if (!this.free.length) this.grow(this.capacity * 2);
        slot = /** @type {number} */ (this.free.pop());
        this.slots.set(id, slot);
        this.tailLengths[slot] = 0;
      }
      this.seen[slot] = this.mark;
      at[row] = slot;
    }
    for (const { name, scale, missing } of this.columns) {
      const from = raw[name], to = this.col[name];
      for (let row = 0; row < n; row++) {
        const value = from[row];
        to[at[row]] = missing !== null && value === missing ? NaN : value * scale;
      }
    }
    const { latitude, longitude } = this.col;
    for (let row = 0; row < n; row++) {
      const slot = at[row];
      this.mx[slot] = xOf(longitude[slot]);
      this.my[slot] = yOf(latitude[slot]);
      this.upm[slot] = unitsPerMetre(latitude[slot]);
      if (latitude[slot] === latitude[slot]) this.extendTail(slot);
    }
  }

  extendTail(slot) {
    const tail = this.tails[slot] ??= new Float64Array(3 * TAIL_POINTS);
    let n = this.tailLengths[slot];
    const t = this.base + this.col.t_state[slot];
    if (n && t - tail[3 * n - 1] < TAIL_STEP_S) return;
    let drop = n === TAIL_POINTS ? 1 : 0;
    while (drop < n && t - tail[3 * drop + 2] > TAIL_S) drop++;
    if (drop) { tail.copyWithin(0, 3 * drop, 3 * n); n -= drop; }
    tail[3 * n] = this.mx[slot]; tail[3 * n + 1] = this.my[slot]; tail[3 * n + 2] = t;
    this.tailLengths[slot] = n + 1;
  }

  /** @param {number} id */
  remove(id) {
    const slot = this.slots.get(id);
    if (slot === undefined) return;
    const c = this.col;
    if (c.kind[slot] === KIND.POINT && c.status[slot] !== STATUS.TENTATIVE && this.gone.length < 500) {
      const [x, y] = this.placeOf(slot, this.time);
      this.gone.push({ id, x, y, at: this.time, cls: c.class_1[slot], affiliation: c.affiliation[slot] });
    }
    this.slots.delete(id);
    this.tailLengths[slot] = 0;
    this.free.push(slot);
  }

  /** Seconds the state may be carried forward at a time. */
  carry(slot, time) {
    return Math.min(Math.max(time - this.base - this.col.t_state[slot], 0), DEAD_RECKONING_S);
  }

  /** Mercator position at a time, carried on by at most three seconds. @returns {[number, number]} */
  placeOf(slot, time) {
    const step = this.carry(slot, time) * this.upm[slot];
    return [this.mx[slot] + this.col.east[slot] * step, this.my[slot] - this.col.north[slot] * step];
  }

  /** Seconds since the last measurement used. */
  age(slot, time) { return Math.max(0, time - this.base - this.col.t_update[slot]); }

  speed(slot) { return Math.hypot(this.col.east[slot], this.col.north[slot]); }

  /** Degrees from true north of the ground track. */
  course(slot) { return (Math.atan2(this.col.east[slot], this.col.north[slot]) * 180 / Math.PI + 360) % 360; }

  /** Indices of the sensors that fed it lately. @returns {number[]} */
  sensorsOf(slot) {
    const out = [];
    for (let k = 0; k < 32; k++) if ((this.col.sensors_low[slot] / 2 ** k) & 1) out.push(k);
    for (let k = 0; k < 32; k++) if ((this.col.sensors_high[slot] / 2 ** k) & 1) out.push(32 + k);
    return out;
  }

  /** What a person calls it. Text from the air: only ever shown through textContent or fillText. */
  nameOf(id) {
    const label = this.labels.get(id);
    return label?.[1] || label?.[0] || `T${id}`;
  }
}
