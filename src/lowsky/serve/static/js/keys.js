// The keyboard. Typing into a field is typing; everything else is a command.

import { byId } from './dom.js';

/** @param {any} app */
export function listen(app) {
  window.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === 'Escape') {
      if (target === byId('search')) { byId('search').value = ''; byId('search').dispatchEvent(new Event('input')); target.blur(); } else if (!document.querySelector('dialog[open]')) app.select(null);
      return;
    }
    if (target instanceof HTMLInputElement && target.type !== 'range') return;
    if (event.key === ' ' && target instanceof HTMLButtonElement) return; // a button takes its own space, #pause too: not twice
    if (byId('help').open && event.key !== '?') return;
    if (document.querySelector('dialog[open]:not(#help)')) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (arrow && event.shiftKey) { app.touched = true; app.map?.panBy(arrow.map((d) => d * 120), { duration: 0 }); }
    else if (arrow && arrow[0]) { if (target !== byId('slider')) target.blur?.(); app.step(arrow[0]); } else if (!act(app, event.key, event.shiftKey)) return;
    event.preventDefault();
  });
}

function act(app, key, shift) {
  const actions = {
    ' ': () => app.pause(), l: () => app.live(), f: () => app.follow(), t: () => app.theme.next(), e: () => app.toggleSigma(), z: () => app.toggleZones(), h: () => app.home(),
    a: () => (shift ? app.desk.acknowledgeAll() : app.desk.acknowledgeCurrent()), n: () => app.next(1), p: () => app.next(-1), '+': () => app.zoom(1), '=': () => app.zoom(1), '-': () => app.zoom(-1),
    '/': () => byId('search').focus(), '?': () => app.help(),
  };
  const action = actions[key.length === 1 ? key.toLowerCase() : key];
  if (!action) return false;
  action();
  return true;
}
