// The page: one stream in, one picture out. Everything that moves is drawn here, at a measured pace.

import { openMap, softwareRenderer } from './basemap.js';
import { Camera } from './camera.js';
import { Card } from './card.js';
import { DataClock } from './clock.js';
import { Desk, waitingOf } from './desk.js';
import { byId, clockText, dateText, el, setText } from './dom.js';
import { HISTORY } from './frame.js';
import { GlSymbols } from './glsymbols.js';
import { Ground } from './ground.js';
import { openHelp } from './help.js';
import { listen } from './keys.js';
import { Marks } from './marks.js';
import { EQUATOR_M, distanceBearing, latitudeOf, longitudeOf } from './mercator.js';
import { Panels } from './panels.js';
import { Sound } from './sound.js';
import { Stream } from './stream.js';
import { Table } from './table.js';
import { Theme } from './theme.js';
import { TimeBar } from './timebar.js';
import { AFFILIATION, KIND, STATUS, Tracks } from './tracks.js';
import { Zones } from './zones.js';

const LOST_MS = 3000; // no frame for so long: the picture is not the sky any more
const PANEL_MS = { gpu: 500, software: 1000 };
const REFIT_MS = [2500, 8000, 20000];
const FPS = { gpu: 20, software: 4 };

class App {
  constructor() {
    const query = new URLSearchParams(location.search);
    const { software, name } = softwareRenderer();
    this.renderer = query.get('renderer') ?? (software ? '2d' : 'webgl');
    this.rendererName = name;
    this.software = software;
    this.frozen = query.has('freeze'); // tests: no carrying on between frames
    this.period = 1000 / Number(query.get('fps') || (software ? FPS.software : FPS.gpu));
    this.theme = new Theme();
    this.camera = new Camera();
    this.clock = new DataClock();
    this.ground = new Ground(byId('ground'));
    this.zones = new Zones(() => { this.groundDrawn = false; this.dirty = true; });
    this.panels = new Panels(this);
    this.desk = new Desk(this);
    this.sound = new Sound();
    this.table = new Table(this);
    this.card = new Card(this);
    this.bar = new TimeBar(this);
    /** @type {Tracks|null} */ this.tracks = null;
    /** @type {Tracks|null} what comes after a pause, where it does not go on from what is shown */ this.fresh = null;
    this.run = '';
    this.mapFault = '';
    /** @type {Marks|null} */ this.marks = null;
    // each canvas is a layer that a processor has to blend: it gets one, with the ground drawn into it
    byId('symbols').hidden = this.renderer !== 'webgl';
    byId('ground').hidden = software;
    /** @type {GlSymbols|null} */ this.gl = this.renderer === 'webgl' ? new GlSymbols(byId('symbols')) : null;
    /** @type {any} */ this.state = null;
    /** @type {any} */ this.map = null;
    /** @type {string[]} */ this.classes = [];
    /** @type {number|null} */ this.selected = null;
    this.following = false;
    this.paused = false;
    this.pausedAt = 0; // data time
    this.past = false; // the server shows us history
    this.lost = false;
    this.lastFrame = performance.now();
    this.seen = 0; // frames applied
    this.drawnFrames = 0;
    this.lastDrawn = this.lastPanels = this.lastStep = 0;
    this.panelPeriod = software ? PANEL_MS.software : PANEL_MS.gpu;
    this.dirty = true;
    this.siteKey = '';
    this.touched = false; // somebody moved the map
    this.span = { history: null, recording: null, live_alerts: 0 };
    this.stream = new Stream({ hello: (m) => this.hello(m), text: (m) => this.message(m), frame: (f) => this.frame(f), open: () => {} });
  }

  async start() {
    this.stream.connect();
    listen(this);
    byId('theme').addEventListener('click', () => this.theme.next());
    byId('sigma').addEventListener('click', () => this.toggleSigma());
    byId('zones').addEventListener('click', () => this.toggleZones());
    byId('help-open').addEventListener('click', () => this.help());
    byId('zoom-in').addEventListener('click', () => this.zoom(1));
    byId('zoom-out').addEventListener('click', () => this.zoom(-1));
    byId('home').addEventListener('click', () => this.home());
    this.theme.listeners.push(() => { this.marks?.recolour(); this.gl?.recolour(); this.redraw(true); this.drawPanels(); });
    setInterval(() => this.watch(), 250);
    this.loop();
    try { this.map = await openMap(this.theme, this.software); } catch (error) { this.withoutMap(error); return; }
    this.map.on('move', () => { this.followCamera(); this.redraw(true); });
    this.map.on('resize', () => this.redraw(true));
    this.map.on('dragstart', () => { this.following = false; });
    for (const sign of ['dragstart', 'wheel', 'zoomstart']) this.map.on(sign, (event) => { if (event.originalEvent) this.touched = true; });
    this.map.on('click', ({ point }) => this.select(this.marks?.at(point.x, point.y) ?? null));
    this.map.on('mousemove', ({ point }) => { this.map.getCanvas().style.cursor = this.marks?.at(point.x, point.y) == null ? '' : 'pointer'; });
    this.map.getCanvas().setAttribute('aria-label', 'Map. The table beside it holds the same tracks.');
    new ResizeObserver(() => { this.fitStage(); this.redraw(true); }).observe(byId('stage'));
    this.fitStage();
    this.siteKey = '';
    this.arrive();
  }

