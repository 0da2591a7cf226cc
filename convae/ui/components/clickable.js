export default function ({ data, setTriggerValue, parentElement }) {
  const list = parentElement.querySelector('.list');
  list.className = 'list ' + (data.bars ? 'bars' : 'gallery');
  list.style.setProperty('--sheet', `url(${data.sheet})`);
  list.style.setProperty('--w', data.columns);
  const make = (kind, text = '') => {
    const node = document.createElement(kind);
    node.textContent = text;
    return node;
  };
  const focused = [...list.children].indexOf(list.getRootNode().activeElement);
  list.replaceChildren(...data.items.map((item, n) => {
    const live = item.id !== null, row = make(live ? 'button' : 'div');
    row.className = data.bars ? 'cv-bar' : 'cv-item';
    if (live) {
      row.type = 'button';
      row.title = 'image ' + item.id + (item.word ? ': ' + item.word : '');
      row.setAttribute('aria-label', 'Show ' + row.title);
      row.onclick = () => setTriggerValue('chosen', item.id);
    }
    const picture = make('i');
    picture.style.setProperty('--x', n % data.columns);
    picture.style.setProperty('--y', Math.floor(n / data.columns));
    row.append(picture);
    if (data.bars) {
      const bar = make('s'), full = make('b');
      full.style.width = item.share + '%';
      bar.append(full);
      row.append(make('span', item.word), bar, make('em', item.value));
    }
    return row;
  }));
  if (focused >= 0) list.children[Math.min(focused, data.items.length - 1)]?.focus();
}
