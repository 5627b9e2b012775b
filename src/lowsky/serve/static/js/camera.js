// From mercator to the screen, for the canvases above the map. North is up, nothing is tilted.

import { TILE } from './mercator.js';
import { xOf, yOf } from './mercator.js';

export class Camera {
  constructor() { this.x = 0.5; this.y = 0.5; this.scale = TILE; this.width = 1; this.height = 1; this.ratio = 1; this.zoom = 0; }

  /** @param {any} map */
  follow(map) {
    const { lng, lat } = map.getCenter();
    this.x = xOf(lng);
    this.y = yOf(lat);
    this.zoom = map.getZoom();
    this.scale = TILE * 2 ** this.zoom;
  }

  /** @param {HTMLElement} stage @param {number} ratio */
  fit(stage, ratio) {
    this.width = stage.clientWidth;
    this.height = stage.clientHeight;
    this.ratio = ratio;
  }

  /** Device pixels. The nearest copy of the world is taken. */
  px(x) {
    let d = x - this.x;
    if (d > 0.5) d -= 1; else if (d < -0.5) d += 1;
    return (d * this.scale + this.width / 2) * this.ratio;
  }

  py(y) { return ((y - this.y) * this.scale + this.height / 2) * this.ratio; }
}

/** Make a canvas as large as the stage; true where it changed. @param {HTMLCanvasElement} canvas @param {Camera} camera */
export function sized(canvas, camera) {
  const w = Math.round(camera.width * camera.ratio), h = Math.round(camera.height * camera.ratio);
  if (canvas.width === w && canvas.height === h) return false;
  canvas.width = w;
  canvas.height = h;
  return true;
}
