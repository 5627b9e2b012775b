// The map below: MapLibre over the tiles in the package. It repaints only when the camera moves.

import { Map as MapLibre, setWorkerCount } from '/static/vendor/maplibre-gl/maplibre-gl.mjs';

const FONT = ['Inter'];

/** Layers by theme colours. Changed in place by `recolour`, so nothing is lost on a switch. */
function layers(c) {
  return [
    { id: 'sea', type: 'background', paint: { 'background-color': c.sea } },
    { id: 'land', type: 'fill', source: 'world', 'source-layer': 'land', paint: { 'fill-color': c.land, 'fill-antialias': false } },
    { id: 'coast', type: 'line', source: 'world', 'source-layer': 'land', paint: { 'line-color': c.coast, 'line-width': ['interpolate', ['linear'], ['zoom'], 2, 0.5, 8, 1.1] } },
    { id: 'border', type: 'line', source: 'world', 'source-layer': 'border', paint: { 'line-color': c.border, 'line-width': 1, 'line-dasharray': [4, 3] } },
    {
      id: 'country', type: 'symbol', source: 'world', 'source-layer': 'country', maxzoom: 6.5,
      layout: { 'text-field': ['get', 'name'], 'text-font': FONT, 'text-size': 11, 'text-letter-spacing': 0.12, 'text-transform': 'uppercase', 'text-max-width': 7 },
      paint: { 'text-color': c.place, 'text-halo-color': c.land, 'text-halo-width': 1.2, 'text-opacity': 0.75 },
    },
    {
      id: 'airport', type: 'symbol', source: 'world', 'source-layer': 'airport', minzoom: 7.5,
      layout: { 'text-field': ['get', 'icao'], 'text-font': FONT, 'text-size': 10, 'text-letter-spacing': 0.08, 'symbol-sort-key': 20 },
      paint: { 'text-color': c.place, 'text-halo-color': c.land, 'text-halo-width': 1.2, 'text-opacity': 0.8 },
    },
    {
      id: 'place', type: 'symbol', source: 'world', 'source-layer': 'place', minzoom: 3,
      layout: {
        'text-field': ['get', 'name'], 'text-font': FONT, 'symbol-sort-key': ['get', 'rank'], 'text-padding': 8, 'text-max-width': 8,
        'text-size': ['interpolate', ['linear'], ['zoom'], 4, ['match', ['get', 'rank'], 3, 12, 10.5], 10, ['match', ['get', 'rank'], 3, 17, 4, 15, 5, 14, 6, 13, 12]],
      },
      paint: { 'text-color': c.place, 'text-halo-color': c.land, 'text-halo-width': 1.4 },
    },
  ];
}

/**
 * @param {import('./theme.js').Theme} theme
 * @param {boolean} software the renderer has no GPU
 */
export async function openMap(theme, software) {
  // labels are rasterised from CSS fonts: they must be there before the first label is
  await Promise.allSettled(['400 16px Inter', '700 16px Inter'].map((f) => document.fonts.load(f, 'Aéő')));
  setWorkerCount(1);
  const map = new MapLibre({
    container: 'map',
    style: {
      version: 8,
      sources: { world: { type: 'vector', tiles: [`${location.origin}/tiles/{z}/{x}/{y}`], minzoom: 0, maxzoom: 8 } },
      layers: layers(theme.colours),
    },
    center: [0, 20], zoom: 1.5, minZoom: 1, maxZoom: 17.5,
    attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false, keyboard: false,
    fadeDuration: 0, maxPitch: 0, renderWorldCopies: true, refreshExpiredTiles: false,
    pixelRatio: software ? 1 : window.devicePixelRatio,
    canvasContextAttributes: { antialias: false },
  });
  map.touchZoomRotate.disableRotation();
  theme.listeners.push(() => recolour(map, theme.colours));
  return map;
}

function recolour(map, colours) {
  if (!map.style) return;
  for (const layer of layers(colours)) {
    for (const [key, value] of Object.entries(layer.paint)) map.setPaintProperty(layer.id, key, value);
  }
}

/** True where drawing is done by the processor (SwiftShader, llvmpipe and the like). */
export function softwareRenderer() {
  const gl = document.createElement('canvas').getContext('webgl2');
  if (!gl) return { software: true, name: 'none' };
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return { software: /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name), name };
}
