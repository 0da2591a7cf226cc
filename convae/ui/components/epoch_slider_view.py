"""What the browser runs for the time machine: its markup, its style and its script."""

HTML = """
<div class="tm">
  <div class="bar">
    <button type="button" class="play" aria-label="Play the epochs"></button>
    <input type="range" min="0" max="0" value="0" step="1" aria-label="Epoch">
    <output></output>
  </div>
  <div class="pane"><div class="pairs">
    <span>original</span><canvas class="original" role="img" aria-label="Test images"></canvas>
    <span>rebuilt</span><canvas class="rebuilt" role="img"
      aria-label="The same images, rebuilt at this epoch"></canvas>
    <span class="second">original</span><canvas class="original second" role="img"
      aria-label="More test images"></canvas>
    <span class="second">rebuilt</span><canvas class="rebuilt second" role="img"
      aria-label="The same images, rebuilt at this epoch"></canvas>
  </div>
  <div class="side"><canvas class="map" role="img" aria-label="Map of test codes at this epoch"
  ></canvas><ul class="legend" aria-label="Classes on the map"></ul></div></div>
</div>
<div class="card" hidden><div></div><span></span></div>
"""

CSS = """
.tm { font-family: var(--st-font); color: var(--st-text-color); container-type: inline-size; }
.bar { display: grid; grid-template-columns: 40px minmax(0, 1fr) 6.5rem; gap: 10px;
  align-items: center; margin-bottom: 8px; }
.play { height: 32px; border-radius: 8px; border: 1px solid var(--st-border-color);
  background: transparent; color: inherit; cursor: pointer; }
.play::before { content: "\\25B6\\FE0E"; }
.play.on::before { content: "\\275A\\275A"; font-size: .8em; }
input { width: 100%; margin: 0; height: 32px; accent-color: var(--st-primary-color); }
output { font-size: .85rem; text-align: right; font-variant-numeric: tabular-nums; }
.pairs { display: grid; grid-template-columns: 3.4rem minmax(0, 1fr); gap: 4px 8px;
  align-items: center; font-size: .78rem; }
.pairs span { opacity: .75; text-align: right; }
.pairs canvas { width: 100%; max-width: 512px; image-rendering: pixelated; border-radius: 4px; }
.pane { display: grid; grid-template-columns: minmax(0, 8fr) minmax(0, 5fr); gap: 14px;
  align-items: center; }
.map { display: block; width: min(100%, 260px); aspect-ratio: 1; margin: 0 auto; }
.legend { list-style: none; display: flex; flex-wrap: wrap; justify-content: center;
  gap: 2px 10px; margin: 6px 0 0; padding: 0; font-size: .78rem; }
.legend li { display: flex; align-items: center; gap: 4px; margin: 0; padding: 0;
  overflow-wrap: anywhere; }
.legend canvas { width: 12px; height: 12px; flex: none; }
.card { font-family: var(--st-font); position: fixed; z-index: 1000; pointer-events: none;
  padding: 6px; border-radius: 8px;
  background: #2b303b; color: #f2f4f8; font-size: 12px; max-width: 110px;
  overflow-wrap: anywhere; }
.card[hidden] { display: none; }
.card div { width: 96px; height: 96px; image-rendering: pixelated; border-radius: 4px;
  margin-bottom: 4px; }
@container (max-width: 420px) { .pane { grid-template-columns: minmax(0, 1fr); } }
"""

