// Chromium the way every test starts it: headless, drawn by the processor, nothing in the background.

import { chromium } from 'playwright-core';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const FLAGS = [
  '--headless', '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--force-color-profile=srgb',
];

/** @param {{viewport?: {width: number, height: number}, reducedMotion?: 'reduce'}} [options] */
export async function open(options = {}) {
  const profile = mkdtempSync(join(tmpdir(), 'lowsky-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: FLAGS,
    viewport: { width: 1440, height: 860 }, reducedMotion: 'reduce', ...options,
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const faults = [], foreign = [];
  page.on('console', (message) => { if (message.type() === 'error') faults.push(message.text()); });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('request', (request) => { if (!/^(https?|wss?):\/\/(127\.0\.0\.1|localhost)[:/]|^(data|blob):/.test(request.url())) foreign.push(request.url()); });
  return { page, context, faults, foreign, close: async () => { await context.close(); rmSync(profile, { recursive: true, force: true }); } };
}

export const state = (page) => page.evaluate(() => window.__lowsky?.state);

/** Wait until the page's state satisfies a test. */
export async function until(page, what, test, ms = 15000) {
  const end = Date.now() + ms;
  for (;;) {
    const now = await state(page).catch(() => null);
    if (now && test(now)) return now;
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}; the page says ${JSON.stringify(now)}`);
    await new Promise((go) => setTimeout(go, 60));
  }
}
