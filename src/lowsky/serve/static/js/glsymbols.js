// Symbols by WebGL2: one instanced draw call from a sheet of every shape, affiliation and status. For machines with a GPU.

import { sized } from './camera.js';
import { SHAPES, SPRITE, drawBrackets, drawSymbol } from './symbols.js';
import { AFFILIATION } from './tracks.js';

const VERTEX = `#version 300 es
in vec2 corner;             // of the quad, ±0.5
in vec4 place;              // x, y in device pixels, angle rad, alpha
in float cell;
uniform vec2 size;          // of the canvas
uniform vec3 sheet;         // columns, rows, device pixels of a sprite
out vec2 at;
out float alpha;
void main() {
  float s = sin(place.z), c = cos(place.z);
  vec2 p = place.xy + mat2(c, s, -s, c) * corner * sheet.z;
  gl_Position = vec4(p / size * vec2(2.0, -2.0) + vec2(-1.0, 1.0), 0.0, 1.0);
  at = (vec2(mod(cell, sheet.x), floor(cell / sheet.x)) + corner + 0.5) / sheet.xy;
  alpha = place.w;
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec2 at;
in float alpha;
uniform sampler2D picture;
out vec4 colour;
void main() { colour = texture(picture, at) * alpha; }`;

const SHAPE_NAMES = Object.keys(SHAPES);
const COLUMNS = 12;
const VARIANTS = 9; // affiliation 3 × status 3
const BRACKETS = SHAPE_NAMES.length * VARIANTS;
const ROWS = Math.ceil((BRACKETS + 1) / COLUMNS);
const STRIDE = 5; // floats of one instance

export class GlSymbols {
  /** @param {HTMLCanvasElement} canvas throws where there is no WebGL2 */
  constructor(canvas) {
    this.canvas = canvas;
    const gl = canvas.getContext('webgl2', { antialias: true, premultipliedAlpha: true, alpha: true, powerPreference: 'low-power' });
    if (!gl) throw new Error('no WebGL2');
    this.gl = gl;
    this.ratio = 0;
    this.data = new Float32Array(STRIDE * 4096);
    canvas.addEventListener('webglcontextlost', (event) => { event.preventDefault(); this.lost = true; });
    canvas.addEventListener('webglcontextrestored', () => { this.lost = false; this.prepare(); });
    this.lost = false;
    this.prepare();
  }

  prepare() {
    const { gl } = this;
    const program = this.program = /** @type {WebGLProgram} */ (gl.createProgram());
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(Number(kind)));
      gl.shaderSource(shader, String(source));
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? 'link');
    gl.bindVertexArray(gl.createVertexArray());
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-0.5, -0.5, 0.5, -0.5, -0.5, 0.5, 0.5, 0.5]), gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(program, 'corner');
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    this.buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    for (const [name, count, offset] of [['place', 4, 0], ['cell', 1, 16]]) {
      const at = gl.getAttribLocation(program, String(name));
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, Number(count), gl.FLOAT, false, 4 * STRIDE, Number(offset));
      gl.vertexAttribDivisor(at, 1);
    }
    this.texture = gl.createTexture();
    this.ratio = 0;
  }

  recolour() { this.ratio = 0; }

  /** Draw every symbol once into the sheet. */
  paint(colours, ratio) {
    const cell = Math.ceil(SPRITE * ratio);
    const sheet = document.createElement('canvas');
    sheet.width = COLUMNS * cell;
    sheet.height = ROWS * cell;
    const c = /** @type {CanvasRenderingContext2D} */ (sheet.getContext('2d', { willReadFrequently: true }));
    const into = (k) => c.setTransform(ratio, 0, 0, ratio, (k % COLUMNS + 0.5) * cell, (Math.floor(k / COLUMNS) + 0.5) * cell);
    SHAPE_NAMES.forEach((shape, s) => {
      for (let k = 0; k < VARIANTS; k++) { into(s * VARIANTS + k); drawSymbol(c, shape, Math.floor(k / 3), k % 3 + 1, colours, 0, 1, false); }
    });
    into(BRACKETS);
    drawBrackets(c, colours.suspicious, colours.halo);
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, sheet);
    for (const [key, value] of [[gl.TEXTURE_MIN_FILTER, gl.LINEAR], [gl.TEXTURE_MAG_FILTER, gl.LINEAR], [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE]]) gl.texParameteri(gl.TEXTURE_2D, key, value);
    this.ratio = ratio;
    this.cell = cell;
  }

  /** @param {import('./camera.js').Camera} camera @param {any[]} view @param {import('./tracks.js').Tracks} tracks */
  draw(camera, view, tracks, shapes, colours) {
    if (this.lost) return;
    const { gl } = this;
    sized(this.canvas, camera);
    if (this.ratio !== camera.ratio) this.paint(colours, camera.ratio);
    const { affiliation, status } = tracks.col;
    if (this.data.length < 2 * STRIDE * view.length) this.data = new Float32Array(4 * STRIDE * view.length);
    let n = 0;
    const add = (x, y, angle, alpha, cell) => { const at = STRIDE * n++; this.data[at] = x; this.data[at + 1] = y; this.data[at + 2] = angle; this.data[at + 3] = alpha; this.data[at + 4] = cell; };
    for (const v of view) {
      const a = affiliation[v.slot];
      if (a === AFFILIATION.SUSPICIOUS) add(v.x, v.y, 0, v.fade, BRACKETS);
      const angle = SHAPES[v.shape].turns ? tracks.course(v.slot) * Math.PI / 180 : 0;
      add(v.x, v.y, angle || 0, v.fade, SHAPE_NAMES.indexOf(v.shape) * VARIANTS + a * 3 + status[v.slot] - 1);
    }
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(this.program);
    gl.uniform2f(gl.getUniformLocation(this.program, 'size'), this.canvas.width, this.canvas.height);
    gl.uniform3f(gl.getUniformLocation(this.program, 'sheet'), COLUMNS, ROWS, this.cell);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    gl.bufferData(gl.ARRAY_BUFFER, this.data.subarray(0, STRIDE * n), gl.STREAM_DRAW);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, n);
  }
}
