// The alarm. High alerts repeat until somebody acknowledges them, louder once they waited; medium ones sound once; low are
// silent. It is driven by what arrives on the stream: a background tab's timers are slowed down, its messages are not.

import { byId } from './dom.js';

const REPEAT_MS = { calm: 4000, louder: 2000 };
const GAIN = { medium: 0.1, high: 0.2, louder: 0.55 };
const KEPT = 'lowsky.sound';

export class Sound {
  constructor() {
    /** @type {AudioContext|null} */ this.context = null;
    this.on = false;
    this.told = 0; // when the newest alert that has sounded became one
    this.first = true;
    this.last = -Infinity;
    this.played = { medium: 0, high: 0, louder: 0 }; // for the tests
    byId('sound').addEventListener('click', () => { if (this.on) this.turn(false); else { this.turn(true); this.test(); } });
    if (kept() === 'on') {
      // a browser lets no page sound before somebody has touched it
      const start = (event) => { for (const kind of ['pointerdown', 'keydown']) window.removeEventListener(kind, start); if (!this.on && !event.target.closest?.('#sound')) this.turn(true); };
      for (const kind of ['pointerdown', 'keydown']) window.addEventListener(kind, start);
    }
    this.show();
  }

  turn(on) {
    this.on = on;
    try { localStorage.setItem(KEPT, on ? 'on' : 'off'); } catch { /* then it is asked for again */ }
    if (on) {
      try { this.context ??= new AudioContext(); this.context.resume().then(() => this.show(), () => this.show()); this.context.onstatechange = () => this.show(); } catch { this.on = false; }
    }
    this.show();
  }

  get works() { return this.on && this.context?.state === 'running'; }

  show() {
    const button = byId('sound');
    button.dataset.on = String(this.works);
    button.setAttribute('aria-pressed', String(this.works));
    button.querySelector('span').textContent = this.works ? 'Sound on' : 'SOUND OFF';
    button.title = this.works ? 'Alerts sound here. Click to turn it off' : 'No alert sounds here. Click to turn sound on and hear a test';
  }

  test() { this.context?.resume().then(() => { this.tone('high'); setTimeout(() => this.tone('medium'), 1300); }, () => {}); }

  /**
   * Whatever there is to hear now.
   * @param {{high: number, louder: number, newest: number}} waiting unacknowledged: high ones, of them those that waited long, since when the newest high or medium is new (raised, more urgent, off the shelf)
   */
  step(waiting) {
    const fresh = waiting.newest > this.told;
    this.told = Math.max(this.told, waiting.newest);
    const quiet = this.first && !waiting.high; // old medium ones do not sound again when the page is opened
    this.first = false;
    const now = performance.now();
    if (waiting.high) {
      const kind = waiting.louder ? 'louder' : 'high';
      if (now - this.last < (waiting.louder ? REPEAT_MS.louder : REPEAT_MS.calm)) return;
      this.last = now;
      this.tone(kind);
    } else if (fresh && !quiet) this.tone('medium');
  }

  /** Alerts, or time, begin anew: another run of the node, or another scene. */
  forget() { this.told = 0; this.first = true; this.last = -Infinity; }

  /** @param {'medium'|'high'|'louder'} kind */
  tone(kind) {
    if (!this.works) return;
    this.played[kind]++;
    const notes = kind === 'medium' ? [[523, 0, 0.5]] : [[880, 0, 0.16], [660, 0.2, 0.16], [880, 0.4, 0.16], [660, 0.6, 0.22]];
    for (const [pitch, after, length] of notes) {
      const at = this.context.currentTime + after, swing = this.context.createOscillator(), gain = this.context.createGain();
      swing.type = kind === 'medium' ? 'sine' : 'triangle';
      swing.frequency.value = pitch;
      gain.gain.setValueAtTime(0, at);
      gain.gain.linearRampToValueAtTime(GAIN[kind], at + 0.015);
      gain.gain.exponentialRampToValueAtTime(0.001, at + length);
      swing.connect(gain).connect(this.context.destination);
      swing.start(at);
      swing.stop(at + length + 0.02);
    }
  }
}

function kept() { try { return localStorage.getItem(KEPT); } catch { return null; } }
