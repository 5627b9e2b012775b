// The alert desk: one row for each incident, what people have done with it, and what they can do.

import { ask } from './ask.js';
import { ageText, byId, clockText, el, num, setText } from './dom.js';
import { HEALTH_PATH, svg } from './symbols.js';

const PRIORITY = {
  high: ['HIGH', 'M6 .5 11.5 6 6 11.5.5 6z'], medium: ['MED', 'M6 1 11.5 10.5H.5z'], low: ['LOW', HEALTH_PATH.ok],
};
const RANK = { high: 0, medium: 1, low: 2 };
const LIMITS = [['15', '15 min'], ['30', '30 min'], ['60', '1 hour'], ['240', '4 hours'], ['480', '8 hours']];
const REASONS = ['Authorised flight', 'Being repaired', 'Training', 'Known object'];
const TRIES = 3;
const WHO = 'lowsky.who';

export class Desk {
  /** @param {any} app */
  constructor(app) {
    this.app = app;
    /** @type {Map<number, any>} rows by alert: kept, or a click would meet another one */
    this.rows = new Map();
    /** @type {Set<number>} */ this.known = new Set();
    this.first = true;
    this.text = '';
    /** @type {number|null} */ this.current = null;
    /** @type {any[]} in the order of the list */ this.alerts = [];
    this.time = NaN;
    this.parts = {
      flood: el('p', { class: 'flood', hidden: true }), main: el('div', {}), low: more('low'), over: el('div', {}, [el('h3', { text: 'Over, not acknowledged' })]),
      shelved: more('shelved'), empty: el('p', { class: 'empty' }),
    };
    byId('alerts-list').append(this.parts.flood, this.parts.main, this.parts.low, this.parts.over, this.parts.shelved, this.parts.empty);
    byId('ack-all').addEventListener('click', () => this.acknowledgeAll());
    byId('figures-open').addEventListener('click', () => this.figures());
  }

  /** @param {any} state */
  update(state) {
    const text = JSON.stringify([state.alerts, state.desk, state.mode, this.app.past, state.sensors.map((s) => s.status)]);
    if (text === this.text) return;
    this.text = text;
    this.fill(state);
  }

  fill({ alerts, desk, sensors, mode }) {
    const canAct = mode !== 'replay' && !this.app.past;
    const place = (a) => (a.state === 'shelved' ? 'shelved' : a.state === 'cleared-unacknowledged' ? 'over' : desk?.flood_since && a.priority === 'low' ? 'low' : 'main');
    const order = (a, b) => (RANK[a.priority] ?? 3) - (RANK[b.priority] ?? 3) || Number(b.waits) - Number(a.waits) || b.raised - a.raised;
    const sorted = [...alerts].sort(order);
    const lists = { main: [], low: [], over: [], shelved: [] };
    for (const alert of sorted) lists[place(alert)].push(alert);
    this.alerts = [...lists.main, ...lists.low, ...lists.over, ...lists.shelved];
    const ids = new Set(alerts.map((a) => a.id));
    for (const [id, row] of this.rows) if (!ids.has(id)) { row.root.remove(); this.rows.delete(id); }
    for (const [name, own] of Object.entries(lists)) {
      const holder = this.parts[name].rows ?? this.parts[name];
      own.forEach((alert, k) => {
        if (!this.rows.has(alert.id)) this.rows.set(alert.id, this.make());
        const row = this.rows.get(alert.id);
        this.show(row, alert, sensors, canAct);
        const at = holder.children[k + (name === 'over' ? 1 : 0)] ?? null;
        if (row.root !== at) { const focused = row.root.contains(document.activeElement) ? document.activeElement : null; holder.insertBefore(row.root, at); focused?.focus(); }
      });
      if (name !== 'main') this.parts[name].hidden = !own.length;
    }
    setText(this.parts.low.summary, `${lists.low.length} low ${lists.low.length === 1 ? 'alert' : 'alerts'}, grouped during the flood`);
    setText(this.parts.shelved.summary, `${lists.shelved.length} shelved`);
    this.parts.flood.hidden = !desk?.flood_since;
    if (desk?.flood_since) setText(this.parts.flood, `Flood: ${desk.flood_alerts} alerts since ${clockText(desk.flood_since)}. Nothing is lost; low ones are one row below.`);
    this.counts(alerts);
    byId('ack-all').hidden = !canAct || alerts.filter((a) => a.waits && a.id > 0).length < 2;
    this.parts.empty.hidden = alerts.length > 0;
    if (!alerts.length) {
      const bad = sensors.filter((s) => s.status !== 'ok').length;
      this.parts.empty.replaceChildren(el('b', { text: 'No open alerts' }), bad ? `${bad} of ${sensors.length} sensors are not ok: not everything can be seen.` : 'All sensors are ok.');
    }
    if (this.current !== null && !ids.has(this.current)) this.current = null;
    this.mark();
    this.announce(sorted, ids);
    this.tick(this.time);
  }

