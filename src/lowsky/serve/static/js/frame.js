// Decodes the binary frames of /api/stream. The columns are not known here: the hello message names them.

/** @typedef {{name: string, type: string, scale: number, missing: number|null}} Column */
/** @typedef {{flags: number, rows: number, seq: number, t_data: number, t_sent: number, t_recv: number,
 *   t_base: number, epoch: number, removed: number, total: number}} Header */
/** @typedef {{header: Header, raw: Record<string, ArrayLike<number>>, removed: Uint32Array}} Frame */

export const KEYFRAME = 1;
export const HISTORY = 2;

const ARRAYS = { u4: Uint32Array, i4: Int32Array, f4: Float32Array, i2: Int16Array, u2: Uint16Array, u1: Uint8Array };
const GET = { H: 'getUint16', I: 'getUint32', d: 'getFloat64' };

export class Decoder {
  /** @param {any} hello the first message of the stream */
  constructor(hello) {
    this.headerBytes = hello.header_bytes;
    this.fields = hello.header;
    this.version = hello.version;
    /** @type {Column[]} */
    this.columns = hello.columns.map(([name, type, scale, missing]) => ({ name, type, scale, missing }));
    this.rowBytes = this.columns.reduce((sum, c) => sum + ARRAYS[c.type].BYTES_PER_ELEMENT, 0);
  }

  /** @param {ArrayBuffer} buffer @returns {Frame} */
  decode(buffer) {
    const view = new DataView(buffer);
    if (buffer.byteLength < this.headerBytes || view.getUint32(0, false) !== 0x4c534b31) throw new Error('not a frame');
    /** @type {any} */
    const header = {};
    for (const [name, offset, kind] of this.fields) header[name] = view[GET[kind]](offset, true);
    if (header.version !== this.version) throw new Error('frame version');
    const n = header.rows;
    const size = Math.ceil((this.rowBytes * n) / 4) * 4;
    if (buffer.byteLength !== this.headerBytes + size + 4 * header.removed) throw new Error('frame size');
    /** @type {Record<string, ArrayLike<number>>} */
    const raw = {};
    let at = this.headerBytes;
    for (const { name, type } of this.columns) {
      const array = new ARRAYS[type](buffer, at, n);
      raw[name] = array;
      at += array.byteLength;
    }
    return { header, raw, removed: new Uint32Array(buffer, this.headerBytes + size, header.removed) };
  }
}
