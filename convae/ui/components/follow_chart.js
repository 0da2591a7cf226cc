const chart = () => {
  const gd = document.querySelector(`.st-key-${CHART} .js-plotly-plot`);
  return gd && gd.on && gd._fullLayout ? gd : null;
};
// Streamlit 1.67 replaces the chart's node when the figure changes: poll, and attach to the new one
const follow = (attach, release) => {
  let held = null;
  const look = () => {
    const gd = chart();
    if (gd === held) return;
    if (held) release(held);
    held = gd;
    if (gd) attach(gd);
  };
  const timer = setInterval(look, 150);
  look();
  return () => { clearInterval(timer); if (held) release(held); };
};
