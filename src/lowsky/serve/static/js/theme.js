// Night, day and dark. Colours live in theme.css; canvases and the map read them from there.

const THEMES = ['night', 'day', 'dark'];
const NAMES = ['sea', 'land', 'coast', 'border', 'place', 'zone', 'text', 'muted', 'panel', 'line', 'halo', 'select',
  'unidentified', 'cooperative', 'suspicious', 'clutter', 'unidentified-text', 'cooperative-text', 'suspicious-text',
  'ok', 'stale', 'down', 'waiting'];

// a browser may forbid storage: the page works all the same, it only forgets
function remembered() { try { return localStorage.getItem('lowsky.theme'); } catch { return null; } }
function remember(name) { try { localStorage.setItem('lowsky.theme', name); } catch { /* for this visit only */ } }

export class Theme {
  constructor() {
    /** @type {Record<string, string>} */
    this.colours = {};
    /** @type {(() => void)[]} */
    this.listeners = [];
    const wanted = new URLSearchParams(location.search).get('theme') ?? remembered() ?? 'night';
    this.set(THEMES.includes(wanted) ? wanted : 'night');
  }

  /** @param {string} name */
  set(name) {
    this.name = name;
    document.documentElement.dataset.theme = name;
    remember(name);
    const style = getComputedStyle(document.documentElement);
    for (const key of NAMES) this.colours[key] = style.getPropertyValue(`--${key}`).trim();
    for (const listener of this.listeners) listener();
  }

  next() { this.set(THEMES[(THEMES.indexOf(this.name) + 1) % THEMES.length]); }
}
