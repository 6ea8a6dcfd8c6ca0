// A recording along its time: how loud it is, where who speaks, its chapters, and where it answers a question.

const KINDS = { speech: "speech", music: "music", silence: "silence", sound: "other sound" };
const SILENT_PEAK = 1;
const STEP_SEC = 5;
// What is shorter has no two chapters; what is longer keeps room for them, or all below would move when they come.
const TWO_CHAPTERS_SEC = 60;

const LANE_PX = 5;

// The mean of numbers in so many equal parts: the highest of each part would make a wall of an hour.
function averages(numbers, count) {
  if (numbers.length <= count) return numbers;
  return Array.from({ length: count }, (_, index) => {
    const part = numbers.slice(Math.floor((index * numbers.length) / count), Math.ceil(((index + 1) * numbers.length) / count));
    return part.reduce((sum, number) => sum + number, 0) / part.length;
  });
}

class Timeline {
  // `seek(seconds, plays)` is called when somebody chooses a place.
  constructor({ audio_seconds, segments, lines }, voices, seek) {
    this.length = Math.max(audio_seconds, 0.01);
    this.at = 0;
    this.seek = seek;
    this.segments = segments;
    this.lines = lines || [];
    this.voices = voices;
    this.chapters = element("ol", { className: "chapters", hidden: this.length < TWO_CHAPTERS_SEC, "aria-label": "Chapters" });
    this.marks = element("div", { className: "marks", "aria-hidden": "true" });
    this.parts = [];
    this.wave = element("div", { className: "wave", role: "slider", tabIndex: 0, "aria-label": "Position in the recording" });
    this.wave.setAttribute("aria-valuemin", "0");
    this.wave.setAttribute("aria-valuemax", this.length.toFixed(1));
    this.band = element("div", { className: "band", "aria-hidden": "true" });
    this.legend = element("p", { className: "legend" });
    this.chapter = element("span", {});
    const ends = element("p", { className: "ends", "aria-hidden": "true" },
      element("time", {}, clock(0)), this.chapter, element("time", {}, lengthClock(this.length)));
    this.node = element("div", { className: "timeline" }, this.chapters, this.marks, this.wave, this.band, ends);
    this.draw([]);
    this.wave.addEventListener("pointerdown", (event) => this.drag(event));
    this.wave.addEventListener("keydown", (event) => this.step(event));
  }

  x(seconds) {
    return (1000 * Math.min(Math.max(seconds, 0), this.length)) / this.length;
  }

