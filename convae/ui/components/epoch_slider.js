const PLAY = "Play the epochs";
export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".tm"), at = (s) => root.querySelector(s);
  const range = at("input"), label = at("output"), play = at(".play");
  let me = root.me;
  if (!me || me.run !== data.run) {
    if (me) { // what it shows belongs to another run
      clearInterval(me.timer);
      clearTimeout(me.later);
      clearTimeout(me.wait);
      cancelAnimationFrame(me.flight);
      for (const canvas of root.querySelectorAll("canvas.rebuilt, canvas.map"))
        canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
      at(".figures").hidden = true;
    }
    me = root.me = { run: data.run, frames: new Map(), follow: true, epoch: null, drawn: null,
      requests: 0 };
    play.classList.remove("on");
    play.setAttribute("aria-label", PLAY);
  }
  for (const f of data.frames) {
    const image = new Image();
    const points = Uint8Array.from(atob(f.points), (c) => c.charCodeAt(0));
    me.frames.set(f.epoch, { image, points, psnr: f.psnr });
    image.onload = () => { if (me.epoch === f.epoch) show(me.epoch, false); };
    image.src = f.image;
  }
  const sent = new Set(data.epochs);  // of a long run only a part of the epochs is kept
  for (const epoch of me.frames.keys()) if (!sent.has(epoch)) me.frames.delete(epoch);
  me.epochs = data.epochs.filter((e) => me.frames.has(e));
  // Of two responses at once Streamlit 1.67 delivers only the second, and a request can be lost.
  // So request missing frames again, with increasing delays, a few times.
  const requestMissing = () => {
    if (me.epochs.length >= me.wanted || me.tries > 4) return;
    setTriggerValue("missing", ++me.requests);
    me.later = setTimeout(requestMissing, 1000 * 2 ** me.tries++);
  };
  me.wanted = data.epochs.length;
  const newest = data.epochs[me.wanted - 1];
  if (me.newest !== newest) {
    me.newest = newest;
    me.tries = 0;
    clearTimeout(me.later);
    requestMissing();
  }
  const map = at(".map"), W = 4 * 32, H = 32;
  const strip = (name, image) => {  // eight images in two lines of four, so that they are large enough
    if (!image.complete || !image.naturalWidth) return;
    root.querySelectorAll("canvas." + name).forEach((canvas, line) => {
      if (canvas.width !== W || canvas.height !== H) { canvas.width = W; canvas.height = H; }
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, W, H);
      pen.drawImage(image, line * W, 0, W, H, 0, 0, W, H);
      if (canvas.classList.contains("second")) {
        const none = image.naturalWidth <= W || (name === "noisy" && !data.noisy);
        canvas.hidden = canvas.previousElementSibling.hidden = none;
      }
    });
  };
  // a denoising run: noisy, restored, clean in place of original, rebuilt
  root.classList.toggle("noise", !!data.noisy);
  for (const [name, word] of Object.entries(
    data.noisy ? { rebuilt: "restored", original: "clean" } : { rebuilt: "rebuilt", original: "original" },
  )) root.querySelectorAll(`span.${name}`).forEach((span) => { span.textContent = word; });
  if (!data.noisy) root.querySelectorAll(".noisy").forEach((node) => { node.hidden = true; });
  else if (me.noisyUrl !== data.noisy) {
    root.querySelectorAll(".noisy:not(.second)").forEach((node) => { node.hidden = false; });
    me.noisyUrl = data.noisy;
    me.noisy = new Image();
    me.noisy.onload = () => strip("noisy", me.noisy);
    me.noisy.src = data.noisy;
  } else strip("noisy", me.noisy);
  const figures = at(".figures");
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
    const wide = Math.round(S * scale);
    if (map.width !== wide) map.width = map.height = wide;
    const pen = map.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, S, S);
    for (let i = 0; i < points.length / 2; i++) {
      pen.globalAlpha = 0.8;
      mark(pen, data.labels[i], ...place(points, i), 2.4);
    }
  };
  // hover: the nearest point within 12 pixels, its class and, if stored, its image
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
    picture.style.width = picture.style.height = SIDE + "px";
    if (me.sheet) {
      const x = best % COLUMNS * SIDE, y = Math.floor(best / COLUMNS) * SIDE;
      picture.style.background = `url(${me.sheet}) -${x}px -${y}px / ${COLUMNS * SIDE}px auto`;
    }
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
    label.textContent = "epoch " + epoch;
    range.setAttribute("aria-valuetext", label.textContent);
    figures.hidden = !data.noisy || frame.psnr === undefined;
    if (!figures.hidden) {
      figures.textContent = `PSNR of these images: noisy ${data.noisy_psnr.toFixed(2)} dB, `
        + `restored ${frame.psnr.toFixed(2)} dB`;
    }
    root.dataset.epoch = epoch;
  };
  const sendEpoch = () => {
    clearTimeout(me.wait);
    me.wait = setTimeout(() => setStateValue("epoch",
      { run: data.run, epoch: me.follow ? -1 : me.epoch }), 150);  // -1: the latest
  };
  range.max = Math.max(me.epochs.length - 1, 0);
  range.disabled = play.disabled = me.epochs.length < 2;
  if (!me.epochs.length) label.textContent = "";
  else if (me.follow && !play.classList.contains("on")) {
    range.value = range.max;
    if (me.epoch !== me.epochs[me.epochs.length - 1]) show(me.epochs[me.epochs.length - 1]);
  } else {
    const far = me.epochs.map((epoch) => Math.abs(epoch - me.epoch));
    const place = far.indexOf(Math.min(...far));
    range.value = place;
    if (far[place]) show(me.epochs[place]); // the epoch shown is no longer kept
  }
  const go = () => {
    me.follow = +range.value === +range.max;
    show(me.epochs[+range.value]);
    sendEpoch();
  };
  const halt = () => {
    clearInterval(me.timer);
    play.classList.remove("on");
    play.setAttribute("aria-label", PLAY);
  };
  range.oninput = () => { halt(); go(); };
  play.onclick = () => {
    if (play.classList.contains("on")) { halt(); sendEpoch(); return; }
    play.classList.add("on");
    play.setAttribute("aria-label", "Pause");
    if (+range.value === +range.max) range.value = 0;
    me.follow = false;
    show(me.epochs[+range.value]);
    me.timer = setInterval(() => {
      range.value = +range.value + 1;
      me.follow = +range.value === +range.max;
      show(me.epochs[+range.value]);
      if (me.follow) { halt(); sendEpoch(); }
    }, Math.max(120, 4000 / me.epochs.length));
  };
  return () => {
    clearInterval(me.timer);
    cancelAnimationFrame(me.flight);
    clearTimeout(me.wait);
    clearTimeout(me.later);
  };
}
