const S = 32;
const WRITE_MS = 300; // browsers limit how often the address may change

// share of the frame whose number is nearest to the one in the address; data.start without one
const startOf = ({ parameter, numbers, frames, start }) => {
  const asked = Number(new URLSearchParams(location.search).get(parameter));
  if (!parameter || !(asked > 0) || frames < 2) return start;
  const far = numbers.map((number) => Math.abs(number - asked));
  return far.indexOf(Math.min(...far)) / (frames - 1);
};
const write = (parameter, number) => {
  const url = new URL(location.href);
  url.searchParams.set(parameter, number);
  history.replaceState(history.state, "", url);
};

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".scrubber");
  const at = (selector) => root.querySelector(selector);
  const kept = (root.kept ??= { share: startOf(data), timer: 0, writing: 0 });
  const range = at("input"), play = at(".play"), counter = at("output");
  const { frames, walks, columns, rows, labels } = data;
  const tiles = Math.min(frames, data.tiles);
  let ready = false, frame = Math.round(kept.share * (frames - 1));

  root.style.setProperty("--cards", walks.length);
  root.style.setProperty("--few", Math.min(2, walks.length));
  root.style.setProperty("--tiles", tiles);
  const make = (name, className, text) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const canvas = (wide) => {
    const node = make("canvas");
    node.width = wide * S; node.height = S;
    return node;
  };
  const draw = (target, sheet, wide, place, column) =>
    target.getContext("2d").drawImage(sheet, place % wide * S, Math.floor(place / wide) * S, S, S,
      column * S, 0, S, S);

  const cards = walks.map((walk) => {
    const card = make("div", "card"), large = canvas(1);
    large.setAttribute("role", "img");
    large.className = "large";
    const off = make("div", "off");
    off.title = data.help;
    const beside = Array.from({ length: walk.near ? walk.near[0].length : 0 }, () => canvas(1));
    beside.forEach((node) => node.setAttribute("aria-hidden", "true"));
    card.append(make("p", "name", walk.name), large);
    if (beside.length) {
      const near = make("div", "near");
      near.append(make("span", "", "nearest real images"), ...beside);
      card.append(near);
    }
    card.append(off);
    card.title = walk.description;
    return { walk, card, large, beside, off };
  });
  const strips = walks.map((walk) => {
    const strip = make("div", "strip"), film = make("div", "film"), mark = make("i");
    const picture = canvas(tiles);
    picture.setAttribute("aria-hidden", "true");
    film.append(picture, mark);
    strip.append(make("div", "label", walk.name), film);
    const point = (event) => {
      const box = picture.getBoundingClientRect();
      const share = ((event.clientX - box.left) / box.width * tiles - 0.5) / (tiles - 1);
      stop();
      move(Math.round(Math.min(1, Math.max(0, share)) * (frames - 1)));
    };
    film.onpointerdown = (event) => { film.setPointerCapture(event.pointerId); point(event); };
    film.onpointermove = (event) => { if (event.buttons) point(event); };
    return { strip, picture, mark };
  });
  const series = rows.map((row) => {
    const strip = make("div", "strip row"), picture = canvas(row.count);
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", row.name);
    picture.style.maxWidth = `${64 * row.count}px`;
    strip.append(make("div", "label", row.name), picture);
    return { row, strip, picture };
  });
  const spoken = () => labels[frame].replace("\n", ", ");
  const textOf = (number) => labels ? labels[number] : `${number + 1} of ${frames}`;

  const show = (number) => {
    frame = number;
    kept.share = frames > 1 ? frame / (frames - 1) : 0;
    range.value = frame;
    counter.textContent = textOf(frame);
    range.setAttribute("aria-valuetext", labels ? spoken() : `frame ${textOf(frame)}`);
    const left = (kept.share * (tiles - 1) + 0.5) / tiles * 100;
    strips.forEach(({ mark }) => { mark.style.left = `${left}%`; });
    if (!ready) return;
    cards.forEach(({ walk, large, beside, off }, row) => {
      draw(large, sheet, columns, row * frames + frame, 0);
      beside.forEach((node, i) => draw(node, real, columns, walk.near[frame][i], 0));
      off.textContent = walk.words[frame];
      large.setAttribute("aria-label", `${walk.name}, ${labels ? spoken() : `frame ${frame + 1}`}`);
    });
    series.forEach(({ row, picture }) => {
      for (let i = 0; i < row.count; i++)
        draw(picture, sheet, columns, row.start + frame * row.step + i, i);
    });
    root.dataset.frame = frame;
  };
  const move = (number) => {
    show(number);
    if (!data.parameter) return;
    clearTimeout(kept.writing);
    kept.writing = setTimeout(() => write(data.parameter, data.numbers[frame]), WRITE_MS);
  };
  const pause = () => {
    clearInterval(kept.timer);
    kept.timer = 0;
    play.classList.remove("on");
    play.setAttribute("aria-label", "Play");
  };
  const start = () => {
    let step = 1;
    clearInterval(kept.timer);
    play.classList.add("on");
    play.setAttribute("aria-label", "Pause");
    kept.timer = setInterval(() => {
      if (data.loop) return show((frame + 1) % frames);
      if (frame + step < 0 || frame + step >= frames) step = -step;
      show(frame + step);
    }, 1000 / data.fps);
  };
  const stop = () => { kept.playing = false; pause(); };
  const turn = kept.turn = {}; // a call that this one replaces draws nothing, even if its images arrive later
  pause();
  play.onclick = () => {
    if (kept.timer) { stop(); move(frame); return; }
    kept.playing = true;
    start();
  };
  range.max = frames - 1;
  range.setAttribute("aria-label", data.title);
  range.oninput = () => { stop(); move(Number(range.value)); };

  const sheet = new Image(), real = new Image();
  let gone = false;
  sheet.src = data.sheet;
  if (data.real) real.src = data.real;
  Promise.all([sheet.decode(), data.real && real.decode()]).then(() => {
    if (gone || kept.turn !== turn) return;
    ready = true;
    strips.forEach(({ picture }, row) => {
      for (let i = 0; i < tiles; i++) {
        const number = Math.round(i * (frames - 1) / Math.max(1, tiles - 1));
        draw(picture, sheet, columns, row * frames + number, i);
      }
    });
    at(".cards").replaceChildren(...cards.map(({ card }) => card));
    at(".strips").replaceChildren(...[...strips, ...series].map(({ strip }) => strip));
    show(frame);
    if (data.parameter && new URLSearchParams(location.search).has(data.parameter))
      write(data.parameter, data.numbers[frame]);
    if (kept.playing) start();
  });
  return () => { gone = true; clearInterval(kept.timer); clearTimeout(kept.writing); };
}
