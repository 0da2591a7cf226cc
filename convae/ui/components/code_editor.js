const S = 32, PIXELS = 32;  // pixels of a drag for one standard deviation
const mix = (a, b, t) => `rgb(${a.map((v, i) => Math.round(v + (b[i] - v) * t)).join()})`;
const color = (value) => {
  const t = Math.max(-1, Math.min(1, value / REACH));
  return t < 0 ? mix(NEUTRAL, NEGATIVE, -t) : mix(NEUTRAL, POSITIVE, t);
};
const signed = (value) => (value < 0 ? "\u2212" : "+") + Math.abs(value).toFixed(2);
const draw = (canvas, image, tile = 0) =>
  canvas.getContext("2d").drawImage(image, tile * S, 0, S, S, 0, 0, S, S);
const picture = (url, then) => {
  const image = new Image();
  image.onload = () => then(image);
  image.src = url;
};
export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".editor");
  const at = (selector) => root.querySelector(selector);
  const me = (root.me ??= { token: "", frames: new Map(), edits: {}, focus: 0 });
  me.send = setStateValue;
  const grid = at(".grid"), cells = () => grid.children;
  const edited = (cell) => cell in me.edits;
  const valueOf = (cell) => edited(cell) ? me.edits[cell] : me.code[cell];
  const others = (cell) => Object.fromEntries(
    Object.entries(me.edits).filter(([name]) => Number(name) !== cell));
  const keyOf = (cell, edits) => cell + JSON.stringify(edits);  // integer keys are sorted

  const paint = (cell) => {
    const node = cells()[cell], value = valueOf(cell);
    node.style.background = color(value);
    node.classList.toggle("edited", edited(cell));
    node.setAttribute("aria-valuenow", Math.max(-REACH, Math.min(REACH, value)).toFixed(2));
    node.setAttribute("aria-valuetext", `${signed(value)} standard deviations`);
    offerReset();
  };
  const tell = (cell) => {
    const was = edited(cell) ? ` (was ${signed(me.code[cell])})` : "";
    const unused = cell >= kept() ? ", not used at this code length" : "";
    at(".readout").textContent = `value ${cell + 1}: ${signed(valueOf(cell))}${was}${unused}`;
  };
  const rest = () => {
    const count = Object.keys(me.edits).length;
    at(".readout").textContent = `${me.code.length.toLocaleString("en")} values` +
      (count ? `, ${count} edited` : ": drag a cell up or down");
  };
  const slider = at(".length input"), lengths = data.lengths ?? [];
  const whole = () => me.length >= lengths.length - 1;
  const kept = () => lengths[me.length] ?? me.code.length;
  const offerReset = () => {
    at(".reset").disabled = whole() && !Object.keys(me.edits).length;
  };
  const paintLength = () => {
    offerReset();
    slider.value = me.length;
    slider.setAttribute("aria-valuetext", `the first ${kept()} of ${me.code.length} values`);
    at(".length output").textContent = kept().toLocaleString("en");
    [...cells()].forEach((node, cell) => node.classList.toggle("unused", cell >= kept()));
  };
  const setLength = (place) => {
    if (place === me.length) return;
    me.length = place;
    paintLength();
    refresh();
  };
  const requestPrefixes = () => {
    const key = JSON.stringify(me.edits);
    if (me.prefixes?.key === key || me.requestedPrefixes === key) return;
    me.requestedPrefixes = key;
    me.send("request", { token: me.token, prefixes: true, edits: { ...me.edits } });
    clearTimeout(me.againPrefixes);  // as in request
    me.againPrefixes = setTimeout(() => {
      if (me.requestedPrefixes !== key) return;
      me.requestedPrefixes = "";
      if (!whole()) requestPrefixes();
    }, 2000);
  };
  const result = (image, tile, psnr) => {
    draw(at(".rebuilt"), image, tile);
    const rebuilt = !whole() ? `from ${kept()} of ${me.code.length} values`
      : Object.keys(me.edits).length ? "from the edited code" : "rebuilt";
    at(".psnr").textContent = `${rebuilt}, ${psnr.toFixed(1)} dB`;
    at(".rebuilt").setAttribute("aria-label", `reconstruction ${rebuilt}, ${psnr.toFixed(1)} dB`);
    root.dataset.psnr = psnr.toFixed(3);
  };
  const request = (cell) => {
    const edits = others(cell), key = keyOf(cell, edits);
    if (me.frames.has(key) || me.requested === key) return;
    me.requested = key;
    me.send("request", { token: me.token, cell, edits });
    // of two responses at once Streamlit 1.67 delivers only the second: ask again
    clearTimeout(me.again);
    me.again = setTimeout(() => {
      if (me.requested !== key) return;
      me.requested = "";
      if (me.cell === cell) request(cell);
    }, 2000);
  };
  const refresh = () => {  // the picture that belongs to length and edits, if it is here
    if (!whole()) {
      const { key, sheet, psnr } = me.prefixes ?? {};
      if (key === JSON.stringify(me.edits)) result(sheet, me.length, psnr[me.length]);
      else requestPrefixes();
      return;
    }
    if (!Object.keys(me.edits).length) { if (me.plain) result(me.plain, 0, me.plainPsnr); return; }
    const found = me.frames.get(keyOf(me.cell, others(me.cell)));
    if (!found) { request(me.cell); return; }
    let tile = found.values.length;  // the last frame: this cell as it was
    if (edited(me.cell)) {
      const far = found.values.map((value) => Math.abs(value - me.edits[me.cell]));
      tile = far.indexOf(Math.min(...far));
    }
    result(found.sheet, tile, found.psnr[tile]);
    root.dataset.frame = `${me.cell}:${tile}`;
  };
  const set = (cell, value) => {
    const now = valueOf(cell);  // beyond the reach of an edit it can only come nearer
    if (Math.abs(now) > REACH && value * now > 0 && Math.abs(value) >= Math.abs(now)) return;
    const limited = Math.max(-REACH, Math.min(REACH, Math.round(value / STEP) * STEP));
    if (edited(cell) && me.edits[cell] === limited) return;
    me.cell = cell;
    me.edits[cell] = limited;
    setLength(lengths.length - 1);  // an edit is shown with the whole code
    paint(cell); tell(cell); refresh();
  };
  const unset = (cell) => {
    if (!edited(cell)) return;
    me.cell = cell;
    delete me.edits[cell];
    paint(cell); tell(cell); refresh();
  };
  const commit = () => {
    clearTimeout(me.wait);
    me.wait = setTimeout(() => me.send("edits",  // `at`: the same edits sent again are news
      { token: me.token, edits: { ...me.edits }, at: Date.now() }), 150);
  };
  const focus = (cell) => {
    if (cell < 0 || cell >= me.code.length) return;
    cells()[cell].focus({ preventScroll: true });
  };
  const cellOf = (event) => event.target.dataset?.cell === undefined ? -1
    : Number(event.target.dataset.cell);

  grid.onpointerover = (event) => {
    const cell = cellOf(event);
    if (cell < 0 || me.drag) return;
    tell(cell);
    clearTimeout(me.hover);
    if (event.pointerType === "mouse")  // frames are decoded before the cell is grabbed
      me.hover = setTimeout(() => { me.cell = cell; request(cell); }, 80);
  };
  grid.onpointerleave = () => { clearTimeout(me.hover); if (!me.drag) rest(); };
  grid.onpointerdown = (event) => {
    const cell = cellOf(event);
    if (cell < 0 || event.button || me.drag) return;
    event.preventDefault();
    clearTimeout(me.hover);
    focus(cell);
    grid.setPointerCapture(event.pointerId);
    me.drag = { cell, pointer: event.pointerId, y: event.clientY, from: valueOf(cell),
      moved: false };
    me.cell = cell;
    tell(cell);
    request(cell);
  };
  grid.onpointermove = (event) => {
    if (me.drag?.pointer !== event.pointerId) return;  // a second finger
    const up = me.drag.y - event.clientY;
    if (!me.drag.moved && Math.abs(up) < 3) return;
    me.drag.moved = true;
    set(me.drag.cell, me.drag.from + up / PIXELS);
  };
  grid.onpointerup = grid.onpointercancel = (event) => {
    if (me.drag?.pointer !== event.pointerId) return;
    const { cell, moved } = me.drag, now = performance.now();
    me.drag = null;
    if (moved) commit();
    else if (me.tapped === cell && now - me.tappedAt < 400) { unset(cell); commit(); }
    me.tapped = moved ? -1 : cell;
    me.tappedAt = now;
  };
  grid.onkeydown = (event) => {
    const cell = me.focus, columns = data.columns;
    const steps = { ArrowUp: STEP, ArrowDown: -STEP };
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -columns, PageDown: columns,
      Home: -cell, End: me.code.length - 1 - cell };
    if (event.key in steps) { set(cell, valueOf(cell) + steps[event.key]); commit(); }
    else if (event.key in moves) { focus(cell + moves[event.key]); }
    else if (event.key === "Delete" || event.key === "Backspace") { unset(cell); commit(); }
    else return;
    event.preventDefault();
  };
  const focused = (event) => {  // there is no grid.onfocusin
    const cell = cellOf(event);
    if (cell < 0) return;
    cells()[me.focus]?.setAttribute("tabindex", "-1");
    me.cell = me.focus = cell;
    cells()[cell].setAttribute("tabindex", "0");
    tell(cell);
    if (!me.drag) request(cell);
  };
  if (me.focused) grid.removeEventListener("focusin", me.focused);
  me.focused = focused;
  grid.addEventListener("focusin", focused);
  at(".reset").onclick = () => {
    const before = Object.keys(me.edits).map(Number);
    focus(me.focus);  // the button is disabled next
    me.edits = {};
    me.length = lengths.length - 1;
    before.forEach(paint);
    paintLength(); rest(); refresh();
    if (before.length) commit();
  };

  slider.oninput = () => setLength(Number(slider.value));
  slider.onpointerenter = slider.onfocus = requestPrefixes;  // decoded before it is moved

  if (me.token !== data.token) {
    Object.assign(me, { token: data.token, code: data.code, edits: { ...data.edits }, cell: 0,
      focus: 0, frames: new Map(), requested: "", plain: null, plainPsnr: data.plainPsnr,
      drag: null, length: lengths.length - 1, prefixes: null, requestedPrefixes: "" });
    slider.max = Math.max(lengths.length - 1, 0);
    at(".length").hidden = !lengths.length;
    root.style.setProperty("--columns", data.columns);
    grid.setAttribute("aria-label", "The code; arrow up and down change a value, left and right "
      + "move to another, Delete resets it");
    grid.replaceChildren(...data.code.map((_, cell) => {
      const node = document.createElement("i");
      const facts = { role: "slider", "aria-label": `value ${cell + 1}`, "aria-valuemin": -REACH,
        "aria-valuemax": REACH, "aria-orientation": "vertical", tabindex: cell ? -1 : 0 };
      for (const [name, fact] of Object.entries(facts)) node.setAttribute(name, fact);
      node.dataset.cell = cell;
      return node;
    }));
    data.code.forEach((_, cell) => paint(cell));
    paintLength();
    const [low, middle, high] = [-REACH, 0, REACH].map(color);
    at(".legend i").style.background = `linear-gradient(90deg, ${low}, ${middle}, ${high})`;
    at(".legend i").title = data.scale;
    at(".size").textContent = data.size;
    at(".original").setAttribute("aria-label", data.name);
    rest();
    const token = data.token;
    picture(data.original, (image) => { if (me.token === token) draw(at(".original"), image); });
    picture(data.plain, (image) => {
      if (me.token !== token) return;
      me.plain = image;
      if (!Object.keys(me.edits).length) refresh();
    });
    if (Object.keys(data.edits).length)
      picture(data.current, (image) => {
        if (me.token === token) result(image, 0, data.currentPsnr);
      });
  }
  if (data.frames && data.frames.token === me.token) {
    const { cell, edits, values, psnr, sheet } = data.frames, key = keyOf(cell, edits);
    if (!me.frames.has(key))
      picture(sheet, (image) => {
        if (me.token !== data.token) return;
        if (me.frames.size > 100) me.frames.clear();
        me.frames.set(key, { values, psnr, sheet: image });
        if (me.requested === key) me.requested = "";
        root.dataset.ready = cell;
        if (me.cell === cell) refresh();
      });
  }
  if (data.prefixes && data.prefixes.token === me.token) {
    const { edits, psnr, sheet } = data.prefixes, key = JSON.stringify(edits);
    if (me.prefixes?.key !== key)
      picture(sheet, (image) => {
        if (me.token !== data.token) return;
        me.prefixes = { key, psnr, sheet: image };
        if (me.requestedPrefixes === key) me.requestedPrefixes = "";
        root.dataset.lengths = psnr.length;
        if (!whole()) refresh();
      });
  }
  return () => {
    grid.removeEventListener("focusin", focused);
    clearTimeout(me.hover);
    clearTimeout(me.again);
    clearTimeout(me.againPrefixes);
  };
}
