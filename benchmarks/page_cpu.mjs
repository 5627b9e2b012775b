// CPU of a browser that shows the page: all its processes, for each frame drawn. See page_cpu.py.

import { readFileSync, readdirSync } from 'node:fs';
import { open, state, until } from '../tests/browser/chromium.mjs';

const [url, seconds, query = ''] = process.argv.slice(2);
const TICK_MS = 10; // USER_HZ is 100 on Linux

/** CPU milliseconds of a process and everything it started, from /proc. */
function cpu(root) {
  const parents = new Map(), used = new Map();
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    let text;
    try { text = readFileSync(`/proc/${pid}/stat`, 'utf8'); } catch { continue; } // gone meanwhile
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    parents.set(Number(pid), Number(fields[1]));
    used.set(Number(pid), (Number(fields[11]) + Number(fields[12])) * TICK_MS);
  }
  let sum = 0;
  for (const pid of parents.keys()) {
    let at = pid;
    while (at && at !== root) at = parents.get(at) ?? 0;
    if (at === root) sum += used.get(pid) ?? 0;
  }
  return sum;
}

const { page, close } = await open();
await page.goto(`${url}?theme=night${query}`);
await until(page, 'a picture', (s) => s.applied > 5 && s.mapLoaded && s.drawnFrames > 3, 60000);
await page.waitForTimeout(4000);
// the browser is the one child of this process that is called chromium
const root = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).map(Number).find((pid) => {
  try { return new RegExp(`\\) \\S ${process.pid} `).test(readFileSync(`/proc/${pid}/stat`, 'utf8')) && /chrom/.test(readFileSync(`/proc/${pid}/comm`, 'utf8')); } catch { return false; }
});
const before = await state(page), cpu0 = cpu(root), t0 = performance.now();
await page.waitForTimeout(Number(seconds) * 1000);
const after = await state(page), cpu1 = cpu(root), wall = (performance.now() - t0) / 1000;
const frames = after.drawnFrames - before.drawnFrames;
console.log(JSON.stringify({
  tracks: after.tracks, drawn: after.drawn, renderer: after.renderer, frames_per_s: frames / wall, cpu_ms_per_frame: (cpu1 - cpu0) / frames,
  cpu_share_of_one_core: (cpu1 - cpu0) / 1000 / wall, received_per_s: (after.frames - before.frames) / wall,
}));
await close();
