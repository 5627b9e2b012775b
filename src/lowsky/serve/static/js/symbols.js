// Shape = class, colour = affiliation, size = nothing. One path per shape, drawn in a box of ±10, north up.

import { AFFILIATION, STATUS } from './tracks.js';

/** @typedef {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} Context */

const poly = (c, points) => { points.forEach(([x, y], k) => (k ? c.lineTo(x, y) : c.moveTo(x, y))); c.closePath(); };
const dot = (c, x, y, r) => { c.moveTo(x + r, y); c.arc(x, y, r, 0, 2 * Math.PI); };

/** @type {Record<string, {turns: boolean, muted?: boolean, path: (c: Context) => void}>} */
export const SHAPES = {
  unknown: { turns: false, path: (c) => c.rect(-5.5, -5.5, 11, 11) },
  drone: { turns: true, path: (c) => poly(c, [[0, -9], [7, 8], [0, 4], [-7, 8]]) },
  wing: { turns: true, path: (c) => poly(c, [[0, -9], [2, -3], [9.5, 3], [9.5, 5.5], [2, 4], [1.2, 8], [-1.2, 8], [-2, 4], [-9.5, 5.5], [-9.5, 3], [-2, -3]]) },
  bird: { turns: false, muted: true, path: (c) => dot(c, 0, 0, 3.6) },
  flock: { turns: false, muted: true, path: (c) => { dot(c, -4, 2.5, 3); dot(c, 4, 2.5, 3); dot(c, 0, -4, 3); } },
  balloon: { turns: false, muted: true, path: (c) => { dot(c, 0, -2.5, 6); poly(c, [[-2, 5], [2, 5], [1.6, 8.5], [-1.6, 8.5]]); } },
  paraglider: { turns: false, muted: true, path: (c) => { c.moveTo(-8.5, 0); c.bezierCurveTo(-7, -9, 7, -9, 8.5, 0); c.bezierCurveTo(5, -4, -5, -4, -8.5, 0); c.closePath(); dot(c, 0, 6, 2.2); } },
  aeroplane: { turns: true, path: (c) => poly(c, [[0, -10], [1.7, -7], [1.7, -2.2], [10, 3], [10, 5], [1.7, 2.4], [1.3, 6.6], [4, 8.6], [4, 10], [0, 9], [-4, 10], [-4, 8.6], [-1.3, 6.6], [-1.7, 2.4], [-10, 5], [-10, 3], [-1.7, -2.2], [-1.7, -7]]) },
  helicopter: { turns: true, path: (c) => { poly(c, [[0, -7], [2.6, -5], [2.9, 1], [1.1, 3.6], [0.9, 8], [3, 8.4], [3, 10], [-3, 10], [-3, 8.4], [-0.9, 8], [-1.1, 3.6], [-2.9, 1], [-2.6, -5]]); for (const s of [1, -1]) poly(c, [[-8 * s, -8.4], [-6.6 * s, -9.2], [8 * s, 5.4], [6.6 * s, 6.2]]); } },
  vehicle: { turns: true, muted: true, path: (c) => { c.moveTo(-3.6, -4); c.arcTo(-3.6, -7, 0, -7, 3); c.arcTo(3.6, -7, 3.6, -4, 3); c.lineTo(3.6, 6.5); c.lineTo(-3.6, 6.5); c.closePath(); } },
  clutter: { turns: false, muted: true, path: (c) => dot(c, 0, 0, 2.2) },
  turbine: { turns: false, muted: true, path: (c) => { for (const a of [0, 2.0944, 4.1888]) poly(c, [[0, 0], [9 * Math.sin(a - 0.16), -9 * Math.cos(a - 0.16)], [9 * Math.sin(a + 0.06), -9 * Math.cos(a + 0.06)]]); dot(c, 0, 0, 1.8); } },
};

// by name of lowsky.model.classes, so that the order on the wire stays the server's
const SHAPE_OF = {
  unknown: 'unknown', multirotor: 'drone', drone: 'drone', 'fixed-wing-drone': 'wing', 'delta-drone': 'wing', bird: 'bird', flock: 'flock', balloon: 'balloon',
  paraglider: 'paraglider', aeroplane: 'aeroplane', helicopter: 'helicopter', vehicle: 'vehicle', clutter: 'clutter', 'wind-turbine': 'turbine',
};
/** @param {string} label a class name */
export const shapeOf = (label) => SHAPE_OF[label] ?? 'unknown';
/** Class name as people read it. @param {string} label */
export const classText = (label) => (label === 'fixed-wing-drone' ? 'fixed-wing' : (label ?? 'unknown').replaceAll('-', ' '));

export const AFFILIATIONS = ['unidentified', 'cooperative', 'suspicious'];

/** Name of the colour of a symbol. @param {string} shape @param {number} affiliation */
export function colourName(shape, affiliation) {
  if (affiliation !== AFFILIATION.SUSPICIOUS && SHAPES[shape].muted) return affiliation === AFFILIATION.COOPERATIVE ? 'cooperative' : 'clutter';
  return AFFILIATIONS[affiliation] ?? 'unidentified';
}

