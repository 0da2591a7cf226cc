export default function ({ data, parentElement }) {
  const at = (selector) => parentElement.querySelector(selector);
  for (const side of ["before", "after"]) {
    at("." + side).src = data[side];
    at("." + side).alt = data.names[side];
  }
  at(".left").textContent = data.names.before;
  at(".right").textContent = data.names.after;
  const slider = at("input");
  slider.setAttribute("aria-label", `${data.names.before} or ${data.names.after}`);
  const move = () => at(".both").style.setProperty("--at", slider.value + "%");
  slider.oninput = move;
  move();
}
