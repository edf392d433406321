// A worker: finds one symbol in a picture. Text is plain, so FNC1 stays GS, and the symbology identifier stands before it.
"use strict";
importScripts("/static/scan/zxing/reader.js");

const OPTIONS = { formats: ["QRCode", "DataMatrix", "Code128"], textMode: "Plain", maxNumberOfSymbols: 1, tryDownscale: false };
const HARDER_EVERY = 5; // frames: most need no more than the quick look
let frames = 0;

ZXingWASM.prepareZXingModule({
  overrides: { locateFile: (name, folder) => (name.endsWith(".wasm") ? "/static/scan/zxing/zxing_reader.wasm" : folder + name) },
});

onmessage = async ({ data: picture }) => {
  const tryHarder = ++frames % HARDER_EVERY === 0;
  try {
    const [found] = await ZXingWASM.readBarcodes(picture, { ...OPTIONS, tryHarder, tryRotate: tryHarder, tryInvert: tryHarder });
    postMessage({ text: found?.isValid ? found.symbologyIdentifier + found.text : "" });
  } catch (error) {
    postMessage({ failed: String(error) });
  }
};