/**
 * One symbol at the origin. Colour's second channel: cooperative hollow, unidentified filled, suspicious filled with
 * corner brackets. Coasting is dashed, tentative a thin outline.
 * @param {Context} c @param {string} shape @param {number} affiliation @param {number} status
 * @param {Record<string, string>} colours @param {number} angle rad, clockwise @param {number} [scale] @param {boolean} [withBrackets]
 */
export function drawSymbol(c, shape, affiliation, status, colours, angle, scale = 1, withBrackets = true) {
  const colour = colours[colourName(shape, affiliation)];
  const hollow = affiliation === AFFILIATION.COOPERATIVE || status !== STATUS.CONFIRMED;
  c.save();
  c.scale(scale, scale);
  c.lineJoin = 'round';
  if (withBrackets && affiliation === AFFILIATION.SUSPICIOUS) drawBrackets(c, colour, colours.halo);
  if (SHAPES[shape].turns) c.rotate(angle);
  c.beginPath();
  SHAPES[shape].path(c);
  c.lineWidth = 4.2;
  c.strokeStyle = colours.halo;
  c.globalAlpha *= 0.85;
  c.stroke();
  c.globalAlpha /= 0.85;
  c.fillStyle = hollow ? colours.halo : colour;
  c.fill();
  if (hollow) {
    c.lineWidth = status === STATUS.TENTATIVE ? 1.1 : 1.7;
    if (status === STATUS.COASTING) c.setLineDash([3, 2.2]);
    c.strokeStyle = colour;
    c.stroke();
  }
  c.restore();
}

/** The corners round a suspicious symbol. @param {Context} c */
export function drawBrackets(c, colour, halo) {
  for (const [width, style] of [[4, halo], [1.8, colour]]) {
    c.beginPath();
    for (const [sx, sy] of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) {
      c.moveTo(sx * 13, sy * 8); c.lineTo(sx * 13, sy * 13); c.lineTo(sx * 8, sy * 13);
    }
    c.lineWidth = Number(width);
    c.strokeStyle = String(style);
    c.stroke();
  }
}

export const SPRITE = 32; // CSS pixels of a sprite's side
const TURNS = 64;

/** Symbols drawn once for every heading (64 of them) and kept as rows of one sheet. */
export class Sprites {
  /** @param {number} ratio device pixels per CSS pixel */
  constructor(ratio) {
    this.ratio = ratio;
    this.cell = Math.ceil(SPRITE * ratio);
    /** @type {Map<string, HTMLCanvasElement>} */
    this.sheets = new Map();
  }

  clear() { this.sheets.clear(); }

  /** @returns {HTMLCanvasElement} a strip of one or 64 cells */
  sheet(shape, affiliation, status, colours) {
    const key = `${shape}|${affiliation}|${status}`;
    let sheet = this.sheets.get(key);
    if (!sheet) {
      const turns = SHAPES[shape].turns ? TURNS : 1;
      sheet = document.createElement('canvas');
      sheet.width = this.cell * 8;
      sheet.height = this.cell * Math.ceil(turns / 8);
      const c = /** @type {CanvasRenderingContext2D} */ (sheet.getContext('2d', { willReadFrequently: true }));
      for (let k = 0; k < turns; k++) {
        c.setTransform(this.ratio, 0, 0, this.ratio, (k % 8 + 0.5) * this.cell, (Math.floor(k / 8) + 0.5) * this.cell);
        drawSymbol(c, shape, affiliation, status, colours, (k / turns) * 2 * Math.PI, 1);
      }
      this.sheets.set(key, sheet);
    }
    return sheet;
  }

  /** @param {Context} c in device pixels */
  draw(c, x, y, shape, affiliation, status, colours, course) {
    const sheet = this.sheet(shape, affiliation, status, colours);
    const turn = SHAPES[shape].turns ? Math.round(course / 360 * TURNS) % TURNS : 0;
    const size = this.cell;
    c.drawImage(sheet, turn % 8 * size, Math.floor(turn / 8) * size, size, size, Math.round(x - size / 2), Math.round(y - size / 2), size, size);
  }
}

/** Shape and word of a sensor's health, for SVG: ok ●, stale ◆, degraded ▲, down ✕, waiting ○. */
export const HEALTH_PATH = {
  ok: 'M6 1.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 1 1 0-9z',
  stale: 'M6 .5 11.5 6 6 11.5.5 6z',
  degraded: 'M6 1 11.5 10.5H.5z',
  down: 'M2.2.8 6 4.6 9.8.8 11.2 2.2 7.4 6l3.8 3.8-1.4 1.4L6 7.4l-3.8 3.8L.8 9.8 4.6 6 .8 2.2z',
  waiting: 'M6 1.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 1 1 0-9zM6 3.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 1 0 0-5.6z',
};

/** @param {string} path @param {string} [box] @returns {SVGElement} */
export function svg(path, box = '0 0 12 12') {
  const space = 'http://www.w3.org/2000/svg';
  const element = document.createElementNS(space, 'svg');
  element.setAttribute('viewBox', box);
  element.setAttribute('aria-hidden', 'true');
  const shape = document.createElementNS(space, 'path');
  shape.setAttribute('d', path);
  shape.setAttribute('stroke', 'none');
  shape.setAttribute('fill-rule', 'evenodd');
  element.append(shape);
  return element;
}
