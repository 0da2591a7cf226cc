export default function ({ data, parentElement }) {
  const place = parentElement.querySelector(".drawing");
  if (place.drawn === data) return;
  place.drawn = data;
  place.innerHTML = data;
}
