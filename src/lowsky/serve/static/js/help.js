// Keys and symbols, in one overlay.

import { el, byId } from './dom.js';
import { SPRITE, drawSymbol } from './symbols.js';
import { AFFILIATION, STATUS } from './tracks.js';

export const KEYS = [
  ['Space', 'pause the display'], ['L', 'live'], ['← →', '10 s back, on'], ['+ −', 'zoom'], ['Shift + arrows', 'move the map'], ['H', 'back to the site'],
  ['A', 'acknowledge the chosen alert, or the most urgent'], ['Shift + A', 'acknowledge all that are shown'], ['N P', 'next, previous alert; without alerts, track'], ['F', 'follow the selected track'], ['E', 'ellipses of 1σ or 2σ'], ['Z', 'zones'], ['T', 'night, day, dark'], ['/', 'search'],
  ['Esc', 'let go'], ['?', 'this page'],
];
const CLASSES = [['drone', 'drone (points where it goes)'], ['wing', 'fixed-wing drone'], ['unknown', 'unknown'], ['bird', 'bird'], ['flock', 'flock'], ['balloon', 'balloon'],
  ['aeroplane', 'aeroplane'], ['helicopter', 'helicopter'], ['vehicle', 'vehicle on the ground']];
const MANNERS = [
  ['drone', AFFILIATION.UNIDENTIFIED, STATUS.CONFIRMED, 'unidentified: filled'], ['drone', AFFILIATION.COOPERATIVE, STATUS.CONFIRMED, 'cooperative, says who it is: hollow'],
  ['drone', AFFILIATION.SUSPICIOUS, STATUS.CONFIRMED, 'named by an alert: brackets'], ['drone', AFFILIATION.UNIDENTIFIED, STATUS.COASTING, 'coasting, not seen just now: dashed'],
  ['drone', AFFILIATION.UNIDENTIFIED, STATUS.TENTATIVE, 'tentative: thin'],
];

/** @param {Record<string, string>} colours */
export function openHelp(colours) {
  const dialog = byId('help');
  const sample = (shape, affiliation, status, text) => {
    const canvas = el('canvas', { width: 48, height: 48, 'aria-hidden': 'true' });
    const c = canvas.getContext('2d');
    c.setTransform(48 / SPRITE, 0, 0, 48 / SPRITE, 24, 24);
    drawSymbol(c, shape, affiliation, status, colours, 0.6);
    return el('div', { class: 'line' }, [canvas, text]);
  };
  dialog.replaceChildren(el('div', { class: 'inner' }, [
    el('h2', { id: 'help-title' }, ['What is what', el('button', { type: 'button', text: 'Close', onclick: () => dialog.close() })]),
    el('div', { class: 'columns' }, [
      el('section', {}, [el('h3', { text: 'Shape says what it is' }), ...CLASSES.map(([shape, text]) => sample(shape, AFFILIATION.UNIDENTIFIED, STATUS.CONFIRMED, text))]),
      el('section', {}, [
        el('h3', { text: 'Colour and manner' }), ...MANNERS.map(([shape, a, s, text]) => sample(shape, a, s, text)),
        el('p', { text: 'A line ahead of a symbol ends where it will be in 30 s; the line behind is its last minute. The ellipse holds it with 39 % (1σ) or 86 % (2σ). A wedge is a bearing without a range: the object is somewhere in it.' }),
      ]),
      el('section', {}, [el('h3', { text: 'Keys' }), ...KEYS.map(([keys, text]) => el('div', { class: 'line' }, [el('kbd', { text: keys }), text]))]),
      el('section', {}, [
        el('h3', { text: 'The map' }),
        el('p', { text: 'Outlined areas are zones that rules watch; a broken line is one that is not watched at this hour.' }),
        el('p', { text: 'Natural Earth coastlines are right to a kilometre or so: good for orientation, not for a site plan. Borders are drawn as they are de facto. Heights are above the WGS-84 ellipsoid, which differs from sea level by up to 100 m.' }),
      ]),
    ]),
  ]));
  dialog.showModal();
}
