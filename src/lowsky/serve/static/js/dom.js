// The little the page needs to build elements. Text goes in as text: nothing here parses markup.

/**
 * @param {string} tag @param {Record<string, any>} [attributes] `text` sets textContent, `on*` adds a listener
 * @param {(Node|string)[]} [children] @returns {any}
 */
export function el(tag, attributes = {}, children = []) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === 'text') element.textContent = value;
    else if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...children);
  return element;
}

/** @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/** Set text only where it differs: an unchanged node costs nothing. */
export function setText(element, text) { if (element.textContent !== text) element.textContent = text; }

const two = (n) => String(n).padStart(2, '0');
/** @param {number} seconds UTC */
export function clockText(seconds, local = false) {
  if (!Number.isFinite(seconds)) return '--:--:--';
  const d = new Date(seconds * 1000);
  return local ? `${two(d.getHours())}:${two(d.getMinutes())}` : `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
}
/** @param {number} seconds UTC */
export const dateText = (seconds) => (Number.isFinite(seconds) ? new Date(seconds * 1000).toISOString().slice(0, 10) : '');

/** @param {number} seconds */
export function ageText(seconds) {
  if (!Number.isFinite(seconds)) return 'never';
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** A number, or – where it is not known. */
export const num = (value, digits = 0) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
