// The one connection. It comes back by itself, for as long as the page is open.

import { Decoder } from './frame.js';

const RETRY_MS = [250, 500, 1000, 2000];

export class Stream {
  /** @param {{hello: (h: any) => void, text: (m: any) => void, frame: (f: import('./frame.js').Frame) => void,
   *   open: () => void}} to */
  constructor(to) {
    this.to = to;
    this.tries = 0;
    this.frames = 0;
    this.bytes = 0;
    /** @type {Decoder|null} */
    this.decoder = null;
    /** @type {WebSocket|null} */
    this.socket = null;
  }

  connect() {
    const socket = this.socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/stream`);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => { this.tries = 0; this.to.open(); };
    socket.onmessage = ({ data }) => this.take(data);
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.decoder = null;
      setTimeout(() => this.connect(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
    };
  }

  take(data) {
    if (typeof data === 'string') {
      const message = JSON.parse(data);
      if (message.type === 'hello') {
        this.decoder = new Decoder(message);
        this.to.hello(message);
      } else this.to.text(message);
      return;
    }
    if (!this.decoder) return;
    this.frames++;
    this.bytes += data.byteLength;
    this.to.frame(this.decoder.decode(data));
  }

  /** @param {object} want one of: seek, live, pause, scene */
  ask(want) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(want));
  }
}
