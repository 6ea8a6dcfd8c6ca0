// How well a recording answers along its time: a bar for each of its clips, the one shown now marked.

const MOST_BARS = 50;

class Strip {
  // `asked` is what was searched for: query, like, without, modality. `pick(clip)` is called with the clip chosen.
  constructor(clip, asked, bridge, pick) {
    this.clip = clip;
    this.asked = asked;
    this.bridge = bridge;
    this.pick = pick;
    this.node = element("div", { className: "strip", role: "group" });
    this.node.setAttribute("aria-label", `Where ${clip.title} answers`);
    this.node.addEventListener("keydown", (event) => this.step(event));
  }

  async load() {
    const { query = "", like = "", without = "", modality = "any" } = this.asked;
    const asset_ids = [this.clip.asset_id];
    const [result, length] = await Promise.all([
      this.bridge.callTool("search_clips", { query, like, without, modality, asset_ids, top_k: MOST_BARS }),
      this.length(),
    ]);
    if (result.isError) throw new Error(reasonOf(result));
    const clips = [...result.structuredContent.clips].sort((one, other) => one.start_sec - other.start_sec);
    this.draw(clips, Math.max(length, ...clips.map((clip) => clip.end_sec), this.clip.end_sec));
  }

  async length() {
    const listed = await this.bridge.callTool("list_audio", { title: this.clip.title, page_limit: 50 });
    const assets = (listed.structuredContent && listed.structuredContent.assets) || [];
    const mine = assets.find((asset) => asset.asset_id === this.clip.asset_id);
    return (mine && mine.audio_seconds) || 0;
  }

  draw(clips, length) {
    this.bars = clips.map((clip) => {
      const isNow = clip.start_sec < this.clip.end_sec && clip.end_sec > this.clip.start_sec;
      const name = `${clip.time_range}, score ${clip.score.toFixed(2)}${clip.text ? `: ${clip.text}` : ""}`;
      const bar = element("button", { type: "button", className: isNow ? "is-now" : "", title: name, tabIndex: -1 });
      bar.setAttribute("aria-label", name);
      if (isNow) bar.setAttribute("aria-current", "true");
      bar.style.left = `${(100 * clip.start_sec) / length}%`;
      bar.style.width = `${(100 * (clip.end_sec - clip.start_sec)) / length}%`;
      bar.style.height = `${100 * clip.score}%`;
      bar.addEventListener("click", () => this.pick(clip));
      return bar;
    });
    // One stop for the Tab key; arrows go from bar to bar.
    const first = this.bars.find((bar) => bar.classList.contains("is-now")) || this.bars[0];
    if (first) first.tabIndex = 0;
    this.node.replaceChildren(...this.bars, element("time", {}, clock(0)), element("time", {}, lengthClock(length)));
  }

  step(event) {
    const at = this.bars ? this.bars.indexOf(document.activeElement) : -1;
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = at >= 0 && move ? this.bars[at + move] : undefined;
    if (!next) return;
    this.bars[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    event.preventDefault();
  }
}