  // `peaks` are 0 to 255, in equal parts of the recording; none where they are not known yet.
  draw(peaks) {
    const levels = averages(peaks, Math.round(this.wave.clientWidth / BAR_PX));
    const loudest = Math.max(8, ...levels);
    // Ears hear ratios: the root lets a quiet voice be seen beside a loud one.
    const bars = levels.map((level, index) => {
      const half = Math.max(0.6, 47 * (level / loudest) ** 0.7);
      return `M${(((index + 0.5) * 1000) / levels.length).toFixed(2)} ${(50 - half).toFixed(1)}V${(50 + half).toFixed(1)}`;
    }).join("");
    this.past = drawing("rect", { x: 0, y: 0, width: this.x(this.at), height: 100 });
    this.now = drawing("line", { class: "now", y1: 0, y2: 100 });
    this.wave.replaceChildren(drawing("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", "aria-hidden": "true" },
      drawing("clipPath", { id: "past" }, this.past),
      drawing("path", { class: "bars", d: bars }),
      drawing("path", { class: "bars in-range", d: bars, "clip-path": "url(#past)" }),
      this.now));
    this.drawBand(peaks);
    this.moved(this.at);
  }

  drawBand(peaks) {
    const spans = this.segments.map((segment) => ({ ...segment, kind: this.kind(segment, peaks) }));
    const kinds = new Set(spans.map(({ kind }) => kind));
    const hasVoices = this.voices.size > 1;
    if (hasVoices) kinds.delete("speech");
    const parts = spans.filter(({ kind }) => kinds.has(kind)).map((span) => this.span(span, `kind-${span.kind}`));
    this.band.replaceChildren(...parts, ...(hasVoices ? this.lanes() : []));
    const names = Object.keys(KINDS).filter((kind) => kinds.has(kind));
    this.legend.replaceChildren(...names.map((kind) => element("span", {}, element("i", { className: `kind-${kind}` }), KINDS[kind])));
  }

  // A lane for each speaker: of many people who take turns, colours alone would be confetti.
  lanes() {
    const count = Math.min(this.voices.size, VOICES);
    this.band.style.height = `${Math.max(8, LANE_PX * count)}px`;
    return this.lines.filter((line) => line.speaker).map((line) => {
      const voice = this.voices.get(line.speaker);
      const span = this.span(line, `voice voice-${voice}`);
      span.style.top = `${(100 * voice) / count}%`;
      span.style.height = `${100 / count}%`;
      return span;
    });
  }

  span({ start_sec, end_sec }, className) {
    const span = element("i", { className });
    span.style.left = `${this.x(start_sec) / 10}%`;
    span.style.width = `${(this.x(end_sec) - this.x(start_sec)) / 10}%`;
    return span;
  }

  // What nobody can hear is silence; only parts that lie in the segment wholly count, its neighbours may be loud.
  kind({ kind, start_sec, end_sec }, peaks) {
    const first = Math.ceil((start_sec / this.length) * peaks.length);
    const last = Math.floor((Math.min(end_sec, this.length) / this.length) * peaks.length);
    if (kind !== "sound" || first >= last) return kind;
    return Math.max(...peaks.slice(first, last)) <= SILENT_PEAK ? "silence" : kind;
  }

  drawChapters(chapters) {
    this.parts = chapters;
    this.part = -1;
    this.chapters.hidden = !chapters.length;
    this.chapters.replaceChildren(...chapters.map(({ title, sentence = "", start_sec, end_sec }) => {
      const name = `${clock(start_sec)} ${title}${sentence && sentence !== title ? `: ${sentence}` : ""}`;
      const button = element("button", { type: "button", title: name, "aria-label": name, onclick: () => this.seek(start_sec, true) }, element("span", {}, title));
      const item = element("li", {}, button);
      item.style.left = `${this.x(start_sec) / 10}%`;
      item.style.width = `${(this.x(end_sec) - this.x(start_sec)) / 10}%`;
      return item;
    }));
    this.moved(this.at);
  }

  // Marks the chapter that is played, and names it below.
  chaptered() {
    const part = this.parts.findLastIndex(({ start_sec }, index) => !index || start_sec <= this.at + 0.05);
    if (part === this.part) return;
    const [before, now] = [this.chapters.children[this.part], this.chapters.children[part]];
    if (before) before.firstChild.removeAttribute("aria-current");
    if (now) now.firstChild.setAttribute("aria-current", "true");
    this.chapter.textContent = now ? this.parts[part].title : "";
    this.part = part;
  }

  // The higher a mark, the better the recording answers there.
  drawMarks(clips) {
    this.marks.replaceChildren(...clips.map((clip) => {
      const mark = this.span(clip, clip.is_weak ? "is-weak" : "");
      mark.style.height = `${Math.round(100 * clip.score)}%`;
      return mark;
    }));
  }

  moved(seconds) {
    this.at = Math.min(Math.max(seconds, 0), this.length);
    this.past.setAttribute("width", this.x(this.at));
    this.now.setAttribute("x1", this.x(this.at));
    this.now.setAttribute("x2", this.x(this.at));
    this.wave.setAttribute("aria-valuenow", this.at.toFixed(1));
    this.wave.setAttribute("aria-valuetext", `${clock(this.at)} of ${lengthClock(this.length)}`);
    this.chaptered();
  }

  // The line follows the pointer, the sound where it is let go: each place is a request.
  drag(event) {
    const place = ({ clientX }) => {
      const box = this.wave.getBoundingClientRect();
      return (Math.min(Math.max(clientX - box.left, 0), box.width) / box.width) * this.length;
    };
    this.wave.setPointerCapture(event.pointerId);
    this.isDragged = true;
    this.moved(place(event));
    const move = (moving) => this.moved(place(moving));
    const end = (ending) => {
      this.wave.removeEventListener("pointermove", move);
      this.isDragged = false;
      this.seek(place(ending));
    };
    this.wave.addEventListener("pointermove", move);
    this.wave.addEventListener("pointerup", end, { once: true });
  }

  step(event) {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -6, PageUp: 6 }[event.key];
    const place = { Home: 0, End: this.length }[event.key];
    if (step) this.seek(this.at + step * STEP_SEC);
    else if (place !== undefined) this.seek(place);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
