// Pause, live, and the slider over what can be looked at again.

import { byId, clockText, setText } from './dom.js';

const STEP_S = 10;
const EDGE_S = 1.5; // this near to the newest picture is live

export class TimeBar {
  /** @param {{seek: (t: number) => void, live: () => void, pause: () => void}} app */
  constructor(app) {
    this.app = app;
    this.slider = byId('slider');
    this.from = 0;
    this.to = 0;
    this.held = false; // the thumb is in somebody's hand
    this.slider.addEventListener('input', () => { this.held = true; setText(byId('time-now'), clockText(Number(this.slider.value))); this.fill(); });
    this.slider.addEventListener('change', () => { this.held = false; this.go(Number(this.slider.value)); });
    byId('live').addEventListener('click', () => app.live());
    byId('pause').addEventListener('click', () => app.pause());
  }

  go(t) {
    if (this.to - t < EDGE_S && !this.recording) this.app.live();
    else this.app.seek(Math.max(t, this.from));
  }

  /** @param {{history: number[]|null, recording: number[]|null}} span */
  setSpan(span) {
    this.recording = span.recording !== null;
    const [from, to] = span.recording ?? span.history ?? [0, 0];
    this.from = from;
    this.to = to;
    this.slider.disabled = !(to > from);
  }

  /** @param {number} time data time shown @param {boolean} live */
  tick(time, live) {
    if (live && !this.recording) this.to = Math.max(this.to, time);
    const { slider } = this;
    if (Number(slider.min) !== this.from) slider.min = String(this.from);
    if (Number(slider.max) !== this.to) slider.max = String(this.to);
    if (!this.held) {
      slider.value = String(live && !this.recording ? this.to : time);
      setText(byId('time-now'), clockText(time));
    }
    slider.setAttribute('aria-valuetext', `${clockText(Number(slider.value))} UTC`);
    setText(byId('time-from'), this.from ? clockText(this.from) : '');
    setText(byId('time-to'), this.to ? clockText(this.to) : '');
    byId('live').dataset.on = String(live);
    this.fill();
  }

  fill() {
    const part = this.to > this.from ? (Number(this.slider.value) - this.from) / (this.to - this.from) : 1;
    this.slider.style.setProperty('--at', `${(100 * Math.min(Math.max(part, 0), 1)).toFixed(2)}%`);
  }

  /** @param {number} steps of ten seconds @param {number} time */
  step(steps, time) { if (!this.slider.disabled) this.go(time + steps * STEP_S); }
}
