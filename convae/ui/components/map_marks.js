const NS = 'http://www.w3.org/2000/svg';
const make = (kind, attributes) => {
  const node = document.createElementNS(NS, kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};
const times = (m, [x, y, z, w]) =>  // a 4x4 matrix, column by column, and a point
  [0, 1, 2, 3].map((i) => m[i] * x + m[i + 4] * y + m[i + 8] * z + m[i + 12] * w);
// from a place in a 3-D scene to pixels of the chart, as its camera sees it now
const solidView = (solid, outer) => {
  const { model, view, projection } = solid.glplot.cameraParams, scale = solid.dataScale;
  const inner = solid.container.getBoundingClientRect();
  const left = inner.left - outer.left, top = inner.top - outer.top;
  return [
    (place) => {
      const at = [...place.map((v, i) => v * scale[i]), 1];
      const [x, y, , w] = times(projection, times(view, times(model, at)));
      return [left + (1 + x / w) / 2 * inner.width, top + (1 - y / w) / 2 * inner.height];
    },
    { x: left, y: top, width: inner.width, height: inner.height }];
};
const kept = new WeakMap();
export default function ({ data, setTriggerValue, parentElement }) {
  const before = kept.get(parentElement);
  if (before) before.end();
  let seen = '', frame = 0;
  let svg = null, held = null, down = null, onPoint = 0, waiting = 0;
  // the axes and the 3-D scene; plotly empties a chart before it draws another in its place
  const layout = () => (held && held._fullLayout) || {};
  const report = (event) => setTriggerValue('event', event);
  const draw = () => {
    const { xaxis, yaxis, scene } = layout();
    const solid = scene && scene._scene, glplot = solid && solid.glplot;
    if (solid ? !glplot || !glplot.cameraParams : !xaxis) return;
    const [pixel, area] = solid ? solidView(solid, held.getBoundingClientRect()) : [
      ([a, b]) => [xaxis._offset + xaxis.d2p(a), yaxis._offset + yaxis.d2p(b)],
      { x: xaxis._offset, y: yaxis._offset, width: xaxis._length, height: yaxis._length }];
    const clip = make('clipPath', { id: 'cv-clip' });
    clip.append(make('rect', area));
    const all = make('g', { 'clip-path': 'url(#cv-clip)' });
    // while a 2-D chart is replaced by a 3-D one, or the reverse, marks of the other size arrive
    const size = solid ? 3 : 2;
    const drawn = (places) => places.every((place) =>
      place.length === size && pixel(place).every(Number.isFinite));
    for (const line of data.lines) {
      if (!drawn(line.points)) continue;
      const points = line.points.map((place) => pixel(place).join(',')).join(' ');
      for (const [width, ink] of [[5, 'var(--cv-page)'], [2, 'currentColor']])
        all.append(make('polyline', { points, fill: 'none', stroke: ink, 'stroke-width': width,
          'stroke-linejoin': 'round', 'stroke-opacity': width > 2 ? .55 : 1,
          'stroke-dasharray': line.dashed && width < 3 ? '2 5' : 'none',
          'stroke-linecap': 'round', class: line.kind }));
    }
    for (const dot of data.dots) {
      if (!drawn([dot.at])) continue;
      const [cx, cy] = pixel(dot.at), r = dot.small ? 5 : 9;
      all.append(make('circle', { cx, cy, r, fill: 'none', stroke: 'var(--cv-page)',
        'stroke-width': 6, 'stroke-opacity': .7 }));
      all.append(make('circle', { cx, cy, r, class: dot.kind, fill: 'none',
        stroke: 'currentColor', 'stroke-width': dot.small ? 2 : 3 }));
      if (dot.kind === 'spot')
        all.append(make('path', { d: `M${cx - 4},${cy}h8M${cx},${cy - 4}v8`,
          stroke: 'currentColor', 'stroke-width': 2 }));
    }
    svg.replaceChildren(clip, all);
  };
  const clicked = (event) => {
    const point = event.points && event.points[0];
    if (!point || point.customdata === undefined) return;
    noSpot();
    report({ kind: 'point', id: point.customdata });
  };
  const lassoed = (event) => {
    if (!event || !event.points || !event.points.length) return;
    noSpot();
    report({ kind: 'lasso', ids: event.points.map((p) => p.customdata) });
  };
  const noSpot = () => { onPoint = performance.now(); }; // what was clicked is no empty place
  const cleared = () => { noSpot(); report({ kind: 'clear' }); };
  const press = (event) => {
    const inside = held && held.contains(event.target) && event.target.closest('.draglayer');
    down = inside && event.button === 0 ? [event.clientX, event.clientY] : null;
  };
  const lift = (event) => {
    if (!down || !held || Math.hypot(event.clientX - down[0], event.clientY - down[1]) > 4) return;
    down = null;
    const { xaxis, yaxis } = layout(), box = held.getBoundingClientRect();
    if (!xaxis) return;
    const px = event.clientX - box.left - xaxis._offset;
    const py = event.clientY - box.top - yaxis._offset;
    if (px < 0 || py < 0 || px > xaxis._length || py > yaxis._length) return;
    // plotly reports clicks on points and double clicks in the meantime
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (performance.now() - onPoint < 600) return;
      report({ kind: 'spot', at: [xaxis.p2d(px), yaxis.p2d(py)] });
    }, 320);
  };
  window.addEventListener('pointerdown', press, true);
  window.addEventListener('pointerup', lift, true);
  const handlers = { plotly_click: clicked, plotly_selected: lassoed, plotly_deselect: cleared,
    plotly_doubleclick: noSpot,
    plotly_afterplot: draw, plotly_relayout: draw, plotly_relayouting: draw };
  const stop = follow(
    (gd) => {
      held = gd;
      svg = make('svg', { class: 'cv-marks',
        style: 'position:absolute;inset:0;width:100%;height:100%;pointer-events:none;' });
      const back = getComputedStyle(document.querySelector('.stApp')).backgroundColor;
      svg.style.setProperty('--cv-page', back);
      svg.style.color = getComputedStyle(document.querySelector('.stApp')).color;
      gd.append(svg);
      for (const [name, handler] of Object.entries(handlers)) gd.on(name, handler);
      draw();
    },
    (gd) => {
      if (svg) svg.remove();
      held = svg = null;
      seen = '';
      for (const [name, handler] of Object.entries(handlers))
        if (gd.removeListener) gd.removeListener(name, handler);
    });
  // a rotating scene sends no events, so compare its camera in every frame
  const watch = () => {
    frame = requestAnimationFrame(watch);
    const glplot = layout().scene?._scene?.glplot;
    if (!glplot || !glplot.cameraParams) return;
    const { view, projection } = glplot.cameraParams;
    const now = [...view, ...projection].map((v) => v.toFixed(4)).join();
    if (now !== seen) { seen = now; draw(); }
  };
  watch();
  const end = () => {
    stop();
    cancelAnimationFrame(frame);
    clearTimeout(waiting);
    window.removeEventListener('pointerdown', press, true);
    window.removeEventListener('pointerup', lift, true);
    if (kept.get(parentElement)?.end === end) kept.delete(parentElement);
  };
  kept.set(parentElement, { end });
  return end;
}
