// Sound and vibration beside the text: one high tone for good, two low ones for bad.

let audio;

export function signal(good) {
  navigator.vibrate?.(good ? 80 : [150, 80, 150]);
  try {
    audio ??= new AudioContext();
    good ? beep(1_200, 0) : [0, 0.2].forEach(at => beep(300, at));
  } catch {
    // A device without sound still shows the text.
  }
}

function beep(hertz, after) {
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  volume.gain.value = 0.2;
  tone.frequency.value = hertz;
  tone.connect(volume).connect(audio.destination);
  tone.start(audio.currentTime + after);
  tone.stop(audio.currentTime + after + 0.12);
}
