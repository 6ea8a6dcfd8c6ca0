// The sound of a clip with a little of what is around it, and its picture.

const AROUND_SEC = 3;
const BAR_PX = 3.4;

// Fetches sounds two at a time: hosts and servers count calls.
class Sounds {
  constructor(bridge) {
    this.bridge = bridge;
    this.known = new Map();
    this.queue = [];
    this.underWay = 0;
  }

  // Resolves to { source, startSec, endSec, peaks }; rejects with the reason why there is no sound.
  of(clip, bars) {
    if (!this.known.has(clip)) {
      const sound = new Promise((resolve, reject) => this.queue.push({ clip, bars, resolve, reject }));
      sound.catch(() => {});
      this.known.set(clip, sound);
      this.next();
    }
    return this.known.get(clip);
  }

  // Forgets what nobody looks at any more; what is under way comes to its end.
  stop() {
    for (const { reject } of this.queue.splice(0)) reject(new Error("Not shown any more."));
  }

  async next() {
    if (this.underWay >= 2 || !this.queue.length) return;
    const { clip, bars, resolve, reject } = this.queue.shift();
    this.underWay += 1;
    try {
      resolve(await this.fetch(clip, bars));
    } catch (error) {
      reject(error);
    } finally {
      this.underWay -= 1;
      this.next();
    }
  }

  async fetch(clip, bars) {
    const startSec = Math.max(0, clip.start_sec - AROUND_SEC);
    const result = await this.bridge.callTool("get_clip", {
      asset_id: clip.asset_id,
      start_sec: startSec,
      end_sec: clip.end_sec + AROUND_SEC,
      audio_format: "mp3",
      include_audio: true,
    });
    const audio = (result.content || []).find((block) => block.type === "audio");
    if (!audio) throw new Error(reasonOf(result) || "There is no sound to play.");
    const bytes = Uint8Array.from(atob(audio.data), (char) => char.charCodeAt(0));
    // An offline context decodes without waiting for a first click.
    const decoded = await new OfflineAudioContext(1, 1, 22050).decodeAudioData(bytes.buffer);
    return {
      source: `data:${audio.mimeType};base64,${audio.data}`,
      startSec,
      endSec: startSec + decoded.duration,
      peaks: peaksOf(decoded.getChannelData(0), bars),
    };
  }
}

function peaksOf(samples, bars) {
  const step = Math.max(1, Math.floor(samples.length / bars));
  const peaks = [];
  for (let first = 0; first + step <= samples.length && peaks.length < bars; first += step) {
    let peak = 0;
    for (let at = first; at < first + step; at += 1) peak = Math.max(peak, Math.abs(samples[at]));
    peaks.push(peak);
  }
  const loudest = Math.max(0.02, ...peaks);
  return peaks.map((peak) => peak / loudest);
}

// A picture in 1000 x 100 units: the range behind the bars, those in the range in colour, and a line for now.
function waveform(sound, clip) {
  const length = sound.endSec - sound.startSec;
  const at = (seconds) => (1000 * Math.min(Math.max(seconds - sound.startSec, 0), length)) / length;
  const from = at(clip.start_sec);
  const to = at(clip.end_sec);
  const inside = [];
  const outside = [];
  sound.peaks.forEach((peak, index) => {
    const x = ((index + 0.5) * 1000) / sound.peaks.length;
    const half = Math.max(1, 46 * peak);
    (x >= from && x <= to ? inside : outside).push(`M${x.toFixed(1)} ${(50 - half).toFixed(1)}V${(50 + half).toFixed(1)}`);
  });
  const now = drawing("line", { class: "now", y1: 0, y2: 100, visibility: "hidden" });
  const picture = drawing(
    "svg",
    { viewBox: "0 0 1000 100", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawing("rect", { class: "range", x: from, y: 0, width: to - from, height: 100 }),
    drawing("path", { class: "bars", d: outside.join("") }),
    drawing("path", { class: "bars in-range", d: inside.join("") }),
    now,
  );
  const show = (seconds) => {
    now.setAttribute("x1", at(seconds));
    now.setAttribute("x2", at(seconds));
    now.setAttribute("visibility", "visible");
  };
  return { picture, show };
}
