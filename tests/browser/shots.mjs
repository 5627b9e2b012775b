// Pictures of the page, to be looked at: node shots.mjs http://127.0.0.1:8010/ ../../artefacts night,day
import { mkdirSync } from 'node:fs';
import { open, until } from './chromium.mjs';

const [url, folder, themes = 'night,day,dark', name = 'map', action = ''] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const phone = action.includes('phone');
const { page, faults, foreign, close } = await open(phone ? { viewport: { width: 390, height: 844 } } : {});
for (const theme of themes.split(',')) {
  await page.goto(`${url}?theme=${theme}&${process.env.QUERY ?? ""}`);
  await until(page, 'tracks', (s) => s.applied > 3 && s.mapLoaded);
  await page.waitForTimeout(action.includes('wait') ? 25000 : 2500);
  if (action.includes('select')) await page.evaluate(() => window.__lowsky.select(window.__lowsky.app.table.rows[Number(new URLSearchParams(location.search).get('row') ?? 0)].id));
  if (action.includes('help')) await page.keyboard.press('?');
  if (action.includes('zoom')) for (let k = 0; k < 4; k++) await page.keyboard.press('+');
  await page.waitForTimeout(1500);
  await page.screenshot({ path: `${folder}/${name}-${theme}.png` });
}
console.log(JSON.stringify(await page.evaluate(() => window.__lowsky.state)));
console.log('faults', faults, 'foreign', foreign);
await close();
