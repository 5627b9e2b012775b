// Web Mercator in [0, 1]², double precision (single jitters from zoom 15 on), and the few distances the page needs.

export const TILE = 512;
export const EQUATOR_M = 40075016.686;
const RAD = Math.PI / 180;

/** @param {number} longitude deg */
export const xOf = (longitude) => longitude / 360 + 0.5;
/** @param {number} latitude deg */
export const yOf = (latitude) => 0.5 - Math.asinh(Math.tan(latitude * RAD)) / (2 * Math.PI);
/** @param {number} y */
export const latitudeOf = (y) => Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) / RAD;
/** @param {number} x */
export const longitudeOf = (x) => (x - 0.5) * 360;
/** Mercator units of one metre at a latitude. @param {number} latitude deg */
export const unitsPerMetre = (latitude) => 1 / (EQUATOR_M * Math.cos(latitude * RAD));

/** Great-circle distance (m) and initial bearing (deg from true north) on the mean sphere. */
export function distanceBearing(lat1, lon1, lat2, lon2) {
  const p1 = lat1 * RAD, p2 = lat2 * RAD, dl = (lon2 - lon1) * RAD;
  const a = Math.sin((p2 - p1) / 2) ** 2 + Math.cos(p1) * Math.cos(p2) * Math.sin(dl / 2) ** 2;
  const bearing = Math.atan2(Math.sin(dl) * Math.cos(p2), Math.cos(p1) * Math.sin(p2) - Math.sin(p1) * Math.cos(p2) * Math.cos(dl));
  return { distance: 2 * 6371008.8 * Math.asin(Math.min(1, Math.sqrt(a))), bearing: ((bearing / RAD) + 360) % 360 };
}

/** The point at a distance (m) and bearing (deg), on the mean sphere: [longitude, latitude] deg. */
export function destination(lat, lon, distance, bearing) {
  const d = distance / 6371008.8, b = bearing * RAD, p = lat * RAD;
  const q = Math.asin(Math.sin(p) * Math.cos(d) + Math.cos(p) * Math.sin(d) * Math.cos(b));
  const l = lon * RAD + Math.atan2(Math.sin(b) * Math.sin(d) * Math.cos(p), Math.cos(d) - Math.sin(p) * Math.sin(q));
  return [((l / RAD + 540) % 360) - 180, q / RAD];
}
