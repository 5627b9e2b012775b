// Names beside symbols, the important ones first, never over one another. Text is drawn once and kept as a picture.

import { SHAPES, colourName } from './symbols.js';

const KEPT = 400;
const FONT_PX = 11;
const CELL = 26; // CSS pixels of the grid that knows what is taken
const MAX_CHARACTERS = 14;

export class Labels {
  constructor() {
    /** @type {Map<string, HTMLCanvasElement>} */
    this.pictures = new Map();
    /** @type {Set<number>} ids labelled in the last frame: they keep their label before equals */
    this.held = new Set();
    this.placed = 0;
  }

  clear() { this.pictures.clear(); }

  /** @param {CanvasRenderingContext2D} c */
  draw(c, camera, tracks, view, shapes, colours, selected, taken, most) {
    const wanted = view.filter((v) => v.rank >= 1 || v.id === selected);
    wanted.sort((a, b) => b.rank - a.rank || Number(this.held.has(b.id)) - Number(this.held.has(a.id)) || a.id - b.id);
    const boxes = new Grid(camera, CELL);
    // symbols that matter are in the way of labels, birds are not
    for (const v of view) if (!SHAPES[v.shape].muted) boxes.add(v.x - 8 * camera.ratio, v.y - 8 * camera.ratio, v.x + 8 * camera.ratio, v.y + 8 * camera.ratio, v.id);
    for (const box of taken) boxes.add(...box.map((p) => p * camera.ratio), -1);
    const right = camera.width * camera.ratio, bottom = camera.height * camera.ratio;
    const held = new Set();
    let tries = 6 * most; // in a crowd most places are taken: do not ask for ever
    for (const v of wanted) {
      if (held.size >= most || tries-- <= 0) break;
      const text = textOf(tracks, v);
      // the place first, by a generous guess of the width; a picture only for a label that has one
      const w = (text.length * 6.9 + 6) * camera.ratio, h = (FONT_PX + 6) * camera.ratio, gap = 11 * camera.ratio;
      for (const [x, y] of [[v.x + gap, v.y - h / 2], [v.x - gap - w, v.y - h / 2], [v.x - w / 2, v.y - gap - h], [v.x - w / 2, v.y + gap]]) {
        if (x < 0 || y < 0 || x + w > right || y + h > bottom || !boxes.free(x, y, x + w, y + h, v.id)) continue;
        boxes.add(x, y, x + w, y + h, -1);
        const picture = this.picture(text, colours, colourName(v.shape, tracks.col.affiliation[v.slot]), v.rank >= 3, camera.ratio);
        c.globalAlpha = v.rank >= 2 ? 1 : 0.85;
        c.drawImage(picture, Math.round(x < v.x - w / 2 ? x + w - picture.width : x), Math.round(y));
        held.add(v.id);
        break;
      }
    }
    c.globalAlpha = 1;
    this.held = held;
    this.placed = held.size;
  }

  picture(text, colours, colour, strong, ratio) {
    const key = `${colour}|${strong}|${text}`;
    let picture = this.pictures.get(key);
    if (picture) {
      this.pictures.delete(key); // to the end: least recently used goes first
    } else {
      picture = document.createElement('canvas');
      const c = /** @type {CanvasRenderingContext2D} */ (picture.getContext('2d', { willReadFrequently: true }));
      const font = `${strong ? 700 : 500} ${FONT_PX * ratio}px Inter, sans-serif`;
      c.font = font;
      picture.width = Math.ceil(c.measureText(text).width + 6 * ratio);
      picture.height = Math.ceil((FONT_PX + 6) * ratio);
      c.font = font;
      c.textBaseline = 'middle';
      c.lineJoin = 'round';
      c.lineWidth = 3 * ratio;
      c.strokeStyle = colours.halo;
      c.strokeText(text, 3 * ratio, picture.height / 2);
      c.fillStyle = colours[`${colour}-text`] ?? colours.text;
      c.fillText(text, 3 * ratio, picture.height / 2);
      if (this.pictures.size >= KEPT) this.pictures.delete(/** @type {string} */ (this.pictures.keys().next().value));
    }
    this.pictures.set(key, picture);
    return picture;
  }
}

/** Name and height to ten metres: it seldom changes, so pictures last. */
function textOf(tracks, v) {
  const name = tracks.nameOf(v.id);
  const height = tracks.col.height[v.slot];
  const short = name.length > MAX_CHARACTERS ? `${name.slice(0, MAX_CHARACTERS - 1)}…` : name;
  return height === height ? `${short}  ${Math.round(height / 10) * 10} m` : short;
}

/** Which boxes are taken, by cells of the screen. */
class Grid {
  constructor(camera, cell) {
    this.cell = cell * camera.ratio;
    this.columns = Math.ceil(camera.width * camera.ratio / this.cell) + 2;
    /** @type {Map<number, number[][]>} */
    this.cells = new Map();
  }

  *keys(x0, y0, x1, y1) {
    for (let row = Math.floor(y0 / this.cell); row <= Math.floor(y1 / this.cell); row++) {
      for (let column = Math.floor(x0 / this.cell); column <= Math.floor(x1 / this.cell); column++) yield row * this.columns + column;
    }
  }

  add(x0, y0, x1, y1, owner) {
    for (const key of this.keys(x0, y0, x1, y1)) {
      const cell = this.cells.get(key);
      if (cell) cell.push([x0, y0, x1, y1, owner]); else this.cells.set(key, [[x0, y0, x1, y1, owner]]);
    }
  }

  free(x0, y0, x1, y1, owner) {
    for (const key of this.keys(x0, y0, x1, y1)) {
      for (const b of this.cells.get(key) ?? []) if (b[4] !== owner && b[0] < x1 && x0 < b[2] && b[1] < y1 && y0 < b[3]) return false;
    }
    return true;
  }
}