  /** No WebGL2, or the map's files did not come: alerts, sensors and the table work all the same. */
  withoutMap(error) {
    console.warn('no map:', error);
    this.mapFault = 'The map cannot be drawn in this browser (WebGL2 is needed). The table holds the same tracks.';
  }

  fitStage() { this.camera.fit(byId('stage'), this.software ? 1 : window.devicePixelRatio); this.followCamera(); }
  followCamera() { if (this.map) this.camera.follow(this.map); }

  // --- the stream -----------------------------------------------------------------------------------------------------
  hello(message) {
    this.classes = message.classes;
    const tracks = new Tracks(this.stream.decoder.columns);
    // what is looked at in a pause stays, also when the connection was lost meanwhile
    if (this.paused) this.fresh = tracks; else this.tracks = tracks;
    this.marks = new Marks(byId('marks'), this.classes);
    this.marks.sigma = byId('sigma').getAttribute('aria-pressed') === 'true' ? 2 : 1;
    if (this.run && message.run !== this.run) this.sound.forget();
    if (this.run && message.run !== this.run && !this.paused) this.select(null); // another node: its numbers mean other tracks
    this.run = message.run;
    if (this.paused) return;
    this.clock.reset();
    this.past = false;
  }

  /** The display moves again. */
  unpause() {
    this.paused = false;
    byId('pause').setAttribute('aria-pressed', 'false');
    this.clock.reset();
    if (!this.fresh) return;
    this.tracks = this.fresh;
    this.fresh = null;
    this.past = false;
    this.select(null);
  }

  message(message) {
    if (message.type === 'state') {
      if (this.state && message.epoch !== this.state.epoch) this.sound.forget();
      this.state = message;
      this.arrive();
      const ground = JSON.stringify([message.site, message.sensors.map((s) => [s.id, s.status, s.latitude_deg, s.longitude_deg])]);
      if (ground !== this.groundKey) { this.groundKey = ground; this.groundDrawn = false; }
    } else if (message.type === 'labels') {
      if (this.paused && this.tracks && message.epoch !== this.tracks.epoch) this.fresh ??= new Tracks(this.tracks.columns);
      (this.fresh ?? this.tracks)?.takeLabels(message);
    } else if (message.type === 'span') {
      this.span = message;
      this.bar.setSpan(message);
    }
  }

  frame(frame) {
    this.lastFrame = performance.now();
    // what waits now sounds, also while somebody looks back
    const waiting = this.past || this.paused ? this.span.waiting : this.state && waitingOf(this.state.alerts);
    if (waiting && this.state) this.sound.step(waiting);
    if (this.lost) { this.lost = false; this.showLost(); }
    if (this.paused && this.seen > 0) return; // the system goes on, the display stands
    const epoch = this.tracks.epoch;
    this.tracks.apply(frame);
    this.past = (frame.header.flags & HISTORY) !== 0;
    this.header = frame.header;
    if (epoch !== frame.header.epoch) { this.clock.reset(); if (epoch !== -1 && this.selected !== null) this.select(null); this.arrive(); }
    this.clock.note(frame.header.t_data, this.lastFrame);
    this.seen++;
    this.dirty = true;
    if (this.seen === 1) { this.arrive(); this.drawPanels(); this.redraw(false); }
  }

  /** A new site or scene: show it. */
  arrive() {
    const site = this.state?.site;
    // the state comes before its frame: until then the tracks are the old scene's
    if (!site || !this.map || this.tracks?.epoch !== this.state.epoch) return;
    const key = JSON.stringify([site, this.state.scene?.name]);
    if (key === this.siteKey) return;
    this.siteKey = key;
    this.touched = false;
    this.home();
    // a scene may begin with an empty sky: look again, unless somebody has moved the map meanwhile
    for (const ms of REFIT_MS) setTimeout(() => { if (!this.touched && this.siteKey === key && this.selected === null && !this.past) this.home(true); }, ms);
  }

