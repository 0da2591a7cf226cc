const SMALL = 300_000; // bytes that are sent as they are
const SIDE = 512; // pixels of the shorter side of a larger image

const reduced = async (file) => {
  if (file.size <= SMALL) return file;
  const image = await createImageBitmap(file);
  const scale = Math.min(1, SIDE / Math.min(image.width, image.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
};
const base64 = (blob) => new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(String(reader.result).split(',')[1]);
  reader.readAsDataURL(blob);
});

export default function ({ setTriggerValue, parentElement }) {
  parentElement.listening?.abort();
  const listening = parentElement.listening = new AbortController();
  const paste = async (event) => {
    const items = [...(event.clipboardData?.items ?? [])];
    const item = items.find((one) => one.kind === 'file' && one.type.startsWith('image/'));
    const file = item?.getAsFile();
    const field = event.composedPath()[0]?.closest?.('input, textarea, [contenteditable=true]');
    const text = event.clipboardData?.types.includes('text/plain');
    if (!file || (field && text)) return; // text: the focused field takes it
    event.preventDefault();
    try {
      setTriggerValue('pasted', await base64(await reduced(file)));
    } catch {
      setTriggerValue('pasted', await base64(file)); // the server says what is wrong with it
    }
  };
  document.addEventListener('paste', paste, { signal: listening.signal });
  return () => listening.abort();
}
