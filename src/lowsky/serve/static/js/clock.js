// Time of the data, carried on between frames. A replay may run faster than the wall: the rate is measured.

import { DEAD_RECKONING_S } from './tracks.js';

export class DataClock {
  constructor() { this.reset(); }

  reset() { this.time = NaN; this.at = 0; this.rate = 1; this.from = NaN; this.fromAt = 0; }

  /** A frame of data time `time` (s) came at `at` (ms of performance.now). */
  note(time, at) {
    const step = time - this.time;
    if (!(step >= 0) || step > 60) { this.reset(); this.from = time; this.fromAt = at; }
    this.time = time;
    this.at = at;
    const wall = (at - this.fromAt) / 1000;
    if (wall > 2) {
      this.rate = Math.min(Math.max((time - this.from) / wall, 0), 50);
      this.from = time;
      this.fromAt = at;
    }
  }

  /** Data time now; stands still when frames stay away. @param {number} at */
  now(at) {
    return this.time + Math.min(Math.max(at - this.at, 0) / 1000 * this.rate, DEAD_RECKONING_S);
  }
}