  /** Site, sensors and most of the tracks in view. @param {boolean} [gently] only where it makes a difference */
  home(gently = false) {
    const site = this.state?.site;
    if (!site || !this.map) return;
    this.following = false;
    const away = (lat, lon) => distanceBearing(site.latitude_deg, site.longitude_deg, lat, lon).distance;
    const places = [], unknown = [0];
    for (const slot of this.tracks?.slots.values() ?? []) {
      const { kind, latitude, longitude, affiliation, status } = this.tracks.col;
      if (kind[slot] !== KIND.POINT) continue;
      const distance = away(latitude[slot], longitude[slot]);
      places.push(distance);
      if (affiliation[slot] !== AFFILIATION.COOPERATIVE && status[slot] !== STATUS.TENTATIVE && distance < 30000) unknown.push(distance);
    }
    places.sort((a, b) => a - b);
    const most = Math.max(places.length ? places[Math.floor(0.85 * (places.length - 1))] : 4000, ...unknown);
    const sensors = Math.max(0, ...this.state.sensors.map((s) => away(s.latitude_deg, s.longitude_deg)).filter((d) => d < 50000));
    const radius = Math.min(Math.max(most * 1.1, sensors * 1.25, 2500), 400000);
    const pixels = Math.max(80, Math.min(this.camera.width, this.camera.height) / 2 - 30);
    const zoom = Math.log2(EQUATOR_M * Math.cos(site.latitude_deg * Math.PI / 180) * pixels / (radius * 512));
    if (gently && zoom > this.camera.zoom - 0.4) return;
    this.map.jumpTo({ center: [site.longitude_deg, site.latitude_deg], zoom: Math.min(Math.max(zoom, 2), 15) });
  }

  // --- drawing --------------------------------------------------------------------------------------------------------
  now() {
    if (this.paused) return this.pausedAt;
    return this.frozen ? this.clock.time : this.clock.now(performance.now());
  }

  loop() {
    const step = () => {
      const at = performance.now();
      if (at - this.lastDrawn >= this.period - 4 && !document.hidden) {
        // panels change in the same frame as the picture: the browser puts the screen together once, not twice
        if (at - this.lastPanels >= this.panelPeriod - 4) this.drawPanels();
        this.redraw(false);
        this.lastStep = at;
      }
      // a timer rather than every animation frame: a page that draws four times a second should sleep between
      setTimeout(() => requestAnimationFrame(step), Math.max(0, this.period - (performance.now() - this.lastStep) - 4));
    };
    step();
  }

  /** @param {boolean} ground also what stands still */
  redraw(ground) {
    if (!this.map) return;
    if (ground || !this.groundDrawn) { this.ground.draw(this.camera, this.state, this.theme.colours, this.zones); this.groundDrawn = true; this.scale(); this.dirty = true; }
    if (!this.tracks || !this.marks || !this.seen) return;
    if ((this.paused || this.lost) && !this.dirty) return;
    this.dirty = false;
    this.lastDrawn = performance.now();
    const time = this.now();
    if (this.following && this.selected !== null) this.keepInView(time);
    this.marks.draw(this.camera, this.tracks, time, this.state, this.theme.colours, this.selected, this.gl, this.ground);
    this.drawnFrames++;
  }

  keepInView(time) {
    const slot = this.tracks.slots.get(this.selected);
    if (slot === undefined || this.tracks.col.kind[slot] !== KIND.POINT) return;
    const [x, y] = this.tracks.placeOf(slot, time);
    const off = Math.hypot(this.camera.px(x) / this.camera.ratio - this.camera.width / 2, this.camera.py(y) / this.camera.ratio - this.camera.height / 2);
    if (off > Math.min(this.camera.width, this.camera.height) * 0.12) this.map.jumpTo({ center: [longitudeOf(x), latitudeOf(y)] });
  }

  scale() {
    const metres = EQUATOR_M * Math.cos(latitudeOf(this.camera.y) * Math.PI / 180) / this.camera.scale; // of one pixel
    const power = 10 ** Math.floor(Math.log10(metres * 110));
    const length = [5, 2, 1].map((k) => k * power).find((l) => l <= metres * 110) ?? power;
    byId('scale-bar').style.width = `${length / metres}px`;
    setText(byId('scale-text'), length >= 1000 ? `${length / 1000} km` : `${length} m`);
  }