  counts(alerts) {
    const of = (test) => alerts.filter(test).length;
    const parts = [['new', of((a) => a.state === 'new' || a.state === 'escalated')], ['active', of((a) => a.cleared === null)], ['over', of((a) => a.state === 'cleared-unacknowledged')], ['shelved', of((a) => a.state === 'shelved')]];
    setText(byId('alerts-count'), parts.filter(([name, n]) => n || (name === 'active' && alerts.length)).map(([name, n]) => `${n} ${name}`).join(' · '));
    byId('alerts').dataset.new = String(parts[0][1] > 0);
  }

  announce(sorted, ids) {
    const fresh = sorted.filter((a) => !this.known.has(a.id) && a.state !== 'shelved');
    if (!this.first && fresh.length) byId('announce').textContent = fresh.length > 3 ? `${fresh.length} new alerts, first: ${fresh[0].priority}: ${fresh[0].title}` : fresh.map((a) => `${a.priority} alert: ${a.title}`).join('. ');
    this.known = ids;
    this.first = false;
  }

  make() {
    const row = { alert: null, go: () => {} };
    const icon = svg(HEALTH_PATH.ok);
    icon.setAttribute('fill', 'currentColor');
    const word = el('b'), badge = el('em'), age = el('small', { class: 'age' }), title = el('span', { class: 'title' }), said = el('small', { class: 'said' }), why = el('small', { class: 'why' });
    const evidence = el('code', { class: 'evidence', title: 'Makes one file of what was seen and done, where the node records (--record DIR)' });
    const button = el('button', { type: 'button', class: 'alert', onclick: () => this.choose(row.alert.id) }, [icon, el('span', { class: 'head' }, [word, badge]), age, title]);
    const act = (text, css, todo) => el('button', { type: 'button', class: css, text, onclick: () => todo(row.alert) });
    const acts = el('div', { class: 'acts' });
    const buttons = {
      acknowledge: act('Acknowledge', 'main', (a) => this.acknowledge(a)), shelve: act('Shelve…', '', (a) => this.shelve(a)),
      unshelve: act('Take off the shelf', '', (a) => this.unshelve(a)), note: act('Note…', '', (a) => this.note(a)),
    };
    buttons.acknowledge.title = 'Acknowledge (A)';
    const root = el('div', { class: 'incident' }, [button, said, why, acts, evidence]);
    return Object.assign(row, { root, button, icon, word, badge, age, title, said, why, acts, evidence, buttons });
  }

  show(row, alert, sensors, canAct) {
    row.alert = alert;
    const [word, path] = PRIORITY[alert.priority] ?? PRIORITY.low;
    row.icon.firstChild.setAttribute('d', path);
    setText(row.word, word);
    setText(row.title, alert.title);
    row.button.title = alert.why || alert.title;
    row.button.dataset.alert = row.root.dataset.alert = alert.id;
    row.button.dataset.priority = row.root.dataset.priority = alert.priority;
    row.button.dataset.state = row.root.dataset.state = alert.state;
    row.sensor = sensors.find((s) => s.id === alert.sensor);
    const can = canAct && alert.id > 0; // the node's own alerts end with their cause
    setText(row.evidence, alert.id > 0 ? `lowsky export-incident ${alert.id} --recording DIR -o incident.zip` : '');
    const wanted = can ? [alert.waits && 'acknowledge', alert.state === 'shelved' && 'unshelve', alert.state !== 'shelved' && alert.cleared === null && 'shelve', alert.cleared === null && 'note'].filter(Boolean) : [];
    const now = [...row.acts.children], next = wanted.map((name) => row.buttons[name]);
    if (now.length !== next.length || now.some((b, k) => b !== next[k])) row.acts.replaceChildren(...next);
    const note = alert.notes.at(-1);
    setText(row.why, note ? `“${note.text}” ${note.user}` : '');
    row.why.hidden = !note;
  }

  /** Ages grow also where nothing else changes. @param {number} time data time, s */
  tick(time) {
    this.time = time;
    for (const row of this.rows.values()) {
      const a = row.alert;
      setText(row.age, `${ageText(time - a.raised)} ago`);
      const waited = ageText(time - a.raised);
      const [badge, said] = {
        new: ['NEW', ''], escalated: [`UNSEEN ${waited}`, a.escalation > 1 ? 'The second recipient is told.' : ''],
        acknowledged: ['', `acknowledged by ${who(a.acknowledged_by, a.acknowledged_seat)}, ${clockText(a.acknowledged)}`],
        shelved: ['', `until ${clockText(a.shelved_until)} by ${a.shelved_by}: ${a.shelf_reason}`],
        'cleared-unacknowledged': ['', `over since ${ageText(time - a.cleared)}`],
      }[a.state] ?? ['', ''];
      setText(row.badge, badge);
      row.badge.hidden = !badge;
      const times = a.times > 1 ? `${a.times} times` : '';
      setText(row.said, [said, times].filter(Boolean).join(' · '));
      row.said.hidden = !said && !times;
    }
  }

