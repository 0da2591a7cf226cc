const kept = new WeakMap();
// called after every script run; cleaned up only when the component is removed
export default function ({ data, parentElement }) {
  const before = kept.get(parentElement);
  if (before && before.data === data) return before.end;
  if (before) before.end();
  const url = URL.createObjectURL(new Blob([data], { type: 'image/webp' }));
  const { node, show, hide } = makeCard(url, (n) => n);
  const stop = follow(
    (gd) => { gd.on('plotly_hover', show); gd.on('plotly_unhover', hide); },
    (gd) => {
      hide();
      if (!gd.removeListener) return;
      gd.removeListener('plotly_hover', show);
      gd.removeListener('plotly_unhover', hide);
    });
  const end = () => {
    stop();
    node.remove();
    URL.revokeObjectURL(url);
    if (kept.get(parentElement)?.end === end) kept.delete(parentElement);
  };
  kept.set(parentElement, { data, end });
  return end;
}