  drawPanels() {
    if (!this.state || !this.tracks || document.hidden) return;
    this.lastPanels = performance.now();
    const time = this.now();
    if (!this.lost && this.tracks.epoch === this.state.epoch) this.zones.ask(`${this.run} ${this.state.epoch} ${this.state.site.name}`, this.state.zones);
    this.pill();
    this.scenes();
    if (this.lost) return;
    this.panels.update(this.state);
    this.panels.tick(time);
    this.desk.update(this.state);
    this.desk.tick(time);
    this.table.update(this.tracks, this.classes, this.state.site, time, this.theme.colours);
    if (this.selected !== null) {
      // what stands still or is gone has no newest facts
      if (!this.paused && !this.past && this.tracks.slots.has(this.selected)) this.card.ask(this.selected);
      this.card.draw(this.selected, this.tracks, this.classes, this.state, time, this.theme.colours);
    }
    this.bar.tick(time, !this.past && !this.paused);
    setText(byId('utc'), clockText(time));
    byId('utc').title = dateText(time);
    setText(byId('local'), clockText(time, true));
    const empty = this.tracks.epoch !== -1 && this.tracks.size === 0; // after a keyframe: before it nothing is known
    const quiet = empty ? (this.state.sensors.some((s) => s.status === 'ok') ? 'No tracks. The sensors that are ok see nothing.' : 'No tracks, and no sensor is ok: nothing could be seen.') : this.mapFault;
    byId('quiet').hidden = !quiet;
    setText(byId('quiet'), quiet);
  }

  pill() {
    const pill = byId('pill');
    const mode = this.lost ? 'lost' : this.paused ? 'paused' : this.past ? 'history' : this.state.mode;
    // said once, by word; the pill itself counts seconds, and NO DATA speaks for itself
    if (pill.dataset.mode !== mode && pill.dataset.mode !== 'wait' && mode !== 'lost') byId('announce').textContent = { paused: 'Display paused', history: 'Looking back', live: 'Live', replay: 'Replay', demo: 'Demo' }[mode] ?? mode;
    pill.dataset.mode = mode;
    const seconds = Math.floor((performance.now() - this.lastFrame) / 1000);
    const alerts = this.past && this.span.live_alerts ? ` · ${this.span.live_alerts} ${this.span.live_alerts === 1 ? 'alert' : 'alerts'} now` : '';
    setText(pill, { lost: `NO DATA ${seconds} s`, paused: 'PAUSED', history: `REPLAY${alerts}`, live: 'LIVE', replay: 'REPLAY', demo: 'DEMO' }[mode] ?? mode);
    document.body.dataset.past = String(!this.lost && (this.past || this.paused || this.state.mode === 'replay'));
    setText(byId('site'), this.state.site.name);
    byId('exercise').hidden = !this.state.site.exercise;
    document.title = `${this.lost ? 'NO DATA · ' : ''}${this.state.site.exercise ? 'EXERCISE · ' : ''}${this.state.site.name} · lowsky`;
  }

  scenes() {
    const { scene, scenes } = this.state;
    const nav = byId('scenes');
    const key = JSON.stringify([scene, scenes]);
    if (this.scenesKey === key) return;
    this.scenesKey = key;
    nav.hidden = scenes.length < 2;
    nav.replaceChildren(...scenes.map((s) => el('button', { type: 'button', text: s.title, title: s.description, 'aria-pressed': String(s.name === scene?.name), onclick: () => this.stream.ask({ scene: s.name }) })));
    for (const [id, text] of [['origin', scene?.origin?.toUpperCase()], ['banner-origin', scene?.origin?.toUpperCase()], ['banner-text', scene?.description]]) setText(byId(id), text ?? '');
    byId('origin').hidden = byId('banner').hidden = !scene;
    byId('origin').dataset.origin = byId('banner').dataset.origin = scene?.origin ?? '';
  }

  // --- losing and finding the data ------------------------------------------------------------------------------------
  watch() {
    const silent = performance.now() - this.lastFrame;
    const lost = silent > LOST_MS;
    if (lost !== this.lost) { this.lost = lost; this.showLost(); }
    if (lost) {
      if (this.state) this.pill(); else { byId('pill').dataset.mode = 'lost'; setText(byId('pill'), `NO DATA ${Math.floor(silent / 1000)} s`); }
      setText(byId('lost-text'), this.seen ? `for ${Math.floor(silent / 1000)} s. What is shown is old.` : 'The node does not answer.');
    }
  }

  showLost() {
    document.body.dataset.lost = String(this.lost);
    byId('lost').hidden = !this.lost;
    this.dirty = true;
    if (this.lost) this.panels.forget(); else this.drawPanels();
  }