  // --- choosing --------------------------------------------------------------------------------------------------------
  choose(id) {
    this.current = id;
    const row = this.rows.get(id);
    this.mark();
    if (!row) return;
    if (row.alert.track_id !== null) this.app.select(row.alert.track_id, true);
    if (row.sensor) this.app.goTo(row.sensor.latitude_deg, row.sensor.longitude_deg);
  }

  mark() { for (const [id, row] of this.rows) row.root.dataset.current = String(id === this.current); }

  /** By priority. False where there are none. */
  next(step) {
    const all = this.visible();
    if (!all.length) return false;
    const at = all.findIndex((a) => a.id === this.current);
    const alert = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length];
    this.choose(alert.id);
    this.rows.get(alert.id).root.scrollIntoView({ block: 'nearest' });
    return true;
  }

  /** What can be seen in the list: not in a part that is folded. */
  visible() { return this.alerts.filter((a) => !this.rows.get(a.id)?.root.closest('details:not([open])')); }

  // --- acting ----------------------------------------------------------------------------------------------------------
  /** The one that is chosen, or else the most urgent that waits. */
  acknowledgeCurrent() {
    const waiting = this.alerts.filter((a) => a.waits && a.id > 0);
    const alert = waiting.find((a) => a.id === this.current) ?? waiting[0];
    if (alert) this.acknowledge(alert); else this.say('There is nothing to acknowledge.');
  }

  acknowledge(alert) { return this.acknowledgeEach([alert]); }
  acknowledgeAll() { return this.acknowledgeEach(this.visible().filter((a) => a.waits && a.id > 0)); }

  async acknowledgeEach(alerts) {
    const me = await this.me();
    if (!me) return;
    for (const alert of alerts) await this.send(alert, 'acknowledge', me);
  }

  async shelve(alert) {
    const me = await this.me();
    if (!me) return;
    const said = await ask({
      title: 'Shelve this alert', about: `${alert.title}. It makes no sound until its time is over, and then counts as new. Everybody sees that it is shelved.`, done: 'Shelve',
      fields: [{ name: 'reason', label: 'Reason', required: true, most: 200, hints: REASONS }, { name: 'minutes', label: 'For', kind: 'choice', value: '15', choices: LIMITS }],
    });
    if (said) await this.send(alert, 'shelve', { ...me, reason: said.reason, minutes: Number(said.minutes) });
  }

  async unshelve(alert) { const me = await this.me(); if (me) await this.send(alert, 'unshelve', me); }

  async note(alert) {
    const me = await this.me();
    if (!me) return;
    const said = await ask({ title: 'Note', about: alert.title, done: 'Write', fields: [{ name: 'text', label: 'Note', required: true, most: 300 }] });
    if (said) await this.send(alert, 'note', { ...me, text: said.text });
  }

  /** Who sits here: asked once for each seat, then remembered by the browser. */
  async me(again = false) {
    this.who ??= remembered();
    if (this.who && !again) return this.who;
    const said = await ask({
      title: 'Who are you?', about: 'What you do with alerts is recorded with your name and seat, and everybody sees it.', done: 'Go on',
      fields: [{ name: 'user', label: 'Name', required: true, value: this.who?.user ?? '' }, { name: 'seat', label: 'Seat (optional)', value: this.who?.seat ?? '' }],
    });
    if (!said) return again ? this.who : null;
    this.who = { user: said.user, seat: said.seat };
    try { localStorage.setItem(WHO, JSON.stringify(this.who)); } catch { /* asked again next time */ }
    return this.who;
  }

  async send(alert, what, body) {
    const row = this.rows.get(alert.id);
    const button = row?.buttons[what];
    if (button) button.disabled = true;
    const key = Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('');
    let fault = '';
    for (let tries = 1; tries <= TRIES; tries++) { // the same key: whatever arrived is done once
      try {
        const answer = await fetch(`/api/alerts/${alert.id}/${what}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...body, key, raised: alert.raised }) });
        const told = await answer.json();
        fault = answer.status === 200 ? '' : String(told.detail ?? `the node answers ${answer.status}`);
        if (answer.status !== 503) break;
      } catch { fault = 'the node does not answer'; }
      await new Promise((go) => { setTimeout(go, 700 * tries); });
    }
    if (button) button.disabled = false;
    this.say(fault ? `Not as it should be: ${fault}` : '');
    return !fault;
  }

  say(text) {
    const line = byId('desk-said');
    setText(line, text);
    line.hidden = !text;
    if (text) { byId('announce').textContent = text; clearTimeout(this.hush); this.hush = setTimeout(() => { line.hidden = true; }, 8000); }
  }

  // --- figures ---------------------------------------------------------------------------------------------------------
  async figures() {
    const dialog = byId('figures');
    const { figures, aims } = await fetch('/api/alerts/figures').then((r) => r.json(), () => ({ figures: null, aims: {} }));
    const percent = (share, digits = 0) => (share === null || share === undefined ? '–' : `${num(100 * share, digits)} %`);
    const rows = figures ? [
      ['Alerts in ten minutes, mean', num(figures.per_ten_minutes ?? NaN, 2), `at most ${aims.per_ten_minutes}`, figures.per_ten_minutes !== null && figures.per_ten_minutes > aims.per_ten_minutes],
      ['Most in any ten minutes', String(figures.most_in_ten_minutes), 'below 10', figures.most_in_ten_minutes >= 10],
      ['Floods, share of the time', `${figures.floods}, ${percent(figures.flood_share, 1)}`, `below ${percent(aims.flood_share)}`, figures.flood_share > aims.flood_share],
      ['High, medium, low', ['high', 'medium', 'low'].map((p) => percent(figures.priority_share[p])).join(' / '), ['high', 'medium', 'low'].map((p) => percent(aims.priority_share[p])).join(' / '), false],
      ['Time to acknowledge, median', figures.acknowledge_median_s === null ? '–' : ageText(figures.acknowledge_median_s), '', false],
      ['Time to acknowledge, 95 %', figures.acknowledge_p95_s === null ? '–' : ageText(figures.acknowledge_p95_s), '', false],
      ['Open for more than a day', String(figures.stale), `below ${aims.stale}`, figures.stale >= aims.stale],
    ] : [];
    dialog.replaceChildren(el('div', { class: 'inner' }, [
      el('h2', { id: 'figures-title' }, ['How the alert desk does', el('button', { type: 'button', text: 'Close', onclick: () => dialog.close() })]),
      el('p', { class: 'about', text: figures ? `${figures.alerts} alerts in ${figures.window_s >= 86000 ? 'the last day' : `${ageText(figures.window_s)} since the desk is manned`}, ${figures.acknowledged} dealt with.` : 'Nothing is known yet.' }),
      el('table', { class: 'figures' }, [el('thead', {}, [el('tr', {}, ['', 'here', 'aim'].map((text) => el('th', { text })))]), el('tbody', {}, rows.map(([name, value, aim, bad]) => el('tr', { class: bad ? 'bad' : '' }, [el('td', { text: name }), el('td', { text: value }), el('td', { text: aim })])))]),
      el('h3', { text: 'Where they come from' }),
      ...(figures?.top_sources.length ? figures.top_sources.map((s) => el('div', { class: 'source' }, [el('span', { text: s.source }), el('span', { class: 'bar' }, [bar(s.share)]), el('span', { text: String(s.alerts) })])) : [el('p', { class: 'about', text: 'No alerts yet.' })]),
      el('h3', { text: 'This seat' }),
      el('div', { class: 'ends' }, [
        el('span', { class: 'me', text: this.who?.user ? who(this.who.user, this.who.seat) : remembered()?.user ?? 'nobody has said who sits here' }),
        el('button', { type: 'button', text: 'Change', onclick: () => { dialog.close(); this.me(true); } }), el('button', { type: 'button', text: 'Test the sound', onclick: () => { this.app.sound.turn(true); this.app.sound.test(); } }),
      ]),
    ]));
    if (!dialog.open) dialog.showModal();
  }
}

function bar(share) { const i = el('i'); i.style.width = `${Math.round(100 * share)}%`; return i; }

const who = (user, seat) => (seat ? `${user} (${seat})` : user);

/** A part that can be folded. */
function more(name) {
  const summary = el('summary'), rows = el('div');
  return Object.assign(el('details', { class: `more ${name}`, hidden: true }, [summary, rows]), { summary, rows });
}

function remembered() {
  try { const kept = JSON.parse(localStorage.getItem(WHO) ?? 'null'); return typeof kept?.user === 'string' && kept.user ? { user: kept.user.slice(0, 64), seat: String(kept.seat ?? '').slice(0, 64) } : null; } catch { return null; }
}

/** What there is to hear. @param {any[]} alerts */
export function waitingOf(alerts) {
  const waiting = alerts.filter((a) => a.waits && a.priority !== 'low');
  const high = waiting.filter((a) => a.priority === 'high');
  return { high: high.length, louder: high.filter((a) => a.escalation > 0).length, newest: Math.max(0, ...waiting.map((a) => a.new_since)) };
}
