// on the page and in the exported file; cell(id) is the cell of an image on the sheet
const makeCard = (url, cell) => {
  const sheet = new Image();
  sheet.src = url;
  const node = document.createElement('div');
  node.className = 'cv-hover';
  node.style.cssText = 'position:fixed;z-index:1000;pointer-events:none;display:none;padding:6px;' +
    'border-radius:8px;background:#2b303b;color:#f2f4f8;font:12px/1.4 sans-serif;' +
    'box-shadow:0 4px 16px rgba(0,0,0,.35)';
  const picture = document.createElement('div');
  const words = document.createElement('div');
  words.style.cssText = 'max-width:' + SIDE + 'px;margin-top:4px;overflow-wrap:anywhere';
  node.append(picture, words);
  document.body.append(node);
  const show = (event) => {
    const point = event.points[0], n = point.customdata;
    if (n === undefined || n === null || !sheet.naturalWidth) return;
    const at = cell(n);
    if (at === undefined) return;
    picture.style.cssText = `width:${SIDE}px;height:${SIDE}px;border-radius:4px;` +
      'image-rendering:pixelated;' + `background:url(${url}) ` +
      `-${(at % COLUMNS) * SIDE}px -${Math.floor(at / COLUMNS) * SIDE}px / ` +
      `${sheet.naturalWidth / 32 * SIDE}px ${sheet.naturalHeight / 32 * SIDE}px no-repeat`;
    const text = document.createElement('span');
    text.innerHTML = (point.data.name ? point.data.name + '<br>' : '') + 'image ' + n;
    words.replaceChildren(text);
    node.dataset.image = n;
    node.style.display = 'block';
    const where = event.event || {}, x = where.clientX || 0, y = where.clientY || 0;
    const left = x + 20 + node.offsetWidth > innerWidth ? x - 20 - node.offsetWidth : x + 20;
    node.style.left = Math.max(4, left) + 'px';
    node.style.top = Math.max(4, Math.min(y - 40, innerHeight - node.offsetHeight - 4)) + 'px';
  };
  const hide = () => { node.style.display = 'none'; };
  return { node, show, hide };
};