  // --- what a person may ask ------------------------------------------------------------------------------------------
  select(id, centre = false) {
    this.selected = id;
    document.body.dataset.selected = String(id !== null);
    if (id === null) { this.following = false; this.card.hide(); } else this.card.facts = null;
    this.drawPanels();
    this.table.choose(id, true);
    if (centre && id !== null && this.tracks && this.map) {
      const slot = this.tracks.slots.get(id);
      if (slot !== undefined && this.tracks.col.kind[slot] === KIND.POINT) {
        const [x, y] = this.tracks.placeOf(slot, this.now());
        const px = this.camera.px(x) / this.camera.ratio, py = this.camera.py(y) / this.camera.ratio;
        if (!(px > 60 && py > 60 && px < this.camera.width - 60 && py < this.camera.height - 60)) this.map.jumpTo({ center: [longitudeOf(x), latitudeOf(y)] });
      }
    }
    this.dirty = true;
    this.redraw(false);
  }

  next(step) {
    if (this.desk.next(step)) return;
    const rows = this.table.rows;
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.id === this.selected);
    this.select(rows[at < 0 ? 0 : (at + step + rows.length) % rows.length].id, true);
  }

  follow() { this.following = this.selected !== null && !this.following; this.drawPanels(); this.redraw(false); }
  zoom(step) { this.touched = true; this.map?.zoomTo(this.map.getZoom() + step, { duration: 0 }); }
  goTo(lat, lon) { this.following = false; this.touched = true; this.map?.jumpTo({ center: [lon, lat] }); }
  help() { if (byId('help').open) byId('help').close(); else openHelp(this.theme.colours); }

  toggleSigma() {
    const two = byId('sigma').getAttribute('aria-pressed') !== 'true';
    byId('sigma').setAttribute('aria-pressed', String(two));
    setText(byId('sigma'), two ? '2σ' : '1σ');
    if (this.marks) this.marks.sigma = two ? 2 : 1;
    this.dirty = true;
    this.redraw(false);
  }

  toggleZones() { byId('zones').setAttribute('aria-pressed', String(this.zones.toggle())); this.redraw(true); }

  pause() {
    if (!this.seen) return; // nothing to hold yet
    if (this.paused) this.resume(); else {
      this.pausedAt = this.now();
      this.paused = true;
      this.stream.ask({ pause: true });
    }
    byId('pause').setAttribute('aria-pressed', String(this.paused));
    this.drawPanels();
  }

  /** Go on: with the newest picture, or where we looked back. */
  resume() {
    this.unpause();
    this.stream.ask(this.past ? { pause: false } : { live: true });
  }

  live() { this.unpause(); this.stream.ask({ live: true }); this.drawPanels(); }

  seek(time) { this.unpause(); this.stream.ask({ seek: time }); }

  step(steps) { this.bar.step(steps, this.now()); }

  /** For the tests: what the page believes. */
  report() {
    const tracks = this.tracks;
    return {
      mode: byId('pill').dataset.mode, lost: this.lost, paused: this.paused, past: this.past, theme: this.theme.name,
      renderer: this.renderer, rendererName: this.rendererName, tracks: tracks?.size ?? 0, drawn: this.marks?.drawn ?? 0, frames: this.stream.frames, applied: this.seen, drawnFrames: this.drawnFrames,
      seq: this.header?.seq ?? 0, epoch: tracks?.epoch ?? -1, time: this.now(), dataTime: this.clock.time, selected: this.selected, labels: this.marks?.labels.placed ?? 0, zoom: this.camera.zoom,
      sound: this.sound.works, played: this.sound.played, alert: this.desk.current, tableRows: byId('table-body').querySelectorAll('.row:not([hidden])').length, span: this.span, mapLoaded: this.map?.loaded() ?? false,
    };
  }

  /** For the tests: id → latitude, longitude, east, north, time of state, status, kind, screen x, y. */
  positions(time = this.now()) {
    const out = {};
    const t = this.tracks;
    for (const [id, slot] of t?.slots ?? []) {
      const [x, y] = t.placeOf(slot, time);
      out[id] = {
        latitude: t.col.latitude[slot], longitude: t.col.longitude[slot], east: t.col.east[slot], north: t.col.north[slot], t: t.base + t.col.t_state[slot],
        status: t.col.status[slot], kind: t.col.kind[slot], shownLatitude: latitudeOf(y), shownLongitude: longitudeOf(x), x: this.camera.px(x) / this.camera.ratio, y: this.camera.py(y) / this.camera.ratio,
      };
    }
    return out;
  }
}

const app = new App();
/** @type {any} */ (window).__lowsky = {
  get state() { return app.report(); },
  positions: (time) => app.positions(time),
  name: (id) => app.tracks?.nameOf(id),
  select: (id) => app.select(id, true),
  app,
};
app.start();