JS = """
export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".tm"), at = (s) => root.querySelector(s);
  const range = at("input"), told = at("output"), play = at(".play");
  let me = root.me;
  if (!me || me.run !== data.run) {
    if (me) { clearInterval(me.timer); clearTimeout(me.later); }
    me = root.me = { run: data.run, frames: new Map(), follow: true, epoch: 0, drawn: null,
      asked: 0 };
    play.classList.remove("on");
  }
  for (const f of data.frames) {
    const image = new Image();
    const points = Uint8Array.from(atob(f.points), (c) => c.charCodeAt(0));
    me.frames.set(f.epoch, { image, points });
    image.onload = () => { if (me.epoch === f.epoch) show(me.epoch, false); };
    image.src = f.image;
  }
  me.epochs = data.epochs.filter((e) => me.frames.has(e));
  // of two answers that come at once only the second is seen here, and an ask may be lost as well:
  // ask again, later and later, until all frames are here or plainly will not come
  const ask = () => {
    if (me.epochs.length >= me.wanted || me.tries > 4) return;
    setTriggerValue("missing", ++me.asked);
    me.later = setTimeout(ask, 1000 * 2 ** me.tries++);
  };
  me.wanted = data.epochs.length;
  const newest = data.epochs[me.wanted - 1];
  if (me.newest !== newest) {
    me.newest = newest;
    me.tries = 0;
    clearTimeout(me.later);
    ask();
  }
  const map = at(".map"), W = 4 * 32, H = 32;
  const strip = (name, image) => {  // eight images in two lines of four: large enough to see
    if (!image.complete || !image.naturalWidth) return;
    root.querySelectorAll("canvas." + name).forEach((canvas, line) => {
      if (canvas.width !== W || canvas.height !== H) { canvas.width = W; canvas.height = H; }
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, W, H);
      pen.drawImage(image, line * W, 0, W, H, 0, 0, W, H);
      if (canvas.classList.contains("second")) {
        const none = image.naturalWidth <= W;
        canvas.hidden = canvas.previousElementSibling.hidden = none;
      }
    });
  };
  if (!me.original) {
    me.original = new Image();
    me.original.onload = () => strip("original", me.original);
    me.original.src = data.original;
  }
  strip("original", me.original);
  const S = 260;
  const place = (points, i) => [0, 1].map((k) => 6 + points[2 * i + k] / 255 * (S - 12));
  const nameOf = (label) => data.names[label] ?? "class " + label;
  // a class has a color and a shape: polygons of 0 (a disk) to 5 corners, some turned, and stars
  const SHAPES = [[0], [4, Math.PI / 4], [3, -Math.PI / 2], [4, 0], [3, Math.PI / 2], [5, 0, 0.4],
    [4, 0, 0.3], [5, -Math.PI / 2], [3, 0], [4, Math.PI / 4, 0.3]];
  const mark = (pen, label, x, y, r) => {
    const [corners, turn, dent] = SHAPES[label % SHAPES.length];
    pen.fillStyle = data.palette[label % data.palette.length];
    pen.beginPath();
    if (!corners) pen.arc(x, y, r, 0, 7);
    const count = dent ? 2 * corners : corners;
    for (let k = 0; k < count; k++) {
      const far = 1.35 * r * (dent && k % 2 ? dent : 1), angle = turn + 2 * Math.PI * k / count;
      pen.lineTo(x + far * Math.cos(angle), y + far * Math.sin(angle));
    }
    pen.fill();
  };
  const dots = (points) => {
    const scale = window.devicePixelRatio || 1;
    if (map.width !== S * scale) map.width = map.height = S * scale;
    const pen = map.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, S, S);
    for (let i = 0; i < points.length / 2; i++) {
      pen.globalAlpha = 0.8;
      mark(pen, data.labels[i], ...place(points, i), 2.4);
    }
  };
  // hover: the nearest point within 12 pixels, its class and, where it was kept, its image
  if (data.sheet) me.sheet = data.sheet;
  const card = parentElement.querySelector(".card"), [picture, words] = card.children;
  const leave = () => { card.hidden = true; };
  map.onpointermove = map.onpointerdown = (event) => {
    const box = map.getBoundingClientRect(), points = me.drawn || [];
    const x = (event.clientX - box.left) / box.width * S;
    const y = (event.clientY - box.top) / box.height * S;
    let best = -1, least = 12;
    for (let i = 0; i < points.length / 2; i++) {
      const [a, b] = place(points, i), far = Math.hypot(a - x, b - y);
      if (far < least) { least = far; best = i; }
    }
    if (best < 0) { leave(); return; }
    picture.hidden = !me.sheet;
    if (me.sheet) picture.style.background =
      `url(${me.sheet}) -${best % 100 * 96}px -${Math.floor(best / 100) * 96}px / 9600px auto`;
    words.textContent = nameOf(data.labels[best]);
    card.dataset.point = best;
    card.hidden = false;
    const left = event.clientX + 16;
    card.style.left = Math.max(4, left + 115 > innerWidth ? event.clientX - 125 : left) + "px";
    card.style.top = Math.max(4, Math.min(event.clientY - 40, innerHeight - 150)) + "px";
  };
  map.onpointerleave = leave;
  const legend = at(".legend");
  if (legend.dataset.run !== data.run) {
    legend.dataset.run = data.run;
    const classes = [...new Set(data.labels)].sort((a, b) => a - b), MOST = 20;
    legend.replaceChildren(...classes.slice(0, MOST).map((label) => {
      const item = document.createElement("li"), sign = document.createElement("canvas");
      sign.width = sign.height = 24;
      mark(sign.getContext("2d"), label, 12, 12, 8);
      item.append(sign, nameOf(label));
      return item;
    }));
    if (classes.length > MOST) {
      const item = document.createElement("li");
      item.textContent = `and ${classes.length - MOST} more`;
      legend.append(item);
    }
  }
  const glide = (target) => {
    const from = me.drawn && me.drawn.length === target.length ? me.drawn : target;
    const began = performance.now();
    cancelAnimationFrame(me.flight);
    const step = (now) => {
      const t = Math.min(1, (now - began) / 250);
      me.drawn = Float32Array.from(target, (v, i) => from[i] + (v - from[i]) * t);
      dots(me.drawn);
      if (t < 1) me.flight = requestAnimationFrame(step);
    };
    step(began);
  };
  const show = (epoch, move = true) => {
    const frame = me.frames.get(epoch);
    if (!frame) return;
    me.epoch = epoch;
    strip("rebuilt", frame.image);
    if (move) glide(frame.points); else dots(me.drawn || frame.points);
    told.textContent = "epoch " + epoch;
    root.dataset.epoch = epoch;
  };
  const tell = () => {
    clearTimeout(me.wait);
    me.wait = setTimeout(() => setStateValue("epoch", me.follow ? 0 : me.epoch), 150);
  };
  range.max = Math.max(me.epochs.length - 1, 0);
  range.disabled = play.disabled = me.epochs.length < 2;
  if (!me.epochs.length) told.textContent = "";
  else if (me.follow && !play.classList.contains("on")) {
    range.value = range.max;
    if (me.epoch !== me.epochs[me.epochs.length - 1]) show(me.epochs[me.epochs.length - 1]);
  } else {
    const place = me.epochs.indexOf(me.epoch);
    if (place >= 0) range.value = place;
  }
  const go = () => {
    me.follow = +range.value === +range.max;
    show(me.epochs[+range.value]);
    tell();
  };
  const halt = () => { clearInterval(me.timer); play.classList.remove("on"); };
  range.oninput = () => { halt(); go(); };
  play.onclick = () => {
    if (play.classList.contains("on")) { halt(); tell(); return; }
    play.classList.add("on");
    if (+range.value === +range.max) range.value = 0;
    me.follow = false;
    show(me.epochs[+range.value]);
    me.timer = setInterval(() => {
      range.value = +range.value + 1;
      me.follow = +range.value === +range.max;
      show(me.epochs[+range.value]);
      if (me.follow) { halt(); tell(); }
    }, Math.max(120, 4000 / me.epochs.length));
  };
  return () => {
    clearInterval(me.timer);
    cancelAnimationFrame(me.flight);
    clearTimeout(me.wait);
    clearTimeout(me.later);
  };
}
"""
