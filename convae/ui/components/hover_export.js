// {plot_id} is filled in by plotly
const bytes = Uint8Array.from(atob(SHEET), (letter) => letter.charCodeAt(0));
const url = URL.createObjectURL(new Blob([bytes], { type: 'image/webp' }));
const cells = new Map(IDS.map((n, i) => [n, i]));
const card = makeCard(url, (n) => cells.get(n));
const gd = document.getElementById('{plot_id}');
gd.on('plotly_hover', card.show);
gd.on('plotly_unhover', card.hide);
