// The camera: frames go to the worker one after the other, never faster than it reads them.

const FRAME_PAUSE_MS = 80;
const SAME_CODE_MS = 2_500; // a code held before the camera counts once
const SIDE_MAX = 1_000; // pixels of the middle of the picture that are looked at

// `found(text)` for every code, `failed(reason)` when there is no camera. Gives start, stop, next, torch.
export function makeCamera(video, found, failed) {
  let worker, stream, timer, devices = [], chosen = localStorage.getItem("scan-camera") ?? "";
  let last = { text: "", at: 0 };
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });

  async function start() {
    stop();
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: wish() });
      video.srcObject = stream;
      await video.play();
      devices = (await navigator.mediaDevices.enumerateDevices()).filter(device => device.kind === "videoinput");
      worker ??= makeWorker();
      look();
      return { cameras: devices.length, torch: Boolean(track().getCapabilities?.().torch) };
    } catch (error) {
      stop();
      failed(error.message || error.name);
      return null;
    }
  }

  const wish = () => ({ width: { ideal: 1280 }, height: { ideal: 720 }, ...(chosen ? { deviceId: { ideal: chosen } } : { facingMode: "environment" }) });
  const track = () => stream.getVideoTracks()[0];

  function makeWorker() {
    const made = new Worker("/static/scan/decoder.js");
    made.onmessage = ({ data }) => {
      if (data.failed) return failed(data.failed);
      if (data.text) once(data.text);
      timer = setTimeout(look, FRAME_PAUSE_MS);
    };
    made.onerror = event => failed(event.message ?? "worker");
    return made;
  }

  function look() {
    clearTimeout(timer);
    if (!stream) return;
    const { videoWidth: width, videoHeight: height } = video;
    if (!width || document.hidden) return void (timer = setTimeout(look, FRAME_PAUSE_MS));
    canvas.width = Math.min(width, SIDE_MAX);
    canvas.height = Math.min(height, SIDE_MAX);
    context.drawImage(video, (width - canvas.width) / -2, (height - canvas.height) / -2);
    worker.postMessage(context.getImageData(0, 0, canvas.width, canvas.height));
  }

  function once(text) {
    const now = performance.now();
    const repeated = text === last.text && now - last.at < SAME_CODE_MS;
    last = { text, at: now };
    if (!repeated) found(text);
  }

  function stop() {
    clearTimeout(timer);
    stream?.getTracks().forEach(each => each.stop());
    stream = video.srcObject = null;
  }

  function next() {
    const at = devices.findIndex(device => device.deviceId === track().getSettings().deviceId);
    chosen = devices[(at + 1) % devices.length].deviceId;
    localStorage.setItem("scan-camera", chosen);
    return start();
  }

  const torch = on => track().applyConstraints({ advanced: [{ torch: on }] });
  return { start, stop, next, torch };
}
